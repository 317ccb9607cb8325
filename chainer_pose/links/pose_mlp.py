"""The generator and the discriminator of section 3.2, Fig. 2."""

from __future__ import annotations

import itertools

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable
from chainer.types import NdArray

from chainer_pose.functions.leaky_relu import SLOPE
from chainer_pose.links.lifting import LiftingLink
from chainer_pose.links.linear import Linear
from chainer_pose.links.per_pose import PerPose
from chainer_pose.utils.devices import is_on_device


class PoseMLP(chainer.Chain):
    """Four linear layers with a skip connection from the first to the third.

    Args:
        n_joints: number of joints J.
        n_unit: units of each hidden layer (1024 in section 3.2).
        std: standard deviation of the initial weights; biases start at zero.
        rng: numpy.random.Generator that draws them; None for NumPy's global one.
    """

    def __init__(
        self,
        n_joints: int,
        n_unit: int = 1024,
        std: float = 0.02,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.n_joints = n_joints
        normal = chainer.initializers.Normal(std, rng=rng)
        with self.init_scope():
            self.l1 = Linear(2 * n_joints, n_unit, normal, SLOPE)
            self.l2 = Linear(n_unit, n_unit, normal, SLOPE)
            self.l3 = Linear(n_unit, n_unit, normal, SLOPE)
            self.l4 = Linear(n_unit, self.n_out(n_joints), normal)

    @staticmethod
    def n_out(n_joints: int) -> int:
        """Give the number of outputs: one logit."""
        return 1

    def forward(self, pose: Variable | NdArray) -> Variable:
        """(B, J, 2) poses to (B, n_out)."""
        h1 = self.l1(F.reshape(pose, (len(pose), -1)))
        h2 = self.l2(h1)
        h3 = self.l3(h2, skip=h1)
        return self.l4(h3)

    @classmethod
    def shapes(cls, n_joints: int, n_unit: int) -> dict[str, tuple[int, ...]]:
        """dict from the name of each array, as Chainer serializes it, to its shape."""
        sizes = [2 * n_joints, n_unit, n_unit, n_unit, cls.n_out(n_joints)]
        shapes: dict[str, tuple[int, ...]] = {}
        for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes), start=1):
            shapes |= {f'l{i}/W': (n_out, n_in), f'l{i}/b': (n_out,)}
        return shapes


class Generator(LiftingLink, PoseMLP):
    """2D pose to depths: (B, J, 2) normalized poses to (B, J), in the same unit."""

    @staticmethod
    def n_out(n_joints: int) -> int:
        """Give the number of outputs: a depth for each joint."""
        return n_joints


class Discriminator(PoseMLP):
    """2D pose to one logit: (B, J, 2) normalized poses to (B, 1), positive for real."""

    def forward(self, pose: Variable | NdArray) -> Variable:
        if not chainer.config.enable_backprop or is_on_device(chainer.as_array(pose)):
            return super().forward(pose)
        weights = list(self.params())
        return PerPose(super().forward, weights).apply((pose, *weights))[0]
