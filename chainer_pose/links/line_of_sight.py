"""Lift each pose as a camera sees it that is turned onto its root joint."""

from collections.abc import Sequence
from typing import Any

import chainer
import numpy as np

from chainer_pose import geometry
from chainer_pose.links.lifting import LiftingLink

FOCAL = 1.1  # image widths, where the focal length is not known: that of a common camera


def camera_of(
    image_size: Sequence[float], focal: float | None = None
) -> tuple[float, float, float]:
    """Give (focal, x, y), px, of a camera whose images are (width, height) px."""
    width, height = image_size
    return focal or FOCAL * width, width / 2, height / 2


class LineOfSight(LiftingLink, chainer.Chain):
    """A network behind `geometry.face`: poses are turned, lifted, and turned back.

    Args:
        network: which lifts turned poses.
        focal: focal length, px.
        center: (x, y) of the image's center, px; or (N, 2), of each pose.
    """

    keeps_xy = False

    def __init__(self, network: LiftingLink, focal: float, center: Any) -> None:
        super().__init__()
        self._camera = (focal, focal), center
        with self.init_scope():
            self.network = network

    @classmethod
    def of(cls, network: LiftingLink, camera: Sequence[float]) -> LiftingLink:
        """Wrap a network for (focal, x, y); for () give it as it is."""
        return cls(network, camera[0], camera[1:]) if camera else network

    def lift(self, pose2d: np.ndarray, root: int, batchsize: int = 4096) -> np.ndarray:
        """Lift as `LiftingLink.lift`, in the frame of the camera that saw the poses."""
        turned, rotation = geometry.face(pose2d, root, *self._camera)
        pose = self.network.lift(turned, root, batchsize)
        depth = pose[:, root, 2:].copy()
        pose = geometry.center(pose, root) @ rotation  # the inverse, of rows
        pose[:, :, 2] += depth
        return pose.astype(np.float32)
