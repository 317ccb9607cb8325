"""Read pickled arrays, as VideoPose3D's npz files have them, without running code.

A pickle is a program that may call anything it can name. Here it can name only what
NumPy's pickles of arrays call, which makes arrays and nothing else.
"""

import codecs
import pickle
from typing import Any

import numpy as np

from chainer_pose.utils.files import StrPath, opened_npz

_ALLOWED = {
    'numpy.ndarray': np.ndarray,
    'numpy.dtype': np.dtype,
    'numpy.core.multiarray._reconstruct': np.empty(1).__reduce__()[0],
    'numpy.core.multiarray.scalar': np.float64(0).__reduce__()[0],
    'numpy.core.numeric._frombuffer': np.empty(1).__reduce_ex__(5)[0],
    '_codecs.encode': codecs.encode,  # protocol 2 writes bytes as text
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        key = f'{module}.{name}'.replace('numpy._core.', 'numpy.core.')  # NumPy 2 and 1
        if key not in _ALLOWED:
            raise pickle.UnpicklingError(f'{module}.{name}; none of it was run')
        return _ALLOWED[key]


def read(path: StrPath, name: str) -> Any:
    """Read one object array of an npz file.

    Returns:
        dicts, lists, tuples, text, numbers and arrays, nested as stored.
    Raises:
        InputError: if the file is damaged, lacks the array, or names anything that
            arrays do not need.
    """
    expected = f'{name} of arrays in dicts and lists'
    with opened_npz(path, expected) as archive, archive.open(f'{name}.npy') as file:
        np.lib.format.read_magic(file)
        _, _, dtype = np.lib.format.read_array_header_1_0(file)
        if not dtype.hasobject:
            raise ValueError(f'an array of {dtype}')
        return _Unpickler(file, encoding='latin1').load()[()]


def load(path: StrPath) -> Any:
    """Read a pickle of arrays, dicts, lists, text and numbers; an error if it names more."""
    with open(path, 'rb') as file:
        return _Unpickler(file, encoding='latin1').load()
