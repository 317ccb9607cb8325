"""The base of the nodes that compute the paper's equations."""

from typing import Any

import chainer
from chainer import Variable
from chainer.types import NdArray

TINY = 1e-8  # keeps a root and its gradient finite; squared lengths are about 1e-2 to 1


class ArrayNode(chainer.FunctionNode):
    """A node computed on arrays, in `compute` and `gradients`, without double backprop."""

    def forward(self, inputs: tuple[NdArray, ...]) -> tuple[NdArray, ...]:
        self.retain_inputs(tuple(range(len(inputs))))
        return self.compute(*inputs)

    def backward(
        self, indexes: tuple[int, ...], gys: tuple[Variable | None, ...]
    ) -> tuple[Variable | None, ...]:
        if chainer.config.enable_backprop:
            raise RuntimeError(f'{self.label}: double backprop is not supported')
        arrays = [None if gy is None else gy.array for gy in gys]
        found = self.gradients(arrays, *(x.array for x in self.get_retained_inputs()))
        return tuple(chainer.Variable(found[i]) if found[i] is not None else None for i in indexes)

    def compute(self, *inputs: NdArray) -> tuple[NdArray, ...]:
        """Give the outputs."""
        raise NotImplementedError

    def gradients(self, gys: list[Any], *inputs: NdArray) -> tuple[NdArray | None, ...]:
        """Give the gradient by each input from those by each output, None if not used."""
        raise NotImplementedError
