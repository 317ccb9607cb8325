"""Human3.6M: its subjects, actions and cameras, and its conversion to a pose file.

`h36m_layouts` reads the public copies; here is what they have in common.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import shared
from chainer_pose.errors import InputError
from chainer_pose.evaluations import tables
from chainer_pose.skeletons import H36M17

if TYPE_CHECKING:
    from chainer_pose.utils.files import StrPath


NAME = 'h36m'
FPS = 50.0
SPLITS = {'train': ('S1', 'S5', 'S6', 'S7', 'S8'), 'test': ('S9', 'S11')}
SUBJECTS = tuple(subject for subjects in SPLITS.values() for subject in subjects)
ACTIONS = (
    'Directions', 'Discussion', 'Eating', 'Greeting', 'Phoning', 'Photo', 'Posing', 'Purchases',
    'Sitting', 'SittingDown', 'Smoking', 'Waiting', 'WalkDog', 'Walking', 'WalkTogether',
)  # fmt: skip
CAMERAS = ('54138969', '55011271', '58860488', '60457274')  # VideoPose3D's lists go by this order
TAKES_PER_ACTION = 2
# Frames at 50 Hz by all cameras, as published.
PUBLISHED_FRAMES = {'train': 1559752, 'test': 550644}
PUBLISHED_DETECTIONS = {('test', 'sh'): 548819, ('test', 'sh_ft'): 548819}
# The 17 joints that move, of the 32 that the files hold.
KEPT_OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
# Joints of the Stacked Hourglass network, in its order; it has no Neck/Nose.
HOURGLASS16 = (
    'RFoot', 'RKnee', 'RHip', 'LHip', 'LKnee', 'LFoot', 'Hip', 'Spine', 'Thorax', 'Head',
    'RWrist', 'RElbow', 'RShoulder', 'LShoulder', 'LElbow', 'LWrist',
)  # fmt: skip
# The network's detections of this camera are missing; the authors' code leaves
# it out for both of the subject's takes of this action, always.
_MISSING = ('S11', 'Directions', '54138969')
_S1_NAMES = {'TakingPhoto': 'Photo', 'WalkingDog': 'WalkDog'}


class Take(NamedTuple):
    """One recording; `number` is that of its name, 0 where it has none."""

    subject: str
    action: str
    number: int

    def __str__(self):
        return f'{self.subject} {self.action}{f" {self.number}" if self.number else ""}'


def parse_take(subject: str, name: str) -> Take | None:
    """The take that a file or key names: 'Discussion 2', 'TakingPhoto', 'Photo_1'.

    Returns:
        `Take`, or None if the name is not an action's.
    """
    match = re.fullmatch(r'([A-Za-z]+)(?:[ _](\d+))?', name)
    if match is None:
        return None
    action = _S1_NAMES.get(match[1], match[1])
    return Take(subject, action, int(match[2] or 0)) if action in ACTIONS else None


def order(take: Take) -> tuple[int, int, int]:
    """Sorting key: by subject, action and number, whatever the layout's own order."""
    return SUBJECTS.index(take.subject), ACTIONS.index(take.action), take.number


def lacks_detections(take: Take, camera: str) -> bool:
    """Whether this is the camera whose detections the public copies lack."""
    return (take.subject, take.action, camera) == _MISSING


