"""How far cameras look down."""

import chainer
import chainer.functions as F
import numpy as np
from chainer.types import NdArray

from chainer_pose.links.pose_mlp import PoseMLP


class CameraPitch(chainer.Link):
    """One pitch for all of a data set's cameras, fixed or learned.

    Args:
        degrees: initial pitch, positive where the cameras look down.
        learned: whether it has a gradient.
    """

    def __init__(self, degrees: float = 0.0, learned: bool = False) -> None:
        super().__init__()
        self._learned = learned
        with self.init_scope():
            self.angle = chainer.Parameter(np.array(np.radians(degrees), np.float32))

    def forward(self, pose: NdArray) -> chainer.Variable:
        """Give a Variable of shape (), radians, whatever the poses."""
        return self.angle if self._learned else chainer.as_variable(self.angle.array)


class PosePitch(PoseMLP):
    """The pitch of the camera that saw a pose, as a network tells it from the pose.

    Args:
        n_joints: number of joints J.
        degrees: what it tells before it learns, nearly; positive where the cameras look down.
        rng: numpy.random.Generator that draws the weights; None for NumPy's global one.
    """

    def __init__(
        self, n_joints: int, degrees: float = 0.0, rng: np.random.Generator | None = None
    ) -> None:
        super().__init__(n_joints, n_unit=256, std=0.04, rng=rng)
        self._start = float(np.radians(degrees))

    def forward(self, pose: NdArray) -> chainer.Variable:
        """(B, J, 2) normalized poses to a Variable of shape (B,), radians."""
        # The pitches of cameras differ by some tenths of a radian.
        return self._start + 0.3 * F.reshape(super().forward(pose), (len(pose),))
