"""Kernels, which CuPy compiles at their first call."""

from __future__ import annotations

from typing import Any, NamedTuple

from chainer.backends import cuda
from chainer.types import NdArray


class Elementwise(NamedTuple):
    """Arguments of `cupy.ElementwiseKernel`, whose call it takes."""

    inputs: str
    outputs: str
    operation: str
    name: str

    def __call__(self, *arrays: NdArray | float, **size: int) -> Any:
        return cuda.elementwise(*self)(*arrays, **size)


class Reduction(NamedTuple):
    """Arguments of a `cupy.ReductionKernel` that sums, whose call it takes."""

    inputs: str
    outputs: str
    map_expr: str
    post_map_expr: str
    name: str

    def __call__(self, *arrays: NdArray | float) -> NdArray:
        kernel = cuda.reduce(
            self.inputs, self.outputs, self.map_expr, 'a + b', self.post_map_expr, '0', self.name
        )
        return kernel(*arrays)
