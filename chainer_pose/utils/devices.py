"""Devices: which one computes, and which one an array is on."""

import contextlib
from collections.abc import Iterator

import chainer
import numpy as np
from chainer.backends import cuda
from chainer.types import NdArray

from chainer_pose.errors import InputError


def is_on_device(array: NdArray) -> bool:
    """Whether an array is a GPU's and so is computed by kernels."""
    return not isinstance(array, (np.ndarray, np.generic))


def to_host(array: NdArray) -> np.ndarray:
    """Give an array as NumPy's; reading a GPU's blocks until its queue is empty."""
    return chainer.get_device('@numpy').send(array)


def get_device(gpu: int) -> chainer.backend.Device:
    """Give the Chainer device of a GPU number, or the CPU's for a negative one.

    Raises:
        InputError: if CuPy or the GPU is missing; it names what to install.
    """
    if gpu < 0:
        return chainer.get_device('@numpy')
    extras = 'pip install .[cuda12] or .[cuda13]'
    if not cuda.available:
        reason = cuda._resolution_error
        found = 'none'
        if not isinstance(reason, ModuleNotFoundError):
            found = f'one that does not load ({str(reason).strip().splitlines()[0]})'
        raise InputError(
            f'expected CuPy, found {found}; install it with its CUDA libraries by {extras}, or '
            f'use the CPU (-1)',
            gpu=gpu,
        )
    n = cuda.cupy.cuda.runtime.getDeviceCount() if cuda.cupy.is_available() else 0
    if gpu >= n:
        raise InputError(
            f'expected a CUDA GPU with that number, found {n}; check the driver with nvidia-smi '
            f'and that the extra fits it: {extras}',
            gpu=gpu,
        )
    return chainer.get_device(f'@cupy:{gpu}')


def scalar_like(array: NdArray, value: float, dtype: type) -> NdArray:
    """Give an array of shape () on the device of another."""
    xp = chainer.backend.get_array_module(array)
    # CuPy ignores shape=().
    return xp.full_like(array, value, dtype=dtype, shape=(1,)).reshape(())


@contextlib.contextmanager
def using(device: chainer.backend.Device) -> Iterator[None]:
    """Make a device current and, on a GPU, a stream that can be recorded.

    The stream is an ordinary one: it and the default stream wait for each other, so all other
    work on the GPU keeps its order.
    """
    stream = cuda.cupy.cuda.Stream if device.xp is not np else contextlib.nullcontext
    with chainer.using_device(device), stream():
        yield
