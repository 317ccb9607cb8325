"""A pose file to learn from, out of detectors' and annotators' keypoints."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose import geometry
from chainer_pose.datasets import imputation, pose_file, select_joints
from chainer_pose.datasets.keypoints.checks import Checks
from chainer_pose.errors import InputError

if TYPE_CHECKING:
    from chainer_pose.datasets.keypoints.reader import Input
    from chainer_pose.skeletons import Skeleton
    from chainer_pose.utils.files import StrPath


@dataclasses.dataclass
class Count:
    """What became of the poses of a split: how many were whole, filled, neither."""

    whole: int = 0
    imputed: int = 0
    partial: int = 0

    def add(self, visible: np.ndarray, imputed: np.ndarray) -> None:
        """Count poses by what was seen and what was filled, (N, J) bool each."""
        whole = visible.all(axis=1)
        repaired = (visible | imputed).all(axis=1) & ~whole
        self.whole += int(whole.sum())
        self.imputed += int(repaired.sum())
        self.partial += int((~whole & ~repaired).sum())


def convert(
    path: StrPath,
    inputs: Mapping[str, Sequence[Input]],
    name: str,
    min_confidence: float,
    impute: bool,
    test_share: float,
    seed: int,
    licence: str,
    progress: Callable[[int, int, str], None],
) -> tuple[dict[str, Count], list[str]]:
    """Write a pose file, part by part.

    Poses with a joint missing keep their place, marked in `valid`: training
    leaves them out, unless they are filled in by the rule of `imputation`, with
    the mean and covariance of the whole poses of the same inputs.

    Args:
        path: of the pose file.
        inputs: dict from 'train' and 'test' to lists of `keypoints.Input`, all
            of one skeleton.
        name: of the data set.
        min_confidence: a joint below is missing.
        impute: whether to fill.
        test_share: share of the training inputs' frames that test instead, 0 to 1.
        seed: of their choice.
        licence: who may use the poses.
        progress: called with (done, total, what).
    Returns:
        (counts, warnings): dict from split to `Count`, and lines on what looks
        doubtful.
    Raises:
        InputError: if an input is faulty, or there are too few whole poses.
    """
    everything = [source for sources in inputs.values() for source in sources]
    skeleton = everything[0].skeleton
    prior = _prior(inputs['train'], skeleton, min_confidence, progress) if impute else None
    header = pose_file.Header(
        name,
        skeleton,
        fps=everything[0].fps,
        source='2D keypoints: ' + ', '.join(source.path for source in everything),
        licence=licence,
    )
    counts: dict[str, Count] = {}
    doubts, rng = Checks(skeleton), np.random.default_rng(seed)
    ordered = [(split, source) for split, sources in inputs.items() for source in sources]
    with pose_file.writing(path, header) as writer:
        for clip, (split, source) in enumerate(ordered):
            frames = _Frames(1.0 if split == 'test' else test_share, rng)
            for batch in source.batches():
                pose2d, visible = skeleton.add_virtual_joints(
                    batch.pose2d, batch.visible(min_confidence)
                )
                doubts.add(pose2d, visible)
                imputed = np.zeros_like(visible)
                if prior is not None:
                    pose2d, imputed = imputation.fill(prior, pose2d, visible)
                numbers, tests = frames(batch.frame)
                for part, chosen in (('train', ~tests), ('test', tests)):
                    if chosen.any():
                        counts.setdefault(part, Count()).add(visible[chosen], imputed[chosen])
                        writer.append(
                            part,
                            visible[chosen],
                            imputed[chosen],
                            pose2d=pose2d[chosen],
                            frame=numbers[chosen],
                            clip=np.full(chosen.sum(), clip),
                        )
                progress(batch.done, source.total, source.path)
        if not counts.get('train', Count()).whole:
            raise InputError(
                f'{everything[0].path}: expected people with every joint of {skeleton.name} to '
                f'learn from, found none'
            )
    return {
        split: counts[split] for split in pose_file.SPLITS if split in counts
    }, doubts.warnings()


class _Frames:
    """Numbers the frames of an input, and draws which of them test: a share of them."""

    def __init__(self, share, rng):
        self._share, self._rng = share, rng
        self._known = {}

    def __call__(self, frames):
        for frame in frames:
            if frame not in self._known:
                self._known[frame] = len(self._known), self._rng.random() < self._share
        numbers, tests = zip(*(self._known[frame] for frame in frames))
        return np.array(numbers), np.array(tests)


def _prior(sources, skeleton, min_confidence, progress):
    moments = imputation.Moments()
    for source in sources:
        for batch in source.batches():
            pose2d, visible = skeleton.add_virtual_joints(
                batch.pose2d, batch.visible(min_confidence)
            )
            whole = pose2d[visible.all(axis=1)]
            whole = whole[geometry.scale(whole, skeleton.root) > 0]
            moments.add(geometry.normalize(whole, skeleton.root)[0])
            progress(batch.done, source.total, f'{source.path}: whole poses')
    if moments.count < len(skeleton):
        raise InputError(
            f'expected {len(skeleton)} people or more with every joint of '
            f'{skeleton.name} to learn the rule from, found {moments.count}',
            impute=None,
        )
    return moments.prior()


def reduce(path: StrPath, source: StrPath, skeleton: Skeleton) -> dict[str, int]:
    """Write a pose file with the joints of another skeleton, its 3D and splits kept.

    Args:
        path: of the new pose file.
        source: path of the old one.
        skeleton: `skeletons.Skeleton`; see `conversions.select_joints`.
    Returns:
        dict from split to the number of poses.
    Raises:
        InputError: if a joint is missing.
    """
    splits = {
        split: select_joints(pose_file.read(source, split), skeleton)
        for split in pose_file.splits_of(source)
    }
    pose_file.write(path, splits)
    return {split: len(data) for split, data in splits.items()}
