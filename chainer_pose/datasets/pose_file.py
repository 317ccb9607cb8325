"""The HDF5 pose file, version 1: read, write, check.

The layout is described in data/README.md. Every source of poses is brought to
it, and past it nobody asks which data set a pose came from.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from chainer_pose.datasets.pose_data import Header, PoseData, trusted
from chainer_pose.errors import InputError
from chainer_pose.skeletons import Skeleton
from chainer_pose.utils import hdf5
from chainer_pose.utils.files import atomic_path

if TYPE_CHECKING:
    from chainer_pose.utils.files import StrPath


FORMAT, VERSION = 'chainer-pose', 1
SPLITS = ('train', 'test')
NAME_LISTS = {'action': 'actions', 'subject': 'subjects', 'camera': 'cameras'}
INDEX_COLUMNS = ('action', 'subject', 'camera', 'clip', 'frame')
_CHUNK = 4096
_MORE = ('name', 'pairs', 'angle', 'means')  # of a skeleton, beside joint names and parents


@contextlib.contextmanager
def writing(path: StrPath, header: Header) -> Iterator[Writer]:
    """Write a pose file part by part, whole or not at all, in bounded memory.

    Args:
        path: where to; the folder must exist. What is there stays until all is
            written.
        header: `Header`.
    Yields:
        `Writer`.
    Raises:
        InputError: if the poses would not pass `read`.
        OSError: if the file cannot be written.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, 'w') as file:
        file.attrs.update(
            **header.extra,
            format=FORMAT,
            version=VERSION,
            name=header.name,
            fps=float(header.fps),
            units_2d='px',
            units_3d=header.units_3d,
            root=header.skeleton.root,
            source=header.source,
            licence=header.licence,
            joint_names=np.array(header.skeleton.names, h5py.string_dtype()),
            joint_parents=np.array(header.skeleton.parents, np.int32),
            skeleton=_more_of(header.skeleton),
        )
        for column, names in header.names.items():
            file[NAME_LISTS[column]] = np.array(names, h5py.string_dtype())
        writer = Writer(path, file, header)
        yield writer
        writer.finish()


class Writer:
    """Appends poses to the splits of a pose file; made by `writing`."""

    def __init__(self, path: StrPath, file: h5py.File, header: Header) -> None:
        self._path, self._file, self._header = path, file, header
        # Held open: closing a dataset compresses its last chunk, full or not.
        self._datasets: dict[str, h5py.Dataset] = {}

    def append(
        self,
        split: str,
        valid: np.ndarray | None = None,
        imputed: np.ndarray | None = None,
        keypoints: str = 'gt',
        **arrays: np.ndarray,
    ) -> None:
        """Append arrays to a split.

        The arrays of one pose need not come in one call, but in the end each
        must have been given as many rows as the others.

        Args:
            split: 'train' or 'test'.
            valid, imputed: (N, J) bool, of the keypoints' poses; see `PoseData`.
            keypoints: 'gt' if `valid` and `imputed` are those of pose2d, NAME
                for those of pose2d_NAME.
            arrays: pose2d, pose2d_NAME, pose3d, pose3d_NAME or one of
                `INDEX_COLUMNS`, N rows each.
        Raises:
            InputError: if poses are not finite where they are valid, or the
                shapes are not those of the skeleton.
        """
        masks = {array_name('valid', keypoints): valid, array_name('filled', keypoints): imputed}
        given = {
            name: np.asarray(array, _dtype(name))
            for name, array in (arrays | masks).items()
            if array is not None
        }
        for name, array in given.items():
            shape = (len(array), *self._row(name))
            if array.shape != shape:
                raise _refusal(self._path, f'{split}/{name}', f'shape {shape}', array.shape)
        for name, array in given.items():
            if name.startswith('pose'):
                is_judged = name == array_name('pose2d', keypoints)
                seen = trusted(valid, imputed) if is_judged else None
                _check_finite(self._path, f'{split}/{name}', array, seen)
            elif name in self._header.names:
                n_names = len(self._header.names[name])
                _check_indices(self._path, f'{split}/{name}', array, n_names)
            self._extend(split, name, array)

    def describe(self, split: str, name: str, text: str) -> None:
        """Say of a split's array what it is, where its name does not: `PoseData.truth`."""
        self._file[split][name].attrs['description'] = text

    def finish(self) -> None:
        """Check that the arrays of each split have equally many rows."""
        for split, group in self._file.items():
            if split in SPLITS:
                lengths = {name: len(dataset) for name, dataset in group.items()}
                if 'pose2d' not in lengths or len(set(lengths.values())) > 1:
                    raise _refusal(self._path, split, 'pose2d, and as many rows of all', lengths)

    def _row(self, name):
        if name in INDEX_COLUMNS:
            return ()
        joints = (len(self._header.skeleton),)
        return joints + {'pose2d': (2,), 'pose3d': (3,)}.get(name[:6], ())

    def _extend(self, split, name, array):
        if (split, name) not in self._datasets:
            self._datasets[split, name] = self._file.require_group(split).create_dataset(
                name,
                shape=(0, *array.shape[1:]),
                maxshape=(None, *array.shape[1:]),
                dtype=array.dtype,
                chunks=(_CHUNK, *array.shape[1:]),
                shuffle=True,
                compression='gzip',
            )
        dataset = self._datasets[split, name]
        n = len(dataset)
        dataset.resize(n + len(array), axis=0)
        dataset[n:] = array


