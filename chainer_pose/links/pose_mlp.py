"""The generator and the discriminator of section 3.2, Fig. 2."""

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

    gives_depths = False

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
            self.l4 = Linear(n_unit, n_joints if self.gives_depths else 1, normal)

    def forward(self, pose: Variable | NdArray) -> Variable:
        """(B, J, 2) poses to (B, J) or (B, 1)."""
        h1 = self.l1(F.reshape(pose, (len(pose), -1)))
        h3 = self.l3(self.l2(h1), skip=h1)
        return self.l4(h3)


class Generator(LiftingLink, PoseMLP):
    """2D pose to depths: (B, J, 2) normalized poses to (B, J), in the same unit."""

    gives_depths = True


class Discriminator(PoseMLP):
    """2D pose to one logit: (B, J, 2) normalized poses to (B, 1), positive for real."""

    def forward(self, pose: Variable | NdArray) -> Variable:
        if not chainer.config.enable_backprop or is_on_device(chainer.as_array(pose)):
            return super().forward(pose)
        weights = list(self.params())
        return PerPose(super().forward, weights).apply((pose, *weights))[0]
