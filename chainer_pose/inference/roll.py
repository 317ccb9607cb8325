"""How far a camera is rolled, by the people it sees."""

import numpy as np

from chainer_pose.skeletons import Skeleton

_ENOUGH = 24  # poses; fewer may all lean
_CERTAIN = 2  # standard deviations of the poses; people themselves lean by less
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
    degrees = np.degrees(np.arctan2(x, -y))
    spread = np.degrees(np.sqrt(-2 * np.log(np.clip(np.hypot(x, y), 1e-9, 1))))  # on a circle
    found = f'{degrees:.1f} degrees clockwise, spread {spread:.1f}, by {len(pose)} poses'
    if abs(degrees) <= _CERTAIN * spread:
        return 0.0, f'{found}; not undone, since people may lean by as much'
    if abs(degrees) > _MOST:
        return 0.0, f'{found}; not undone, since people are upside down'
    return float(np.radians(degrees)), f'{found}; undone before lifting and put back'
