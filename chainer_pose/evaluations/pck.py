"""PCK and AUC, as for MPI-INF-3DHP."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose import geometry
from chainer_pose.errors import InputError
from chainer_pose.evaluations import metrics
from chainer_pose.evaluations.protocols import lift, measurable

if TYPE_CHECKING:
    from chainer_pose.datasets import PoseData
    from chainer_pose.links import LiftingLink


# Left out of the usual 14 joints of MPI-INF-3DHP: pelvis, spine and head.
NOT_AMONG_14 = ('Hip', 'Spine', 'Neck/Nose')


@dataclasses.dataclass(frozen=True)
class PCKScore:
    """PCK and AUC of some poses, in %.

    Attributes:
        by: what the poses are chosen by: 'all', 'action', 'camera' or 'joint'.
        name: of the action, camera or joint.
        n_poses: how many.
        pck14, auc14: over the 14 joints; None for a joint not among them.
        pck17, auc17: over all joints.
    """

    by: str
    name: str
    n_poses: int
    pck14: float
    auc14: float
    pck17: float
    auc17: float


@dataclasses.dataclass(frozen=True)
class PCKResult:
    """What `evaluate_pck` found; attributes as `Result`, scores a list of `PCKScore`."""

    n_poses: int
    n_left_out: int
    scores: list


def evaluate_pck(generator: LiftingLink, data: PoseData, batchsize: int = 4096) -> PCKResult:
    """PCK at 150 mm and AUC (Mehta et al. 2017), relative to the root.

    Args:
        generator: `links.LiftingLink`.
        data: `datasets.PoseData` of the 17 joints of Human3.6M.
        batchsize: poses lifted at a time.
    Returns:
        `PCKResult`: over all poses, by action, by camera and by joint.
    Raises:
        InputError: as `evaluate`; or if the joints are others.
    """
    if not set(NOT_AMONG_14) <= set(data.skeleton.names) or len(data.skeleton) != 17:
        raise InputError(
            f'expected the 17 joints of Human3.6M, found the {len(data.skeleton)} of {data.name}',
            protocol='pck',
        )
    complete = measurable(data)
    root = data.skeleton.root
    predicted, target = (
        geometry.center(pose, root) for pose in lift(generator, complete, batchsize)
    )
    every = np.arange(len(data.skeleton))
    scores = [_pck_score('all', 'all', predicted, target, every, data.skeleton)]
    for by in ('action', 'camera'):
        if by in complete.columns:
            for i, name in enumerate(complete.names[by]):
                chosen = complete.columns[by] == i
                if chosen.any():
                    poses = predicted[chosen], target[chosen]
                    scores.append(_pck_score(by, name, *poses, every, data.skeleton))
    for joint, name in enumerate(data.skeleton.names):
        scores.append(_pck_score('joint', name, predicted, target, every[[joint]], data.skeleton))
    return PCKResult(len(complete), len(data) - len(complete), scores)


def _pck_score(by, name, predicted, target, joints, skeleton):
    figures = []
    for chosen in ([j for j in joints if skeleton.names[j] not in NOT_AMONG_14], joints):
        for metric in (metrics.pck, metrics.auc):
            figures.append(
                100 * float(metric(predicted[:, chosen], target[:, chosen]).mean())
                if len(chosen)
                else None
            )
    return PCKScore(by, name, len(predicted), *figures)
