"""Who is who, and when: order of frames, people given twice, people followed through frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
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
    """

    joints: np.ndarray
    frame: list | None = None
    person: list | None = None
    names: list[str] | None = None
    score: np.ndarray | None = None
    kind: str = ''


def frame_number(frame: object) -> int | None:
    """Number of a frame: its id, or the last number in a text ("walk_012.jpg"); else None."""
    if isinstance(frame, int):
        return frame
    digits = re.findall(r'\d+', re.sub(r'\.[A-Za-z]\w*$', '', str(frame)))
    return int(digits[-1]) if digits else None


def natural(text: object) -> list[str | int]:
    """Key by which to sort: numbers within texts as numbers."""
    return [int(part) if part.isdecimal() else part for part in re.split(r'(\d+)', str(text))]


def better_of_two(frame: Sequence, person: Sequence, score: np.ndarray) -> np.ndarray:
    """Indices of the poses to keep, in order: of a frame's poses of one person the one that
    has the highest score, NaN the lowest; where nobody is named (None) all."""
    best: dict[tuple, int] = {}
    for i, named in enumerate(zip(frame, person)):
        key = (*named, i) if named[1] is None else named
        if key not in best or not score[i] <= score[best[key]]:
            best[key] = i
    return np.array(sorted(best.values()), int)


def follow(frame: Sequence, pose2d: np.ndarray, visible: np.ndarray) -> list[int]:
    """Number people by where they are from frame to frame.

    In each frame, people are assigned to those seen before so that the joints that both have
    moved least in all (Hungarian assignment); who is farther than `_NEAR` is somebody new.

    Args:
        frame: N ids, the same ones beside each other, in order of time.
        pose2d: (N, K, 2) array, px.
        visible: (N, K) bool array.
    Returns:
        list of N numbers, from 0.
    """
    pose = np.where(visible[:, :, None], pose2d, 0).astype(np.float64)
    starts = [i for i in range(len(frame)) if i == 0 or frame[i] != frame[i - 1]]
    numbers = [frame_number(frame[i]) for i in starts]
    times = range(len(starts)) if None in numbers else [number or 0 for number in numbers]
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
    """Mean movement of the joints that both have, in sizes of b; large if there are none."""
    both = seen_a & seen_b
    count = np.maximum(both.sum(axis=-1), 1)
    moved = (np.sqrt(((a - b) ** 2).sum(axis=-1)) * both).sum(axis=-1) / count
    middle = (b * both[..., None]).sum(axis=-2) / count[..., None]
    spread = np.sqrt(((b - middle[..., None, :]) ** 2).sum(axis=-1))
    size = np.maximum((spread * both).sum(axis=-1) / count, 1e-6)
    return np.where(both.any(axis=-1), np.minimum(moved / size, 1e3), 1e3)
