"""Trainer extensions: errors per action and pictures, while training."""

from chainer_pose.extensions.pose_evaluator import PoseEvaluator
from chainer_pose.extensions.pose_plot import PosePlot

__all__ = ['PoseEvaluator', 'PosePlot']
