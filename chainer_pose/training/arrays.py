"""From a data set to the arrays that a network learns from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainer_pose import geometry
from chainer_pose.datasets import require_complete
from chainer_pose.errors import InputError

if TYPE_CHECKING:
    from chainer_pose.datasets import PoseData


def training_poses(data: PoseData) -> np.ndarray:
    """The usable poses, normalised as in section 3.3.

    Args:
        data: `datasets.PoseData`.
    Returns:
        float32 array of shape (N, J, 2).
    Raises:
        InputError: if no pose is usable.
    """
    poses = data.pose2d[require_complete(data)]
    return geometry.normalize(poses, data.skeleton.root)[0]


def labelled_poses(data: PoseData) -> tuple[np.ndarray, np.ndarray]:
    """Usable poses with the depths that a generator should give them.

    A depth is z relative to the root over the true pose's own size on the
    xy-plane (section 4.1), so that the protocols' scale gives it back in mm.

    Args:
        data: `datasets.PoseData` with pose3d.
    Returns:
        float32 arrays of shape (N, J, 2), as of `training_poses`, and (N, J).
    Raises:
        InputError: if there is no 3D, or no pose that is usable.
    """
    root = data.skeleton.root
    pose3d = _pose3d(data)[require_complete(data)]
    size = geometry.scale(pose3d[:, :, :2], root)[:, None]
    depth = geometry.center(pose3d, root)[:, :, 2] / np.where(size > 0, size, 1)
    return training_poses(data), depth.astype(np.float32)


def pixel_poses(data: PoseData) -> tuple[np.ndarray, np.ndarray]:
    """Usable poses as they were measured: 2D in px, and 3D in mm with the root at the origin.

    Args:
        data: `datasets.PoseData` with pose3d.
    Returns:
        float32 arrays of shape (N, J, 2) and (N, J, 3).
    Raises:
        InputError: as `labelled_poses`.
    """
    complete = require_complete(data)
    centered = geometry.center(_pose3d(data)[complete], data.skeleton.root)
    return data.pose2d[complete].astype(np.float32), centered.astype(np.float32)


def _pose3d(data):
    if data.pose3d is None:
        raise InputError(f'{data.name}: expected pose3d to learn from, found 2D only')
    return data.pose3d
