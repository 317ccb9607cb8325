"""2D keypoints as detectors and annotators write them, in batches.

`open_input` finds out the format (or is told), then gives the poses of every
person of every frame part by part: long inputs are never held whole, but for
JSON files whose outermost value is an object.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainer_pose import skeletons
from chainer_pose.datasets import pose_file
from chainer_pose.datasets.keypoints import csv as keypoint_csv
from chainer_pose.datasets.keypoints import json as keypoint_json
from chainer_pose.errors import InputError
from chainer_pose.utils import files

if TYPE_CHECKING:
    from chainer_pose.skeletons import Skeleton
    from chainer_pose.utils.files import StrPath


FORMATS = (*keypoint_json.FORMATS, 'csv', 'numpy', 'pose-file')
_SUFFIXES = {
    '.csv': 'csv',
    '.npy': 'numpy',
    '.npz': 'numpy',
    '.h5': 'pose-file',
    '.hdf5': 'pose-file',
}
# Of detectors that say no more than how many joints they give.
_BY_COUNT = {
    'openpose': {18: 'openpose18', 25: 'openpose_body25'},
    **{kind: {17: 'coco17'} for kind in ('coco', 'coco-results', 'alphapose', 'mmpose')},
}
_BATCH = 4096


class Batch(NamedTuple):
    """Poses of some people.

    Attributes:
        pose2d: (N, K, 2) float32, px.
        confidence: (N, K) float32, 0 where a joint is missing; 1 where the
            format has no confidence.
        frame, person: lists of N ids, whole numbers or texts, as the input has
            them; where it has none, the frame's number or the file's name, and
            the person's number within the frame.
        done: how much of `Input.total` has been read.
    """

    pose2d: np.ndarray
    confidence: np.ndarray
    frame: list
    person: list
    done: int

    def visible(self, min_confidence: float) -> np.ndarray:
        """(N, K) bool, joints that were found with that confidence or more."""
        return (self.confidence > 0) & (self.confidence >= min_confidence)


@dataclasses.dataclass(frozen=True)
class Input:
    """Keypoints to be read.

    Attributes:
        path: file or folder.
        format: one of `FORMATS`.
        skeleton: `skeletons.Skeleton` of the joints.
        total: how much there is to read, in bytes, files or poses.
        fps: frames a second, 0 if unknown.
        assumed: whether nothing told the joints, and the default was taken.
        batches: call it for an iterator of `Batch`, each time from the start.
    """

    path: str
    format: str
    skeleton: skeletons.Skeleton
    total: int
    fps: float
    batches: Callable
    assumed: bool = False


def recognise(path: StrPath) -> str:
    """The format of a file or folder: one of `FORMATS`.

    Raises:
        InputError: if it is none that is known.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f'{path}: expected keypoints, found no such file or folder')
    if path.suffix.lower() in _SUFFIXES:
        return _SUFFIXES[path.suffix.lower()]
    return keypoint_json.recognise(path)


