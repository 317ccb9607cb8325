"""The four cameras of the Human3.6M laboratory, for poses that come without any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainer_pose.datasets.pose_data import PoseData
from chainer_pose.geometry import Camera, camera_rotation

LICENCE = 'MIT, as chainer_pose'  # of what the program makes up itself

# Human3.6M, subject S1. Name; focal lengths and centre, px; radial and
# tangential distortion; position, mm; degrees looking down; degrees of roll.
_CALIBRATION = (
    ('54138969', (1145.05, 1143.78), (512.54, 515.45), (-0.2071, 0.2478, -0.0031),
     (-0.00142, -0.00098), (1841, 4955, 1563), 10.7, 1.5),
    ('55011271', (1149.68, 1147.59), (508.85, 508.06), (-0.1942, 0.2404, 0.0068),
     (-0.00274, -0.00162), (1761, -5078, 1606), 12.3, 0.1),
    ('58860488', (1149.14, 1148.80), (519.82, 501.40), (-0.2083, 0.2555, -0.0025),
     (-0.00076, 0.00148), (-1847, 5215, 1492), 12.4, -2.6),
    ('60457274', (1145.51, 1144.77), (514.97, 501.88), (-0.1984, 0.2183, -0.0089),
     (-0.00181, -0.00059), (-1795, -3723, 1575), 16.0, 3.6),
)  # fmt: skip


def four_cameras(level_at: float | None = None, away: float = 1.0) -> list[Camera]:
    """The cameras, each turned towards the world's origin.

    Args:
        level_at: put them at this height, mm, looking level; None for where they
            stand in the laboratory, looking down by 11 to 16 degrees.
        away: how many times as far away to stand, with as much longer lenses.
    Returns:
        list of `geometry.Camera`; the world's z axis points up, in mm.
    """
    cameras = []
    for name, f, c, k, p, position, pitch, roll in _CALIBRATION:
        yaw = np.arctan2(-position[1], -position[0])
        if level_at is not None:
            position, pitch, roll = (*position[:2], level_at), 0.0, 0.0  # type: ignore[assignment]
        rotation = camera_rotation(yaw, np.radians(pitch), np.radians(roll))
        visible = np.array(position, float) * [away, away, 1]
        cameras.append(Camera(rotation, visible, (f[0] * away, f[1] * away), c, k, p, name))
    return cameras


def see(world: np.ndarray, cameras: Sequence[Camera]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Let each camera see each pose.

    Args:
        world: float array of shape (N, J, 3), mm, z up.
        cameras: list of C `geometry.Camera`.
    Returns:
        (pose2d, pose3d, camera): (C N, J, 2) px and (C N, J, 3) mm in each
        camera's frame, float32, and (C N,) int32 indices, camera by camera.
    Raises:
        ValueError: if a joint is not in front of a camera.
    """
    pose3d = [camera.world_to_camera(world) for camera in cameras]
    pose2d = [camera.project(pose) for camera, pose in zip(cameras, pose3d)]
    index = np.repeat(np.arange(len(cameras), dtype=np.int32), len(world))
    return (
        np.concatenate(pose2d).astype(np.float32),
        np.concatenate(pose3d).astype(np.float32),
        index,
    )


class Take(NamedTuple):
    """Motion in the world: (F, J, 3) mm, z up, with indices of action and subject."""

    world: np.ndarray
    action: int
    subject: int


def film(
    takes: Sequence[Take],
    names: Mapping[str, Sequence[str]],
    cameras: Sequence[Camera],
    **described: Any,
) -> PoseData:
    """Let cameras see takes, each of which becomes a clip.

    Args:
        takes: list of `Take`.
        names: dict of the lists that their indices refer to: 'action', 'subject'.
        cameras: list of `geometry.Camera`.
        described: further fields of `datasets.PoseData`.
    Returns:
        `datasets.PoseData`.
    """
    seen = [see(take.world, cameras) for take in takes]
    columns = [
        {
            'action': np.full(len(camera), take.action),
            'subject': np.full(len(camera), take.subject),
            'camera': camera,
            'clip': np.full(len(camera), clip),
            'frame': np.tile(np.arange(len(take.world)), len(cameras)),
        }
        for clip, (take, (_, _, camera)) in enumerate(zip(takes, seen))
    ]
    return PoseData(
        pose2d=np.concatenate([pose2d for pose2d, _, _ in seen]),
        pose3d=np.concatenate([pose3d for _, pose3d, _ in seen]),
        columns={
            key: np.concatenate([column[key] for column in columns]).astype(np.int32)
            for key in columns[0]
        },
        names={**names, 'camera': [camera.name for camera in cameras]},
        **described,
    )
