"""Networks of 2D poses, (B, J, 2)."""

from chainer_pose.links.camera_pitch import CameraPitch
from chainer_pose.links.lifting import LiftingLink, ZeroDepth
from chainer_pose.links.linear import Linear, Weight
from chainer_pose.links.martinez import Martinez
from chainer_pose.links.pose_mlp import Discriminator, Generator, PoseMLP

__all__ = [
    'CameraPitch', 'Discriminator', 'Generator', 'LiftingLink', 'Linear', 'Martinez', 'PoseMLP',
    'Weight', 'ZeroDepth',
]  # fmt: skip
