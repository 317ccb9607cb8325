"""2D keypoints as detectors and annotators write them.

`read` detects the format and the joints, and gives every person of every frame, in order of
time, each frame and person once.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose import skeletons
from chainer_pose.datasets import pose_file
from chainer_pose.datasets.keypoints import csv as keypoint_csv
from chainer_pose.datasets.keypoints import json as keypoint_json
from chainer_pose.datasets.keypoints import people
from chainer_pose.datasets.keypoints.checks import tangle
from chainer_pose.datasets.keypoints.people import Table
from chainer_pose.datasets.readers.shared import Progress, silent
from chainer_pose.errors import InputError
from chainer_pose.utils import files

if TYPE_CHECKING:
    from chainer_pose.datasets import PoseData
    from chainer_pose.skeletons import Skeleton
    from chainer_pose.utils.files import StrPath


FORMATS = (*keypoint_json.FORMATS, 'csv', 'numpy', 'pose-file')
_SUFFIXES = {'.csv': 'csv', '.npy': 'numpy', '.npz': 'numpy'}
_SUFFIXES |= {'.h5': 'pose-file', '.hdf5': 'pose-file'}
_USUAL = ('coco17', 'openpose18', 'openpose_body25')  # what detectors give
_TANGLED, _MORE = 1.6, 1.1  # of `tangle`: no body; more than another, for certain


@dataclasses.dataclass(frozen=True)
class Keypoints:
    """N people, in order of time.

    Attributes:
        path: file or folder.
        format: one of `FORMATS`.
        skeleton: `skeletons.Skeleton` of the joints.
        pose2d: (N, K, 2) float32, px.
        confidence: (N, K) float32, 0 where a joint is missing; 1 where the format has none.
        frame, person: lists of N ids, whole numbers or texts, as the input has them; where it
            has none, the frame's number or the file's name, and a number for the person who
            is followed from frame to frame.
        fps: frames a second, 0 if unknown.
        notes: lines on what was assumed or left out.
        keypoints, splits: of a pose file, the name of its 2D joints, and dict from 'train' and
            'test' to the `PoseData` read.
    """

    path: str
    format: str
    skeleton: Skeleton
    pose2d: np.ndarray
    confidence: np.ndarray
    frame: list
    person: list
    fps: float = 0.0
    notes: tuple[str, ...] = ()
    keypoints: str = ''
    splits: dict[str, PoseData] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame)

    def poses(self, min_confidence: float) -> tuple[np.ndarray, np.ndarray]:
        """The poses with the skeleton's virtual joints.

        Args:
            min_confidence: a joint below is missing.
        Returns:
            (pose2d, visible) of shapes (N, J, 2) and (N, J).
        """
        visible = (self.confidence > 0) & (self.confidence >= min_confidence)
        return self.skeleton.add_virtual_joints(self.pose2d, visible)


def recognise(path: StrPath) -> str:
    """Return the format of `FORMATS` that a file's suffix means; '' for JSON and folders."""
    return _SUFFIXES.get(Path(path).suffix.lower(), '')


