"""Adam with a gate, and what keeps a generator's root at depth 0."""

from chainer_pose.optimizers.adam import Adam, flatten
from chainer_pose.optimizers.zero_root import ZeroRoot

__all__ = ['Adam', 'ZeroRoot', 'flatten']
