"""The HDF5 pose file, version 1: read, write, check; data/README.md describes the layout."""

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from chainer_pose.datasets.pose_data import Header, PoseData, visible_joints
from chainer_pose.errors import InputError
from chainer_pose.skeletons import Skeleton
from chainer_pose.utils import hdf5
from chainer_pose.utils.files import StrPath, atomic_path

FORMAT, VERSION = 'chainer-pose', 1
SPLITS = ('train', 'test')
NAME_LISTS = {'action': 'actions', 'subject': 'subjects', 'camera': 'cameras'}
INDEX_COLUMNS = (*NAME_LISTS, 'clip', 'frame')
_CHUNK = 4096
_MORE = ('name', 'pairs', 'angle', 'means')  # of a skeleton, beside joint names and parents


def array_name(name: str, which: str) -> str:
    """Return the name of a dataset: pose2d for 'gt', pose2d_sh for 'sh'."""
    return name if which == 'gt' else f'{name}_{which}'


@contextlib.contextmanager
def writing(path: StrPath, header: Header | None = None) -> Iterator['Writer']:
    """Write a pose file part by part, or without a header add arrays to its splits.

    It is written whole or not at all, in bounded memory.

    Raises:
        InputError: if `read` would not accept the poses.
        OSError: if the file cannot be written.
    """
    try:
        with atomic_path(path) as temporary:
            if header is None:
                shutil.copyfile(path, temporary)
                with _open(path) as file:
                    header = _read_header(file, path)
            else:
                _check_names(header.names, path)
                with h5py.File(temporary, 'w') as file:
                    _write_header(file, header)
            with h5py.File(temporary, 'r+') as file:
                yield Writer(path, file, header)
                for split in file.keys() & SPLITS:
                    _check_rows(f'{path}: {split}', file[split])
    except RuntimeError as error:  # of HDF5, if it cannot close a file on a full disk
        if found := re.search(r'errno = (\d+)', str(error)):
            raise OSError(int(found[1]), os.strerror(int(found[1])), str(path)) from error
        raise


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
        """Append arrays to a split, the arrays of a pose in one call or in several.

        Args:
            valid, imputed: (N, J) bool, of the poses of `keypoints`; see `PoseData`.
            keypoints: 'gt' for pose2d, NAME for pose2d_NAME.
            arrays: pose2d, pose2d_NAME, pose3d, pose3d_NAME, `INDEX_COLUMNS`, N rows each.
        Raises:
            InputError: if visible joints are not finite, an index has no name, or
                shapes do not fit the skeleton.
        """
        visible = visible_joints(valid, imputed)
        masks = {array_name('valid', keypoints): valid, array_name('filled', keypoints): imputed}
        for name, array in (masks | arrays).items():
            if array is None:
                continue
            key, seen = f'{split}/{name}', visible if name.startswith('pose2d') else None
            array = _checked(f'{self._path}: {key}', array, self._header, seen)
            row = array.shape[1:]
            if key not in self._datasets:
                self._datasets[key] = self._file.create_dataset(
                    key, (0, *row), array.dtype, maxshape=(None, *row), chunks=(_CHUNK, *row),
                    shuffle=True, compression='gzip',
                )  # fmt: skip
            dataset, n = self._datasets[key], len(self._datasets[key])
            dataset.resize(n + len(array), axis=0)
            dataset[n:] = array

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits with poses, 'train' before 'test'."""
        return tuple(split for split in SPLITS if split in self._file)

    def stored(self, split: str, name: str) -> h5py.Dataset:
        """Return an array of a split, to read from."""
        key = f'{split}/{name}'
        return self._datasets.setdefault(key, self._file[key])

    def describe(self, split: str, name: str, text: str) -> None:
        """Store what a split's array is: `PoseData.target`."""
        self._file[split][name].attrs['description'] = text

    def lack(self, split: str, lacks: str, excused: str = '') -> None:
        """Store which poses a split lacks: `PoseData.lacks` and `PoseData.excused`."""
        self._file[split].attrs.update(lacks=lacks, excused=excused)


def write(path: StrPath, splits: Mapping[str, PoseData]) -> None:
    """Write a pose file of 'train', 'test' or both, which share a header, as `writing` does."""
    with writing(path, next(iter(splits.values()))) as writer:
        for split, data in splits.items():
            arrays: dict[str, Any] = {'pose2d': data.pose2d, 'pose3d': data.pose3d}
            writer.append(split, data.valid, data.imputed, **arrays, **data.columns)
            if data.lacks is not None:
                writer.lack(split, data.lacks, data.excused)


