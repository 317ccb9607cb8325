"""Lifted data sets as pose files: what was 2D only, with the predicted pose3d."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose import datasets
from chainer_pose.datasets import pose_file
from chainer_pose.utils import files

if TYPE_CHECKING:
    from chainer_pose.datasets import PoseData
    from chainer_pose.links import Generator
    from chainer_pose.utils.files import StrPath


_PART = 65536  # poses lifted and written at a time


def export(
    path: StrPath,
    generator: Generator,
    weights: StrPath,
    splits: Mapping[str, PoseData],
    keypoints: str = 'gt',
    batchsize: int = 4096,
) -> dict[str, tuple[int, int]]:
    """Lift whole splits and write them as a pose file.

    pose3d has x, y and z in the input's pixels, relative to the root joint, in
    the camera frame: a scale-free method has no millimetres. Poses that cannot
    be lifted are left out; `frame`, `clip` and the like tell which ones are
    there. The file says which weights lifted it: their name and SHA-256.

    Args:
        path: of the pose file.
        generator: `links.Generator`.
        weights: path of its file.
        splits: dict from 'train' and 'test' to `datasets.PoseData`.
        keypoints: name of the 2D joints, for the file's record.
        batchsize: poses lifted at a time.
    Returns:
        dict from split to (poses lifted, poses left out).
    Raises:
        InputError: as `pose_file.writing`.
        OSError: if the file cannot be written.
    """
    first = next(iter(splits.values()))
    header = first.header(
        source=f'{first.source}; pose3d predicted by chainer_pose from keypoints {keypoints}',
        units_3d='px',
        extra={
            'weights': Path(weights).name,
            'weights_sha256': files.sha256(weights),
            'keypoints': keypoints,
        },
    )
    counts = {}
    with pose_file.writing(path, header) as writer:
        for split, data in splits.items():
            complete = np.flatnonzero(datasets.complete(data))
            counts[split] = len(complete), len(data) - len(complete)
            for start in range(0, max(len(complete), 1), _PART):
                part = data.select(complete[start : start + _PART])
                pose3d = generator.lift(part.pose2d, part.skeleton.root, batchsize)
                arrays = {'pose2d': part.pose2d, 'pose3d': pose3d, **part.columns}
                writer.append(split, part.valid, part.imputed, **arrays)
    return counts
