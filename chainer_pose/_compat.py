"""What Chainer 7.8.1 lacks on today's Python, NumPy and CuPy.

The package's ``__init__`` imports this module first, before any module imports chainer.
"""

import contextlib
import sys
import types
import warnings
from typing import Any

import numpy as np

# Chainer asks it at import which BLAS it could link; {} means "none known". Python 3.12 has no such
# module, and older ones may fail to import it beside today's setuptools.
if 'numpy.distutils' not in sys.modules:
    _distutils: Any = types.ModuleType('numpy.distutils')
    _distutils.__path__ = []
    _distutils.system_info = types.ModuleType('numpy.distutils.system_info')
    _distutils.system_info.get_info = lambda *args, **kwargs: {}
    sys.modules['numpy.distutils'] = _distutils
    sys.modules['numpy.distutils.system_info'] = _distutils.system_info

# chainer.types reads the scalar types from it; NumPy 2 has it no more.
if not hasattr(np, 'sctypes'):
    np.sctypes = {  # type: ignore[attr-defined]  # noqa: NPY201
        'int': [np.int8, np.int16, np.int32, np.int64],
        'uint': [np.uint8, np.uint16, np.uint32, np.uint64],
        'float': [np.float16, np.float32, np.float64],
        'complex': [np.complex64, np.complex128],
        'others': [bool, object, bytes, str, np.void],
    }

# Chainer uses pkg_resources, CuPy 14 has no cuDNN to install, and one GPU needs no NCCL.
for _message in (
    'pkg_resources is deprecated',
    r'\s*cuDNN is not enabled',
    r'\s*nccl library could not be loaded',
):
    warnings.filterwarnings('ignore', message=_message)


def fill_onnx_mapping() -> None:
    """Put back `onnx.mapping`, which onnx_chainer imports and onnx 1.19 lacks."""
    import onnx

    if 'onnx.mapping' in sys.modules or hasattr(onnx, 'mapping'):
        return
    known = {}
    for kind in onnx.TensorProto.DataType.values():
        with contextlib.suppress(KeyError, TypeError, ValueError):
            known[kind] = onnx.helper.tensor_dtype_to_np_dtype(kind)
    mapping: Any = types.ModuleType('onnx.mapping')
    mapping.TENSOR_TYPE_TO_NP_TYPE = known
    mapping.NP_TYPE_TO_TENSOR_TYPE = {dtype: kind for kind, dtype in known.items()}
    mapping.TENSOR_TYPE_TO_STORAGE_TENSOR_TYPE = {}  # imported, but not used for our models
    mapping.STORAGE_TENSOR_TYPE_TO_FIELD = {}
    sys.modules['onnx.mapping'] = onnx.mapping = mapping