def read(
    path: StrPath,
    kind: str | None = None,
    skeleton: Skeleton | None = None,
    default: Skeleton | None = None,
    split: str | None = None,
    keypoints: str = 'gt',
    zeros_are_coordinates: bool = False,
    progress: Progress = silent,
) -> Keypoints:
    """Read keypoints.

    Args:
        path: file, or folder with a JSON file a frame.
        kind: one of `FORMATS`; None to detect it.
        skeleton: `skeletons.Skeleton` of the joints; None to go by their names, or by their
            number and by how the bones lie.
        default: `skeletons.Skeleton` to prefer where arrays or a CSV file without a header
            may be of several.
        split: of a pose file, which split; None for all.
        keypoints: of a pose file, the name of the 2D joints.
        zeros_are_coordinates: whether a joint at exactly 0, 0 is there; else it is missing.
        progress: called with (done, total, what).
    Returns:
        `Keypoints`.
    Raises:
        InputError: naming the file, what was expected and what was found.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f'{path}: expected keypoints, found no such file or folder')
    kind = kind or recognise(path)
    if path.is_dir() and kind in _SUFFIXES.values():
        raise InputError(f'{path}: expected a file of the format {kind}, found a folder')
    if kind == 'pose-file':
        return _read_pose_file(path, skeleton, split, keypoints)
    counts = _counts(_candidates(skeleton, default))
    if kind == 'csv':
        raw = keypoint_csv.read(path, counts)
    elif kind == 'numpy':
        raw = _read_arrays(path)
    else:
        raw = keypoint_json.read(path, counts, progress)
        if kind and {kind, raw.kind} not in ({raw.kind}, {'alphapose', 'coco-results'}):
            raise InputError(f'{path}: expected the format {kind}, found {raw.kind}')
    return _keypoints(path, raw, skeleton, default, zeros_are_coordinates)


def _keypoints(
    path: Path, raw: Table, skeleton: Skeleton | None, default: Skeleton | None, zeros: bool
) -> Keypoints:
    """Choose the joints, find those missing, and put people in order."""
    if not len(raw.joints):
        raise InputError(f'{path}: expected people with keypoints, found none')
    n, notes = len(raw.joints), []
    # Rows that name no frame are one of each frame, of one person.
    frame = raw.frame or list(range(n))
    person = raw.person or [None if raw.frame else 0] * n
    with np.errstate(over='ignore', invalid='ignore'):
        joints = raw.joints.astype(np.float32)
    pose2d = joints[:, :, :2]
    confidence = joints[:, :, 2] if joints.shape[2] == 3 else np.ones_like(joints[:, :, 0])
    confidence = np.where(np.isnan(joints).any(axis=2), 0, confidence)
    nowhere = (pose2d == 0).all(axis=2) & (confidence > 0)
    if nowhere.any() and not zeros:
        confidence[nowhere] = 0
        notes.append(f'{nowhere.sum()} joints at exactly 0, 0 are taken to be missing')
    infinite = np.isinf(joints).any(axis=2)
    if infinite.any():
        pose, joint = np.argwhere(infinite)[0]
        raise InputError(
            f'{path}: expected finite numbers, found {joints[pose, joint].tolist()} at joint '
            f'{joint} of person {pose}'
        )
    if raw.names is not None:
        skeleton, columns = _by_name(path, raw.names, skeleton, default)
        pose2d, confidence = pose2d[:, columns], confidence[:, columns]
    elif skeleton is None:
        skeleton, note = _by_shape(path, raw, pose2d, confidence > 0, default)
        notes += note
    elif pose2d.shape[1] not in _counts([skeleton]):
        raise InputError(
            f'{path}: expected the {len(skeleton.detected)} joints of {skeleton.name}, found '
            f'{pose2d.shape[1]}'
        )
    score = np.full(n, np.nan) if raw.score is None else raw.score
    score = np.where(np.isnan(score), confidence.mean(axis=1), score)
    kept = people.better_of_two(frame, person, score)
    if len(kept) < n:
        notes.append(
            f'{n - len(kept)} poses are of a frame and person given twice: those of the '
            f'better score are kept'
        )
    order = sorted(kept, key=lambda i: people.natural(frame[i]))
    pose2d, confidence = pose2d[order], confidence[order]
    frame, person = [frame[i] for i in order], [person[i] for i in order]
    if None in person:
        followed = people.follow(frame, pose2d, confidence > 0)
        if 1 < len(set(frame)) < len(frame):
            notes.append(
                f'the input names nobody: people are followed from frame to frame by where they '
                f'are, {max(followed) + 1} found'
            )
        # Numbers beside those who are named.
        first = 1 + max((p for p in person if isinstance(p, int)), default=-1)
        person = [first + one if p is None else p for one, p in zip(followed, person)]
    return Keypoints(
        str(path), raw.kind, skeleton, pose2d, confidence, frame, person, notes=tuple(notes)
    )


def _counts(known: list[Skeleton]) -> set[int]:
    """Numbers of joints that poses of these skeletons may have."""
    return {n for one in known for n in (len(one), len(one.detected))}


def _candidates(skeleton: Skeleton | None, default: Skeleton | None) -> list[Skeleton]:
    """Skeletons that the joints may be of: the default before the one given, or before all."""
    every = [skeleton] if skeleton else map(skeletons.get, ('h36m17', *skeletons.names()))
    return [*([default] if default else []), *every]


def _plain(name: str) -> str:
    """A joint's name without its spelling: left_eye, leftEye and LEye are one."""
    name = name.lower().replace('left', 'l').replace('right', 'r')
    return ''.join(filter(str.isalnum, name))


def _by_name(
    path: Path, names: list[str], skeleton: Skeleton | None, default: Skeleton | None
) -> tuple[Skeleton, list[int]]:
    """The skeleton of the most joints that all have one of the names, and their columns."""
    at = {_plain(name): i for i, name in enumerate(names)}
    known = _candidates(skeleton, default)
    fitting = [s for s in known if all(_plain(s.names[j]) in at for j in s.detected)]
    chosen = skeleton or max(fitting, key=lambda s: len(s.detected), default=None)
    if chosen is None:
        raise InputError(
            f'{path}: expected the joints of a skeleton that has a name, or the skeleton given, '
            f'found {", ".join(names[:4])}, ... ({len(names)})'
        )
    wanted = [_plain(name) for name in chosen.names]
    if not set(wanted) <= set(at):
        wanted = [wanted[j] for j in chosen.detected]
    missing = [name for name in chosen.names if _plain(name) in set(wanted) - set(at)]
    if missing:
        raise InputError(
            f'{path}: expected the joints of {chosen.name}, found no {", ".join(missing[:5])}'
        )
    return chosen, [at[name] for name in wanted]


