"""Lift each pose and its mirror image."""

import chainer
from chainer import Variable
from chainer.types import NdArray

from chainer_pose.links.lifting import LiftingLink
from chainer_pose.skeletons import Skeleton


class Mirrored(LiftingLink, chainer.Chain):
    """The mean depth of a pose and of its mirror image: x negated, left and right exchanged.

    Args:
        network: which lifts both.
        skeleton: of its joints.
    """

    def __init__(self, network: LiftingLink, skeleton: Skeleton) -> None:
        super().__init__()
        self._order = list(skeleton.mirror)
        with self.init_scope():
            self.network = network

    @property
    def device(self) -> chainer.backend.Device:
        return self.network.device

    def forward(self, pose: NdArray) -> Variable:
        image = pose[:, self._order]  # a copy
        image[:, :, 0] *= -1
        return (self.network(pose) + self.network(image)[:, self._order]) / 2
