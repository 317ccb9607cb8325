"""From pose files to arrays: named data sets, training poses, batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainer_pose import geometry
from chainer_pose.errors import InputError

if TYPE_CHECKING:
    from chainer_pose.datasets.pose_data import PoseData


def complete(data: PoseData) -> np.ndarray:
    """Which poses can be learned from and lifted: every joint there, some size.

    A joint that the source has filled in by its rule counts as there.

    Args:
        data: `datasets.PoseData`.
    Returns:
        bool array of shape (N,).
    """
    sized = geometry.scale(data.pose2d, data.skeleton.root) > 0
    return sized & data.visible.all(axis=1)


def require_complete(data: PoseData) -> np.ndarray:
    """`complete`, where there must be one.

    Args and returns: as `complete`.
    Raises:
        InputError: if no pose is usable.
    """
    mask = complete(data)
    if not mask.any():
        raise InputError(
            f'{data.name}: expected poses with every joint present and of some size, '
            f'found none among {len(data)}'
        )
    return mask


def hold_out(
    data: PoseData, fraction: float, rng: np.random.Generator
) -> tuple[PoseData, PoseData]:
    """Set whole clips aside, so that choosing by their error touches no test pose.

    Args:
        data: `datasets.PoseData` with clips.
        fraction: share of the clips to set aside, between 0 and 1; at least one is.
        rng: numpy.random.Generator that picks them.
    Returns:
        (kept, held out): two `datasets.PoseData`.
    Raises:
        InputError: if the data do not name clips, or too few.
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
    """A share of the poses to be treated as labelled, clip after clip.

    Labels come by the clip, not by scattered frames that are all but alike: clips
    are taken in random order until there are enough poses, the last one in part.

    Args:
        data: `datasets.PoseData`; without clips every pose is one.
        fraction: share of the poses, above 0, up to 1; at least one is taken.
        rng: numpy.random.Generator that orders the clips.
    Returns:
        `datasets.PoseData`.
    """
    clip = data.columns.get('clip', np.arange(len(data)))
    clips, which = np.unique(clip, return_inverse=True)
    place = rng.permutation(len(clips))[which]
    chosen = np.argsort(place, kind='stable')[: max(1, round(fraction * len(data)))]
    return data.select(np.sort(chosen))
