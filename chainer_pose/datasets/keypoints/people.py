"""Who is who, and when: order of frames, people given twice, people followed through frames."""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

_NEAR = 1.5  # sizes of the person that the joints may have moved by, on average
_PATIENCE = 30  # frames that somebody may be out of sight


class Table(NamedTuple):
    """What a file of keypoints holds, None for what it has not.

    Attributes:
        joints: (N, K, 2 or 3) float, x, y and confidence; NaN where missing.
        frame, person: N ids; a person may be None.
        names: of the K joints.
        score: (N,) confidence in each person, NaN where unknown.
        kind: its format.
        skeleton: the name of that of the joints, '' for not stated.
        notes: lines on what was left out.
    """

    joints: np.ndarray
    frame: list | None = None
    person: list | None = None
    names: list[str] | None = None
    score: np.ndarray | None = None
    kind: str = ''
    skeleton: str = ''
    notes: Sequence[str] = ()


def values_a_joint(n: int, counts: Collection[int]) -> int:
    """Whether n numbers are x y c (3) or x y (2) of each joint: as one of these counts fits."""
    fits = [per for per in (3, 2) if n % per == 0]
    return next((per for per in fits if n // per in counts), fits[0] if fits else 2)


def frame_numbers(frames: Iterable) -> list[int] | None:
    """Frames' ids, or the last number in each ("walk_012.jpg"); None if one has no whole number."""
    numbers = []
    for frame in frames:
        digits = [frame]
        if not isinstance(frame, int):
            digits = re.findall(r'\d+', re.sub(r'\.[A-Za-z]\w*$', '', str(frame)))
        if not digits or isinstance(frame, float) or re.fullmatch(r'-?\d*\.\d+', str(frame)):
            return None
        numbers.append(int(digits[-1]))
    return numbers


def natural(text: object) -> list[str | int]:
    """Key by which to sort: numbers within texts as numbers."""
    return [int(part) if part.isdecimal() else part for part in re.split(r'(\d+)', str(text))]


def ranks(ids: Sequence) -> list[int]:
    """Number ids, from 0, in the order in which they appear."""
    order = {each: i for i, each in enumerate(dict.fromkeys(ids))}
    return [order[each] for each in ids]


def better_of_two(frame: Sequence, person: Sequence, score: np.ndarray) -> list[int]:
    """Indices of the poses to keep, in order: of a frame's poses of one person the one that
    has the highest score, NaN the lowest; where nobody is named (None) all."""
    best: dict[tuple, int] = {}
    for i, named in enumerate(zip(frame, person)):
        key = (*named, i) if named[1] is None else named
        if key not in best or not score[i] <= score[best[key]]:
            best[key] = i
    return sorted(best.values())


def follow(frame: Sequence, pose2d: np.ndarray, visible: np.ndarray) -> list[int]:
    """Number people, from 0, by where they are from frame to frame: N ids of frames, in order of
    time, and (N, K, 2) px poses, (N, K) visible.

    In each frame, people are assigned to those seen before so that the joints that both have
    moved least in all (Hungarian assignment); who is farther than `_NEAR` is somebody new.
    """
    pose = np.where(visible, pose2d[:, :, 0] + 1j * pose2d[:, :, 1].astype(np.float64), 0)
    starts = [i for i in range(len(frame)) if i == 0 or frame[i] != frame[i - 1]]
    times = frame_numbers(frame[i] for i in starts) or range(len(starts))
    found = [0] * len(frame)
    last: list[tuple[int, int]] = []  # of each person the last time seen, and the pose
    known: list[int] = []
    for start, end, time in zip(starts, [*starts[1:], len(frame)], times):
        known = [k for k in known if time - last[k][0] <= _PATIENCE]
        same = {}
        if known:
            before = [last[k][1] for k in known]
            cost = _distance(
                pose[start:end, None], visible[start:end, None], pose[before], visible[before]
            )
            chosen = zip(*linear_sum_assignment(cost))
            same = {start + a: known[b] for a, b in chosen if cost[a, b] < _NEAR}
        for i in range(start, end):
            if i not in same:
                same[i] = len(last)
                known.append(len(last))
                last.append((time, i))
            found[i] = same[i]
            last[found[i]] = time, i
    return found


def _distance(a: np.ndarray, seen_a: np.ndarray, b: np.ndarray, seen_b: np.ndarray) -> np.ndarray:
    """Mean movement of the joints (x + iy) that both have, in sizes of b; large if none."""
    both = seen_a & seen_b
    count = np.maximum(both.sum(axis=-1), 1)
    moved = (np.abs(a - b) * both).sum(axis=-1) / count
    middle = (b * both).sum(axis=-1) / count
    size = (np.abs(b - middle[..., None]) * both).sum(axis=-1) / count
    return np.where(both.any(axis=-1), np.minimum(moved / np.maximum(size, 1e-6), 1e3), 1e3)
