"""A generator whose root joint has depth 0."""

import chainer

from chainer_pose.links import Generator


class ZeroRoot:
    """Optimizer hook that keeps the generator's depth of the root joint at 0.

    `apply` sets the root's row of the last layer to zero, the hook its gradient at each step; the
    weights stay an ordinary generator's.
    """

    name = 'ZeroRoot'
    timing = 'pre'

    def __init__(self, root: int) -> None:
        self._root = root

    def __call__(self, optimizer: chainer.Optimizer) -> None:
        for param in (optimizer.target.l4.W, optimizer.target.l4.b):
            param.grad[self._root] = 0

    def apply(self, generator: Generator) -> None:
        """Set the root's row of a generator's last layer to zero."""
        for param in (generator.l4.W, generator.l4.b):
            param.array[self._root] = 0
