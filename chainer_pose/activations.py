"""Chainer's leaky ReLU without boolean indexing, which is slow on the CPU."""

import numpy as np
from chainer.functions.activation import leaky_relu as chainers


class LeakyReLU(chainers.LeakyReLU):
    """`chainer.functions.leaky_relu`; its name is what ONNX export goes by."""

    def forward_cpu(self, inputs):
        (x,) = inputs
        y = x * x.dtype.type(self.slope)
        np.maximum(x, y, out=y)
        self.retain_outputs((0,))
        return (y,)

    def backward(self, indexes, grad_outputs):
        (y,) = self.get_retained_outputs()
        return _Gradient(y.array, self.slope).apply(grad_outputs)


class _Gradient(chainers._LeakyReLUGrad):
    def forward_cpu(self, inputs):
        (gy,) = inputs
        return (np.maximum(self.cond > 0, gy.dtype.type(self.slope)) * gy,)

    def backward(self, indexes, grad_outputs):
        return _Gradient(self.cond, self.slope).apply(grad_outputs)


def leaky_relu(x, slope=0.2):
    """max(x, slope x): a variable of x's shape; 0 <= slope <= 1."""
    return LeakyReLU(slope).apply((x,))[0]