def open_input(
    path: StrPath,
    kind: str | None = None,
    skeleton: Skeleton | None = None,
    default: Skeleton | None = None,
    split: str | None = None,
    keypoints: str = 'gt',
) -> Input:
    """Open keypoints for reading.

    Args:
        path: file, or folder with a JSON file a frame.
        kind: one of `FORMATS`; found out if None.
        skeleton: `skeletons.Skeleton` of the joints; None for what the file says,
            or what its format and number of joints mean.
        default: `skeletons.Skeleton` to take where nothing tells (CSV without a
            header, arrays) and its number of joints fits.
        split: of a pose file, which split; None for all.
        keypoints: of a pose file, the name of the 2D joints.
    Returns:
        `Input`.
    Raises:
        InputError: naming the file, what was expected and what was found; by
            `batches` too.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f'{path}: expected keypoints, found no such file or folder')
    kind = kind or recognise(path)
    if kind == 'pose-file':
        return _open_pose_file(path, skeleton, split, keypoints)
    if path.is_dir() and kind in ('csv', 'numpy'):
        raise InputError(f'{path}: expected a file of the format {kind}, found a folder')
    if kind == 'numpy':
        return _open_arrays(path, skeleton, default)
    if kind == 'csv':
        return _open_csv(path, skeleton, default)
    return _open_json(path, kind, skeleton)


def _guess(path, kind, n_joints, named, skeleton, default=None):
    """The skeleton of `n_joints` joints, called `named` if the file names them."""
    if named is not None and skeleton is None:
        known = (skeletons.named(name) for name in skeletons.names())
        skeleton = next((s for s in known if _names(s) == tuple(named)), None)
        if skeleton is None:
            raise InputError(
                f'{path}: expected joints of a known skeleton, or --skeleton FILE.json, found '
                f'{", ".join(named[:4])}, ... ({len(named)})'
            )
    if skeleton is None:
        name = _BY_COUNT.get(kind, {}).get(n_joints)
        skeleton = skeletons.named(name) if name else default
    if skeleton is None:
        raise InputError(
            f'{path}: expected --skeleton for its {n_joints} joints, found none; '
            f'python -m chainer_pose.skeletons lists them'
        )
    if n_joints not in (len(skeleton), len(skeleton.detected)):
        raise _wrong_count(path, '', skeleton, n_joints)
    return skeleton


def _names(skeleton):
    return tuple(skeleton.names[j] for j in skeleton.detected)


def _wrong_count(path, where, skeleton, found):
    at = f'{path}: {where}' if where else path
    n = len(skeleton.detected)
    return InputError(f'{at}: expected the {n} joints of {skeleton.name}, found {found}')


def _float32(array):
    """What float32 cannot hold becomes infinite, and is refused by `_check`."""
    with np.errstate(over='ignore', invalid='ignore'):
        return np.asarray(array).astype(np.float32)


def _check(path, wheres, pose2d, confidence):
    """Refuse what is no number where a joint is said to be there."""
    bad = ~np.isfinite(confidence) | ((confidence > 0) & ~np.isfinite(pose2d).all(axis=2))
    if bad.any():
        pose, joint = np.argwhere(bad)[0]
        found = [*pose2d[pose, joint].tolist(), float(confidence[pose, joint])]
        raise InputError(
            f'{path}: {wheres[pose]}: expected finite numbers, found {found} at joint {joint}'
        )


def _open_json(path, kind, skeleton):
    people = keypoint_json.people(path, kind)
    first = next(people, None)
    if first is None:
        raise InputError(f'{path}: expected people with keypoints, found none')
    skeleton = _guess(first.path, kind, len(first.joints), None, skeleton)
    n_joints = len(first.joints)
    begun = [itertools.chain([first], people)]  # spares the first batches a second reading

    def batches():
        everyone = begun.pop() if begun else keypoint_json.people(path, kind)
        while group := list(itertools.islice(everyone, _BATCH)):
            for person in group:
                if len(person.joints) != n_joints:
                    raise _wrong_count(person.path, person.where, skeleton, len(person.joints))
            joints = np.stack([person.joints for person in group])
            pose2d, confidence = _float32(joints[:, :, :2]), _float32(joints[:, :, 2])
            wheres = [
                person.where if person.path == path else f'{person.path}: {person.where}'
                for person in group
            ]
            _check(path, wheres, pose2d, confidence)
            yield Batch(
                pose2d,
                confidence,
                [person.frame for person in group],
                [person.person for person in group],
                group[-1].done,
            )

    return Input(str(path), kind, skeleton, keypoint_json.total(path), 0.0, batches)


def _open_arrays(path, skeleton, default):
    arrays = _load_arrays(path)
    joints = arrays['keypoints']
    if joints.ndim == 2:
        joints = joints[None]
    if joints.ndim != 3 or joints.shape[2] not in (2, 3) or joints.dtype.kind not in 'fiu':
        raise InputError(
            f'{path}: expected numbers of shape (N, J, 2) or (N, J, 3), found {joints.dtype} of '
            f'shape {joints.shape}'
        )
    n = len(joints)
    if not n:
        raise InputError(f'{path}: expected people with keypoints, found none')
    for name, shape in (('confidence', joints.shape[:2]), ('frame', (n,)), ('person', (n,))):
        if name in arrays and arrays[name].shape != shape:
            raise InputError(f'{path}: {name}: expected shape {shape}, found {arrays[name].shape}')
    if arrays.get('confidence', joints).dtype.kind not in 'fiub':
        raise InputError(
            f'{path}: confidence: expected numbers, found {arrays["confidence"].dtype}'
        )
    named = None
    if 'joint_names' in arrays:
        named = [str(name) for name in np.atleast_1d(arrays['joint_names'])]
    assumed = skeleton is None and named is None
    skeleton = _guess(path, 'numpy', joints.shape[1], named, skeleton, default)

    def batches():
        for start in range(0, n, _BATCH):
            part = slice(start, start + _BATCH)
            pose2d = _float32(joints[part, :, :2])
            if 'confidence' in arrays:
                confidence = _float32(arrays['confidence'][part])
            elif joints.shape[2] == 3:
                confidence = _float32(joints[part, :, 2])
            else:
                confidence = np.ones(pose2d.shape[:2], np.float32)
            numbers = range(start, start + len(pose2d))
            _check(path, [f'pose {i}' for i in numbers], pose2d, confidence)
            frame = arrays['frame'][part].tolist() if 'frame' in arrays else list(numbers)
            person = arrays['person'][part].tolist() if 'person' in arrays else [0] * len(pose2d)
            yield Batch(pose2d, confidence, frame, person, numbers[-1] + 1)

    return Input(str(path), 'numpy', skeleton, n, 0.0, batches, assumed)


def _load_arrays(path):
    if path.suffix.lower() != '.npy':
        arrays = files.read_npz(path)
        names = ('keypoints', 'pose2d', *(arrays if len(arrays) == 1 else ()))
        found = next((name for name in names if name in arrays), None)
        if found is None:
            raise InputError(
                f'{path}: expected an array called keypoints, found '
                f'{", ".join(sorted(arrays)) or "nothing"}'
            )
        others = ('confidence', 'frame', 'person', 'joint_names')
        return {'keypoints': arrays[found]} | {k: arrays[k] for k in others if k in arrays}
    try:
        return {'keypoints': np.load(path, mmap_mode='r', allow_pickle=False)}
    except Exception as error:  # NumPy raises whatever damage leads it to
        raise InputError(f'{path}: expected an array of numbers, found: {error!s:.80}') from error


def _open_csv(path, skeleton, default):
    """One row a pose; data/README.md describes the header."""
    with keypoint_csv.rows(path) as rows:
        first = next(rows, None)
    if first is None:
        raise InputError(f'{path}: expected rows of numbers, found none')
    has_header = not all(map(keypoint_csv.is_number, first.cells))
    assumed = False
    if has_header:
        layout = keypoint_csv.header(path, first.cells, skeleton)
        skeleton = _guess(path, 'csv', len(layout.columns), layout.names, skeleton)
    else:
        layout = keypoint_csv.plain(path, len(first.cells), skeleton or default)
        assumed = skeleton is None
        skeleton = _guess(path, 'csv', len(layout.columns), None, skeleton, default)

    def batches():
        with keypoint_csv.rows(path) as rows:
            if has_header:
                next(rows)
            n = 0
            while group := list(itertools.islice(rows, _BATCH)):
                pose2d, confidence = map(_float32, keypoint_csv.joints(path, layout, group))
                _check(path, [f'line {row.line}' for row in group], pose2d, confidence)
                frame, person = list(range(n, n + len(group))), [0] * len(group)
                if layout.frame is not None:
                    frame = [keypoint_csv.identity(row.cells[layout.frame]) for row in group]
                if layout.person is not None:
                    person = [keypoint_csv.identity(row.cells[layout.person]) for row in group]
                yield Batch(pose2d, confidence, frame, person, group[-1].done)
                n += len(group)
            if not n:
                raise InputError(f'{path}: expected rows of numbers, found none')

    return Input(str(path), 'csv', skeleton, path.stat().st_size, 0.0, batches, assumed)


def _open_pose_file(path, skeleton, split, keypoints):
    splits = (split,) if split else pose_file.splits_of(path)
    parts = [pose_file.read(path, name, keypoints) for name in splits]
    known = parts[0].skeleton
    if skeleton is not None and skeleton.names != known.names:
        if len(skeleton) != len(known):
            raise _wrong_count(path, '', skeleton, len(known))
        stray = next(a for a, b in zip(known.names, skeleton.names) if a != b)
        raise InputError(
            f'{path}: expected the joints of {skeleton.name} in order, found {stray!r} elsewhere'
        )
    if not sum(map(len, parts)):
        raise InputError(f'{path}: expected people with keypoints, found none')

    def batches():
        done = 0
        for data in parts:
            for start in range(0, len(data), _BATCH):
                part = data.select(slice(start, start + _BATCH))
                numbers = range(done, done + len(part))
                done += len(part)
                frame = part.columns['frame'].tolist() if 'frame' in part.columns else [*numbers]
                confidence = part.visible.astype(np.float32)
                yield Batch(part.pose2d, confidence, frame, _persons(part), done)

    total = sum(map(len, parts))
    return Input(str(path), 'pose-file', skeleton or known, total, parts[0].fps, batches)


def _persons(data):
    """Who is who in a pose file: the clip, and the camera where several saw it."""
    if 'clip' not in data.columns:
        return [0] * len(data)
    clips = data.columns['clip'].tolist()
    if 'camera' not in data.columns:
        return clips
    cameras = [data.names['camera'][i] for i in data.columns['camera'].tolist()]
    return [f'{clip}@{camera}' for clip, camera in zip(clips, cameras)]
