"""2D keypoints as detectors and annotators write them.

`read` detects the format and the joints, and gives every person of every frame, in order of
time, each frame and person once.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np

from chainer_pose.datasets import PoseData, pose_file
from chainer_pose.datasets.keypoints import arrays, joints, people
from chainer_pose.datasets.keypoints import csv as keypoint_csv
from chainer_pose.datasets.keypoints import json as keypoint_json
from chainer_pose.datasets.keypoints.checks import looks_normalized
from chainer_pose.datasets.keypoints.people import Table
from chainer_pose.datasets.readers.shared import Progress, silent
from chainer_pose.errors import InputError
from chainer_pose.skeletons import Skeleton
from chainer_pose.utils import files, hdf5
from chainer_pose.utils.files import StrPath

_SUFFIXES = {
    '.csv': 'csv',
    '.tsv': 'csv',
    '.txt': 'yolo',
    '.npy': 'numpy',
    '.npz': 'numpy',
    '.pkl': 'mmaction',
}
# Shares, percents, bytes, and what stands for none; 3D in mm or px has other thirds.
_CONFIDENCES = -10, 255
_READERS: dict[str, Callable[[Path, Collection[int]], Table]] = {
    'csv': keypoint_csv.read,
    'deeplabcut': keypoint_csv.read,
    'yolo': keypoint_csv.read_yolo,
    'sleap': arrays.read_sleap,
    'numpy': arrays.read,
    'videopose3d': arrays.read,
    'mmaction': arrays.read_pickle,
    'motionbert': arrays.read_pickle,
}
FORMATS = (*keypoint_json.FORMATS, *_READERS, 'pose-file')
# Formats of coordinates that were divided by the image's width and height.
_NORMALIZED = ('yolo', 'mediapipe', 'st-gcn')


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
    """Return the format of `FORMATS` that a file's suffix means, or what a folder or an HDF5 file
    holds; '' for JSON."""
    path = Path(path)
    if path.is_dir():
        return 'yolo' if any(path.glob('*.txt')) and not any(path.glob('*.json')) else ''
    if path.suffix.lower() not in ('.h5', '.hdf5'):
        return _SUFFIXES.get(path.suffix.lower(), '')
    with contextlib.suppress(InputError), hdf5.opened(path, 'keypoints (HDF5)') as file:
        if {'tracks', 'node_names'} <= file.keys():
            return 'sleap'
        if any('pandas_type' in group.attrs for group in file.values()):
            return 'deeplabcut'
    return 'pose-file'


def read(
    path: StrPath,
    kind: str | None = None,
    skeleton: Skeleton | None = None,
    default: Skeleton | None = None,
    split: str | None = None,
    keypoints: str = 'gt',
    zeros_are_coordinates: bool = False,
    progress: Progress = silent,
    image_size: Sequence[float] | None = None,
    size_of_camera: bool = False,
) -> Keypoints:
    """Read keypoints.

    Args:
        path: file, or folder with a file a frame.
        kind: one of `FORMATS`; None to detect it.
        skeleton: `skeletons.Skeleton` of the joints; None to go by their names, or by their
            number and by how the bones lie.
        default: `skeletons.Skeleton` to prefer where arrays or a CSV file without a header
            may be of several.
        split: of a pose file, which split; None for all.
        keypoints: of a pose file, the name of the 2D joints.
        zeros_are_coordinates: whether a joint at exactly 0, 0 is there; else it is missing.
        progress: called with (done, total, what).
        image_size: width and height, px, by which coordinates were divided.
        size_of_camera: whether it is given for the camera, too, and coordinates may be in pixels.
    Returns:
        `Keypoints`.
    Raises:
        InputError: naming the file, what was expected and what was found.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f'{path}: expected keypoints, found no such file or folder')
    recognised = recognise(path)
    if recognised == 'deeplabcut':
        raise InputError(
            f'{path}: expected the CSV that DeepLabCut writes, found its .h5, a pickle'
        )
    # A suffix may be missing or of another format's, but HDF5 is what it holds.
    by = recognised if recognised in ('sleap', 'pose-file') else kind or recognised
    if path.is_dir() and by in {*_READERS, 'pose-file'} - {'yolo'}:
        raise InputError(f'{path}: expected a file of the format {kind}, found a folder')
    if by == 'pose-file':
        return _read_pose_file(path, skeleton, split, keypoints)
    counts = joints.counts(joints.candidates(skeleton, default))
    if by in _READERS:
        raw = _READERS[by](path, counts)
    else:
        raw = keypoint_json.read(path, counts, progress)
    if kind and {kind, raw.kind} not in ({raw.kind}, {'alphapose', 'coco-results'}):
        raise InputError(f'{path}: expected the format {kind}, found {raw.kind}')
    return _keypoints(
        path, raw, skeleton, default, zeros_are_coordinates, image_size, size_of_camera
    )


def sequences(path: StrPath) -> list[Path]:
    """Return the folders of a folder that has no keypoints itself: one for each camera or video."""
    found = list(Path(path).glob('[!.]*')) if Path(path).is_dir() else []
    folders = [one for one in found if one.is_dir()]
    for file in (one for one in found if folders and one.suffix in ('.json', '.txt')):
        if file.suffix == '.txt' or not keypoint_json.is_skeleton(files.read_json(file)):
            return []
    return sorted(folders, key=lambda one: people.natural(one.name))


