"""Human3.6M: its names, and its conversion to a pose file; `h36m_layouts` reads the copies."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainer_pose import skeletons
from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import shared
from chainer_pose.errors import IncompleteError, InputError
from chainer_pose.skeletons import H36M17, conversions
from chainer_pose.utils import files
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
# The 17 joints that move, of the 32 in the files.
KEPT_OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
# Joints of the Stacked Hourglass network, in its order, without Neck/Nose.
HOURGLASS16 = (
    'RFoot', 'RKnee', 'RHip', 'LHip', 'LKnee', 'LFoot', 'Hip', 'Spine', 'Thorax', 'Head',
    'RWrist', 'RElbow', 'RShoulder', 'LShoulder', 'LElbow', 'LWrist',
)  # fmt: skip
# The network's detections of this camera are missing for one take; the authors' code leaves the
# camera out for both of the subject's takes of this action.
MISSING = ('S11', 'Directions', '54138969')
# Of that take; VideoPose3D's copy lacks it by all cameras, and so counts 543,344 test frames.
_MISSING_FRAMES = 1825
HAVE_DETECTIONS = (
    "they are in 3d-pose-baseline's copy (S*/StackedHourglass) and VideoPose3D's "
    '(data_2d_h36m_sh_pt_mpii.npz)'
)
# px: the noise of detectors is some 10 px, and the ground truth of one take of S9 is some 130 mm
# away, up to 50 px; joints in another order, or of another camera, are further.
_MAX_DISTANCE = 70
_S1_NAMES = {'TakingPhoto': 'Photo', 'WalkingDog': 'WalkDog'}

# Joints that `conversions` computes from other joints of COCO.
_NOT_OF_COCO = [H36M17.names.index(n) for n in ('Hip', 'Spine', 'Thorax', 'Neck/Nose', 'Head')]


class Take(NamedTuple):
    """One recording; `number` is that of its name, 0 for none."""

    subject: str
    action: str
    number: int

    def __str__(self) -> str:
        return f'{self.subject} {self.action}{f" {self.number}" if self.number else ""}'


# By subject and action: frames at 50 Hz of all cameras, poses written.
Counts = Mapping[tuple[str, str], Sequence[int]]


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
    return (take.subject, take.action, camera) == MISSING


def convert(
    layout: Layout,
    path: StrPath,
    step: int = 5,
    all_cameras: bool = False,
    progress: shared.Progress = shared.silent,
    partial: bool = False,
    detections: bool = True,
) -> Counts:
    """Write the pose file of a layout, a recording at a time, or nothing.

    Args:
        step: keep every step-th frame of the 50 a second, from the first.
        all_cameras: keep the camera whose detections are missing.
        partial: convert a copy in which recordings of its subjects are missing, too.
    Raises:
        IncompleteError: if recordings are missing.
        InputError: for damaged files.
    """
    found = {split: missing(layout, split, all_cameras) for split in SPLITS}
    names = [name for of_split in found.values() for name in of_split]
    if names and not (partial and any(map(layout.views, layout.takes))):
        absent = (layout.absent(take, camera) for take in layout.takes for camera in CAMERAS)
        hint = next(filter(None, absent), layout.how_to_get)
        raise IncompleteError(
            f'{layout.root}: expected every take of {" ".join(layout.subjects)} by every camera, '
            f'found these missing: {_listed(names)}; {hint}, or convert a part by --partial'
        )
    header = pose_file.Header(
        name=NAME,
        skeleton=H36M17,
        names={'action': ACTIONS, 'subject': SUBJECTS, 'camera': CAMERAS},
        fps=FPS / step,
        source=f'Human3.6M (Ionescu et al. 2014), from {layout.kind}',
        licence='Human3.6M licence: academic use only; do not redistribute',
        preparation='camera {2} of {0} {1} kept'.format(*MISSING) if all_cameras else '',
    )
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    with pose_file.writing(path, header) as writer:
        for i, take in enumerate(layout.takes):
            views = layout.poses(take)
            for j, camera in enumerate(CAMERAS):
                is_excused = lacks_detections(take, camera)
                if not views or (camera not in views and not is_excused):
                    continue
                pose2d, pose3d = views.get(camera, next(iter(views.values())))
                counts[take[:2]][0] += len(pose3d)
                if camera in views and (all_cameras or not is_excused):
                    frames = np.arange(0, len(pose3d), step)
                    columns = {
                        'action': ACTIONS.index(take.action),
                        'subject': SUBJECTS.index(take.subject),
                        'camera': j,
                        'clip': i,
                    }
                    arrays: dict[str, Any] = {
                        key: np.full(len(frames), index) for key, index in columns.items()
                    }
                    arrays |= {'pose2d': pose2d[frames], 'pose3d': pose3d[frames], 'frame': frames}
                    writer.append(_split(take.subject), **arrays)
                    counts[take[:2]][1] += len(frames)
            progress(i + 1, len(layout.takes), str(take))
        for split in writer.splits:
            writer.lack(split, *_lacks(layout, split, found[split], counts, all_cameras))
        try:
            for name in layout.detections if detections else ():
                _append_detections(writer, layout, name, dict(enumerate(layout.takes)), progress)
        except InputError as error:
            message = f'{error}; prepare_h36m.py --no-detections converts the rest'
            raise InputError(message) from error
    return counts


def add_detections(layout: Layout, path: StrPath, progress: shared.Progress) -> None:
    """Add a layout's detections to the pose file of the same recordings, whole or not at all.

    Raises:
        InputError: if there are none that the file lacks, or the recordings are others.
    """
    names = [name for name in layout.detections if name not in pose_file.keypoints_of(path)]
    if not names:
        raise InputError(
            f'expected detections that {path} lacks, found '
            f'{" ".join(layout.detections) or "none"}; {HAVE_DETECTIONS}',
            root=layout.root,
        )
    with pose_file.writing(path) as writer:
        with files.reading(path, 'a pose file of Human3.6M'):
            takes = _stored_takes(writer, layout)
        for name in names:
            _append_detections(writer, layout, name, takes, progress)


def _split(subject: str) -> str:
    return 'train' if subject in SPLITS['train'] else 'test'


def _stored_takes(writer: pose_file.Writer, layout: Layout) -> dict[int, Take]:
    """Find the takes of a pose file, which numbers its own, in a layout, by their order."""
    takes: dict[int, Take] = {}
    for split in writer.splits:
        subject, action = (writer.stored(split, name)[()] for name in ('subject', 'action'))
        clip = _stored_clips(writer, split)
        stored = np.unique(np.stack([subject, action, clip]), axis=1).T.tolist()
        for (i, j), of_cell in itertools.groupby(stored, lambda row: row[:2]):
            cell, numbers = (SUBJECTS[i], ACTIONS[j]), [row[2] for row in of_cell]
            found = [take for take in layout.takes if take[:2] == cell]
            if cell == MISSING[:2]:  # some copies lack the first
                found = [Take(*cell, -1), *found][-len(numbers) :]
            if len(found) != len(numbers):
                raise InputError(
                    f'expected as many takes of {" ".join(cell)} as in {layout.root}, which has '
                    f'{len(found)}, found {len(numbers)}'
                )
            takes |= zip(numbers, found)
    return takes


def _stored_clips(writer: pose_file.Writer, split: str) -> np.ndarray:
    """Read the number of each pose's take; older files number the views of each camera."""
    clip, camera = (writer.stored(split, name)[()] for name in ('clip', 'camera'))
    return clip // len(CAMERAS) if (clip % len(CAMERAS) == camera).all() else clip