def array_name(name: str, which: str) -> str:
    """The dataset of keypoints or a truth: 'pose2d' for 'gt', 'pose2d_sh' for 'sh'."""
    return name if which == 'gt' else f'{name}_{which}'


def _dtype(name):
    if name.startswith('pose'):
        return np.float32
    return np.int32 if name in INDEX_COLUMNS else bool


def write(path: StrPath, splits: Mapping[str, PoseData]) -> None:
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
    with writing(path, first.header()) as writer:
        for split, data in splits.items():
            arrays: dict[str, Any] = {} if data.pose3d is None else {'pose3d': data.pose3d}
            arrays |= data.columns
            writer.append(split, data.valid, data.imputed, pose2d=data.pose2d, **arrays)


def describe(path: StrPath) -> str:
    """One line on what a pose file holds."""
    with _open(path) as file:
        splits = [split for split in SPLITS if split in file]
        counts = ', '.join(f'{len(file[split]["pose2d"])} {split}' for split in splits)
        extra = sorted({key for s in splits for key in file[s] if re.match(r'pose.d_', key)})
        joints, fps = len(file.attrs['joint_names']), file.attrs.get('fps', 0)
    rate = f' at {fps:g} Hz' if fps else ''
    also = f'; also {", ".join(extra)}' if extra else ''
    return f'{path}: {counts} poses of {joints} joints{rate}{also}'


def splits_of(path: StrPath) -> tuple[str, ...]:
    """Names of the splits that a pose file holds, 'train' before 'test'."""
    with _open(path) as file:
        return tuple(split for split in SPLITS if split in file)


