"""The four cameras of the Human3.6M laboratory, to project 3D poses that have none."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainer_pose.datasets.pose_data import PoseData
from chainer_pose.geometry import Camera, camera_rotation

LICENCE = 'MIT, as chainer_pose'  # of made-up data

# Human3.6M, subject S1. Name; focal lengths and center, px; radial and
# tangential distortion; position, mm; pitch (down) and roll, degrees.
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
    """Make the cameras, each turned towards the world's origin, with the z axis up, in mm.

    Args:
        level_at: put them at this height, mm, without pitch and roll; None for the
            laboratory's, which look down by 11 to 16 degrees.
        away: factor of their distance and of their focal lengths.
    """
    cameras = []
    for name, f, c, k, p, (x, y, z), *turn in _CALIBRATION:
        height, pitch, roll = (z, *turn) if level_at is None else (level_at, 0.0, 0.0)
        rotation = camera_rotation(np.arctan2(-y, -x), np.radians(pitch), np.radians(roll))
        position = np.array([x * away, y * away, height])
        cameras.append(Camera(rotation, position, (f[0] * away, f[1] * away), c, k, p, name))
    return cameras


class Take(NamedTuple):
    """Motion in the world: (F, J, 3) mm, z up, and its index columns, numbers or (F,) arrays."""

    world: np.ndarray
    columns: Mapping[str, Any]


def film(
    takes: Sequence[Take],
    names: Mapping[str, Sequence[str]],
    cameras: Sequence[Camera],
    **described: Any,
) -> PoseData:
    """Project takes into cameras.

    Args:
        takes, cameras: the order of the poses is by take, then by camera.
        names: lists of the names that the takes' columns index: 'subject', maybe 'action'.
        described: further fields of `PoseData`.
    Raises:
        ValueError: if a joint is not in front of a camera.
    """
    arrays: dict[str, list[np.ndarray]] = defaultdict(list)
    for take in takes:
        n = len(take.world)
        for i, camera in enumerate(cameras):
            pose3d = camera.world_to_camera(take.world)
            arrays['pose2d'].append(camera.project(pose3d).astype('f'))
            arrays['pose3d'].append(pose3d.astype('f'))
            for name, column in {'frame': np.arange(n), **take.columns, 'camera': i}.items():
                arrays[name].append(np.broadcast_to(column, n).astype(np.int32))
    columns = {name: np.concatenate(parts) for name, parts in arrays.items()}
    return PoseData(
        pose2d=columns.pop('pose2d'),
        pose3d=columns.pop('pose3d'),
        columns=columns,
        names={**names, 'camera': [camera.name for camera in cameras]},
        **described,
    )