def describe(path: StrPath) -> str:
    """Describe in one line what a pose file holds."""
    with _open(path) as file:
        splits = [split for split in SPLITS if split in file]
        counts = ', '.join(f'{len(file[split]["pose2d"])} {split}' for split in splits)
        lacks = [
            f'; {split} {key}: {text}'
            for split in splits
            for key in ('lacks', 'excused')
            if (text := _text(file[split], key))
        ]
        extra = ', '.join(sorted({k for s in splits for k in file[s] if re.match(r'pose.d_', k)}))
        header = _read_header(file, path)
    rate, also = f' at {header.fps:g} Hz' * bool(header.fps), f'; also {extra}' * bool(extra)
    return f'{path}: {counts} poses of {len(header.skeleton)} joints{rate}{also}{"".join(lacks)}'


def splits_of(path: StrPath) -> tuple[str, ...]:
    """Return the splits that a pose file holds, 'train' before 'test'."""
    with _open(path) as file:
        return tuple(split for split in SPLITS if split in file)


def read(path: StrPath, split: str, keypoints: str = 'gt', target: str = 'gt') -> PoseData:
    """Read and check one split of a pose file; unknown attributes are ignored.

    Args:
        keypoints: 'gt' for pose2d, NAME for pose2d_NAME with its masks.
        target: 'gt' for pose3d, NAME for pose3d_NAME.
    Raises:
        InputError: naming the file, the dataset, what was expected and found.
    """
    with _open(path) as file:
        header = _read_header(file, path)
        if split not in file:
            raise InputError(f'{split}: expected this split, found {sorted(file)}')
        group = file[split]
        stored = {
            'valid': array_name('valid', keypoints),
            'imputed': array_name('filled', keypoints),
            'pose2d': array_name('pose2d', keypoints),
            'pose3d': array_name('pose3d', target),
            **{name: name for name in INDEX_COLUMNS},
        }
        if stored['valid'] not in group:  # detections without a mask of their own
            stored['valid'] = 'valid'
        for name in {stored['pose2d'], stored['pose3d']} - {'pose3d'} - set(group):
            found = sorted(key for key in group if key.startswith(name[:6]))
            raise InputError(f'{split}/{name}: expected these poses, found {found}')
        arrays: dict[str, Any] = {}
        for key, name in stored.items():
            if name in group:
                seen = visible_joints(arrays.get('valid'), arrays.get('imputed'))
                visible = seen if key == 'pose2d' else None
                arrays[key] = _checked(f'{split}/{name}', group[name][()], header, visible)
        _check_rows(split, arrays)
        units = _text(file, 'units_2d'), _text(file, 'units_3d')
        if units[0] != 'px' or ('pose3d' in arrays and units[1] not in ('mm', 'px')):
            raise InputError(f'expected units_2d px and units_3d mm or px, found {units}')
        return PoseData(
            **vars(header),
            columns={key: arrays.pop(key) for key in INDEX_COLUMNS if key in arrays},
            lacks=_text(group, 'lacks') if 'lacks' in group.attrs else None,
            excused=_text(group, 'excused'),
            target=_text(group[stored['pose3d']], 'description') if 'pose3d' in arrays else '',
            **arrays,
        )


def keypoints_of(path: StrPath) -> list[str]:
    """Return the names of the 2D joints that all splits of a pose file have, 'gt' for pose2d."""
    with _open(path) as file:
        names = set.intersection(*(set(file[split]) for split in file.keys() & SPLITS))
    return sorted(name[7:] or 'gt' for name in names if re.match('pose2d(_|$)', name))


def digest(path: StrPath, keypoints: str = 'gt') -> str:
    """Return a SHA-256, in hexadecimal, of what `read` reads of these keypoints, of all splits.

    Poses of other keypoints that are added to the file do not change it.
    """
    found = hashlib.sha256()
    for split in splits_of(path):
        data = read(path, split, keypoints)
        skeleton = list(data.skeleton.names), list(data.skeleton.parents)
        names = json.dumps([split, *skeleton, data.names, data.fps], sort_keys=True)
        found.update(names.encode())
        parts = {key: getattr(data, key) for key in ('pose2d', 'pose3d', 'valid', 'imputed')}
        for key, array in sorted({**parts, **data.columns}.items()):
            if array is not None:
                found.update(f'{key} {array.shape}'.encode())
                found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


