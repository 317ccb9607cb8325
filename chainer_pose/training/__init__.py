"""Training: the paper's step, the options of a run, and the trainer made of them.

An option goes from `commands.train` to `TrainingOptions`, to `make_trainer`, to the updater.
"""

from chainer_pose.training.angle_iterator import AngleIterator
from chainer_pose.training.moving_average import MovingAverage
from chainer_pose.training.options import TrainingOptions, choose, load_options, n_iterations
from chainer_pose.training.regularizers import BoneRatios, Consistency, LabelledDepth, Regularizer
from chainer_pose.training.trainer import make_trainer
from chainer_pose.training.updaters import PoseGANUpdater, SupervisedUpdater, labelled_loss

__all__ = [
    'AngleIterator',
    'BoneRatios',
    'Consistency',
    'LabelledDepth',
    'MovingAverage',
    'PoseGANUpdater',
    'Regularizer',
    'SupervisedUpdater',
    'TrainingOptions',
    'choose',
    'labelled_loss',
    'load_options',
    'make_trainer',
    'n_iterations',
]
