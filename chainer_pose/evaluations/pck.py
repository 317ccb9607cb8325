"""PCK and AUC, as for MPI-INF-3DHP."""

import dataclasses
from typing import Any

import numpy as np

from chainer_pose import geometry
from chainer_pose.datasets import PoseData
from chainer_pose.errors import InputError
from chainer_pose.evaluations import metrics
from chainer_pose.evaluations.protocols import Progress, lift_batches, measurable
from chainer_pose.links import LiftingLink

# Left out of the usual 14 joints of MPI-INF-3DHP: pelvis, spine and head.
NOT_AMONG_14 = ('Hip', 'Spine', 'Neck/Nose')


@dataclasses.dataclass(frozen=True)
class PCKScore:
    """PCK and AUC of some poses, in %."""

    by: str  # what chooses them: 'all', 'action', 'camera' or 'joint'
    name: str  # of the action, camera or joint
    n_poses: int
    pck14: float | None  # over the 14 joints; None for a joint not among them
    auc14: float | None
    pck17: float  # over all joints
    auc17: float


@dataclasses.dataclass(frozen=True)
class PCKResult:
    """What `evaluate_pck` measured; attributes as `Result`, the scores of all poses first."""

    n_poses: int
    n_left_out: int
    scores: list[PCKScore]
    depth_only: bool = False


def evaluate_pck(
    generator: LiftingLink,
    data: PoseData,
    batchsize: int = 4096,
    progress: Progress | None = None,
    depth_only: bool = False,
) -> PCKResult:
    """Measure PCK at 150 mm and AUC (Mehta et al. 2017), over all and by action, camera, joint.

    Relative to the root, of the 17 joints of Human3.6M. Arguments and errors as of `evaluate`;
    `depth_only` counts what the authors' bin/eval_pck.py counts: how far the predicted depth, the
    root's not subtracted, is from the target's.
    """
    names = data.skeleton.names
    if not set(NOT_AMONG_14) <= set(names) or len(names) != 17:
        raise InputError(
            f'expected the 17 joints of Human3.6M, found the {len(names)} of {data.name}',
            protocol='pck',
        )
    complete = measurable(data)
    predicted, target = map(
        np.concatenate, zip(*lift_batches(generator, complete, batchsize, progress))
    )
    if depth_only:
        predicted[:, :, :2] = target[:, :, :2]
    else:
        predicted = geometry.center(predicted, data.skeleton.root)
    among_14 = np.isin(names, NOT_AMONG_14, invert=True)

    def score(by: str, name: str, poses: slice | np.ndarray, joints: np.ndarray) -> PCKScore:
        p, t = predicted[poses], target[poses]
        figures: list[Any] = [
            100 * float(metric(p[:, chosen], t[:, chosen]).mean()) if chosen.any() else None
            for chosen in (joints & among_14, joints)
            for metric in (metrics.pck, metrics.auc)
        ]
        return PCKScore(by, name, len(p), *figures)

    every, all_joints = slice(None), np.ones(len(names), bool)
    scores = [score('all', 'all', every, all_joints)]
    for by in ('action', 'camera'):
        for i, name in enumerate(complete.names[by] if by in complete.columns else ()):
            chosen = complete.columns[by] == i
            if chosen.any():
                scores.append(score(by, name, chosen, all_joints))
    scores += [score('joint', name, every, np.equal(names, name)) for name in names]
    return PCKResult(len(complete), len(data) - len(complete), scores, depth_only)
