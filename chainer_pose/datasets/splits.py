"""Choose poses: those that can be used, a validation split, labelled ones."""

import numpy as np

from chainer_pose import geometry
from chainer_pose.datasets.pose_data import PoseData
from chainer_pose.errors import InputError


def complete(data: PoseData) -> np.ndarray:
    """Return which poses have all joints, detected or imputed, not all in one place: (N,) bool."""
    return data.visible.all(axis=1) & (geometry.scale(data.pose2d, data.skeleton.root) > 0)


def require_complete(data: PoseData) -> np.ndarray:
    """Return `complete`, or raise an InputError if no pose is."""
    mask = complete(data)
    if not mask.any():
        raise InputError(
            f'{data.name}: expected poses with all joints visible, not all in one place, '
            f'found none among {len(data)}'
        )
    return mask


def hold_out(
    data: PoseData, fraction: float, rng: np.random.Generator
) -> tuple[PoseData, PoseData]:
    """Set whole clips aside for validation, so that no test pose chooses anything.

    `fraction` of the clips, between 0 and 1, is set aside, one at least. Returns (kept, held out).

    Raises:
        InputError: if there are too few clips.
    """
    clip = data.columns.get('clip', np.empty(0, int))
    clips = np.unique(clip)
    count = max(1, round(fraction * len(clips)))
    if count >= len(clips):
        raise InputError(
            f'expected {data.name} to have more than {count} clip(s), found {len(clips)}',
            holdout=fraction,
        )
    held = np.isin(clip, rng.permutation(clips)[:count])
    return data.select(~held), data.select(held)


def choose_labelled(data: PoseData, fraction: float, rng: np.random.Generator) -> PoseData:
    """Choose the poses whose labels are used, clip by clip.

    Frames of a clip are nearly equal, so scattered frames would label all of it. Clips are
    taken in random order until there are enough poses, the last one in part. `fraction`, above 0,
    up to 1, is of the poses, one at least; without clips every pose is one.
    """
    clip = data.columns.get('clip', np.arange(len(data)))
    clips, which = np.unique(clip, return_inverse=True)
    place = rng.permutation(len(clips))[which]
    chosen = np.argsort(place, kind='stable')[: max(1, round(fraction * len(data)))]
    return data.select(np.sort(chosen))
