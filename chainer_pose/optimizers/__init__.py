"""Adam with a gate, and a hook that keeps the depth of the root at 0."""

from chainer_pose.optimizers.adam import Adam, flatten
from chainer_pose.optimizers.zero_root import ZeroRoot

__all__ = ['Adam', 'ZeroRoot', 'flatten']
