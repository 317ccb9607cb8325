"""Run a generator over a split: errors per pose, per action, by protocol."""

import dataclasses

import chainer
import numpy as np

from chainer_pose import datasets, functions, geometry, metrics
from chainer_pose.errors import InputError


def lift_rows(generator, rows, batchsize=4096):
    """Depths that a generator gives to normalised poses.

    Args:
        generator: `links.Generator`, on any device.
        rows: (N, 2J) float32, NumPy.
        batchsize: poses lifted at a time.
    Returns:
        float32 array of shape (N, J), NumPy.
    """
    device = generator.device
    depth = np.empty((len(rows), rows.shape[1] // 2), np.float32)
    with chainer.using_config('train', False), chainer.no_backprop_mode(), device.create_context():
        for i in range(0, len(rows), batchsize):
            batch = generator(device.send(rows[i : i + batchsize]))
            depth[i : i + batchsize] = chainer.get_device('@numpy').send(batch.array)
    return depth


def lift(generator, data, batchsize=4096):
    """Lift the poses of a data set and give them the truth's scale (section 4.1).

    x and y are the normalised input's, z is the generator's, and all are
    multiplied by the true pose's own size: the mean distance of the other
    joints from the root on the camera's xy-plane, as the authors' code does.
    A scale-free method has no millimetres of its own.

    Args:
        generator: `links.Generator`; None for z = 0, nothing learned.
        data: `pose_file.PoseData` with pose3d.
    Returns:
        (predicted, target): float32 arrays of shape (N, J, 3), mm. The target
        is root-relative; the prediction's root has the depth it was given.
    """
    root = data.skeleton.root
    xy = geometry.normalize(data.pose2d, root)[0]
    depth = (
        np.zeros(xy.shape[:2], np.float32)
        if generator is None
        else lift_rows(generator, functions.to_rows(xy), batchsize)
    )
    size = geometry.scale(data.pose3d[:, :, :2], root)[:, None, None]
    predicted = np.concatenate([xy, depth[:, :, None]], axis=2) * size
    return predicted, geometry.center(data.pose3d, root)


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


def by_action(errors, data):
    """Mean error of each action that has poses, then their mean.

    Args:
        errors: (N,) array, one error a pose.
        data: `pose_file.PoseData`; without actions all poses are one, 'all'.
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
    inverted_better: float
    scores: dict


def evaluate(generator, data, protocols=('kudo',), batchsize=4096):
    """Errors of a generator on data with truth.

    Args:
        generator: `links.Generator`; None for z = 0, nothing learned.
        data: `pose_file.PoseData`.
        protocols: names from `PROTOCOLS`.
        batchsize: poses lifted at a time.
    Returns:
        `Result`.
    Raises:
        InputError: if the data have no 3D, or no pose that can be lifted.
    """
    if data.pose3d is None:
        raise InputError(f'{data.name}: expected pose3d to measure errors against, found 2D only')
    usable = data.select(datasets.require_usable(data))
    predicted, target = lift(generator, usable, batchsize)
    root = data.skeleton.root
    errors = {name: PROTOCOLS[name](predicted, target, root) for name in protocols}
    inverted = predicted * np.array([1, 1, -1], predicted.dtype)
    better = metrics.mpjpe(inverted, target) < metrics.mpjpe(predicted, target)
    return Result(
        n_poses=len(usable),
        n_left_out=len(data) - len(usable),
        inverted_better=float(better.mean()),
        scores={name: by_action(error, usable) for name, error in errors.items()},
    )
