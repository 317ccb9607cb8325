"""Which device computes, and whether an array is its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import chainer
import numpy as np
from chainer.backends import cuda

from chainer_pose.errors import InputError

if TYPE_CHECKING:
    from chainer.types import NdArray


def is_on_device(array: NdArray) -> bool:
    """Whether an array is a device's, for which kernels compute, and not NumPy's."""
    return not isinstance(array, (np.ndarray, np.generic))


def to_host(array: NdArray) -> np.ndarray:
    """An array of any device as NumPy's; a GPU's is waited for."""
    return chainer.get_device('@numpy').send(array)


def get_device(gpu: int) -> chainer.backend.Device:
    """The Chainer device of a GPU number.

    Args:
        gpu: CUDA device number; negative for the CPU.
    Returns:
        chainer.backend.Device.
    Raises:
        InputError: if CuPy or the GPU is missing, saying how to install it.
    """
    if gpu < 0:
        return chainer.get_device('@numpy')
    if not cuda.available:
        reason = cuda._resolution_error
        found = 'none'
        if not isinstance(reason, ModuleNotFoundError):
            found = f'one that does not load ({str(reason).strip().splitlines()[0]})'
        raise InputError(
            f'expected CuPy, found {found}; install it with its CUDA libraries by '
            f'pip install .[cuda12] or .[cuda13], or use the CPU with --gpu -1',
            gpu=gpu,
        )
    n = cuda.cupy.cuda.runtime.getDeviceCount() if cuda.cupy.is_available() else 0
    if gpu >= n:
        raise InputError(
            f'expected a CUDA GPU with that number, found {n}; check the driver '
            f'with nvidia-smi and that the extra fits it: pip install .[cuda12] or .[cuda13]',
            gpu=gpu,
        )
    return chainer.get_device(f'@cupy:{gpu}')


def scalar_like(array: NdArray, value: float, dtype: type) -> NdArray:
    """An array of shape () beside another, on its device."""
    xp = chainer.backend.get_array_module(array)
    # CuPy takes a shape of () for none given.
    return xp.full_like(array, value, dtype=dtype, shape=(1,)).reshape(())


@contextlib.contextmanager
def using(device: chainer.backend.Device) -> Iterator[None]:
    """Make a device current and, on a GPU, a stream that can be recorded.

    The stream is an ordinary one, which waits for the default stream and is waited for: what
    else is done on the GPU keeps its order.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(chainer.using_device(device))
        if device.xp is not np:
            stack.enter_context(cuda.cupy.cuda.Stream())
        yield
