"""Skeletons: named joints and their bones, as data."""

from chainer_pose.skeletons.conversions import animal, convert
from chainer_pose.skeletons.skeleton import H36M17, MPII16, FaceJoints, Skeleton, get, names

__all__ = ['H36M17', 'MPII16', 'FaceJoints', 'Skeleton', 'animal', 'convert', 'get', 'names']
