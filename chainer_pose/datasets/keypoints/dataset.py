"""A pose file to learn from, out of detectors' and annotators' keypoints."""

from collections.abc import Mapping, Sequence

import numpy as np

from chainer_pose import geometry
from chainer_pose.datasets import imputation, pose_file
from chainer_pose.datasets.keypoints.checks import find_faults, unseen
from chainer_pose.datasets.keypoints.people import ranks
from chainer_pose.datasets.keypoints.reader import Keypoints
from chainer_pose.errors import InputError
from chainer_pose.utils.files import StrPath


def convert(
    path: StrPath,
    inputs: Mapping[str, Sequence[Keypoints]],
    name: str,
    min_confidence: float,
    impute: bool,
    test_share: float,
    seed: int,
    licence: str,
) -> tuple[dict[str, list[int]], list[str]]:
    """Write a pose file.

    Poses with a joint missing keep their place, marked in `valid`: training leaves them out,
    unless they are imputed by the mean and covariance of the whole poses that train.

    Args:
        path: of the pose file.
        inputs: dict from 'train' and 'test' to lists of `Keypoints`, all of one skeleton.
        name: of the data set.
        min_confidence: a joint below is missing.
        impute: whether to impute.
        test_share: share of the training inputs' frames that test instead, 0 to 1, chosen by
            `seed`.
        licence: who may use the poses.
    Returns:
        (counts, warnings): dict from split to how many of its poses are whole, imputed, and lack
        a joint, and lines on what looks wrong.
    Raises:
        InputError: if there are too few whole poses.
    """
    sources = [(split, source) for split in pose_file.SPLITS for source in inputs[split]]
    skeleton = sources[0][1].skeleton
    poses = [source.poses(min_confidence) for _, source in sources]
    every2d, seen = map(np.concatenate, zip(*poses))
    n, prior = sum(map(len, inputs['train'])), None
    if impute:
        whole = every2d[:n][seen[:n].all(axis=1)]
        whole = whole[geometry.scale(whole, skeleton.root) > 0]
        if len(whole) < len(skeleton):
            raise InputError(
                f'expected {len(skeleton)} people or more with every joint of {skeleton.name} to '
                f'learn from, found {len(whole)}{unseen(skeleton, seen[:n])}',
                impute=None,
            )
        prior = imputation.Moments().add(geometry.normalize(whole, skeleton.root)[0]).prior()
    paths, fps = ', '.join(source.path for _, source in sources), sources[0][1].fps
    header = pose_file.Header(
        name, skeleton, fps=fps, source=f'2D keypoints: {paths}', licence=licence
    )
    rng = np.random.default_rng(seed)
    counts = {split: np.zeros(3, int) for split in pose_file.SPLITS}
    with pose_file.writing(path, header) as writer:
        for clip, ((split, source), (pose2d, visible)) in enumerate(zip(sources, poses)):
            imputed = np.zeros_like(visible)
            if prior is not None:
                pose2d, imputed = imputation.impute(prior, pose2d, visible)
            frame = np.array(ranks(source.frame))
            tests = rng.random(frame.max() + 1) < (1.0 if split == 'test' else test_share)
            for part, chosen in (('train', ~tests[frame]), ('test', tests[frame])):
                if chosen.any():
                    whole = visible[chosen].all(axis=1)
                    usable = (visible | imputed)[chosen].all(axis=1)
                    counts[part] += whole.sum(), (usable & ~whole).sum(), (~usable).sum()
                    columns = {'frame': frame[chosen], 'clip': np.full(chosen.sum(), clip)}
                    marks = visible[chosen], imputed[chosen]
                    writer.append(part, *marks, pose2d=pose2d[chosen], **columns)
        if not counts['train'][0]:
            raise InputError(
                f'{sources[0][1].path}: expected people with every joint of {skeleton.name} to '
                f'learn from, found none{unseen(skeleton, seen[:n])}'
            )
    found = {split: count.tolist() for split, count in counts.items() if count.any()}
    return found, find_faults(skeleton, every2d, seen)