def _append_detections(
    writer: pose_file.Writer,
    layout: Layout,
    name: str,
    takes: Mapping[int, Take],
    progress: shared.Progress,
) -> None:
    """Append detections of all poses, whose takes are given by number."""
    detected, done = layout.detected(name), 0
    for split in writer.splits:
        cameras, frame = (writer.stored(split, column)[()] for column in ('camera', 'frame'))
        clip = _stored_clips(writer, split)
        starts = np.flatnonzero(np.diff(len(CAMERAS) * clip + cameras, prepend=-1)).tolist()
        for rows in itertools.starmap(slice, itertools.pairwise([*starts, len(clip)])):
            number, camera = int(clip[rows.start]), int(cameras[rows.start])
            take, frames = takes[number], frame[rows]
            where = f'{layout.root}: {name}, {take}, camera {CAMERAS[camera]}'
            pose = detected(take, CAMERAS[camera])
            is_excused = lacks_detections(take, CAMERAS[camera]) or take.number < 0
            valid, imputed = np.zeros((2, len(frames), len(H36M17)), bool)
            if pose is None and is_excused:
                pose = np.full((*valid.shape, 2), np.nan, np.float32)
            elif pose is None or len(pose) <= frames[-1]:
                found = 'none' if pose is None else len(pose)
                raise InputError(
                    f'{where}: expected {frames[-1] + 1} frames or more, found {found}'
                )
            else:
                pose, imputed = _to_17_joints(pose[frames], name in layout.coco)
                valid = ~imputed
                error = np.linalg.norm(pose - writer.stored(split, 'pose2d')[rows], axis=2)
                if np.median(error) > _MAX_DISTANCE:
                    raise InputError(
                        f"{where}: expected Human3.6M's joints near the ground truth, found them "
                        f'at a median distance of {np.median(error):.0f} px'
                    )
            arrays = {pose_file.array_name('pose2d', name): pose}
            writer.append(split, valid, imputed, name, **arrays)
            done += camera == len(CAMERAS) - 1
            progress(done, len(takes), f'{name}, {take}')


