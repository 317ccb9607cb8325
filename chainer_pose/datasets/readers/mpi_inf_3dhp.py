"""MPI-INF-3DHP (Mehta et al. 2017): its training sequences and its test set."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import matlab, shared
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17
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
# Where the test sequences were filmed, two by two; the names of their cameras here.
SCENES = ('green screen', 'no green screen', 'outdoor')
PUBLISHED_VALID = dict(zip(TEST_SUBJECTS, (603, 540, 505, 553, 276, 452)))
# Training sequences with left and right swapped: first and last frame.
FAULTY = {('S4', 'Seq2'): (3759, 5852)}
HOW_TO_GET = 'register at vcai.mpi-inf.mpg.de/3dhp-dataset'
TARGETS = {
    'annot3': 'annot3: real scale, as pose2d sees it',
    'univ_annot3': 'univ_annot3: scaled to the universal skeleton; does not project to pose2d',
}

_DIMS = {'annot2': 2, 'annot3': 3, 'univ_annot3': 3}
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


class Sequence(NamedTuple):
    """A file of annotations: of subject S1 and sequence Seq1, or of TS1."""

    subject: str
    sequence: str
    path: Path

    def __str__(self) -> str:
        return f'{self.subject} {self.sequence}'.strip()

    @property
    def split(self) -> str:
        return 'train' if self.sequence else 'test'


def find(root: StrPath, subjects: Iterable[str] = SUBJECTS) -> list[Sequence]:
    """Find the annotations of a folder.

    Args:
        root: folder with S1/Seq1/annot.mat, ... and TS1/annot_data.mat, ..., each in
            it or up to two folders down.
        subjects: those wanted, each once.
    Raises:
        InputError: naming the first file that is missing.
    """
    root = shared.root_folder(root)
    found = []
    for subject in sorted(set(subjects), key=SUBJECTS.index):
        for sequence in SEQUENCES if subject in TRAIN_SUBJECTS else ('',):
            inside = Path(subject, sequence, 'annot.mat' if sequence else 'annot_data.mat')
            places = [p for up in ('', '*/', '*/*/') for p in sorted(root.glob(f'{up}{inside}'))]
            if not places:
                raise InputError(f'{root / inside}: expected it, found no such file; {HOW_TO_GET}')
            found.append(Sequence(subject, sequence, places[0]))
    return found


def _to_h36m17(where: str, array: np.ndarray, dims: int, joints: tuple[str, ...]) -> np.ndarray:
    """Poses of the training set's 28 or the test set's 17 joints, rows (N, K D), as (N, 17, D)."""
    rows = np.atleast_2d(np.asarray(array, np.float64))
    if rows.ndim != 2 or rows.shape[1] != dims * len(joints):
        raise InputError(
            f'{where}: expected numbers of shape (F, {dims * len(joints)}), '
            f'found shape {rows.shape}'
        )
    if not np.isfinite(rows).all():
        raise InputError(f'{where}: expected finite numbers, found others')
    index = {name: joints.index(of) for name, of in _H36M17_FROM.items()}
    return shared.to_h36m17(rows.reshape(-1, len(joints), dims), index)


def read_train(path: StrPath, cameras: Iterable[int] = CHEST_HEIGHT) -> Iterator[tuple]:
    """Read the annotations of a training sequence, annot.mat, camera by camera.

    Yields:
        (camera, pose2d, pose3d, universal): (F, 17, 2) px, and (F, 17, 3) mm in
        the camera frame, at the person's own and at the universal size.
    Raises:
        InputError: if the file has another layout.
    """
    annotations = matlab.read(path, list(_DIMS))
    cells = {name: matlab.as_list(cell) for name, cell in annotations.items()}
    n_cameras = min(map(len, cells.values()))
    if n_cameras <= max(cameras):
        raise InputError(f'{path}: expected {N_CAMERAS} cameras, found {n_cameras}')
    for camera in cameras:
        poses = [
            _to_h36m17(f'{path}: {name}, camera {camera}', cells[name][camera], d, _TRAIN_JOINTS)
            for name, d in _DIMS.items()
        ]
        if len({len(pose) for pose in poses}) > 1:
            raise InputError(
                f'{path}: camera {camera}: expected as many frames of {", ".join(_DIMS)}, '
                f'found {[len(pose) for pose in poses]}'
            )
        yield camera, *poses


def read_test(path: StrPath) -> tuple[np.ndarray, ...]:
    """Read the annotations of the valid frames of a test sequence, annot_data.mat.

    Returns:
        (frames, activity, pose2d, pose3d, universal): (F,) indices into the
        video, (F,) indices into `ACTIVITIES`, and as `read_train`.
    Raises:
        InputError: if the file has another layout.
    """
    data = matlab.read(path, [*_DIMS, 'valid_frame', 'activity_annotation'])
    valid = np.ravel(data['valid_frame']).astype(bool)
    activity = np.ravel(data['activity_annotation']).astype(int) - 1
    if len(activity) != len(valid) or not set(activity[valid]) <= set(range(len(ACTIVITIES))):
        raise InputError(
            f'{path}: activity_annotation: expected numbers from 1 to {len(ACTIVITIES)} for '
            f'{len(valid)} frames, found {set((activity + 1).tolist())} for {len(activity)}'
        )
    poses = []
    for name, d in _DIMS.items():
        # MATLAB's axes: coordinate, joint, person, frame.
        array = np.asarray(data[name])
        if array.shape[-1:] != valid.shape or len(array) != d:
            raise InputError(
                f'{path}: {name}: expected shape ({d}, 17, 1, {len(valid)}), found {array.shape}'
            )
        rows = array.T.reshape(len(valid), -1)[valid]
        poses.append(_to_h36m17(f'{path}: {name}', rows, d, _TEST_JOINTS))
    return np.flatnonzero(valid), activity[valid], *poses


def convert(
    sequences: list[Sequence],
    path: StrPath,
    step: int = 5,
    cameras: Iterable[int] = CHEST_HEIGHT,
    progress: shared.Progress = shared.silent,
) -> dict[Sequence, tuple[int, int]]:
    """Write a pose file, a sequence at a time.

    pose3d is annot3, at the person's own size; pose3d_univ is univ_annot3. The
    cameras of the test set are named by its scenes.

    Args:
        step: keep every step-th training frame, from the first; all test frames
            are kept.
        cameras: training cameras to keep.
    Returns:
        dict from `Sequence` to (poses written, poses left out as faulty).
    Raises:
        InputError: for damaged files; nothing is written.
    """
    cameras = list(cameras)
    is_usual = set(cameras) == set(CHEST_HEIGHT)
    others = [] if is_usual else [f'cameras {" ".join(map(str, cameras))}']
    others += [f'every {step}th frame'] if step != 5 else []
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
        preparation=', '.join(others),
    )
    counts = {}
    with pose_file.writing(path, header) as writer:
        for clip, sequence in enumerate(sequences):
            subject, written, left_out = SUBJECTS.index(sequence.subject), 0, 0
            for n_faulty, arrays in _parts(sequence, step, cameras):
                n = len(arrays['frame'])
                arrays |= {'subject': np.full(n, subject), 'clip': np.full(n, clip)}
                writer.append(sequence.split, **arrays)
                written, left_out = written + n, left_out + n_faulty
            counts[sequence] = written, left_out
            progress(clip + 1, len(sequences), str(sequence))
        whole = {
            'train': [f'{subject} {name}' for subject in TRAIN_SUBJECTS for name in SEQUENCES],
            'test': TEST_SUBJECTS,
        }
        for split in {sequence.split for sequence in sequences}:
            lacks = [name for name in whole[split] if name not in map(str, sequences)]
            writer.lack(split, ', '.join(lacks))
            writer.describe(split, 'pose3d', TARGETS['annot3'])
            writer.describe(split, 'pose3d_univ', TARGETS['univ_annot3'])
    return counts


def _parts(
    sequence: Sequence, step: int, cameras: Iterable[int]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number of faulty frames left out, and the arrays of the others, camera by camera."""
    names = ('pose2d', 'pose3d', 'pose3d_univ')
    if sequence.split == 'test':
        frames, activity, *poses = read_test(sequence.path)
        scene = np.full(len(frames), N_CAMERAS + TEST_SUBJECTS.index(sequence.subject) // 2)
        yield 0, {'frame': frames, 'action': activity, 'camera': scene, **dict(zip(names, poses))}
        return
    first, last = FAULTY.get((sequence.subject, sequence.sequence), (0, -1))
    for camera, *poses in read_train(sequence.path, cameras):
        frames = np.arange(0, len(poses[0]), step)
        kept = frames[(frames < first) | (frames > last)]
        arrays = {'frame': kept, 'camera': np.full(len(kept), camera)}
        yield len(frames) - len(kept), arrays | {n: pose[kept] for n, pose in zip(names, poses)}
