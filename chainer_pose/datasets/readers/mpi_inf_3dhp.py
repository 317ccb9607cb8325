"""MPI-INF-3DHP (Mehta et al. 2017): its training sequences and its test set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import matlab, shared
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17

if TYPE_CHECKING:
    from chainer_pose.utils.files import StrPath


NAME = 'mpi_inf_3dhp'
TRAIN_SUBJECTS = tuple(f'S{i}' for i in range(1, 9))
TEST_SUBJECTS = tuple(f'TS{i}' for i in range(1, 7))
SUBJECTS = TRAIN_SUBJECTS + TEST_SUBJECTS
SEQUENCES = ('Seq1', 'Seq2')
N_CAMERAS = 14
CHEST_HEIGHT = (0, 2, 4, 7, 8)  # the method assumes level cameras
ACTIVITIES = (
    'Standing/Walking', 'Exercising', 'Sitting', 'Crouching/Reaching', 'On the Floor', 'Sports',
    'Miscellaneous',
)  # fmt: skip
# Where the test sequences were filmed, two by two; they stand as their cameras.
SCENES = ('green screen', 'no green screen', 'outdoor')
PUBLISHED_VALID = dict(zip(TEST_SUBJECTS, (603, 540, 505, 553, 276, 452)))
# Sequences of the training set whose annotations have left and right swapped:
# first and last frame.
FAULTY = {('S4', 'Seq2'): (3759, 5852)}
HOW_TO_GET = 'register at vcai.mpi-inf.mpg.de/3dhp-dataset'
TRUTHS = {
    'annot3': 'annot3: real scale, as pose2d sees it',
    'univ_annot3': 'univ_annot3: scaled to the universal skeleton; does not project to pose2d',
}

_TRAIN_JOINTS = (
    'spine3', 'spine4', 'spine2', 'spine', 'pelvis', 'neck', 'head', 'head_top', 'Lclavicle',
    'Lshoulder', 'Lelbow', 'Lwrist', 'Lhand', 'Rclavicle', 'Rshoulder', 'Relbow', 'Rwrist',
    'Rhand', 'Lhip', 'Lknee', 'Lankle', 'Lfoot', 'Ltoe', 'Rhip', 'Rknee', 'Rankle', 'Rfoot',
    'Rtoe',
)  # fmt: skip
_TEST_JOINTS = (
    'head_top', 'neck', 'Rshoulder', 'Relbow', 'Rwrist', 'Lshoulder', 'Lelbow', 'Lwrist', 'Rhip',
    'Rknee', 'Rankle', 'Lhip', 'Lknee', 'Lankle', 'pelvis', 'spine', 'head',
)  # fmt: skip
_H36M17_FROM = {
    'Hip': 'pelvis', 'RHip': 'Rhip', 'RKnee': 'Rknee', 'RFoot': 'Rankle', 'LHip': 'Lhip',
    'LKnee': 'Lknee', 'LFoot': 'Lankle', 'Spine': 'spine', 'Thorax': 'neck', 'Neck/Nose': 'head',
    'Head': 'head_top', 'LShoulder': 'Lshoulder', 'LElbow': 'Lelbow', 'LWrist': 'Lwrist',
    'RShoulder': 'Rshoulder', 'RElbow': 'Relbow', 'RWrist': 'Rwrist',
}  # fmt: skip


def to_h36m17(poses: np.ndarray, joints: list[str] | tuple[str, ...]) -> np.ndarray:
    """Poses of the training set's 28 or the test set's 17 joints as Human3.6M's 17.

    Args:
        poses: (N, 28 or 17, D) array.
        joints: their names.
    Returns:
        (N, 17, D) array.
    """
    return shared.to_h36m17(poses, {name: joints.index(of) for name, of in _H36M17_FROM.items()})


class Sequence(NamedTuple):
    """A file of annotations: of subject S1 and sequence Seq1, or of TS1."""

    subject: str
    sequence: str
    path: Path


def find(root: StrPath, subjects: Iterable[str] = SUBJECTS) -> list[Sequence]:
    """The annotations of a folder.

    Args:
        root: folder with S1/Seq1/annot.mat, ... and, there or a folder or two
            down, TS1/annot_data.mat, ...
        subjects: those wanted.
    Returns:
        list of `Sequence`.
    Raises:
        InputError: naming the first file that is missing.
    """
    root = shared.root_folder(root)
    found = []
    for subject in subjects:
        for sequence in SEQUENCES if subject in TRAIN_SUBJECTS else ('',):
            name = 'annot.mat' if sequence else 'annot_data.mat'
            inside = Path(subject, sequence, name)
            places = [
                path
                for up in ('', '*', '*/*')
                for path in sorted(root.glob(f'{up}/{inside}'.strip('/')))
            ]
            if not places:
                raise InputError(
                    f'{root / inside}: expected it, found none; {HOW_TO_GET}; --subjects '
                    f'converts only those that you have'
                )
            found.append(Sequence(subject, sequence, places[0]))
    return found


def _finite(path, name, array):
    if not np.isfinite(array).all():
        raise InputError(f'{path}: {name}: expected finite numbers, found others')
    return array


def read_train(path: StrPath, cameras: Iterable[int] = CHEST_HEIGHT) -> Iterator[tuple]:
    """Annotations of a training sequence, camera by camera.

    Args:
        path: annot.mat.
        cameras: numbers from 0 to 13.
    Yields:
        (camera, pose2d, pose3d, universal): (F, 17, 2) px, and (F, 17, 3) mm in
        the camera frame, at the person's own and at the universal size.
    Raises:
        InputError: if the file has another layout.
    """
    names = {'annot2': 2, 'annot3': 3, 'univ_annot3': 3}
    annotations = matlab.read(path, list(names))
    cells = {name: matlab.as_list(annotations[name]) for name in names}
    for name, cell in cells.items():
        if len(cell) <= max(cameras):
            raise InputError(f'{path}: {name}: expected {N_CAMERAS} cameras, found {len(cell)}')
    for camera in cameras:
        poses = []
        for name, dims in names.items():
            width = dims * len(_TRAIN_JOINTS)
            rows = np.asarray(cells[name][camera], np.float64)
            if rows.size % width or (rows.ndim == 2 and rows.shape[1] != width):
                raise InputError(
                    f'{path}: {name}, camera {camera}: expected shape (F, {width}), '
                    f'found {rows.shape}'
                )
            rows = rows.reshape(-1, len(_TRAIN_JOINTS), dims)
            poses.append(to_h36m17(_finite(path, name, rows), _TRAIN_JOINTS))
        n = {len(pose) for pose in poses}
        if len(n) > 1:
            raise InputError(
                f'{path}: camera {camera}: expected as many frames of annot2, annot3 and '
                f'univ_annot3, found {sorted(n)}'
            )
        yield camera, *poses


def read_test(path: StrPath) -> tuple[np.ndarray, ...]:
    """Annotations of the valid frames of a test sequence.

    Args:
        path: annot_data.mat.
    Returns:
        (frames, activity, pose2d, pose3d, universal): (F,) indices into the
        video, (F,) indices into `ACTIVITIES`, and as `read_train`.
    Raises:
        InputError: if the file has another layout.
    """
    dims = {'annot2': 2, 'annot3': 3, 'univ_annot3': 3}
    data = matlab.read(path, [*dims, 'valid_frame', 'activity_annotation'])
    valid = np.ravel(data['valid_frame']).astype(bool)
    activity = np.ravel(data['activity_annotation']).astype(int) - 1
    if (
        len(activity) != len(valid)
        or activity[valid].min(initial=0) < 0
        or (activity[valid].max(initial=0) >= len(ACTIVITIES))
    ):
        raise InputError(
            f'{path}: activity_annotation: expected numbers from 1 to {len(ACTIVITIES)} for '
            f'{len(valid)} frames, found {activity.min() + 1} to {activity.max() + 1} for '
            f'{len(activity)}'
        )
    poses = []
    for name, d in dims.items():
        # MATLAB's axes: coordinate, joint, person, frame.
        array = np.asarray(data[name], np.float64)
        wanted = (d, len(_TEST_JOINTS), 1, len(valid))
        if array.shape not in (wanted, (d, len(_TEST_JOINTS), len(valid))):
            raise InputError(f'{path}: {name}: expected shape {wanted}, found {array.shape}')
        rows = array.reshape(d, len(_TEST_JOINTS), len(valid)).transpose(2, 1, 0)[valid]
        poses.append(to_h36m17(_finite(path, name, rows), _TEST_JOINTS))
    return np.flatnonzero(valid), activity[valid], *poses


def convert(
    sequences: list[Sequence],
    path: StrPath,
    step: int = 5,
    cameras: Iterable[int] = CHEST_HEIGHT,
    progress: Callable[[int, int, str], None] | None = None,
) -> dict[Sequence, tuple[int, int]]:
    """Write a pose file, a sequence at a time.

    pose3d is annot3, at the person's own size; pose3d_univ is univ_annot3. The
    cameras of the test set are named by its scenes.

    Args:
        sequences: from `find`.
        path: of the pose file.
        step: keep every step-th training frame, from the first; test frames are
            all kept.
        cameras: training cameras to keep.
        progress: called with (done, total, what).
    Returns:
        dict from `Sequence` to (poses written, poses left out as faulty).
    Raises:
        InputError: for files that are damaged; nothing is written.
    """
    header = pose_file.Header(
        NAME,
        H36M17,
        names={
            'action': ACTIVITIES,
            'subject': SUBJECTS,
            'camera': [*map(str, range(N_CAMERAS)), *SCENES],
        },
        source='MPI-INF-3DHP (Mehta et al. 2017); actions are the activities of its test set',
        licence='research use; see the licence that comes with MPI-INF-3DHP',
    )
    counts = {}
    with pose_file.writing(path, header) as writer:
        for clip, sequence in enumerate(sequences):
            counts[sequence] = (
                _append_train(writer, sequence, clip, step, cameras)
                if sequence.sequence
                else _append_test(writer, sequence, clip)
            )
            if progress:
                progress(clip + 1, len(sequences), f'{sequence.subject} {sequence.sequence}')
        for split in {_split(sequence) for sequence in sequences}:
            writer.describe(split, 'pose3d', TRUTHS['annot3'])
            writer.describe(split, 'pose3d_univ', TRUTHS['univ_annot3'])
    return counts


def _split(sequence):
    return 'train' if sequence.sequence else 'test'


def _append_train(writer, sequence, clip, step, cameras):
    written = left_out = 0
    first, last = FAULTY.get((sequence.subject, sequence.sequence), (0, -1))
    for camera, pose2d, pose3d, universal in read_train(sequence.path, cameras):
        frames = np.arange(0, len(pose2d), step)
        faulty = (frames >= first) & (frames <= last)
        kept = frames[~faulty]
        _append(writer, sequence, clip, camera, kept, pose2d[kept], pose3d[kept], universal[kept])
        written, left_out = written + len(kept), left_out + faulty.sum()
    return written, left_out


def _append_test(writer, sequence, clip):
    frames, activity, *poses = read_test(sequence.path)
    scene = TEST_SUBJECTS.index(sequence.subject) // 2
    _append(writer, sequence, clip, N_CAMERAS + scene, frames, *poses, action=activity)
    return len(frames), 0


def _append(writer, sequence, clip, camera, frames, pose2d, pose3d, universal, **columns):
    numbers = {'subject': SUBJECTS.index(sequence.subject), 'camera': camera, 'clip': clip}
    columns |= {key: np.full(len(frames), value) for key, value in numbers.items()}
    writer.append(
        _split(sequence),
        pose2d=pose2d,
        pose3d=pose3d,
        pose3d_univ=universal,
        frame=frames,
        **columns,
    )
