"""How far a camera is rolled, by the people it sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from chainer_pose.skeletons import Skeleton

_ENOUGH = 24  # poses; fewer may all lean
_AGREE = 0.8  # length of the mean of their directions: people who lie and stand agree less
_MOST = 120  # degrees; beyond, the picture is upside down, or its y points up


def find(skeleton: Skeleton, pose2d: np.ndarray, visible: np.ndarray) -> tuple[float, str]:
    """Take the mean direction from ankles to neck for upright.

    Args:
        skeleton: of the J joints.
        pose2d: (N, J, 2) px, of one camera.
        visible: (N, J) bool.
    Returns:
        (roll, note): the angle by which poses are turned clockwise, in radians, and a line on
        how it was found; 0 where it is not certain.
    """
    ankles = [j for j, name in enumerate(skeleton.names) if name[1:] == 'Ankle']
    ankles = ankles or [j for j, name in enumerate(skeleton.names) if name[1:] == 'Foot']
    if skeleton.angle is None or len(ankles) != 2:
        return 0.0, f'not looked for: {skeleton.name} has no neck or ankles'
    neck = skeleton.index(skeleton.angle['neck'])
    pose = pose2d[visible[:, [*ankles, neck]].all(axis=1)].astype(np.float64)
    up = pose[:, neck] - pose[:, ankles].mean(axis=1)
    length = np.linalg.norm(up, axis=1, keepdims=True)
    if len(pose) < _ENOUGH:
        return 0.0, f'not looked for: {len(pose)} poses show neck and ankles, {_ENOUGH} are needed'
    x, y = (up / np.where(length > 0, length, 1)).mean(axis=0)
    angle = np.arctan2(x, -y)
    found = f'{np.degrees(angle):.1f} degrees clockwise, by {len(pose)} poses'
    if np.hypot(x, y) < _AGREE or abs(np.degrees(angle)) > _MOST:
        return 0.0, f'not undone: {found} that do not agree, or are upside down'
    return float(angle), found
