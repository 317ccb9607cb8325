"""A generator whose root joint has depth 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import chainer

    from chainer_pose.links import Generator


class ZeroRoot:
    """Optimizer hook: the generator gives the root a depth of 0, and keeps to it.

    The root's row of the last layer is set to zero once and its gradient ever after, so that
    nothing moves it; the weights are an ordinary generator's.

    Args:
        root: index of the root joint.
    """

    name = 'ZeroRoot'
    timing = 'pre'

    def __init__(self, root: int) -> None:
        self._root = root

    def __call__(self, optimizer: chainer.Optimizer) -> None:
        last = optimizer.target.l4
        for param in (last.W, last.b):
            param.grad[self._root] = 0

    def apply(self, generator: Generator) -> None:
        """Zero the root's row of a generator's last layer."""
        for param in (generator.l4.W, generator.l4.b):
            param.array[self._root] = 0
