"""Kernels, which CuPy compiles at their first call."""

from collections.abc import Callable
from typing import Any

from chainer.backends import cuda


def elementwise(*definition: str) -> Callable[..., Any]:
    """Define a `cupy.ElementwiseKernel` by its inputs, outputs, operation and name."""
    return lambda *arrays, **size: cuda.elementwise(*definition)(*arrays, **size)


def total(inputs: str, output: str, term: str, name: str) -> Callable[..., Any]:
    """Define a `cupy.ReductionKernel` that sums a term over all elements."""
    definition = inputs, output, term, 'a + b', f'{output.split()[1]} = a', '0', name
    return lambda *arrays: cuda.reduce(*definition)(*arrays)
