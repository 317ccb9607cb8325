"""The HDF5 pose file, version 1: read, write, check.

The layout is described in data/README.md. Every source of poses is brought to
it, and past it nobody asks which data set a pose came from.
"""

import dataclasses
import os
from pathlib import Path

import h5py
import numpy as np

from chainer_pose.errors import InputError
from chainer_pose.files import atomic_path
from chainer_pose.skeleton import Skeleton

FORMAT, VERSION = 'chainer-pose', 1
SPLITS = ('train', 'test')
NAME_LISTS = {'action': 'actions', 'subject': 'subjects', 'camera': 'cameras'}
INDEX_COLUMNS = ('action', 'subject', 'camera', 'clip', 'frame')
_CHUNK = 4096


@dataclasses.dataclass
class PoseData:
    """Poses of one split of a pose file.

    Attributes:
        name: the data set's name.
        skeleton: `skeleton.Skeleton` of J joints.
        pose2d: (N, J, 2) float32, px.
        pose3d: (N, J, 3) float32, mm, camera frame; None in 2D-only data.
        valid: (N, J) bool, which joints of pose2d are there; None for all.
        columns: dict of (N,) int32 arrays, those of `INDEX_COLUMNS` present.
        names: dict from 'action', 'subject', 'camera' to their lists of names.
        fps: frames a second, 0 if unknown.
        source, licence: texts, where the poses came from and who may use them.
    """

    name: str
    skeleton: Skeleton
    pose2d: np.ndarray
    pose3d: np.ndarray = None
    valid: np.ndarray = None
    columns: dict = dataclasses.field(default_factory=dict)
    names: dict = dataclasses.field(default_factory=dict)
    fps: float = 0.0
    source: str = ''
    licence: str = ''

    def __len__(self):
        return len(self.pose2d)

    def select(self, index):
        """The same data with only the poses that `index` (bool or int array) picks."""
        return dataclasses.replace(
            self,
            pose2d=self.pose2d[index],
            pose3d=None if self.pose3d is None else self.pose3d[index],
            valid=None if self.valid is None else self.valid[index],
            columns={name: column[index] for name, column in self.columns.items()},
        )


def write(path, splits):
    """Write a pose file, whole or not at all.

    Args:
        path: where to; the folder must exist.
        splits: dict from 'train' and/or 'test' to `PoseData` that agree in all
            but the poses.
    Raises:
        InputError: if the poses would not pass `read`.
        OSError: if the file cannot be written.
    """
    first = next(iter(splits.values()))
    with atomic_path(path) as temporary:
        with h5py.File(temporary, 'w') as file:
            file.attrs.update(
                format=FORMAT,
                version=VERSION,
                name=first.name,
                fps=float(first.fps),
                units_2d='px',
                units_3d='mm',
                root=first.skeleton.root,
                source=first.source,
                licence=first.licence,
                joint_names=np.array(first.skeleton.names, h5py.string_dtype()),
                joint_parents=np.array(first.skeleton.parents, np.int32),
            )
            for column, names in first.names.items():
                file[NAME_LISTS[column]] = np.array(names, h5py.string_dtype())
            for split, data in splits.items():
                _write_split(file.create_group(split), data)
        try:
            for split in splits:
                read(temporary, split)
        except InputError as error:  # the user knows the file by its own name
            raise InputError(str(error).replace(temporary, str(path))) from error


def _write_split(group, data):
    columns = {name: column.astype(np.int32) for name, column in data.columns.items()}
    arrays = {
        'pose2d': np.asarray(data.pose2d, np.float32),
        'pose3d': None if data.pose3d is None else np.asarray(data.pose3d, np.float32),
        'valid': None if data.valid is None else np.asarray(data.valid, bool),
        **columns,
    }
    for name, array in arrays.items():
        if array is not None:
            stored = {}  # HDF5 has no chunks of nothing
            if len(array):
                chunks = (min(_CHUNK, len(array)), *array.shape[1:])
                stored = {'chunks': chunks, 'shuffle': True, 'compression': 'gzip'}
            group.create_dataset(name, data=array, **stored)


def describe(path, splits):
    """One line on what a pose file holds."""
    first = next(iter(splits.values()))
    counts = ', '.join(f'{len(data)} {split}' for split, data in splits.items())
    return f'{path}: {counts} poses of {len(first.skeleton)} joints at {first.fps:g} Hz'


def splits_of(path):
    """Names of the splits that a pose file holds, 'train' before 'test'."""
    with _open(path) as file:
        return tuple(split for split in SPLITS if split in file)


