"""Human3.6M: its names, and its conversion to a pose file; `h36m_layouts` reads the copies."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import shared
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17
from chainer_pose.utils.files import StrPath

if TYPE_CHECKING:
    from chainer_pose.datasets.readers.h36m_layouts import Layout

NAME = 'h36m'
FPS = 50.0
SPLITS = {'train': ('S1', 'S5', 'S6', 'S7', 'S8'), 'test': ('S9', 'S11')}
SUBJECTS = tuple(subject for subjects in SPLITS.values() for subject in subjects)
ACTIONS = (
    'Directions', 'Discussion', 'Eating', 'Greeting', 'Phoning', 'Photo', 'Posing', 'Purchases',
    'Sitting', 'SittingDown', 'Smoking', 'Waiting', 'WalkDog', 'Walking', 'WalkTogether',
)  # fmt: skip
CAMERAS = ('54138969', '55011271', '58860488', '60457274')  # the order of VideoPose3D's lists
TAKES_PER_ACTION = 2
# Frames at 50 Hz by all cameras, as published.
PUBLISHED_FRAMES = {'train': 1559752, 'test': 550644}
PUBLISHED_DETECTIONS = {('test', 'sh'): 548819, ('test', 'sh_ft'): 548819}
# The 17 joints that move, of the 32 in the files.
KEPT_OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
# Joints of the Stacked Hourglass network, in its order, without Neck/Nose.
HOURGLASS16 = (
    'RFoot', 'RKnee', 'RHip', 'LHip', 'LKnee', 'LFoot', 'Hip', 'Spine', 'Thorax', 'Head',
    'RWrist', 'RElbow', 'RShoulder', 'LShoulder', 'LElbow', 'LWrist',
)  # fmt: skip
# The network's detections of this camera are missing; the authors' code leaves
# it out for both of the subject's takes of this action.
_MISSING = ('S11', 'Directions', '54138969')
_S1_NAMES = {'TakingPhoto': 'Photo', 'WalkingDog': 'WalkDog'}


class Take(NamedTuple):
    """One recording; `number` is that of its name, 0 for none."""

    subject: str
    action: str
    number: int

    def __str__(self) -> str:
        return f'{self.subject} {self.action}{f" {self.number}" if self.number else ""}'


# By split and keypoints, by subject and action: frames at 50 Hz of all cameras, poses written.
Counts = dict[tuple[str, str], dict[tuple[str, str], tuple[int, int]]]


def parse_take(subject: str, name: str) -> Take | None:
    """Parse a name such as 'Discussion 2', 'TakingPhoto', 'Photo_1'; None if it is no take's."""
    match = re.fullmatch(r'([A-Za-z]+)(?:[ _](\d+))?', name)
    if match is None:
        return None
    action = _S1_NAMES.get(match[1], match[1])
    return Take(subject, action, int(match[2] or 0)) if action in ACTIONS else None


def ordered(takes: Iterable[Take]) -> list[Take]:
    """Sort takes by subject, action and number."""
    return sorted(takes, key=lambda t: (SUBJECTS.index(t.subject), ACTIONS.index(t[1]), t.number))


def lacks_detections(take: Take, camera: str) -> bool:
    """Whether the public copies lack the detections of a camera."""
    return (take.subject, take.action, camera) == _MISSING


