"""Errors of a network on data with ground truth, by protocol and by action."""

import dataclasses
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from chainer_pose import datasets, geometry
from chainer_pose.datasets import PoseData
from chainer_pose.evaluations import metrics
from chainer_pose.links import LiftingLink

_Measured = TypeVar('_Measured')
Progress = Callable[[int, int, str], object]  # poses done, poses in all, what they are


def rescale(pose: np.ndarray, root: int, size: np.ndarray | float = 1) -> np.ndarray:
    """Give poses, (N, J, 3), a size on the camera's xy-plane (section 4.1).

    The size, a number or (N, 1, 1), is the mean distance of the other joints from the root.
    """
    own = geometry.scale(pose[:, :, :2], root)[:, None, None]
    return pose * (size / np.where(own > 0, own, 1))


def lift(
    generator: LiftingLink, data: PoseData, batchsize: int = 4096
) -> tuple[np.ndarray, np.ndarray]:
    """Lift the poses of a data set and give them the target's scale (section 4.1).

    A scale-free method has no millimetres of its own: its poses get the target's size on the
    camera's xy-plane, as in the authors' code. Poses in mm stay as they are.

    Returns:
        (predicted, target): float32 arrays of shape (N, J, 3), mm. The target
        is root-relative; the prediction's root keeps its predicted depth.
    Raises:
        InputError: if the data have no 3D in mm.
    """
    root = data.skeleton.root
    _, size, target = normalized(data)
    pose = generator.lift(data.pose2d, root, batchsize)
    return pose if generator.in_mm else rescale(pose, root, size), target


def lift_batches(
    generator: LiftingLink, data: PoseData, batchsize: int, progress: Progress | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield `lift` of one batch after another, and report progress."""
    for at in range(0, len(data), batchsize):
        yield lift(generator, data.select(slice(at, at + batchsize)), batchsize)
        if progress is not None:
            progress(min(at + batchsize, len(data)), len(data), 'poses lifted and measured')


def normalized(data: PoseData) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return normalized 2D poses, their size in mm, and the root-relative target (section 4.1).

    Of shapes (N, J, 2), (N, 1, 1) and (N, J, 3); the size is the target's on the xy-plane.
    """
    root, pose3d = data.skeleton.root, data.require_pose3d()
    size = geometry.scale(pose3d[:, :, :2], root)[:, None, None]
    return geometry.normalize(data.pose2d, root)[0], size, geometry.center(pose3d, root)


def _root_relative(metric: Callable) -> Callable:
    return lambda predicted, target, root: metric(
        geometry.center(predicted, root), geometry.center(target, root)
    )


# Each takes (predicted, target, root) of `lift` and returns one error a pose, mm.
PROTOCOLS: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    'kudo': lambda predicted, target, root: metrics.mpjpe(predicted, target),
    'mpjpe': _root_relative(metrics.mpjpe),
    'n-mpjpe': _root_relative(metrics.n_mpjpe),
    'p-mpjpe': _root_relative(metrics.p_mpjpe),
}
LABELS = {name: 'kudo (paper)' if name == 'kudo' else name for name in PROTOCOLS}
PROTOCOL_NOTES = {
    'kudo': 'true scale on the xy-plane, root depth as predicted, all joints (section 4.1)',
    'mpjpe': 'as kudo, but the prediction, too, is moved to its root joint',
    'n-mpjpe': 'as mpjpe, after the scale that fits each pose best',
    'p-mpjpe': 'after the similarity that fits each pose best, no reflection',
}
# Of a network that predicts mm, which gets no scale.
NOTES_IN_MM = {'kudo': 'in mm as predicted, root depth as predicted, all joints'}


@dataclasses.dataclass(frozen=True)
class Score:
    """Errors of one protocol, mm."""

    actions: dict[str, float]  # mean over the poses of each action, in the data's order
    average: float  # mean over the actions, each with the same weight; the paper's (section 4.1)
    frame_average: float  # mean over the poses


def by_action(errors: np.ndarray, data: PoseData) -> Score:
    """Average (N,) errors over each action that has poses, then over the actions.

    Without actions all poses are one, 'all'.
    """
    if 'action' in data.columns:
        names = data.names['action']
        counts = np.bincount(data.columns['action'], minlength=len(names))
        sums = np.bincount(data.columns['action'], errors, minlength=len(names))
        actions = {name: float(s / n) for name, s, n in zip(names, sums, counts) if n}
    else:
        actions = {'all': float(np.mean(errors))}
    return Score(actions, float(np.mean(list(actions.values()))), float(np.mean(errors)))


@dataclasses.dataclass(frozen=True)
class Result:
    """Errors of a network on a data set.

    `depth_flip_rate` is the share of poses, 0 to 1, whose copy with inverted depth has the
    lower kudo error: about a half without the angle loss (section 3.4).
    """

    n_poses: int
    n_left_out: int  # poses with a joint missing, or with no size
    depth_flip_rate: float
    scores: dict[str, Score]  # by protocol


def evaluate(
    generator: LiftingLink,
    data: PoseData,
    protocols: Sequence[str] = ('kudo',),
    batchsize: int = 4096,
    progress: Progress | None = None,
) -> Result:
    """Measure a network on data with ground truth by some of `PROTOCOLS`.

    The errors do not depend on `batchsize`; `progress` is called after each batch.

    Raises:
        InputError: if the data have no 3D in mm, or no pose that can be lifted.
    """
    complete, root = measurable(data), data.skeleton.root
    batches, flipped = [], []
    for predicted, target in lift_batches(generator, complete, batchsize, progress):
        batches.append([PROTOCOLS[name](predicted, target, root) for name in protocols])
        inverted = predicted * np.array([1, 1, -1], predicted.dtype)
        flipped.append(metrics.mpjpe(inverted, target) < metrics.mpjpe(predicted, target))
    errors = map(np.concatenate, zip(*batches))
    return Result(
        n_poses=len(complete),
        n_left_out=len(data) - len(complete),
        depth_flip_rate=float(np.concatenate(flipped).mean()),
        scores={name: by_action(error, complete) for name, error in zip(protocols, errors)},
    )


def over_runs(results: Sequence[_Measured]) -> tuple[_Measured, _Measured | None]:
    """Return the mean of results, number by number, and their sample deviation (n - 1).

    The deviation of a single result is None.
    """
    if len(results) == 1:
        return results[0], None
    return _combined(results, statistics.fmean), _combined(results, statistics.stdev)


def _combined(values: Sequence[Any], how: Callable[[Sequence[float]], float]) -> Any:
    first = values[0]
    if dataclasses.is_dataclass(first) and not isinstance(first, type):
        return type(first)(**_combined([vars(value) for value in values], how))
    if isinstance(first, dict):
        return {key: _combined([value[key] for value in values], how) for key in first}
    if isinstance(first, list):
        return [_combined(group, how) for group in zip(*values)]
    return how(values) if isinstance(first, float) else first


def measurable(data: PoseData) -> PoseData:
    """Select the poses whose errors can be measured; InputError if none has 3D in mm."""
    data.require_pose3d()
    return data.select(datasets.require_complete(data))
