"""Unsupervised adversarial learning of 3D human pose from 2D joint locations."""

from chainer_pose import _compat  # noqa: F401  (before anything imports chainer)

__version__ = '0.1.0'
