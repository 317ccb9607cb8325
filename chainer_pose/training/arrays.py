"""From a data set to the arrays that a network is trained on."""

import numpy as np

from chainer_pose import geometry
from chainer_pose.datasets import PoseData, require_complete


def training_poses(data: PoseData) -> np.ndarray:
    """Return the complete poses, normalized as in section 3.3: (N, J, 2) float32.

    Raises:
        InputError: if there is none.
    """
    poses = data.pose2d[require_complete(data)]
    return geometry.normalize(poses, data.skeleton.root)[0]


def labelled_poses(data: PoseData) -> tuple[np.ndarray, np.ndarray]:
    """Return `training_poses` and their depths: float32, (N, J, 2) and (N, J).

    A depth is z relative to the root over the size of the ground truth on the xy-plane
    (section 4.1), by which the protocols multiply it.

    Raises:
        InputError: if there is no pose3d, or no complete pose.
    """
    root = data.skeleton.root
    pose3d = data.require_pose3d()[require_complete(data)]
    size = geometry.scale(pose3d[:, :, :2], root)[:, None]
    depth = geometry.center(pose3d, root)[:, :, 2] / np.where(size > 0, size, 1)
    return training_poses(data), depth.astype(np.float32)


def pixel_poses(data: PoseData) -> tuple[np.ndarray, np.ndarray]:
    """Return the complete poses as measured: 2D in px, 3D in mm with the root at the origin.

    They are float32, (N, J, 2) and (N, J, 3). Raises InputError as `labelled_poses`.
    """
    complete = require_complete(data)
    centered = geometry.center(data.require_pose3d()[complete], data.skeleton.root)
    return data.pose2d[complete].astype(np.float32), centered.astype(np.float32)
