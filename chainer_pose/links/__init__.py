"""Networks of 2D poses, (B, J, 2)."""

from chainer_pose.links.camera_pitch import CameraPitch, PosePitch
from chainer_pose.links.lifting import LiftingLink, ZeroDepth
from chainer_pose.links.line_of_sight import LineOfSight
from chainer_pose.links.linear import Linear, Weight
from chainer_pose.links.martinez import Martinez
from chainer_pose.links.mirrored import Mirrored
from chainer_pose.links.pose_mlp import Discriminator, Generator, PoseMLP

__all__ = [
    'CameraPitch', 'Discriminator', 'Generator', 'LiftingLink', 'LineOfSight', 'Linear', 'Martinez',
    'Mirrored', 'PoseMLP', 'PosePitch', 'Weight', 'ZeroDepth',
]  # fmt: skip