def convert(
    layout: Layout,
    path: StrPath,
    step: int = 5,
    all_cameras: bool = False,
    progress: shared.Progress = shared.silent,
) -> Counts:
    """Write the pose file of a layout, a recording at a time.

    Args:
        layout: from `h36m_layouts.find`.
        path: of the pose file.
        step: keep every step-th frame of the 50 a second, from the first.
        all_cameras: keep the camera whose detections are missing.
        progress: called after each part.
    Returns:
        `Counts`.
    Raises:
        InputError: for missing or damaged files; nothing is written.
    """
    header = pose_file.Header(
        name=NAME,
        skeleton=H36M17,
        names={'action': ACTIONS, 'subject': SUBJECTS, 'camera': CAMERAS},
        fps=FPS / step,
        source=f'Human3.6M (Ionescu et al. 2014), from {layout.kind}',
        licence='Human3.6M licence: academic use only; do not redistribute',
    )
    counts: Counts = {}
    total, done = len(layout.takes) * (1 + len(layout.detections)), itertools.count(1)
    clips: list[_Clip] = []
    with pose_file.writing(path, header) as writer:
        for take in layout.takes:
            for camera, (pose2d, pose3d) in layout.poses(take).items():
                is_kept = all_cameras or not lacks_detections(take, camera)
                clip = _Clip(take, camera, len(pose3d), is_kept)
                if is_kept:
                    frames = np.arange(0, len(pose3d), step)
                    columns = {
                        'action': ACTIONS.index(take.action),
                        'subject': SUBJECTS.index(take.subject),
                        'camera': CAMERAS.index(camera),
                        'clip': len(clips),
                    }
                    arrays: dict[str, Any] = {
                        k: np.full(len(frames), i) for k, i in columns.items()
                    }
                    arrays |= {'pose2d': pose2d[frames], 'pose3d': pose3d[frames], 'frame': frames}
                    writer.append(clip.split, **arrays)
                _count(counts, clip, 'gt', step)
                clips.append(clip)
            progress(next(done), total, str(take))
        for name in layout.detections:
            detected = layout.detected(name)
            for take, views in itertools.groupby(clips, key=lambda clip: clip.take):
                for clip in views:
                    pose = detected(take, clip.camera)
                    if clip.is_kept:
                        where = f'{layout.root}: {name}, {take}, camera {clip.camera}'
                        pose2d, valid, imputed = _to_17_joints(where, clip, pose)
                        arrays = {pose_file.array_name('pose2d', name): pose2d[::step]}
                        writer.append(clip.split, valid[::step], imputed[::step], name, **arrays)
                    if pose is not None:
                        _count(counts, clip, name, step)
                progress(next(done), total, f'{name}, {take}')
            del detected  # some hold a whole file
    return counts


class _Clip(NamedTuple):
    take: Take
    camera: str
    n_frames: int
    is_kept: bool

    @property
    def split(self) -> str:
        return 'train' if self.take.subject in SPLITS['train'] else 'test'


def _to_17_joints(
    where: str, clip: _Clip, pose: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Detections as (F, 17, 2), and which joints are detected and imputed, (F, 17) bool each."""
    valid, imputed = np.zeros((2, clip.n_frames, len(H36M17)), bool)
    if pose is None and lacks_detections(clip.take, clip.camera):
        return np.full((*valid.shape, 2), np.nan, np.float32), valid, imputed
    if pose is None or len(pose) < clip.n_frames:
        found = 'none' if pose is None else len(pose)
        raise InputError(f'{where}: expected {clip.n_frames} frames or more, found {found}')
    pose, valid = pose[: clip.n_frames], ~valid  # some videos outlast the motion capture
    if pose.shape[1] != len(H36M17):
        pose = shared.to_h36m17(pose, {joint: i for i, joint in enumerate(HOURGLASS16)})
        imputed[:, shared.NOSE], valid[:, shared.NOSE] = True, False
    return pose, valid, imputed


def _count(counts: Counts, clip: _Clip, keypoints: str, step: int) -> None:
    cells = counts.setdefault((clip.split, keypoints), {})
    cell = clip.take.subject, clip.take.action
    frames, poses = cells.get(cell, (0, 0))
    written = len(range(0, clip.n_frames, step)) if clip.is_kept else 0
    cells[cell] = frames + clip.n_frames, poses + written


def summary(counts: Mapping) -> list[str]:
    """Compare what was converted with what was published.

    Returns:
        lines: poses by action and subject, and for each split and keypoints the
        frames at 50 Hz beside the published number.
    """
    poses = {cell: n for split in SPLITS for cell, (_, n) in counts.get((split, 'gt'), {}).items()}
    subjects = [s for s in SUBJECTS if any(subject == s for subject, _ in poses)]
    lines = [f'{"poses":12}' + ''.join(f'{s:>8}' for s in subjects)]
    for action in ACTIONS:
        lines.append(f'{action:12}' + ''.join(f'{poses.get((s, action), 0):8}' for s in subjects))
    for (split, keypoints), cells in counts.items():
        frames, written = (sum(column) for column in zip(*cells.values()))
        line = f'{split}, {keypoints}: {written} poses of {frames} frames at 50 Hz by all cameras'
        published = PUBLISHED_DETECTIONS.get((split, keypoints))
        if keypoints == 'gt':
            published = PUBLISHED_FRAMES[split]
        lines.append(
            line + (f'; {shared.beside_published(frames, published)}' if published else '')
        )
    return lines


def incomplete(takes: Sequence[Take], subjects: Sequence[str]) -> str:
    """List the actions of subjects with fewer recordings than Human3.6M has, as text."""
    have = Counter(take[:2] for take in takes)
    cells = itertools.product(subjects, ACTIONS)
    few = [(*cell, have[cell]) for cell in cells if have[cell] < TAKES_PER_ACTION]
    listed = ', '.join(f'{subject} {action} {n}' for subject, action, n in few[:8])
    return listed + (f' and {len(few) - 8} more' if len(few) > 8 else '')
