"""Keypoints as arrays: npy and npz, VideoPose3D's npz, pickles of annotations, SLEAP's HDF5."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from chainer_pose.datasets.keypoints.people import Table, values_a_joint
from chainer_pose.utils import files, hdf5, unpickle

_CONFIDENCE = 'confidence', 'scores', 'keypoint_scores'
_LAYOUTS = {'coco': 'coco17', 'h36m': 'h36m17'}  # of VideoPose3D's metadata


def read(path: Path, counts: Collection[int]) -> Table:
    """Read an npy or npz file; `counts` are the numbers of joints that tell flat x y from x y c."""
    if path.suffix.lower() == '.npy':
        with files.reading(path, 'an array of numbers'):
            arrays = {'keypoints': np.load(path, allow_pickle=False)}
    else:
        with files.opened_npz(path, 'an npz file') as archive:
            names = archive.namelist()
        if 'positions_2d.npy' in names:
            return _videopose3d(path, names)
        arrays = files.read_npz(path)
    only = next(iter(arrays), None) if len(arrays) == 1 else None
    key = next((name for name in ('keypoints', 'pose2d', only) if name in arrays), None)
    expected = 'keypoints (N, J, 2) or (N, J, 3), and what is beside them for each of the N'
    with files.reading(path, expected):
        if key is None:
            raise ValueError(', '.join(sorted(arrays)) or 'nothing')
        joints = arrays[key].astype(np.float64, casting='safe')
        if joints.ndim == 2:  # one pose, or each flat
            per = values_a_joint(joints.shape[1], counts)
            one = joints.shape[1] in (2, 3) or joints.shape[1] % per
            joints = joints[None] if one else joints.reshape(len(joints), -1, per)
        if joints.ndim != 3 or joints.shape[2] not in (2, 3):
            raise ValueError(f'shape {joints.shape}')
        n, k, _ = joints.shape
        sizes = {**dict.fromkeys(_CONFIDENCE, n * k), 'frame': n, 'person': n, 'joint_names': k}
        for name, size in sizes.items():
            if name in arrays and arrays[name].size != size:
                raise ValueError(
                    f'{name} of shape {arrays[name].shape} for {n} poses of {k} joints'
                )
        if (name := next((name for name in _CONFIDENCE if name in arrays), None)) is not None:
            confidence = arrays[name].astype(np.float64, casting='safe')
            joints = np.dstack([joints[:, :, :2], confidence.reshape(n, k)])
        frame, person = (
            _ids(arrays[name].reshape(n)) if name in arrays else None
            for name in ('frame', 'person')
        )
        joint_names = arrays.get('joint_names')
        listed = None if joint_names is None else [str(name) for name in joint_names.reshape(k)]
    others = sorted(arrays.keys() - {key, *sizes})
    notes = [f'not read: {", ".join(others)}'] if others else []
    return Table(joints, frame, person, listed, kind='numpy', notes=notes)


def _ids(array: np.ndarray) -> list:
    whole = array.dtype.kind == 'f' and (array % 1 == 0).all()
    return [*map(int, array.tolist())] if whole else array.tolist()


def read_pickle(path: Path, counts: Collection[int]) -> Table:
    """Read annotations of MMAction2 (PoseC3D) or MotionBERT, running none of the pickle's code.

    {annotations: [{frame_dir, keypoint (M, T, V, 2), keypoint_score (M, T, V)}]}, or {train,
    test: {joint_2d (N, 17, 2), confidence, source}} of Human3.6M's joints.
    """
    with files.reading(path, "MMAction2's or MotionBERT's annotations"):
        data = unpickle.load(path)
        if 'annotations' not in data and 'keypoint' not in data:
            parts = [part for part in data.values() if 'joint_2d' in part]
            return _table(
                (clip for part in parts for clip in _motionbert(part)), 'motionbert', 'h36m17'
            )
        clips = (
            (f'{video.get("frame_dir", "")} {i}'.strip(), _scored(clip, scores, i))
            for video in data.get('annotations', [data])
            for scores in [video.get('keypoint_score')]
            for i, clip in enumerate(video['keypoint'])
        )
        return _table(clips, 'mmaction')


def read_sleap(path: Path, counts: Collection[int]) -> Table:
    """Read a SLEAP analysis file: tracks (tracks, 2, nodes, frames), or the axes reversed."""
    with hdf5.opened(path, 'a SLEAP analysis file') as file:
        names, tracks = _texts(file['node_names']), file['tracks'][()].astype(np.float64)
        scores = file['point_scores'][()] if 'point_scores' in file else None
        if tracks.shape[1:3] != (2, len(names)):
            tracks, scores = tracks.T, None if scores is None else scores.T
        if tracks.ndim != 4 or tracks.shape[1:3] != (2, len(names)):
            raise ValueError(f'tracks of shape {tracks.shape} for {len(names)} nodes')
        people = _texts(file['track_names']) if 'track_names' in file else []
        people = people if len(people) == len(tracks) else [*range(len(tracks))]
        joints = tracks.transpose(3, 0, 2, 1)
        if scores is not None:
            joints = np.concatenate([joints, scores.transpose(2, 0, 1)[..., None]], axis=3)
        frame, person = np.nonzero(np.isfinite(joints[..., :2]).any(axis=(2, 3)))
        persons = [people[i] for i in person]
        return Table(joints[frame, person], frame.tolist(), persons, names, kind='sleap')


def _texts(dataset: Any) -> list[str]:
    return [name.decode() if isinstance(name, bytes) else str(name) for name in dataset[()]]


_Clips = Iterator[tuple[str, np.ndarray]]  # who, and joints (N, K, 2 or 3) by frame


def _table(clips: _Clips, kind: str, skeleton: str = '') -> Table:
    people, joints = zip(*clips)
    array = np.concatenate(joints).astype(np.float64)
    somebody = np.nan_to_num(array[:, :, :2]).any(axis=(1, 2))  # arrays are padded with zeros
    frame = np.concatenate([np.arange(len(part)) for part in joints])[somebody].tolist()
    every = np.repeat(np.array(people, object), [len(part) for part in joints])
    return Table(array[somebody], frame, every[somebody].tolist(), kind=kind, skeleton=skeleton)


def _videopose3d(path: Path, names: list[str]) -> Table:
    """positions_2d[video][action] is a list of (N, J, 2), one a camera."""
    positions = unpickle.read(path, 'positions_2d')
    metadata = unpickle.read(path, 'metadata') if 'metadata.npy' in names else {}
    with files.reading(path, "VideoPose3D's positions_2d[video][action][camera] (N, J, 2)"):
        clips = (
            (f'{video} {action} {camera}', joints)
            for video, actions in positions.items()
            for action, cameras in actions.items()
            for camera, joints in enumerate(cameras)
        )
        return _table(clips, 'videopose3d', _LAYOUTS.get(str(metadata.get('layout_name')), ''))


def _motionbert(part: dict[str, Any]) -> _Clips:
    source = np.array(part['source'])
    joints = _scored(part['joint_2d'], [part.get('confidence')], 0)
    for name in dict.fromkeys(source.tolist()):
        yield str(name), joints[source == name]


def _scored(joints: np.ndarray, scores: Any, i: int) -> np.ndarray:
    """(N, K, 2) joints with the i-th of scores, where there are any."""
    if scores is None or scores[i] is None:
        return joints
    return np.dstack([joints[:, :, :2], scores[i].reshape(joints.shape[:2])])
