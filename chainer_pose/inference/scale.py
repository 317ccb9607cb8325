"""Millimetres for lifted poses, by one length that is known."""

import itertools
from collections.abc import Callable

import numpy as np

from chainer_pose.errors import InputError
from chainer_pose.skeletons import Skeleton
from chainer_pose.skeletons.proportions import HEIGHT

_LEG_AND_TRUNK = HEIGHT['shoulder'] - HEIGHT['ankle']
_LEG = (['Hip'], ['Knee'], ['Ankle', 'Foot'])


def by_height(skeleton: Skeleton, height: float) -> Callable[[np.ndarray], np.ndarray]:
    """Scale by the height of the person.

    The legs from hip to ankle (the mean of both) and the trunk from the middle of the hips to
    that of the shoulders, as lifted, are 0.779 of the height (Drillis and Contini 1966). Each
    pose gets a factor of its own, since people come nearer and go away.

    Args:
        skeleton: with hips, knees, ankles and shoulders, else InputError.
        height: mm.
    Returns:
        function from (N, J, 3) px poses to (N,) mm a pixel.
    """
    legs = [[_find(skeleton, 'height', side, names) for names in _LEG] for side in 'LR']
    shoulders = [_find(skeleton, 'height', side, ['Shoulder']) for side in 'LR']
    hips = [leg[0] for leg in legs]

    def factor(pose3d: np.ndarray) -> np.ndarray:
        bones = [bone for leg in legs for bone in itertools.pairwise(leg)]
        lengths = sum(np.linalg.norm(pose3d[:, a] - pose3d[:, b], axis=1) for a, b in bones)
        trunk = pose3d[:, hips].mean(axis=1) - pose3d[:, shoulders].mean(axis=1)
        return _divide(height * _LEG_AND_TRUNK, lengths / 2 + np.linalg.norm(trunk, axis=1))

    return factor


def by_bone(
    skeleton: Skeleton, start: str, end: str, length: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Scale by the length of one bone, or the distance of any two joints, mm; as `by_height`."""
    a, b = (_find(skeleton, 'bone_length', '', [name]) for name in (start, end))
    return lambda pose3d: _divide(length, np.linalg.norm(pose3d[:, a] - pose3d[:, b], axis=1))


def _find(skeleton: Skeleton, argument: str, side: str, names: list[str]) -> int:
    names = [side + name for name in names]
    found = [name for name in names if name in skeleton.names]
    if not found:
        expected = f'expected the joint {" or ".join(names)}'
        raise InputError(
            f'{expected}, found none of that name in {skeleton.name}', **{argument: None}
        )
    return skeleton.index(found[0])


def _divide(mm: float, px: np.ndarray) -> np.ndarray:
    return mm / np.where(px > 0, px, np.nan)