def read(path: StrPath, split: str, keypoints: str = 'gt', truth: str = 'gt') -> PoseData:
    """Read one split of a pose file and check it.

    Args:
        path: the file.
        split: 'train' or 'test'.
        keypoints: 'gt' for pose2d, another name for pose2d_<name> with
            valid_<name> and filled_<name>.
        truth: 'gt' for pose3d, another name for pose3d_<name>.
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
        which_2d, which_3d = array_name('pose2d', keypoints), array_name('pose3d', truth)
        for which, required in ((which_2d, True), (which_3d, truth != 'gt')):
            if required and which not in group:
                found = sorted(key for key in group if key.startswith(which[:6]))
                kind = 'these keypoints' if which == which_2d else 'this truth'
                raise _refusal(path, f'{split}/{which}', kind, found)
        j = len(skeleton)
        pose2d = _read_array(path, group, which_2d, np.float32, (None, j, 2))
        n = len(pose2d)
        # A file that does not tell detected joints apart has one mask for all.
        own_valid = array_name('valid', keypoints)
        optional = {
            which_3d: (np.float32, (n, j, 3)),
            own_valid if own_valid in group else 'valid': (bool, (n, j)),
            array_name('filled', keypoints): (bool, (n, j)),
            **dict.fromkeys(INDEX_COLUMNS, (np.int32, (n,))),
        }
        arrays = {
            key.split('_')[0]: _read_array(path, group, key, dtype, shape)
            for key, (dtype, shape) in optional.items()
            if key in group
        }
        for column, listed in names.items():
            _check_indices(path, f'{split}/{column}', arrays.get(column), len(listed))
        for column in NAME_LISTS:
            if column in arrays and column not in names:
                raise _refusal(path, NAME_LISTS[column], f'names for {split}/{column}', 'none')
        # Metres read as millimetres would be a wrong number that nobody notices.
        _check_unit(path, file, 'units_2d', ('px',))
        if 'pose3d' in arrays:
            _check_unit(path, file, 'units_3d', ('mm', 'px'))
            _check_finite(path, f'{split}/{which_3d}', arrays['pose3d'])
        valid, imputed = arrays.get('valid'), arrays.get('filled')
        _check_finite(path, f'{split}/{which_2d}', pose2d, trusted(valid, imputed))
        return PoseData(
            name=_text(file, 'name') or Path(path).stem,
            skeleton=skeleton,
            pose2d=pose2d,
            pose3d=arrays.get('pose3d'),
            valid=valid,
            imputed=imputed,
            columns={key: arrays[key] for key in INDEX_COLUMNS if key in arrays},
            names=names,
            fps=_number(path, file, 'fps'),
            source=_text(file, 'source'),
            licence=_text(file, 'licence'),
            units_3d=_text(file, 'units_3d') or 'mm',
            truth=_text(group[which_3d], 'description') if which_3d in group else '',
        )


def _refusal(path, where, expected, found):
    return InputError(f'{path}: {where}: expected {expected}, found {found}')


@contextlib.contextmanager
def _open(path):
    with hdf5.opened(path, 'a pose file (HDF5)') as file:
        found = (_text(file, 'format'), file.attrs.get('version'))
        if found != (FORMAT, VERSION):
            raise _refusal(
                path,
                'format',
                f'{FORMAT} version {VERSION}',
                f'{found[0] or "none"} version {found[1]}',
            )
        yield file


def _text(file, key):
    value = file.attrs.get(key, '')
    return value.decode(errors='replace') if isinstance(value, bytes) else str(value)


def _number(path, file, key):
    try:
        return float(file.attrs.get(key, 0))
    except (TypeError, ValueError) as error:
        raise _refusal(path, f'attribute {key}', 'a number', file.attrs[key]) from error


def _more_of(skeleton):
    """JSON of what joint_names and joint_parents do not say of a skeleton."""
    values = skeleton.to_dict()
    return json.dumps({key: values[key] for key in _MORE})


def _check_unit(path, file, key, units):
    if _text(file, key) not in units:
        expected = ' or '.join(units)
        raise _refusal(path, f'attribute {key}', expected, _text(file, key) or 'none')


def _read_skeleton(path, file):
    for key in ('joint_names', 'joint_parents'):
        if key not in file.attrs or np.ndim(file.attrs[key]) != 1:
            raise _refusal(path, f'attribute {key}', 'a list', file.attrs.get(key))
    names = [n.decode() if isinstance(n, bytes) else str(n) for n in file.attrs['joint_names']]
    parents = np.asarray(file.attrs['joint_parents'])
    if not np.issubdtype(parents.dtype, np.integer):
        raise _refusal(path, 'attribute joint_parents', 'whole numbers', parents.dtype)
    values = {'name': _text(file, 'name') or Path(path).stem}
    try:
        stored = json.loads(_text(file, 'skeleton') or '{}')
        values |= {key: stored[key] for key in _MORE if key in stored}
        skeleton = Skeleton.from_dict({**values, 'names': names, 'parents': parents.tolist()})
    except InputError as error:
        raise InputError(f'{path}: {error}') from error
    except (TypeError, ValueError, RecursionError) as error:
        raise _refusal(path, 'attribute skeleton', 'JSON', f'{error!s:.60}') from error
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
