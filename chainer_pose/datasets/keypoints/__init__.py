"""2D keypoints as detectors and annotators write them."""

from chainer_pose.datasets.keypoints.checks import find_faults, never_seen
from chainer_pose.datasets.keypoints.json import is_skeleton
from chainer_pose.datasets.keypoints.people import frame_numbers, natural, ranks
from chainer_pose.datasets.keypoints.reader import FORMATS, Keypoints, read, recognise

__all__ = [
    'FORMATS',
    'Keypoints',
    'find_faults',
    'frame_numbers',
    'is_skeleton',
    'natural',
    'never_seen',
    'ranks',
    'read',
    'recognise',
]
