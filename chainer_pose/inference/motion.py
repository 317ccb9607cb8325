"""A person's poses evenly in time, for films and BVH."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chainer_pose.datasets.keypoints import frame_numbers

_MOST = 20  # times as many frames as poses


class Timing(NamedTuple):
    """What to show in each of G frames.

    Attributes:
        before, after: (G,) indices of two of somebody's poses.
        share: (G,) how far it is from one to the other, from 0 to 1.
        note: a line on gaps, empty where there is none.
    """

    before: np.ndarray
    after: np.ndarray
    share: np.ndarray
    note: str = ''

    def blend(self, pose: np.ndarray) -> np.ndarray:
        """Poses (F, J, D) to those of the frames to show, (G, J, D)."""
        share = self.share.reshape(-1, 1, 1)
        return pose[self.before] * (1 - share) + pose[self.after] * share


def keep_time(frame: Sequence, every: Sequence, fps: float) -> Timing:
    """Plan a film that keeps time, where frames without the person are missing.

    A gap of up to half a second is interpolated between the poses beside it; in a longer one
    the pose before is held. Frames without numbers are taken one after the other.

    Args:
        frame: F ids, of the frames with the person.
        every: ids of all frames of the input, whose numbers give the step.
        fps: frames a second.
    """
    one_by_one = Timing(np.arange(len(frame)), np.arange(len(frame)), np.zeros(len(frame)))
    known = np.array(frame_numbers([*frame, *every]) or [])
    at = known[: len(frame)]
    if len(at) < 2 or (np.diff(at) <= 0).any():
        return one_by_one
    at = (at - at[0]) // np.gcd.reduce(np.diff(np.unique(known)))
    shown = np.arange(at[-1] + 1)
    if len(shown) == len(at):
        return one_by_one
    if len(shown) > _MOST * len(at):
        note = f'the numbers of the {len(at)} frames are far apart: they are shown one by one'
        return one_by_one._replace(note=note)
    before = np.searchsorted(at, shown, 'right') - 1
    after = np.minimum(before + 1, len(at) - 1)
    gap = np.maximum(at[after] - at[before], 1)
    share = (shown - at[before]) / gap
    missing, short = share > 0, gap - 1 <= fps / 2
    return Timing(
        before,
        after,
        np.where(short, share, 0),
        f'{missing.sum()} of {len(shown)} frames lack the person: {(missing & short).sum()} are '
        f'interpolated, {(missing & ~short).sum()} in gaps of more than half a second hold the '
        f'pose before',
    )
