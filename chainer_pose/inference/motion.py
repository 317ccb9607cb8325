"""A person's poses through time: gaps and smoothing."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.signal import savgol_filter

from chainer_pose.datasets.keypoints import frame_numbers, ranks

_MOST = 20  # times as many frames as poses
SHORTEST = 5  # frames to smooth over: a parabola meets three of them exactly


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


def steps(frame: Sequence) -> np.ndarray:
    """Return when each frame is, (N,) int, from ids: by their numbers, else one after another.

    A step is the greatest that divides all distances between numbers.
    """
    numbers, at = np.unique(frame_numbers(frame) or ranks(frame), return_inverse=True)
    return ((numbers - numbers[0]) // (np.gcd.reduce(np.diff(numbers)) or 1))[at]


def close(at: np.ndarray) -> bool:
    """Whether steps, in order, are so close that showing all of them makes sense."""
    return bool(at[-1] - at[0] < _MOST * len(at))


def keep_time(at: np.ndarray, fps: float) -> Timing:
    """Plan a film that keeps time, where frames without the person are missing.

    A gap of up to half a second is interpolated between the poses beside it; in a longer one
    the pose before is held. Frames that are far apart or out of order are shown one by one.

    Args:
        at: (F,) the `steps` of the frames with the person.
        fps: steps a second.
    """
    one_by_one = Timing(np.arange(len(at)), np.arange(len(at)), np.zeros(len(at)))
    at = at - at[0]
    if (np.diff(at) <= 0).any() or at[-1] + 1 == len(at):
        return one_by_one
    if not close(at):
        note = f'the numbers of the {len(at)} frames are far apart: they are shown one by one'
        return one_by_one._replace(note=note)
    shown = np.arange(at[-1] + 1)
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


def smooth(pose: np.ndarray, at: np.ndarray, fps: float, seconds: float) -> np.ndarray:
    """Smooth somebody's poses, (F, J, D), by Savitzky and Golay's parabolas over time.

    Nothing is smoothed across a gap of more than half a second, nor less than `SHORTEST` frames.

    Args:
        pose: of one person.
        at: (F,) the `steps` of its frames.
        fps: steps a second.
        seconds: over which to smooth; rounded to an odd number of frames.
    """
    smoothed = np.array(pose)
    for part in np.split(np.arange(len(at)), np.flatnonzero(np.diff(at) - 1 > fps / 2) + 1):
        timing = keep_time(at[part], fps)
        window = min(round(seconds * fps), len(timing.before) - 1) // 2 * 2 + 1
        if window >= SHORTEST:
            even = savgol_filter(timing.blend(pose[part]), window, polyorder=2, axis=0)
            smoothed[part] = even[timing.share == 0]
    return smoothed
