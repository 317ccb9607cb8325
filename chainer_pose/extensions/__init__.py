"""Trainer extensions: errors per action, pictures, averaged weights, plots, a tidy end."""

from chainer_pose.extensions.moving_average import MovingAverage
from chainer_pose.extensions.plot_report import PlotReport
from chainer_pose.extensions.pose_evaluator import PoseEvaluator
from chainer_pose.extensions.pose_plot import PosePlot
from chainer_pose.extensions.stop_on_signal import StopOnSignal

__all__ = ['MovingAverage', 'PlotReport', 'PoseEvaluator', 'PosePlot', 'StopOnSignal']
