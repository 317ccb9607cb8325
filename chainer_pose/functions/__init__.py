"""Eq. (1) to (3) and what else a pose's losses consist of: pure functions of poses.

Poses are (B, J, 2), depths (B, J); x right, y down, z away from the camera. Each equation is one
node of Chainer's graph with a NumPy form and, for GPUs, one kernel in each direction.
"""

from chainer_pose.functions.adversarial import accuracy, discriminator_loss, generator_loss, halves
from chainer_pose.functions.angle_loss import angle_loss, sin_beta
from chainer_pose.functions.bones import bone_ratios
from chainer_pose.functions.mean_squared_error import mean_squared_error
from chainer_pose.functions.projection import rescale, rotate, rotate_and_project, size

__all__ = [
    'accuracy', 'angle_loss', 'bone_ratios', 'discriminator_loss', 'generator_loss',
    'halves', 'mean_squared_error', 'rescale', 'rotate', 'rotate_and_project', 'sin_beta', 'size',
]  # fmt: skip
