"""Turn the cameras of a pose file onto the root joint.

The method assumes that a person is seen along the optical axis. A person at the edge of the image
is seen from the side, and from above or below. Where the intrinsics are known, a homography of
the image turns the camera onto the root joint, without 3D; poses in mm are rotated with it.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from chainer_pose import geometry
from chainer_pose.datasets.pose_data import PoseData
from chainer_pose.datasets.readers import resection
from chainer_pose.errors import InputError

_TURNED = 'cameras turned onto the root joint'
_MAX_RESIDUAL = 0.5  # px; detections are no projection of the 3D, annotated joints are


def turn_cameras(
    data: PoseData,
    focal: Sequence[float] | None = None,
    center: Sequence[float] | None = None,
) -> PoseData:
    """Turn the camera of each pose by yaw and pitch onto the root joint.

    Args:
        focal: (fx, fy), px, of every camera; None to estimate focal lengths and
            center of each camera from `data`'s own 3D in camera frames.
        center: (cx, cy), px, with `focal`.
    Returns:
        `PoseData` with pose2d about the image center and pose3d in the frames of
        the turned cameras. Missing joints stay as they are.
    Raises:
        InputError: if the intrinsics are neither given nor determined by the data.
    """
    if (focal is None) != (center is None):
        raise InputError('expected both or neither of focal and center', focal=focal)
    if focal is None or center is None:
        focals, centers = _intrinsics(data)
    else:
        focals, centers = np.tile(focal, (len(data), 1)), np.tile(center, (len(data), 1))
    pose2d, rotation = geometry.face(data.pose2d, data.skeleton.root, focals, centers)
    visible = data.visible
    rooted = visible[:, data.skeleton.root, None, None]  # without a root joint poses stay
    pose2d = np.where(rooted, pose2d, data.pose2d)
    back = np.where(rooted, np.swapaxes(rotation, 1, 2), np.eye(3))
    if np.isnan(pose2d[visible]).any():
        raise InputError(
            f'{data.name}: expected every joint within 90 degrees of the root joint, found one '
            f'outside; are focal and center right?'
        )
    return dataclasses.replace(
        data,
        pose2d=np.where(visible[:, :, None], pose2d, data.pose2d).astype(np.float32),
        pose3d=None if data.pose3d is None else (data.pose3d @ back).astype(np.float32),
        source=f'{data.source}; {_TURNED}',
        preparation=', '.join(filter(None, [data.preparation, _TURNED])),
    )


def _intrinsics(data: PoseData) -> tuple[np.ndarray, np.ndarray]:
    """Fit each camera's focal lengths and center, x = f X / Z + c: (N, 2) each, by pose."""
    if data.pose3d is None or not data.has_ground_truth:
        raise InputError(f'{data.name}: expected focal and center, or pose3d in mm, found neither')
    camera = data.columns.get('camera', np.zeros(len(data), int))
    focal, center = np.empty((2, len(data), 2))
    for index in np.unique(camera):
        of_camera = camera == index
        visible = data.visible[of_camera]
        pose3d = data.pose3d[of_camera][visible].astype(np.float64)
        pixels = data.pose2d[of_camera][visible].astype(np.float64)
        if not (pose3d[:, 2] > 0).all():
            raise InputError(
                f'{data.name}: expected pose3d in the camera frame, in front of the camera, found '
                f'z of {pose3d[:, 2].min():g} mm (root-relative poses cannot be used)'
            )
        focal[of_camera], center[of_camera], residual = resection.fit_pinhole(pose3d, pixels)
        if not residual < _MAX_RESIDUAL:
            raise InputError(
                f'{data.name}: expected 2D that are the projection of the 3D by a camera without '
                f'distortion, found a difference of {residual:.3g} px'
            )
    return focal, center