def _to_17_joints(pose: np.ndarray, is_coco: bool) -> tuple[np.ndarray, np.ndarray]:
    """Detections as (F, 17, 2), and which joints are imputed, (F, 17) bool."""
    imputed = np.zeros((len(pose), len(H36M17)), bool)
    if is_coco:
        source = skeletons.get('coco17')
        pose, visible = source.add_virtual_joints(pose, np.ones(pose.shape[:2], bool))
        pose, _ = conversions.convert(pose, visible, source, H36M17)
        imputed[:, _NOT_OF_COCO] = True
    elif pose.shape[1] != len(H36M17):
        pose = shared.to_h36m17(pose, {joint: i for i, joint in enumerate(HOURGLASS16)})
        imputed[:, shared.NOSE] = True
    return pose, imputed


def summary(counts: Counts) -> list[str]:
    """Return lines: poses by action and subject, and those of each split."""
    subjects = [s for s in SUBJECTS if any(subject == s for subject, _ in counts)]
    lines = [f'{"poses":12}' + ''.join(f'{s:>8}' for s in subjects)]
    for action in ACTIONS:
        cells = (counts.get((subject, action), (0, 0)) for subject in subjects)
        lines.append(f'{action:12}' + ''.join(f'{poses:8}' for _, poses in cells))
    for split in dict.fromkeys(map(_split, subjects)):
        frames, poses = _sums(counts, split)
        lines.append(f'{split}: {poses} poses of {frames} frames at 50 Hz by all cameras')
    return lines


def _sums(counts: Counts, split: str) -> list[int]:
    return [sum(n) for n in zip(*(n for (s, _), n in counts.items() if s in SPLITS[split]))]


def missing(layout: Layout, split: str, all_cameras: bool) -> list[str]:
    """Name the recordings of a layout's subjects that are missing, without those excused."""
    names = []
    for subject in (s for s in SPLITS[split] if s in layout.subjects):
        takes = [take for take in layout.takes if take.subject == subject]
        have = Counter(take.action for take in takes)
        if takes:
            for action in ACTIONS:
                excused = layout.lacks_take and (subject, action) == MISSING[:2]
                n = TAKES_PER_ACTION - have[action] - (excused and have[action] < TAKES_PER_ACTION)
                if n > 0:
                    names.append(f'{"both takes" if n > 1 else "a take"} of {subject} {action}')
        else:
            names.append(f'every take of {subject}')
        names += [
            f'{take} by camera {camera}'
            for take, camera in itertools.product(takes, CAMERAS)
            if layout.absent(take, camera) and (all_cameras or not lacks_detections(take, camera))
        ]
    return names


def _listed(names: Sequence[str]) -> str:
    return ', '.join(names[:8]) + (f' and {len(names) - 8} more' if len(names) > 8 else '')


def _lacks(
    layout: Layout, split: str, names: Sequence[str], counts: Counts, all_cameras: bool
) -> tuple[str, str]:
    """What a split lacks, and what of that is excused: `PoseData.lacks` and `PoseData.excused`."""
    left_out = [subject for subject in SPLITS[split] if subject not in layout.subjects]
    names = [*([f'subjects {" ".join(left_out)}'] if left_out else []), *names]
    excused, expected = [], PUBLISHED_FRAMES[split]
    if MISSING[0] in SPLITS[split] and MISSING[0] in layout.subjects:
        subject, action, camera = MISSING
        if not all_cameras:
            excused.append(f"{subject} {action} by camera {camera} (in the authors' code, too)")
        if layout.lacks_take and sum(take[:2] == MISSING[:2] for take in layout.takes) == 1:
            excused.append(f'a take of {subject} {action} (in all copies of {layout.name})')
            expected -= len(CAMERAS) * _MISSING_FRAMES
    frames, _ = _sums(counts, split)
    if not names and frames != expected:
        n = expected - frames
        names = [f'{n} of {expected} frames at {FPS:g} Hz']
        if n < 0:
            names = [f'the published number of frames, {expected} at {FPS:g} Hz: has {-n} more']
    return _listed(names), '; '.join(excused)
