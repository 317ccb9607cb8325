"""Run a generator over a split: errors per pose, per action, by protocol."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose import datasets, geometry
from chainer_pose.errors import InputError
from chainer_pose.evaluations import metrics

if TYPE_CHECKING:
    from chainer_pose.datasets import PoseData
    from chainer_pose.links import LiftingLink


def rescale(pose: np.ndarray, root: int, size: np.ndarray | float = 1) -> np.ndarray:
    """Give poses a size on the camera's xy-plane (section 4.1).

    Args:
        pose: (N, J, 3).
        root: index of the root joint.
        size: mean distance of the other joints from the root in x and y; a number or (N, 1, 1).
    Returns:
        (N, J, 3).
    """
    own = geometry.scale(pose[:, :, :2], root)[:, None, None]
    return pose * (size / np.where(own > 0, own, 1))


def lift(
    generator: LiftingLink, data: PoseData, batchsize: int = 4096
) -> tuple[np.ndarray, np.ndarray]:
    """Lift the poses of a data set and give them the target's scale (section 4.1).

    A scale-free method has no millimetres of its own: its poses get the target's size on the
    camera's xy-plane, as the authors' code does. Poses in mm are taken as they are.

    Args:
        generator: `links.LiftingLink`.
        data: `datasets.PoseData` with pose3d.
        batchsize: poses lifted at a time.
    Returns:
        (predicted, target): float32 arrays of shape (N, J, 3), mm. The target
        is root-relative; the prediction's root has the depth it was given.
    Raises:
        InputError: if there is no 3D.
    """
    root = data.skeleton.root
    _, size, target = normalized(data)
    pose = generator.lift(data.pose2d, root, batchsize)
    return pose if generator.in_mm else rescale(pose, root, size), target


def normalized(data: PoseData) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a generator sees of a data set, and what its depths are measured by (section 4.1).

    Args:
        data: `datasets.PoseData` with pose3d.
    Returns:
        (xy, size, target) of shapes (N, J, 2), (N, 1, 1) and (N, J, 3): normalised 2D; by what
        to multiply it and its depths for mm, the true pose's own size on the camera's xy-plane;
        and the true pose from its root, mm.
    Raises:
        InputError: if there is no 3D.
    """
    root, pose3d = data.skeleton.root, _pose3d(data)
    size = geometry.scale(pose3d[:, :, :2], root)[:, None, None]
    return geometry.normalize(data.pose2d, root)[0], size, geometry.center(pose3d, root)


def _root_relative(metric):
    def error(predicted, target, root):
        return metric(geometry.center(predicted, root), geometry.center(target, root))

    return error


# Each takes (predicted, target, root) of `lift` and gives one error a pose, mm.
PROTOCOLS = {
    'kudo': lambda predicted, target, root: metrics.mpjpe(predicted, target),
    'mpjpe': _root_relative(metrics.mpjpe),
    'n-mpjpe': _root_relative(metrics.n_mpjpe),
    'p-mpjpe': _root_relative(metrics.p_mpjpe),
}
PROTOCOL_NOTES = {
    'kudo': "the paper's: true scale on the xy-plane, root depth as predicted, all joints",
    'mpjpe': 'as kudo, but the prediction too is moved to its root joint',
    'n-mpjpe': 'as mpjpe, after the scale that fits each pose best',
    'p-mpjpe': 'after the similarity that fits each pose best, no reflection',
}


@dataclasses.dataclass(frozen=True)
class Score:
    """Errors of one protocol, mm.

    Attributes:
        actions: dict from action to the mean over its poses, in the data's order.
        average: mean over the actions, each counting alike (section 4.1).
        frame_average: mean over the poses.
    """

    actions: dict
    average: float
    frame_average: float


def by_action(errors: np.ndarray, data: PoseData) -> Score:
    """Mean error of each action that has poses, then their mean.

    Args:
        errors: (N,) array, one error a pose.
        data: `datasets.PoseData`; without actions all poses are one, 'all'.
    Returns:
        `Score`.
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
    """What `evaluate` found.

    Attributes:
        n_poses: poses that were lifted.
        n_left_out: poses with a joint missing, or with no size.
        inverted_better: share of poses, 0 to 1, whose copy with inverted depth
            has the lower kudo error; about a half without the angle loss
            (section 3.4).
        scores: dict from protocol to `Score`.
    """

    n_poses: int
    n_left_out: int
    depth_flip_rate: float
    scores: dict


def evaluate(
    generator: LiftingLink,
    data: PoseData,
    protocols: Sequence[str] = ('kudo',),
    batchsize: int = 4096,
) -> Result:
    """Errors of a generator on data with truth.

    Args:
        generator: `links.LiftingLink`.
        data: `datasets.PoseData`.
        protocols: names from `PROTOCOLS`.
        batchsize: poses lifted at a time.
    Returns:
        `Result`.
    Raises:
        InputError: if the data have no 3D in mm, or no pose that can be lifted.
    """
    complete = measurable(data)
    parts = [
        _errors(generator, complete.select(slice(at, at + _PART)), protocols, batchsize)
        for at in range(0, len(complete), _PART)
    ]
    errors = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    better = errors.pop(_BETTER)
    return Result(
        n_poses=len(complete),
        n_left_out=len(data) - len(complete),
        depth_flip_rate=float(better.mean()),
        scores={name: by_action(error, complete) for name, error in errors.items()},
    )


_PART = 32768  # poses measured at a time: what lies between 2D and an error is ten times as large
_BETTER = 'inverted better'


def _errors(generator, data, protocols, batchsize):
    """dict from each protocol to (N,) errors, and from `_BETTER` to (N,) bool."""
    predicted, target = lift(generator, data, batchsize)
    inverted = predicted * np.array([1, 1, -1], predicted.dtype)
    better = metrics.mpjpe(inverted, target) < metrics.mpjpe(predicted, target)
    root = data.skeleton.root
    return {name: PROTOCOLS[name](predicted, target, root) for name in protocols} | {
        _BETTER: better
    }


def _pose3d(data):
    if data.pose3d is None:
        raise InputError(f'{data.name}: expected pose3d to measure errors against, found 2D only')
    return data.pose3d


def measurable(data: PoseData) -> PoseData:
    """The poses whose errors can be measured.

    Raises:
        InputError: if there is none, or no 3D in mm.
    """
    _pose3d(data)
    if data.units_3d != 'mm':
        raise InputError(
            f'{data.name}: expected pose3d in mm to measure errors against, found '
            f'{data.units_3d}: poses that were lifted, not measured'
        )
    return data.select(datasets.require_complete(data))
