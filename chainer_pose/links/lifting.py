"""The interface of every network that lifts poses."""

from collections.abc import Callable
from typing import ClassVar

import chainer
import numpy as np
from chainer import Variable
from chainer.types import NdArray

from chainer_pose import geometry
from chainer_pose.utils.devices import to_host


class LiftingLink(chainer.Link):
    """A network whose `forward` maps normalized poses, (B, J, 2), to depths, (B, J)."""

    in_mm: ClassVar[bool] = False  # whether `lift` gives mm; if not, pixels of the input
    keeps_xy: ClassVar[bool] = True  # whether the x and y of `lift` are the input's

    def lift(self, pose2d: np.ndarray, root: int, batchsize: int = 4096) -> np.ndarray:
        """Lift poses, (N, J, 2) px, `batchsize` at a time on the network's device.

        Returns:
            (N, J, 3) float32: x and y relative to the root, and the predicted depth of every
            joint, the root too; in the pixels of the input, or in mm (`in_mm`).
        """
        xy, _, size = geometry.normalize(np.asarray(pose2d, np.float32), root)
        depth = self._in_batches(self.forward, xy, batchsize)
        return np.concatenate([xy, depth.reshape(*xy.shape[:2], 1)], axis=2) * size

    def _in_batches(
        self, forward: Callable[[NdArray], Variable], pose: np.ndarray, batchsize: int
    ) -> np.ndarray:
        with (
            chainer.using_config('train', False),
            chainer.no_backprop_mode(),
            self.device.create_context(),
        ):
            found = [
                to_host(forward(self.device.send(pose[i : i + batchsize])).array)
                for i in range(0, len(pose), batchsize)
            ]
        return np.concatenate(found) if found else np.empty(0, np.float32)


class ZeroDepth(LiftingLink):
    """The baseline: (B, J, 2) poses to depths of zero, (B, J), which need no learning."""

    def forward(self, pose: NdArray) -> Variable:
        return Variable(self.device.xp.zeros_like(pose[:, :, 0]))