def to_17_joints(pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bring detections to the 17 joints.

    The Stacked Hourglass's 16 lack Neck/Nose: it is filled as
    `shared.to_h36m17` says, and is marked as filled.

    Args:
        pose: (F, 16 or 17, 2) array, px.
    Returns:
        (pose, valid): (F, 17, 2) and (F, 17) bool, false where filled.
    """
    valid = np.ones((len(pose), len(H36M17)), bool)
    if pose.shape[1] == len(H36M17):
        return pose, valid
    valid[:, shared.NOSE] = False
    return shared.to_h36m17(pose, {name: i for i, name in enumerate(HOURGLASS16)}), valid


def convert(
    layout: Any,
    path: StrPath,
    step: int = 5,
    all_cameras: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> dict:
    """Write the pose file of a layout, a recording at a time.

    Args:
        layout: from `h36m_layouts.find`.
        path: of the pose file.
        step: keep every step-th frame of the 50 a second, from the first.
        all_cameras: keep the camera whose detections are missing.
        progress: called with (done, total, what) after each part.
    Returns:
        dict from (split, keypoints) to a dict from (subject, action) to
        (frames at 50 Hz by all cameras, poses written).
    Raises:
        InputError: for files that are missing or damaged; nothing is written.
    """
    header = pose_file.Header(
        name=NAME,
        skeleton=H36M17,
        names={'action': ACTIONS, 'subject': SUBJECTS, 'camera': CAMERAS},
        fps=FPS / step,
        source=f'Human3.6M (Ionescu et al. 2014), from {layout.kind}',
        licence='Human3.6M licence: academic use only; do not redistribute',
    )
    counts: dict = {}
    total = len(layout.takes) * (1 + len(layout.detections))
    done = 0
    with pose_file.writing(path, header) as writer:
        clips: list = []
        for take in layout.takes:
            for camera, (pose2d, pose3d) in layout.poses(take).items():
                is_kept = all_cameras or not lacks_detections(take, camera)
                clip = _Clip(take, camera, len(pose3d), len(clips), is_kept)
                if is_kept:
                    arrays = {'pose2d': pose2d[::step], 'pose3d': pose3d[::step]}
                    writer.append(clip.split, **arrays, **clip.columns(step))
                _count(counts, clip, 'gt', step)
                clips.append(clip)
            done += 1
            if progress:
                progress(done, total, str(take))
        for name in layout.detections:
            detected = layout.detected(name)
            for take, views in itertools.groupby(clips, key=lambda clip: clip.take):
                for clip in views:
                    pose = detected(take, clip.camera)
                    if clip.is_kept:
                        _append_detections(writer, layout, name, clip, pose, step)
                    if pose is not None:
                        _count(counts, clip, name, step)
                done += 1
                if progress:
                    progress(done, total, f'{name}, {take}')
            del detected  # some hold a whole file
    return counts


class _Clip(NamedTuple):
    take: Take
    camera: str
    n_frames: int
    index: int  # type: ignore[assignment]
    is_kept: bool

    @property
    def split(self):
        return 'train' if self.take.subject in SPLITS['train'] else 'test'

    def columns(self, step):
        frames = np.arange(0, self.n_frames, step)
        numbers = {
            'action': ACTIONS.index(self.take.action),
            'subject': SUBJECTS.index(self.take.subject),
            'camera': CAMERAS.index(self.camera),
            'clip': self.index,
        }
        return {'frame': frames, **{k: np.full(len(frames), v) for k, v in numbers.items()}}


def _append_detections(writer, layout, name, clip, pose, step):
    where = f'{layout.root}: {name}, {clip.take}, camera {clip.camera}'
    if pose is None:
        if not lacks_detections(clip.take, clip.camera):
            raise InputError(f'{where}: expected its detections, found none; {layout.how_to_get}')
        pose = np.full((clip.n_frames, len(H36M17), 2), np.nan, np.float32)
        valid = imputed = np.zeros(pose.shape[:2], bool)
    else:
        if len(pose) < clip.n_frames:
            raise InputError(f'{where}: expected {clip.n_frames} frames or more, found {len(pose)}')
        # Some videos run on when the motion capture has stopped.
        pose, valid = to_17_joints(pose[: clip.n_frames])
        imputed = ~valid
    arrays = {pose_file.array_name('pose2d', name): pose[::step]}
    writer.append(clip.split, valid[::step], imputed[::step], name, **arrays)


def _count(counts, clip, keypoints, step):
    cells = counts.setdefault((clip.split, keypoints), {})
    cell = clip.take.subject, clip.take.action
    frames, poses = cells.get(cell, (0, 0))
    written = len(range(0, clip.n_frames, step)) if clip.is_kept else 0
    cells[cell] = frames + clip.n_frames, poses + written


def summary(counts: Mapping) -> list[str]:
    """Lines that tell what was converted, beside what was published.

    Args:
        counts: from `convert`.
    Returns:
        list of str: a table of poses by subject and action, and for each split
        its frames at 50 Hz beside the published number.
    """
    written: dict[tuple[str, str], int] = {}
    for split in SPLITS:
        written |= {k: poses for k, (_, poses) in counts.get((split, 'gt'), {}).items()}
    subjects = [s for s in SUBJECTS if any(key[0] == s for key in written)]
    grid = {a: [written.get((subject, a), 0) for subject in subjects] for a in ACTIONS}
    grid['all'] = [sum(column) for column in zip(*grid.values())]
    rows = tuple(tables.Row(label, (*numbers, sum(numbers))) for label, numbers in grid.items())
    lines = tables.text(tables.Table(('poses', *subjects, 'all'), rows)).splitlines()
    for (split, keypoints), cells in counts.items():
        frames, poses = (sum(column) for column in zip(*cells.values()))
        line = f'{split}, {keypoints}: {poses} poses of {frames} frames at 50 Hz by all cameras'
        published = _published(split, keypoints)
        lines.append(
            line if published is None else f'{line}; {shared.beside_published(frames, published)}'
        )
    return lines


def _published(split, keypoints):
    if keypoints == 'gt':
        return PUBLISHED_FRAMES[split]
    return PUBLISHED_DETECTIONS.get((split, keypoints))


def incomplete(takes: Sequence[Take], subjects: Sequence[str]) -> str:
    """Which actions of which subjects have fewer recordings than Human3.6M has: text."""
    have = [(take.subject, take.action) for take in takes]
    few = [
        (subject, action, have.count((subject, action)))
        for subject in subjects
        for action in ACTIONS
        if have.count((subject, action)) < TAKES_PER_ACTION
    ]
    listed = ', '.join(f'{subject} {action} {n}' for subject, action, n in few[:8])
    return listed + (f' and {len(few) - 8} more' if len(few) > 8 else '')
