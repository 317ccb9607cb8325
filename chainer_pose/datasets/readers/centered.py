"""A pose file as cameras would see it that are turned onto the root joint.

The method takes poses to be seen along the optical axis. A person at the edge
of the image is seen from the side, and from above or below, by up to half the
camera's field of view. Where the intrinsics are known, the camera can be
turned onto the root joint afterwards: without 3D, by a homography of the
image. The pose in millimetres stays the same, but for that rotation.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose import geometry
from chainer_pose.errors import InputError

if TYPE_CHECKING:
    from chainer_pose.datasets.pose_data import PoseData


_MAX_RESIDUAL = 0.5  # px; detections are not the projection of the 3D, joints annotated are


def turn_cameras(
    data: PoseData,
    focal: tuple[float, float] | None = None,
    centre: tuple[float, float] | None = None,
) -> PoseData:
    """See each pose by its camera, turned by yaw and pitch onto the root joint.

    Args:
        data: `datasets.PoseData`.
        focal: (fx, fy), px, of every camera; None for those that `data`'s own 3D,
            in its camera frames, says of each camera.
        centre: (cx, cy), px, likewise.
    Returns:
        `datasets.PoseData`, its pose2d about the image centre, its pose3d in
        the frames of the turned cameras. Joints that are not there stay so.
    Raises:
        InputError: if the intrinsics are neither given nor to be found.
    """
    n = len(data)
    if focal is None or centre is None:
        focals, centres = _intrinsics(data)
    else:
        focals, centres = np.tile(focal, (n, 1)), np.tile(centre, (n, 1))
    rays = (data.pose2d - centres[:, None]) / focals[:, None]
    rays = np.concatenate([rays, np.ones((*rays.shape[:2], 1))], axis=2)
    rotation = geometry.look_at(rays[:, data.skeleton.root])
    rays = rays @ np.swapaxes(rotation, 1, 2)
    visible = data.visible
    if not (rays[visible][:, 2] > 0).all():
        raise InputError(
            f'{data.name}: expected every joint within 90 degrees of the root joint, found one '
            f'that is not: --focal or --centre may be wrong'
        )
    depth = np.where(visible, rays[:, :, 2], 1)[:, :, None]
    pose2d = rays[:, :, :2] / depth * focals.mean(axis=1)[:, None, None] + centres[:, None]
    pose3d = data.pose3d
    if pose3d is not None:
        pose3d = (pose3d @ np.swapaxes(rotation, 1, 2)).astype(np.float32)
    return dataclasses.replace(
        data,
        pose2d=np.where(visible[:, :, None], pose2d, data.pose2d).astype(np.float32),
        pose3d=pose3d,
        source=f'{data.source}; cameras turned onto the root joint',
    )


def _intrinsics(data):
    """Focal lengths and centre for each pose, (N, 2) each: x = f X / Z + c, by camera."""
    if data.pose3d is None or data.units_3d != 'mm':
        raise InputError(
            f'{data.name}: expected --focal and --centre, or pose3d in mm to find them by, '
            f'found neither'
        )
    camera = data.columns.get('camera', np.zeros(len(data), int))
    focal, centre = np.empty((2, len(data), 2))
    for index in np.unique(camera):
        of_camera = camera == index
        visible = data.visible[of_camera]
        pose3d = data.pose3d[of_camera][visible].astype(np.float64)
        pixels = data.pose2d[of_camera][visible].astype(np.float64)
        if not (pose3d[:, 2] > 0).all():
            raise InputError(
                f'{data.name}: expected pose3d in front of its camera, found z of '
                f'{pose3d[:, 2].min():g} mm: root-relative poses say nothing of the camera'
            )
        slopes = pose3d[:, :2] / pose3d[:, 2:]
        for axis in range(2):
            line = np.stack([slopes[:, axis], np.ones(len(slopes))], axis=1)
            fit = np.linalg.lstsq(line, pixels[:, axis], rcond=None)[0]
            residual = np.sqrt(np.mean((line @ fit - pixels[:, axis]) ** 2))
            if not residual < _MAX_RESIDUAL:
                raise InputError(
                    f'{data.name}: expected 2D that are the projection of the 3D by a camera '
                    f'without distortion, found a difference of {residual:.3g} px'
                )
            focal[of_camera, axis], centre[of_camera, axis] = fit
    return focal, centre
