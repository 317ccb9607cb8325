"""Extensions of the trainer: validation, pictures, plots, the log on the screen, signals."""

from chainer_pose.training.extensions.log_plot import LogPlot
from chainer_pose.training.extensions.pose_evaluator import PoseEvaluator
from chainer_pose.training.extensions.pose_plot import PosePlot
from chainer_pose.training.extensions.print_log import PrintLog
from chainer_pose.training.extensions.stop_on_signal import StopOnSignal

__all__ = ['LogPlot', 'PoseEvaluator', 'PosePlot', 'PrintLog', 'StopOnSignal']
