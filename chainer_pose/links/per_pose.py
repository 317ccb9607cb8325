"""One pass back through a network for all losses that are made of its outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import chainer

from chainer_pose.functions.once_differentiable import OnceDifferentiable

if TYPE_CHECKING:
    from chainer import Variable
    from chainer.types import NdArray

    from chainer_pose.links.linear import Weight


class PerPose(OnceDifferentiable):
    """A network that looks at each pose by itself, with its gradients by pose.

    Logit i depends on pose i alone. So the gradients of any loss are those of the logits, times
    the loss's gradient by each logit: the two losses of eq. (2) differ by a factor for each pose,
    and one pass back serves both.

    Args:
        forward: function of a Variable (B, J, 2) that gives a Variable (B, 1), by linear layers.
        weights: list of their `Weight`, inputs of the node after the poses.
    """

    def __init__(self, forward: Callable[[Variable], Variable], weights: Sequence[Weight]) -> None:
        self._forward, self._weights = forward, weights

    def forward(self, inputs: tuple[NdArray, ...]) -> tuple[NdArray, ...]:
        pose = chainer.Variable(inputs[0])
        y = self._forward(pose)
        y.grad = y.xp.ones_like(y.array)
        y.backward()
        self._by_pose = pose.grad
        self._factors = [weight.factors.pop() for weight in self._weights]
        return (y.array,)

    def gradients(
        self, indexes: tuple[int, ...], gys: tuple[Variable, ...]
    ) -> tuple[Variable | None, ...]:
        gy = gys[0].array
        for weight, (factor, x, _) in zip(self._weights, self._factors):
            weight.factors.append((factor, x, gy))
        gx = chainer.Variable(gy[:, :, None] * self._by_pose) if 0 in indexes else None
        return tuple(gx if i == 0 else None for i in indexes)
