"""What Chainer 7.8.1 needs on today's Python, NumPy and CuPy, in one place.

The package's ``__init__`` imports this module first, so that the gaps are
filled before any module here imports chainer.
"""

import contextlib
import sys
import types
import warnings

import numpy as np


def _fill_numpy_distutils():
    # Chainer asks it, at import, which BLAS it could link; {} means "none
    # known". The module is gone on Python 3.12, and where it is still there it
    # may not import beside today's setuptools: so it is never asked.
    if 'numpy.distutils' in sys.modules:
        return
    package = types.ModuleType('numpy.distutils')
    package.__path__ = []
    package.system_info = types.ModuleType('numpy.distutils.system_info')
    package.system_info.get_info = lambda *args, **kwargs: {}
    sys.modules['numpy.distutils'] = package
    sys.modules['numpy.distutils.system_info'] = package.system_info


def _fill_numpy_sctypes():
    # Gone in NumPy 2; chainer.types reads the scalar types from it.
    if hasattr(np, 'sctypes'):
        return
    np.sctypes = {  # noqa: NPY201
        'int': [np.int8, np.int16, np.int32, np.int64],
        'uint': [np.uint8, np.uint16, np.uint32, np.uint64],
        'float': [np.float16, np.float32, np.float64],
        'complex': [np.complex64, np.complex128],
        'others': [bool, object, bytes, str, np.void],
    }


def fill_onnx_mapping():
    """Put back `onnx.mapping`, gone from onnx 1.19, that onnx_chainer imports."""
    import onnx

    if 'onnx.mapping' in sys.modules or hasattr(onnx, 'mapping'):
        return
    types_of = onnx.helper.tensor_dtype_to_np_dtype
    known = {}
    for kind in onnx.TensorProto.DataType.values():
        with contextlib.suppress(KeyError, TypeError, ValueError):
            known[kind] = types_of(kind)
    mapping = types.ModuleType('onnx.mapping')
    mapping.TENSOR_TYPE_TO_NP_TYPE = known
    mapping.NP_TYPE_TO_TENSOR_TYPE = {dtype: kind for kind, dtype in known.items()}
    # Asked for at import, not for what is exported here.
    mapping.TENSOR_TYPE_TO_STORAGE_TENSOR_TYPE = {}
    mapping.STORAGE_TENSOR_TYPE_TO_FIELD = {}
    sys.modules['onnx.mapping'] = onnx.mapping = mapping


def _quieten():
    # Notices that mislead a user of this package: pkg_resources is Chainer's own
    # affair, CuPy 14 has no cuDNN to install, and one GPU needs no NCCL.
    for message in (
        'pkg_resources is deprecated',
        r'\s*cuDNN is not enabled',
        r'\s*nccl library could not be loaded',
    ):
        warnings.filterwarnings('ignore', message=message)


_fill_numpy_distutils()
_fill_numpy_sctypes()
_quieten()
