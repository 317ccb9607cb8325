"""One backward pass through a network for all losses of its outputs."""

from collections.abc import Callable, Sequence
from typing import Any

import chainer
from chainer import Variable
from chainer.types import NdArray

from chainer_pose.functions.node import ArrayNode
from chainer_pose.links.linear import Weight


class PerPose(ArrayNode):
    """A network that looks at each pose by itself, with gradients computed for each pose.

    Logit i depends on pose i alone, so the gradients of any loss are those of the logits times
    the gradient of the loss by each logit. The two losses of eq. (2) differ by a factor for each
    pose, and one backward pass serves both.

    Args:
        forward: function from a Variable (B, J, 2) to a Variable (B, 1), of linear layers.
        weights: their `Weight`s, the node's inputs after the poses.
    """

    def __init__(self, forward: Callable[[Variable], Variable], weights: Sequence[Weight]) -> None:
        self._forward, self._weights = forward, weights

    def compute(self, *inputs: NdArray) -> tuple[NdArray, ...]:
        pose = chainer.Variable(inputs[0])
        y = self._forward(pose)
        y.grad = y.xp.ones_like(y.array)
        y.backward()
        self._by_pose = pose.grad
        self._factors = [weight.factors.pop() for weight in self._weights]
        return (y.array,)

    def gradients(self, gys: list[Any], *inputs: NdArray) -> tuple[NdArray | None, ...]:
        for weight, (factor, x, _) in zip(self._weights, self._factors):
            weight.factors.append((factor, x, gys[0]))
        return gys[0][:, :, None] * self._by_pose, *(None for _ in self._weights)