def _keypoints(
    path: Path,
    raw: Table,
    skeleton: Skeleton | None,
    default: Skeleton | None,
    zeros: bool,
    image_size: Sequence[float] | None,
    size_of_camera: bool,
) -> Keypoints:
    """Choose the joints, find those missing, and put people in order."""
    if not len(raw.joints):
        raise InputError(f'{path}: expected people with keypoints, found none')
    n, notes = len(raw.joints), [*raw.notes]
    # Rows that name no frame are one of each frame, of one person.
    frame = raw.frame or list(range(n))
    person = raw.person or [None if raw.frame else 0] * n
    with np.errstate(over='ignore', invalid='ignore'):
        numbers = raw.joints.astype(np.float32)
    pose2d = numbers[:, :, :2]
    confidence = numbers[:, :, 2] if numbers.shape[2] == 3 else np.ones_like(numbers[:, :, 0])
    confidence = np.where(np.isnan(numbers).any(axis=2), 0, confidence)
    nowhere = (pose2d == 0).all(axis=2) & (confidence > 0)
    if nowhere.any() and not zeros:
        confidence[nowhere] = 0
        notes.append(f'{nowhere.sum()} joints at exactly 0, 0 are taken to be missing')
    infinite = np.isinf(numbers).any(axis=2)
    if infinite.any():
        pose, joint = np.argwhere(infinite)[0]
        found = numbers[pose, joint].tolist()
        raise InputError(
            f'{path}: expected finite numbers, found {found} at joint {joint} of person {pose}'
        )
    odd = np.argwhere((confidence < _CONFIDENCES[0]) | (confidence > _CONFIDENCES[1]))
    if len(odd):
        pose, joint = odd[0]
        raise InputError(
            f'{path}: expected x, y and a confidence, found {numbers[pose, joint].tolist()} at '
            f'joint {joint} of person {pose}'
        )
    normalized = looks_normalized(pose2d, confidence > 0)
    if image_size and not (normalized or size_of_camera):
        raise InputError(
            f"{path}: expected coordinates divided by the image's size, or weights trained with "
            f'--line-of-sight, found pixels; leave it out',
            image_size=' '.join(f'{length:g}' for length in image_size),
        )
    if image_size and normalized:
        pose2d = pose2d * np.array(image_size, np.float32)
    skeleton, columns, chosen = joints.choose(path, raw, pose2d, confidence > 0, skeleton, default)
    notes += chosen
    blazepose = skeleton.name == 'blazepose33' and raw.kind == 'csv'
    if normalized and not image_size and (raw.kind in _NORMALIZED or blazepose):
        raise InputError(
            f"{path}: expected the image's width and height, by which {raw.kind} divides x and y, "
            f'found none',
            image_size=None,
        )
    pose2d = pose2d[:, columns]
    confidence = np.where(np.array(columns) < 0, 0, confidence[:, columns])
    score = np.full(n, np.nan) if raw.score is None else raw.score
    score = np.where(np.isnan(score), confidence.mean(axis=1), score)
    kept = people.better_of_two(frame, person, score)
    if len(kept) < n:
        notes.append(
            f'{n - len(kept)} poses are of a frame and person given twice: those of the '
            f'better score are kept'
        )
    # Nobody can be followed of whom nothing is seen.
    somebody = [i for i in kept if person[i] is not None or confidence[i].any()] or kept
    if len(somebody) < len(kept):
        notes.append(f'{len(kept) - len(somebody)} people without any joint are left out')
    are_numbers = all(isinstance(each, (int, float)) for each in frame)
    times = frame if are_numbers else [*map(people.natural, frame)]
    order = sorted(somebody, key=times.__getitem__)
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


def _read_pose_file(
    path: Path, skeleton: Skeleton | None, split: str | None, keypoints: str
) -> Keypoints:
    names = (split,) if split else pose_file.splits_of(path)
    splits = {name: pose_file.read(path, name, keypoints) for name in names}
    parts = [data for data in splits.values() if len(data)]
    if not parts:
        raise InputError(f'{path}: expected people with keypoints, found none')
    known = parts[0].skeleton
    if skeleton is not None and skeleton.names != known.names:
        raise InputError(
            f'{path}: expected the joints of {skeleton.name} in order, found those of {known.name}'
        )
    frame: list[int] = []
    person: list = []  # the clip, and the camera where several saw it
    for data in parts:
        frame += data.columns.get('frame', len(frame) + np.arange(len(data))).tolist()
        clips = data.columns.get('clip', np.zeros(len(data), int)).tolist()
        if {'clip', 'camera'} <= data.columns.keys():
            cameras = data.columns['camera'].tolist()
            clips = [f'{a}@{data.names["camera"][b]}' for a, b in zip(clips, cameras)]
        person += clips
    repeated = len({*zip(frame, person)}) < len(frame)
    if repeated and len(parts) > 1:  # clips are numbered anew in each split
        of = [name for name, data in splits.items() for _ in range(len(data))]
        person = [f'{one} of {name}' for one, name in zip(person, of)]
    pose2d = np.concatenate([data.pose2d for data in parts])
    confidence = np.concatenate([data.visible for data in parts]).astype(np.float32)
    return Keypoints(
        str(path), 'pose-file', skeleton or known, pose2d, confidence, frame, person,
        parts[0].fps, keypoints=keypoints, splits=splits,
    )  # fmt: skip