def _by_shape(
    path: Path, raw: Table, pose2d: np.ndarray, visible: np.ndarray, default: Skeleton | None
) -> tuple[Skeleton, list[str]]:
    """The skeleton of that number of joints whose bones lie as in a body."""
    n = pose2d.shape[1]
    found = {s.name: s for s in _candidates(None, default)[::-1] if n in _counts([s])}
    score = {name: tangle(s, pose2d, visible) for name, s in found.items()}
    best = min(score.values(), default=np.inf)
    good = [name for name in found if score[name] <= _MORE * best]
    named = raw.kind in keypoint_json.FORMATS
    usual = _USUAL if named else [default.name] if default else []
    chosen = next((name for name in usual if name in good), None)
    if chosen is None and len(good) == 1 and best < _TANGLED:
        chosen = good[0]
    if chosen is None:
        raise InputError(
            f'{path}: expected the skeleton to be given for its {n} joints, found none that '
            f'is certain' + (f': {", ".join(sorted(found))} have as many' if found else '')
        )
    if named and chosen in _USUAL:
        return found[chosen], []
    return found[chosen], [f'nothing names the {n} joints: they are taken for those of {chosen}']


def _read_arrays(path: Path) -> Table:
    if path.suffix.lower() == '.npy':
        with files.reading(path, 'an array of numbers'):
            arrays = {'keypoints': np.load(path, allow_pickle=False)}
    else:
        arrays = files.read_npz(path)
    only = next(iter(arrays), None) if len(arrays) == 1 else None
    key = next((name for name in ('keypoints', 'pose2d', only) if name in arrays), None)
    expected = 'keypoints (N, J, 2) or (N, J, 3), and what is beside them for each of the N'
    with files.reading(path, expected):
        if key is None:
            raise ValueError(', '.join(sorted(arrays)) or 'nothing')
        joints = arrays[key].astype(np.float64, casting='safe')
        joints = joints[None] if joints.ndim == 2 else joints
        n, k, axes = joints.shape
        if axes not in (2, 3):
            raise ValueError(f'shape {joints.shape}')
        if 'confidence' in arrays:
            confidence = arrays['confidence'].astype(np.float64, casting='safe')
            joints = np.dstack([joints[:, :, :2], confidence.reshape(n, k)])
        frame, person = (
            arrays[name].reshape(n).tolist() if name in arrays else None
            for name in ('frame', 'person')
        )
        names = arrays.get('joint_names')
        names = None if names is None else [str(name) for name in names.reshape(k)]
    return Table(joints, frame, person, names, kind='numpy')


def _read_pose_file(
    path: Path, skeleton: Skeleton | None, split: str | None, keypoints: str
) -> Keypoints:
    names = (split,) if split else pose_file.splits_of(path)
    splits = {name: pose_file.read(path, name, keypoints) for name in names}
    parts = list(splits.values())
    if not sum(map(len, parts)):
        raise InputError(f'{path}: expected people with keypoints, found none')
    known = parts[0].skeleton
    if skeleton is not None and skeleton.names != known.names:
        raise InputError(
            f'{path}: expected the joints of {skeleton.name} in order, found those of {known.name}'
        )
    frame: list[int] = []
    for data in parts:
        numbers = data.columns.get('frame', len(frame) + np.arange(len(data)))
        frame += numbers.tolist()
    person = [one for data in parts for one in _persons(data)]
    pose2d = np.concatenate([data.pose2d for data in parts])
    confidence = np.concatenate([data.visible for data in parts]).astype(np.float32)
    return Keypoints(
        str(path), 'pose-file', skeleton or known, pose2d, confidence, frame, person,
        parts[0].fps, keypoints=keypoints, splits=splits,
    )  # fmt: skip


def _persons(data: PoseData) -> list:
    """Who is who in a pose file: the clip, and the camera where several saw it."""
    if 'clip' not in data.columns:
        return [0] * len(data)
    clips = data.columns['clip'].tolist()
    if 'camera' not in data.columns:
        return clips
    cameras = [data.names['camera'][i] for i in data.columns['camera'].tolist()]
    return [f'{clip}@{camera}' for clip, camera in zip(clips, cameras)]
