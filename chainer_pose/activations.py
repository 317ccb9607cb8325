"""Chainer's leaky ReLU without boolean indexing, which is slow on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from chainer.functions.activation import leaky_relu as chainers

if TYPE_CHECKING:
    from chainer import Variable
    from chainer.types import NdArray


class LeakyReLU(chainers.LeakyReLU):
    """`chainer.functions.leaky_relu`; its name is what ONNX export goes by."""

    def forward_cpu(self, inputs: tuple[NdArray, ...]) -> tuple[NdArray, ...]:
        (x,) = inputs
        y = x * x.dtype.type(self.slope)
        np.maximum(x, y, out=y)
        self.retain_outputs((0,))
        return (y,)

    def backward(
        self, indexes: tuple[int, ...], grad_outputs: tuple[Variable, ...]
    ) -> tuple[Variable, ...]:
        (y,) = self.get_retained_outputs()
        return _Gradient(y.array, self.slope).apply(grad_outputs)


class _Gradient(chainers._LeakyReLUGrad):
    def forward_cpu(self, inputs):
        (gy,) = inputs
        return (np.maximum(self.cond > 0, gy.dtype.type(self.slope)) * gy,)

    def backward(self, indexes, grad_outputs):
        return _Gradient(self.cond, self.slope).apply(grad_outputs)


def leaky_relu(x: Variable | NdArray, slope: float = 0.2) -> Variable:
    """max(x, slope x): a variable of x's shape; 0 <= slope <= 1."""
    return LeakyReLU(slope).apply((x,))[0]
