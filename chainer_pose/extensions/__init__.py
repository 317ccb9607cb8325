"""Trainer extensions: errors per action, pictures and averaged weights, while training."""

from chainer_pose.extensions.moving_average import MovingAverage
from chainer_pose.extensions.pose_evaluator import PoseEvaluator
from chainer_pose.extensions.pose_plot import PosePlot

__all__ = ['MovingAverage', 'PoseEvaluator', 'PosePlot']
