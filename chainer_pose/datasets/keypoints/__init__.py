"""2D keypoints as detectors and annotators write them."""

from chainer_pose.datasets.keypoints.checks import Checks
from chainer_pose.datasets.keypoints.people import frame_number
from chainer_pose.datasets.keypoints.reader import FORMATS, Keypoints, read, recognise

__all__ = ['FORMATS', 'Checks', 'Keypoints', 'frame_number', 'read', 'recognise']
