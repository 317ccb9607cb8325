"""Kernels as texts, which CuPy compiles when they are first called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chainer.backends import cuda

if TYPE_CHECKING:
    from chainer.types import NdArray


class Elementwise(NamedTuple):
    """Arguments of `cupy.ElementwiseKernel`; called with arrays, as that is."""

    inputs: str
    outputs: str
    operation: str
    name: str

    def __call__(self, *arrays: NdArray | float, **size: int) -> Any:
        return cuda.elementwise(*self)(*arrays, **size)


class Reduction(NamedTuple):
    """Arguments of `cupy.ReductionKernel` that sums; called with arrays, as that is."""

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
