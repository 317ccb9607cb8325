"""The generator and the discriminator of section 3.2, Fig. 2."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import chainer
import chainer.functions as F
import numpy as np

from chainer_pose.activations import leaky_relu
from chainer_pose.linear import Linear

if TYPE_CHECKING:
    from chainer import Variable
    from chainer.types import NdArray


class PoseMLP(chainer.Chain):
    """Four linear layers with a skip connection from the first to the third.

    Args:
        n_in, n_out: numbers of input and output units.
        n_unit: units of each hidden layer (1024 in section 3.2).
        std: standard deviation of the initial weights; biases start at zero.
        rng: numpy.random.Generator that draws them; None for NumPy's global one.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        n_unit: int = 1024,
        std: float = 0.02,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        normal = chainer.initializers.Normal(std, rng=rng)
        with self.init_scope():
            self.l1 = Linear(n_in, n_unit, initialW=normal)
            self.l2 = Linear(n_unit, n_unit, initialW=normal)
            self.l3 = Linear(n_unit, n_unit, initialW=normal)
            self.l4 = Linear(n_unit, n_out, initialW=normal)

    def forward(self, x: Variable | NdArray) -> Variable:
        h1 = leaky_relu(self.l1(x))
        h2 = leaky_relu(self.l2(h1))
        h3 = leaky_relu(self.l3(h2) + h1)
        return self.l4(h3)


class Generator(PoseMLP):
    """2D pose to depths: (B, 2J) normalised rows to (B, J), in the same unit."""

    def __init__(
        self,
        n_joints: int,
        n_unit: int = 1024,
        std: float = 0.02,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(2 * n_joints, n_joints, n_unit, std, rng)
        self.n_joints = n_joints

    @staticmethod
    def shapes(n_joints: int, n_unit: int) -> dict[str, tuple[int, ...]]:
        """dict from the name of each array, as Chainer serializes it, to its shape."""
        sizes = [2 * n_joints, n_unit, n_unit, n_unit, n_joints]
        shapes: dict[str, tuple[int, ...]] = {}
        for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes), start=1):
            shapes[f'l{i}/W'] = (n_out, n_in)
            shapes[f'l{i}/b'] = (n_out,)
        return shapes


class Discriminator(PoseMLP):
    """2D pose to one logit: (B, 2J) normalised rows to (B, 1), positive for real."""

    def __init__(
        self,
        n_joints: int,
        n_unit: int = 1024,
        std: float = 0.02,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(2 * n_joints, 1, n_unit, std, rng)


class CameraPitch(chainer.Link):
    """How far a data set's cameras look down: one angle, fixed or learned.

    Args:
        degrees: where it begins.
    """

    def __init__(self, degrees: float = 0.0) -> None:
        super().__init__()
        with self.init_scope():
            self.angle = chainer.Parameter(np.array(np.radians(degrees), np.float32))

    def forward(self, rows: NdArray) -> Variable:
        """(B, 2J) rows to a Variable of (B,) radians, alike for all."""
        return F.broadcast_to(self.angle, (len(rows),))


class ZeroRoot:
    """Optimizer hook: the generator says that the root's depth is 0, and keeps to it.

    The root's row of the last layer is set to zero once and its gradient ever
    after, so that nothing moves it; the weights are an ordinary generator's.

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
