"""Matrix products by cuBLAS that a CUDA graph may record.

CuPy does not call cuBLAS while a stream is captured, though cuBLAS can be captured if it has a
workspace of its own.
"""

import contextlib
import ctypes
import functools
from typing import Any

from chainer.backends import cuda
from chainer.types import NdArray

from chainer_pose.errors import InputError

_WORKSPACE = 32 << 20  # bytes; what NVIDIA recommends for Hopper
_GEMM = {'f': ('cublasSgemm_v2', ctypes.c_float), 'd': ('cublasDgemm_v2', ctypes.c_double)}


@functools.cache
def _library() -> ctypes.CDLL:
    runtime = cuda.cupy.cuda.runtime.runtimeGetVersion() // 1000
    with contextlib.suppress(OSError):
        return ctypes.CDLL(f'libcublas.so.{runtime}')
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib

        return ctypes.CDLL(load_nvidia_dynamic_lib('cublas').abs_path)
    except (ImportError, RuntimeError) as error:
        raise InputError(
            f'expected libcublas.so.{runtime}, found none; install CuPy with its CUDA '
            f'libraries by pip install .[cuda12] or .[cuda13]',
            gpu=None,
        ) from error


def _call(name: str, *arguments: Any) -> None:
    status = getattr(_library(), name)(*arguments)
    if status:
        raise RuntimeError(f'{name}: status {status}')


@functools.cache
def _handle(device: int, stream: int) -> tuple[ctypes.c_void_p, Any]:
    """Give cuBLAS's handle for a stream of a device, and its workspace."""
    handle = ctypes.c_void_p()
    _call('cublasCreate_v2', ctypes.byref(handle))
    # First the stream: setting it resets the workspace.
    _call('cublasSetStream_v2', handle, ctypes.c_void_p(stream))
    workspace = cuda.cupy.cuda.Memory(_WORKSPACE)  # outside any pool
    pointer, size = ctypes.c_void_p(workspace.ptr), ctypes.c_size_t(_WORKSPACE)
    _call('cublasSetWorkspace_v2', handle, pointer, size)
    return handle, workspace


def dot(
    a: NdArray, b: NdArray, transa: bool = False, transb: bool = False, out: NdArray | None = None
) -> NdArray:
    """Give op(a) op(b), on the current stream.

    Args:
        a, b: CuPy matrices, both of float32 or both of float64.
        transa, transb: whether op transposes them.
        out: C-contiguous matrix to write to and return; None for a new one.
    Raises:
        InputError: if cuBLAS is missing.
        RuntimeError: if it reports an error.
    """
    cupy = cuda.cupy
    a, b = cupy.ascontiguousarray(a), cupy.ascontiguousarray(b)
    k, m = a.shape if transa else a.shape[::-1]
    n = b.shape[0] if transb else b.shape[1]
    if out is None:
        out = cupy.empty((m, n), a.dtype)
    handle, _ = _handle(a.device.id, cupy.cuda.get_current_stream().ptr)
    name, number = _GEMM[a.dtype.char]
    pointer = ctypes.c_void_p
    # cuBLAS sees a row-major array as its transpose: C' = op(b)' op(a)'.
    _call(
        name, handle, int(transb), int(transa), n, m, k,
        ctypes.byref(number(1)), pointer(b.data.ptr), b.shape[1],
        pointer(a.data.ptr), a.shape[1],
        ctypes.byref(number(0)), pointer(out.data.ptr), n,
    )  # fmt: skip
    return out
