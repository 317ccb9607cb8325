"""Trainer extensions: errors per action, pictures, plots, reports of a GPU, a tidy end."""

from chainer_pose.training.extensions.log_plot import LogPlot
from chainer_pose.training.extensions.pose_evaluator import PoseEvaluator
from chainer_pose.training.extensions.pose_plot import PosePlot
from chainer_pose.training.extensions.read_reports import ReadReports
from chainer_pose.training.extensions.stop_on_signal import StopOnSignal

__all__ = ['LogPlot', 'PoseEvaluator', 'PosePlot', 'ReadReports', 'StopOnSignal']