@contextlib.contextmanager
def _open(path: StrPath) -> Iterator[h5py.File]:
    with hdf5.opened(path, 'a pose file (HDF5)') as file:
        version = f'{_text(file, "format")} version {file.attrs.get("version")}'
        found = version if 'format' in file.attrs else 'none'
        if found != f'{FORMAT} version {VERSION}':
            raise InputError(f'format: expected {FORMAT} version {VERSION}, found {found}')
        yield file


def _text(item: h5py.HLObject, key: str) -> str:
    value = item.attrs.get(key, '')
    return value.decode(errors='replace') if isinstance(value, bytes) else str(value)


def _check_names(names: Mapping[str, Sequence[str]], path: StrPath) -> None:
    for column, listed in names.items():
        if twice := [name for name, n in Counter(listed).items() if n > 1]:
            raise InputError(
                f'{path}: {NAME_LISTS[column]}: expected different names, found {twice[0]!r} twice'
            )


def _write_header(file: h5py.File, header: Header) -> None:
    skeleton = header.skeleton.to_dict()
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
        preparation=header.preparation,
        joint_names=np.array(header.skeleton.names, h5py.string_dtype()),
        joint_parents=np.array(header.skeleton.parents, np.int32),
        skeleton=json.dumps({key: skeleton[key] for key in _MORE}),
    )
    for column, names in header.names.items():
        file[NAME_LISTS[column]] = np.array(names, h5py.string_dtype())


def _read_header(file: h5py.File, path: StrPath) -> Header:
    lists = {column: file[key] for column, key in NAME_LISTS.items() if key in file}
    name, stored = _text(file, 'name') or Path(path).stem, file.attrs['joint_names']
    more = json.loads(_text(file, 'skeleton') or '{}')
    skeleton = {
        'name': name,
        **{key: more[key] for key in _MORE if key in more},
        'names': [n.decode() if isinstance(n, bytes) else n for n in stored],
        'parents': file.attrs['joint_parents'].tolist(),
    }
    names = {column: texts.asstr()[()].tolist() for column, texts in lists.items()}
    _check_names(names, path)
    return Header(
        name=name,
        skeleton=Skeleton.from_dict(skeleton),
        names=names,
        fps=float(file.attrs.get('fps', 0)),
        source=_text(file, 'source'),
        licence=_text(file, 'licence'),
        units_3d=_text(file, 'units_3d') or 'mm',
        preparation=_text(file, 'preparation'),
    )


def _checked(
    where: str, array: np.ndarray, header: Header, visible: np.ndarray | None = None
) -> np.ndarray:
    """Bring a split's array to its type; check its shape, finite joints, indices of names."""
    kind, j = where.rsplit('/', 1)[1].split('_')[0], len(header.skeleton)
    dtype, row = {
        'pose2d': (np.float32, (j, 2)),
        'pose3d': (np.float32, (j, 3)),
        'valid': (np.bool_, (j,)),
        'filled': (np.bool_, (j,)),
    }.get(kind, (np.int32, ()))
    array = np.asarray(array)
    if array.shape != (array.shape[:1] + row) or not np.can_cast(array.dtype, dtype, 'same_kind'):
        raise InputError(
            f'{where}: expected {dtype.__name__} of shape {("N", *row)}, '
            f'found {array.dtype} of shape {array.shape}'
        )
    wide, array = array, array.astype(dtype, copy=False)
    if dtype is np.int32 and (array != wide).any():
        raise InputError(f'{where}: expected numbers of 32 bits, found {wide[array != wide][0]}')
    if array.ndim == 3:
        bad = ~np.isfinite(array).all(axis=2) & (True if visible is None else visible)
        if bad.any():
            pose, joint = np.argwhere(bad)[0]
            raise InputError(
                f'{where}: expected finite numbers, found {array[pose, joint].tolist()} '
                f'at pose {pose}, joint {joint}'
            )
    elif kind in NAME_LISTS and len(array):
        n, low, high = len(header.names.get(kind, ())), array.min(), array.max()
        if low < 0 or high >= n:
            raise InputError(f'{where}: expected indices of {n} names, found {low} to {high}')
    return array


def _check_rows(where: str, arrays: Mapping[str, Sequence]) -> None:
    rows = {name: len(array) for name, array in arrays.items()}
    if 'pose2d' not in rows or len(set(rows.values())) > 1:
        raise InputError(f'{where}: expected pose2d and equal numbers of rows, found {rows}')