def read(path, split, keypoints='gt'):
    """Read one split of a pose file and check it.

    Args:
        path: the file.
        split: 'train' or 'test'.
        keypoints: 'gt' for pose2d, another name for pose2d_<name>.
    Returns:
        `PoseData`.
    Raises:
        InputError: naming the file, the dataset, what was expected and found.
    """
    with _open(path) as file:
        skeleton = _read_skeleton(path, file)
        names = {
            column: _read_names(path, file, key)
            for column, key in NAME_LISTS.items()
            if key in file
        }
        if split not in file or not isinstance(file[split], h5py.Group):
            raise _refusal(path, split, 'this split', sorted(file))
        group = file[split]
        which = 'pose2d' if keypoints == 'gt' else f'pose2d_{keypoints}'
        if which not in group:
            found = sorted(key for key in group if key.startswith('pose2d'))
            raise _refusal(path, f'{split}/{which}', 'these keypoints', found)
        j = len(skeleton)
        pose2d = _read_array(path, group, which, np.float32, (None, j, 2))
        n = len(pose2d)
        optional = {
            'pose3d': (np.float32, (n, j, 3)),
            'valid': (bool, (n, j)),
            **dict.fromkeys(INDEX_COLUMNS, (np.int32, (n,))),
        }
        arrays = {
            key: _read_array(path, group, key, dtype, shape)
            for key, (dtype, shape) in optional.items()
            if key in group
        }
        for column, listed in names.items():
            _check_indices(path, f'{split}/{column}', arrays.get(column), len(listed))
        for column in NAME_LISTS:
            if column in arrays and column not in names:
                raise _refusal(path, NAME_LISTS[column], f'names for {split}/{column}', 'none')
        # Metres read as millimetres would be a wrong number that nobody notices.
        _check_unit(path, file, 'units_2d', 'px')
        if 'pose3d' in arrays:
            _check_unit(path, file, 'units_3d', 'mm')
        valid = arrays.get('valid')
        _check_finite(path, f'{split}/{which}', pose2d, valid)
        if 'pose3d' in arrays:
            _check_finite(path, f'{split}/pose3d', arrays['pose3d'])
        return PoseData(
            name=_text(file, 'name') or Path(path).stem,
            skeleton=skeleton,
            pose2d=pose2d,
            pose3d=arrays.get('pose3d'),
            valid=valid,
            columns={key: arrays[key] for key in INDEX_COLUMNS if key in arrays},
            names=names,
            fps=_number(path, file, 'fps'),
            source=_text(file, 'source'),
            licence=_text(file, 'licence'),
        )


def _refusal(path, where, expected, found):
    return InputError(f'{path}: {where}: expected {expected}, found {found}')


def _open(path):
    if not os.path.isfile(path):
        raise InputError(f'{path}: expected a pose file (HDF5), found no such file')
    try:
        file = h5py.File(path, 'r')
    except OSError as error:
        raise InputError(f'{path}: expected a pose file (HDF5), found something else') from error
    found = (_text(file, 'format'), file.attrs.get('version'))
    if found != (FORMAT, VERSION):
        file.close()
        raise _refusal(
            path,
            'format',
            f'{FORMAT} version {VERSION}',
            f'{found[0] or "none"} version {found[1]}',
        )
    return file


def _text(file, key):
    value = file.attrs.get(key, '')
    return value.decode(errors='replace') if isinstance(value, bytes) else str(value)


def _number(path, file, key):
    try:
        return float(file.attrs.get(key, 0))
    except (TypeError, ValueError) as error:
        raise _refusal(path, f'attribute {key}', 'a number', file.attrs[key]) from error


def _check_unit(path, file, key, unit):
    if _text(file, key) != unit:
        raise _refusal(path, f'attribute {key}', unit, _text(file, key) or 'none')


def _read_skeleton(path, file):
    for key in ('joint_names', 'joint_parents'):
        if key not in file.attrs or np.ndim(file.attrs[key]) != 1:
            raise _refusal(path, f'attribute {key}', 'a list', file.attrs.get(key))
    names = [n.decode() if isinstance(n, bytes) else str(n) for n in file.attrs['joint_names']]
    parents = np.asarray(file.attrs['joint_parents'])
    if not np.issubdtype(parents.dtype, np.integer):
        raise _refusal(path, 'attribute joint_parents', 'whole numbers', parents.dtype)
    try:
        skeleton = Skeleton(_text(file, 'name') or Path(path).stem, names, parents.tolist())
    except InputError as error:
        raise InputError(f'{path}: {error}') from error
    root = file.attrs.get('root', skeleton.root)
    if not np.isscalar(root) or root != skeleton.root:
        raise _refusal(path, 'attribute root', f'{skeleton.root}, the joint without parent', root)
    return skeleton


def _read_names(path, file, key):
    dataset = file[key]
    if not isinstance(dataset, h5py.Dataset) or h5py.check_string_dtype(dataset.dtype) is None:
        raise _refusal(path, key, 'a list of names', dataset)
    return [name.decode(errors='replace') for name in np.atleast_1d(dataset[()])]


def _read_array(path, group, key, dtype, shape):
    dataset = group[key]
    where = f'{group.name[1:]}/{key}'
    kind = {np.float32: 'float', np.int32: 'whole number', bool: 'bool'}[dtype]
    allowed = {np.float32: np.floating, np.int32: np.integer, bool: np.bool_}[dtype]
    wanted = f'{kind}s of shape ({", ".join("N" if s is None else str(s) for s in shape)})'
    if not isinstance(dataset, h5py.Dataset):
        raise _refusal(path, where, wanted, 'a group')
    matches = len(dataset.shape or ()) == len(shape) and all(
        want in (None, have) for want, have in zip(shape, dataset.shape)
    )
    if not matches or not np.issubdtype(dataset.dtype, allowed):
        raise _refusal(path, where, wanted, f'{dataset.dtype} of shape {dataset.shape}')
    try:
        return dataset[()].astype(dtype, copy=False)
    except OSError as error:
        raise _refusal(path, where, 'readable data', f'damage ({error})') from error


def _check_indices(path, where, index, n):
    if index is not None and len(index) and (index.min() < 0 or index.max() >= n):
        raise _refusal(path, where, f'indices from 0 to {n - 1}', f'{index.min()} to {index.max()}')


def _check_finite(path, where, pose, valid=None):
    finite = np.isfinite(pose).all(axis=2)
    bad = ~finite if valid is None else ~finite & valid
    if bad.any():
        frame, joint = np.argwhere(bad)[0]
        raise _refusal(
            path,
            where,
            'finite numbers',
            f'{pose[frame, joint].tolist()} at pose {frame}, joint {joint}',
        )
