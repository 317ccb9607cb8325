"""Data sets: poses in memory, in files and in batches."""

from chainer_pose.datasets.pose_data import PoseData, select_joints
from chainer_pose.datasets.pose_iterator import PoseIterator
from chainer_pose.datasets.registry import data_directory, find
from chainer_pose.datasets.splits import choose_labelled, complete, hold_out, require_complete

__all__ = [
    'PoseData',
    'PoseIterator',
    'choose_labelled',
    'complete',
    'data_directory',
    'find',
    'hold_out',
    'require_complete',
    'select_joints',
]
