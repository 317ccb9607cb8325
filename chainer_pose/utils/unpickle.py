"""Object arrays of npz files, which are pickles, read without running any.

VideoPose3D's files hold dictionaries of arrays as pickled object arrays. A
pickle is a program: unpickled as NumPy would, a file from a stranger can do
anything. Here only dict, list, tuple, str, bytes, numbers and arrays of plain
numbers come through; every callable that a pickle of such arrays names is
replaced by an inert stand-in of ours, and any other name refuses the file.
"""

from __future__ import annotations

import math
import pickle
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from chainer_pose.errors import InputError
from chainer_pose.utils import files

if TYPE_CHECKING:
    from chainer_pose.utils.files import StrPath


_KINDS = 'fiub'  # floats, signed and unsigned whole numbers, bool


class _Refused(Exception):
    """The pickle asks for something that plain data do not need."""


class _Dtype:
    """Stands in for numpy.dtype: collects a code such as 'f4' and a byte order."""

    def __init__(self, code, *_):
        self.code, self.order = str(code), ''

    def __setstate__(self, state):
        self.order = '' if state[1] == '|' else str(state[1])

    def dtype(self):
        if self.code in ('O8', 'O4', 'O'):
            return None  # an array of objects: its elements are a list
        dtype = np.dtype(self.order + self.code)
        if dtype.kind not in _KINDS:
            raise _Refused(f'an array of {dtype}')
        return dtype


class _Array:
    """Stands in for an array until its state comes; `value` is what it was."""

    value = None

    def __setstate__(self, state):
        _, shape, dtype, is_fortran, data = state
        self.value = _array(data, dtype, shape, 'F' if is_fortran else 'C')


def _array(data, dtype, shape, order):
    plain = dtype.dtype()
    if plain is None:
        if not isinstance(data, list) or len(data) != math.prod(shape):
            raise _Refused('an object array without its elements')
        return data[0] if shape == () else data
    if isinstance(data, str):  # bytes, as Python 2 wrote them
        data = data.encode('latin-1')
    return np.frombuffer(data, plain).reshape(shape, order=order)


def _scalar(dtype, data=None):
    return _array(data, dtype, (), 'C')[()]


def _encode(text, encoding):
    """Stands in for _codecs.encode, by which protocol 2 writes bytes."""
    if encoding != 'latin1':
        raise _Refused(f'text encoded as {encoding!r:.20}')
    return text.encode('latin-1')


def _from_buffer(data, dtype, shape, order):
    array = _Array()
    array.value = _array(data, dtype, shape, order)
    return array


_STAND_INS = {
    ('numpy', 'ndarray'): _Array,
    ('numpy', 'dtype'): _Dtype,
    ('_codecs', 'encode'): _encode,
    ('_reconstruct',): lambda *_: _Array(),
    ('scalar',): _scalar,
    ('_frombuffer',): _from_buffer,
}
_NUMPY_MODULES = {
    f'numpy.{core}.{module}' for core in ('core', '_core') for module in ('multiarray', 'numeric')
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        key = (name,) if module in _NUMPY_MODULES else (module, name)
        if key not in _STAND_INS:
            raise _Refused(f'{module}.{name}')
        return _STAND_INS[key]

    def persistent_load(self, _):
        raise _Refused('a persistent object')


def read(path: StrPath, name: str) -> Any:
    """Read one object array of an npz file.

    Args:
        path: the npz file.
        name: of the array in it.
    Returns:
        dicts, lists, tuples, str, numbers and NumPy arrays, nested as stored.
    Raises:
        InputError: if the file is damaged, lacks the array, or holds anything
            but plain data; none of what it holds is run.
    """
    wanted = f'{path}: {name}: expected arrays in plain dicts and lists'
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f'{name}.npy') as file:
            files.check_unpacked(archive, path)
            shape, dtype = files.array_header(file)
            if not dtype.hasobject:
                raise InputError(f'{wanted}, found an array of {dtype} and shape {shape}')
            return _resolve(_Unpickler(file, encoding='latin1').load())
    except FileNotFoundError as error:
        raise InputError(f'{path}: expected an npz file, found no such file') from error
    except InputError:
        raise
    except _Refused as error:
        raise InputError(f'{wanted}, found {error}; nothing of it was run') from error
    except Exception as error:  # a broken pickle may raise anything
        raise InputError(f'{wanted}, found damage ({error!r:.80})') from error


def _resolve(value, done=None, depth=0):
    """Put the arrays in the place of their stand-ins."""
    if depth > 20:
        raise _Refused('data nested more than 20 deep')
    # A list of lists that are one and the same costs a pickle nothing: nor must it us.
    done = {} if done is None else done
    if id(value) not in done:
        done[id(value)] = _resolved(value, done, depth + 1)
    return done[id(value)]


def _resolved(value, done, depth):
    if isinstance(value, _Array):
        return _resolve(value.value, done, depth)
    if isinstance(value, dict):
        return {_key(k): _resolve(v, done, depth) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_resolve(v, done, depth) for v in value])
    if value is None or isinstance(value, (str, bytes, int, float, np.ndarray, np.generic)):
        return value
    raise _Refused(f'a {type(value).__name__}')


def _key(key):
    if not isinstance(key, (str, int)):
        raise _Refused(f'a dict with a key of {type(key).__name__}')
    return key
