"""2D keypoints as detectors and annotators write them."""

from chainer_pose.datasets.keypoints.checks import find_faults, unseen
from chainer_pose.datasets.keypoints.people import frame_numbers, ranks
from chainer_pose.datasets.keypoints.reader import FORMATS, Keypoints, read, recognise, sequences

__all__ = [
    'FORMATS',
    'Keypoints',
    'find_faults',
    'frame_numbers',
    'ranks',
    'read',
    'recognise',
    'sequences',
    'unseen',
]
