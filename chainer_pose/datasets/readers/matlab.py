"""MATLAB files as plain Python: structs are dicts, cells and struct arrays lists.

Files of version 7.3 are HDF5 and are read by h5py; older ones need scipy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from chainer_pose.errors import InputError
from chainer_pose.utils import hdf5

if TYPE_CHECKING:
    from chainer_pose.utils.files import StrPath


_MAX_DEPTH = 20


def read(path: StrPath, names: Sequence[str]) -> dict[str, Any]:
    """Read some variables of a .mat file.

    Args:
        path: the file, of any version.
        names: of the variables.
    Returns:
        dict from name to: dict for a struct, list for a cell or a struct array,
        str for text, array in MATLAB's own order of axes for numbers; axes of
        length one are there or not, as the version has it.
    Raises:
        InputError: if the file cannot be read or lacks a variable.
    """
    try:
        variables = _read_hdf5(path, names) if h5py.is_hdf5(path) else _read_scipy(path, names)
    except FileNotFoundError as error:
        raise InputError(f'{path}: expected a .mat file, found no such file') from error
    except InputError:
        raise
    except Exception as error:  # both libraries raise whatever damage leads them to
        raise InputError(f'{path}: expected a .mat file, found: {error!r:.80}') from error
    missing = [name for name in names if name not in variables]
    if missing:
        raise InputError(f'{path}: expected the variable {missing[0]}, found none')
    return variables


def as_list(value: Any) -> list:
    """A struct or cell array as a list, whatever a lone or missing element became."""
    if value is None or (isinstance(value, str) and not value):
        return []
    if isinstance(value, np.ndarray):
        return list(value.ravel())
    return list(value) if isinstance(value, (list, tuple)) else [value]


def number(value: Any) -> float:
    """A number, however its lone element is wrapped; nan if there is none."""
    if isinstance(value, str):
        value = value.strip()
    array = np.ravel(np.asarray(value, dtype=object))
    try:
        return float(array[0]) if len(array) == 1 else float('nan')
    except (TypeError, ValueError):
        return float('nan')


def _read_scipy(path, names):
    with open(path, 'rb'):  # scipy would look for the name with .mat appended
        pass
    try:
        import scipy.io
    except ImportError as error:
        raise InputError(
            f'{path}: expected scipy, to read a .mat file older than 7.3, found none; '
            f"pip install '.[mat]'"
        ) from error
    return scipy.io.loadmat(path, variable_names=names, simplify_cells=True)


def _read_hdf5(path, names):
    with hdf5.opened(path, 'a .mat file') as file:
        return {name: _plain(file, file[name]) for name in names if name in file}


def _plain(file, item, depth=0):
    if depth > _MAX_DEPTH:
        raise InputError(f'{file.filename}: expected at most {_MAX_DEPTH} levels, found more')
    if isinstance(item, h5py.Group):
        return _struct(file, item, depth)
    kind = item.attrs.get('MATLAB_class', b'')
    if item.attrs.get('MATLAB_empty', 0):
        return '' if kind == b'char' else []
    if item.dtype == h5py.ref_dtype:
        return [_plain(file, file[ref], depth + 1) for ref in np.ravel(item[()])]
    if kind == b'char':
        return ''.join(chr(code) for code in np.ravel(item[()]))
    return item[()].T


def _struct(file, group, depth):
    fields = {key: group[key] for key in group}
    # In an array of structs each field is a dataset of references to its values.
    is_array = fields and all(
        isinstance(f, h5py.Dataset) and f.dtype == h5py.ref_dtype and 'MATLAB_class' not in f.attrs
        for f in fields.values()
    )
    values = {key: _plain(file, field, depth + 1) for key, field in fields.items()}
    if not is_array:
        return values
    return [dict(zip(values, element)) for element in zip(*values.values())]
