"""MATLAB files as plain Python: structs are dicts, cells and struct arrays are lists."""

from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
import scipy.io

from chainer_pose.utils import files, hdf5
from chainer_pose.utils.files import StrPath


def read(path: StrPath, names: Sequence[str]) -> dict[str, Any]:
    """Read variables of a .mat file, of any version; 7.3 is HDF5.

    Returns:
        dict from name to: dict for a struct, list for a cell or a struct array,
        str for text, array with MATLAB's order of axes for numbers, in which axes
        of length one may be missing.
    Raises:
        InputError: if the file cannot be read or lacks a variable.
    """
    expected = f'a .mat file with {", ".join(names)}'
    if h5py.is_hdf5(path):
        with hdf5.opened(path, expected) as h5:
            return {name: _plain(h5, h5[name]) for name in names}
    # As a file: scipy would append .mat to a name.
    with files.reading(path, expected), open(path, 'rb') as file:
        variables = scipy.io.loadmat(file, variable_names=names, simplify_cells=True)
        return {name: variables[name] for name in names}


def as_list(value: Any) -> list:
    """Return a struct or cell array as a list, whether of none, one or several elements."""
    if value is None or (isinstance(value, str) and not value):
        return []
    if isinstance(value, np.ndarray):
        return list(value.ravel())
    return list(value) if isinstance(value, (list, tuple)) else [value]


def number(value: Any) -> float:
    """Return a number out of arrays or lists of one element; NaN if there is none."""
    array = np.ravel(np.asarray(value, dtype=object))
    try:
        return float(array[0]) if len(array) == 1 else float('nan')
    except (TypeError, ValueError):
        return float('nan')


def _plain(file: h5py.File, item: h5py.Group | h5py.Dataset) -> Any:
    if isinstance(item, h5py.Group):
        values = {key: _plain(file, field) for key, field in item.items()}
        # In an array of structs each field is a dataset of references to its values.
        is_array = values and all(
            isinstance(f, h5py.Dataset)
            and f.dtype == h5py.ref_dtype
            and 'MATLAB_class' not in f.attrs
            for f in item.values()
        )
        elements = [dict(zip(values, element)) for element in zip(*values.values())]
        return elements if is_array else values
    kind = item.attrs.get('MATLAB_class', b'')
    if item.attrs.get('MATLAB_empty', 0):
        return '' if kind == b'char' else []
    if item.dtype == h5py.ref_dtype:
        return [_plain(file, file[ref]) for ref in np.ravel(item[()])]
    if kind == b'char':
        return ''.join(chr(code) for code in np.ravel(item[()]))
    return item[()].T
