"""One pass forward and one back through the discriminator, for both sides' losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import chainer

from chainer_pose.linear import Calls, of_layers

if TYPE_CHECKING:
    from chainer import Variable
    from chainer.types import NdArray

    from chainer_pose.linear import Gradients
    from chainer_pose.links import Discriminator


class Verdict:
    """What a discriminator says of poses, and how that depends on it and on them.

    It looks at each pose by itself. So a pose's logit has gradients of its own, by
    the parameters and by the pose, and those of any loss made of logits are these,
    times the loss's gradient by each logit: the two losses of eq. (2) differ by a
    factor for each pose, and one pass back serves both.

    Args:
        discriminator: `links.Discriminator`.
        rows: (N, 2J) array.
    Attributes:
        logits: Variable (N, 1), from which the discriminator's loss is to be made.
    """

    def __init__(self, discriminator: Discriminator, rows: NdArray) -> None:
        rows = chainer.Variable(rows)
        with Calls() as calls:
            logits = discriminator(rows)
        self._products, (self._by_row,) = calls.backward(logits, [discriminator], [rows])
        self.logits = chainer.Variable(logits.array)

    def gradients(self, loss: Variable) -> Gradients:
        """Those of the discriminator's parameters: list of (parameter, gradient).

        Args:
            loss: Variable of shape (), made of `logits`.
        """
        (by_logit,) = chainer.grad([loss], [self.logits])
        return of_layers(self._products, by_logit.array[:, 0])

    def follow(self, rows: Variable, start: int) -> Variable:
        """The logits of some of the poses, as a function of how these came about.

        Args:
            rows: Variable (M, 2J), the poses from `start` on.
            start: index of the first.
        Returns:
            Variable (M, 1), through which a loss reaches `rows`.
        """
        part = slice(start, start + len(rows))
        return _Follow(self.logits.array[part], self._by_row[part]).apply((rows,))[0]


class _Follow(chainer.FunctionNode):
    def __init__(self, logits, by_row):
        self._logits, self._by_row = logits, by_row

    def forward(self, inputs):
        return (self._logits,)

    def backward(self, indexes, grad_outputs):
        return (chainer.Variable(grad_outputs[0].array * self._by_row),)
