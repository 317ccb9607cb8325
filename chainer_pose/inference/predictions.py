"""What predict.py writes: lifted people as JSON, CSV and npz, in bounded memory.

A `Store` collects lifted poses in temporary files; once the input has been read
to its end, each writer goes over the store, so that a fault in the input leaves
no output behind.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from chainer_pose import __version__

if TYPE_CHECKING:
    from chainer_pose.inference.lifter import Lifted
    from chainer_pose.skeletons import Skeleton
    from chainer_pose.utils.files import StrPath


FORMAT, VERSION = 'chainer-pose-predictions', 1
AXES = 'x right, y down, z away from the camera; 3D is relative to the root joint'
_PART = 4096
_NUMBER = '%.6g'


class Store:
    """Lifted poses of everyone, on disk.

    Args:
        skeleton: `skeletons.Skeleton` of the lifted joints.
        millimetres: function from (N, J, 3) px poses to (N,) mm a pixel; None
            where no length is known.

    Attributes:
        frame, person: lists of N ids.
        pose2d, pose3d, imputed, sin_beta: arrays as of `lifter.Lifted`, mapped
            from disk.
        pose3d_mm: the same in mm; None without `millimetres`.
    """

    def __init__(
        self, skeleton: Skeleton, millimetres: Callable[[np.ndarray], np.ndarray] | None = None
    ) -> None:
        self.skeleton = skeleton
        self.frame: list = []
        self.person: list = []
        self._millimetres = millimetres
        j = len(skeleton)
        self._layout = {
            'pose2d': (np.float32, (j, 2)),
            'pose3d': (np.float32, (j, 3)),
            'imputed': (bool, (j,)),
            'sin_beta': (np.float32, ()),
        }
        if millimetres is not None:
            self._layout['pose3d_mm'] = (np.float32, (j, 3))
        self._files: dict = {}

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self._files = {
                name: stack.enter_context(tempfile.TemporaryFile()) for name in self._layout
            }
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._open.close()

    def __len__(self):
        return len(self.frame)

    def append(self, frame: list, person: list, lifted: Lifted) -> None:
        """Add poses: two lists of ids and a `lifter.Lifted`."""
        arrays = {name: getattr(lifted, name) for name in self._layout if name != 'pose3d_mm'}
        if self._millimetres is not None:
            factor = self._millimetres(lifted.pose3d)
            arrays['pose3d_mm'] = lifted.pose3d * factor[:, None, None]
        for name, array in arrays.items():
            dtype, _ = self._layout[name]
            self._files[name].write(np.ascontiguousarray(array, dtype).tobytes())
        self.frame += frame
        self.person += person

    @property
    def pose2d(self) -> np.ndarray:
        return self._array('pose2d')

    @property
    def pose3d(self) -> np.ndarray:
        return self._array('pose3d')

    @property
    def pose3d_mm(self) -> np.ndarray | None:
        return self._array('pose3d_mm') if self._millimetres is not None else None

    @property
    def imputed(self) -> np.ndarray:
        return self._array('imputed')

    @property
    def sin_beta(self) -> np.ndarray:
        return self._array('sin_beta')

    def _array(self, name):
        dtype, shape = self._layout[name]
        shape = (len(self), *shape)
        if not len(self):
            return np.empty(shape, dtype)  # an empty file cannot be mapped
        self._files[name].flush()
        return np.memmap(self._files[name], dtype, 'r', shape=shape)

    def lifted(self) -> np.ndarray:
        """(N,) bool, which poses have 3D."""
        return np.isfinite(self.pose3d[:, 0, 0])

    def of_person(self, person: object) -> np.ndarray:
        """Indices of the lifted poses of one person, in the order of the input."""
        known = [i for i, other in enumerate(self.person) if other == person]
        return np.array(known, int)[self.lifted()[known]]

    def persons(self) -> dict:
        """dict from each person's id to how many lifted poses there are."""
        count = dict.fromkeys(self.person, 0)
        for person, lifted in zip(self.person, self.lifted().tolist()):
            count[person] += lifted
        return count


def summary(store: Store) -> dict[str, Any]:
    """Counts of what was done, JSON values.

    Returns:
        dict: people, lifted; filled, a dict from joints to how often they were
        filled in, of those lifted; facing, how many of the lifted have
        sin b >= 0 (eq. 3), None for a body without the joints.
    """
    lifted = store.lifted()
    imputed = store.imputed.sum(axis=0, where=lifted[:, None])
    has_angle = store.skeleton.angle is not None
    return {
        'people': len(store),
        'lifted': int(lifted.sum()),
        'imputed': {name: int(n) for name, n in zip(store.skeleton.names, imputed) if n},
        'facing': int((store.sin_beta[:] >= 0).sum()) if has_angle else None,
    }


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where predictions come from: texts, for the record in each file.

    Attributes:
        input: name of the file or folder.
        input_skeleton: name of the skeleton of its joints.
        weights, weights_sha256: name and digest of the weights.
        scale: how pose3d_mm was scaled; empty without.
    """

    input: str
    input_skeleton: str
    weights: str
    weights_sha256: str
    scale: str = ''


def header(store: Store, origin: Origin) -> dict[str, Any]:
    """What each file says of its poses, JSON values."""
    units = {'pose2d': 'px', 'pose3d': 'px, of the input'}
    if store.pose3d_mm is not None:
        units['pose3d_mm'] = 'mm'
    root = store.skeleton.names[store.skeleton.root]
    return {
        'format': FORMAT,
        'version': VERSION,
        'chainer_pose': __version__,
        **dataclasses.asdict(origin),
        'axes': AXES,
        'root': root,
        'units': units,
        'skeleton': store.skeleton.to_dict(),
        'summary': summary(store),
    }


def _arrays(store):
    """The arrays of points to write, by name."""
    arrays = {'pose2d': store.pose2d, 'pose3d': store.pose3d, 'pose3d_mm': store.pose3d_mm}
    return {name: array for name, array in arrays.items() if array is not None}


def write_json(
    path: StrPath,
    store: Store,
    origin: Origin,
    progress: Callable[[int, int, str], None] | None = None,
) -> None:
    """Write the poses as JSON: the header's keys, then ``poses``, one a line.

    A pose has frame, person, pose2d, pose3d (null where not lifted), filled
    (names of joints), sin_beta and, where a length is known, pose3d_mm.
    """
    points = _arrays(store)
    templates = {name: _template(array.shape[1:]) for name, array in points.items()}
    names, every_imputed, every_angle = (
        np.array(store.skeleton.names),
        store.imputed,
        store.sin_beta,
    )
    with open(path, 'w', encoding='utf-8') as file:
        text = json.dumps(header(store, origin), indent=1)
        file.write(text[: text.rindex('\n')] + ',\n "poses": [')
        for part in _parts(store, progress, 'poses.json'):
            arrays = {name: array[part] for name, array in points.items()}
            whole = {name: np.isfinite(a).all(axis=(1, 2)).tolist() for name, a in arrays.items()}
            flat = {name: a.reshape(len(a), -1).tolist() for name, a in arrays.items()}
            imputed, sin_beta = every_imputed[part], every_angle[part].tolist()
            some = imputed.any(axis=1).tolist()
            lines = []
            for i, number in enumerate(range(part.start, part.stop)):
                fields = [
                    f'"frame": {json.dumps(store.frame[number])}',
                    f'"person": {json.dumps(store.person[number])}',
                ]
                for name, template in templates.items():
                    if whole[name][i]:
                        value = template % tuple(flat[name][i])
                    else:
                        value = _with_nulls(arrays[name][i]) if name == 'pose2d' else 'null'
                    fields.append(f'"{name}": {value}')
                fields.append(
                    f'"imputed": {json.dumps(names[imputed[i]].tolist() if some[i] else [])}'
                )
                angle = sin_beta[i]
                fields.append(f'"sin_beta": {_NUMBER % angle if angle == angle else "null"}')
                lines.append('\n  {' + ', '.join(fields) + '}')
            file.write((',' if part.start else '') + ','.join(lines))
        file.write('\n ]\n}\n')


def _template(shape):
    """'[[%.6g, %.6g], ...]' for points of that shape."""
    point = '[' + ', '.join([_NUMBER] * shape[1]) + ']'
    return '[' + ', '.join([point] * shape[0]) + ']'


def _with_nulls(points):
    values = [[float(_NUMBER % x) for x in p] if np.isfinite(p).all() else None for p in points]
    return json.dumps(values)


def write_csv(
    path: StrPath,
    store: Store,
    origin: Origin,
    progress: Callable[[int, int, str], None] | None = None,
) -> None:
    """Write the poses as CSV, one a row; the first line, after "#", tells the axes.

    Columns: frame, person, sin_beta, filled (joints, with ";" between), then
    JOINT_x_px, JOINT_y_px, JOINT_z_px of pose3d, JOINT_u_px, JOINT_v_px of
    pose2d and, where a length is known, JOINT_x_mm and so on. What is not
    known stays empty.
    """
    points = _arrays(store)
    every = {'pose3d': 'x_px y_px z_px', 'pose2d': 'u_px v_px', 'pose3d_mm': 'x_mm y_mm z_mm'}
    axes = {name: every[name].split() for name in every if name in points}
    columns = [
        f'{joint}_{axis}'
        for part in axes.values()
        for joint in store.skeleton.names
        for axis in part
    ]
    template = ','.join([_NUMBER] * len(columns))
    names, every_imputed, every_angle = (
        np.array(store.skeleton.names),
        store.imputed,
        store.sin_beta,
    )
    root = store.skeleton.names[store.skeleton.root]
    with open(path, 'w', encoding='utf-8', newline='') as file:
        file.write(
            f'# {AXES} ({root}); u v: 2D in the image; px: pixels of the input; weights: '
            f'{origin.weights}\n'
        )
        file.write(
            ','.join(map(_cell, ['frame', 'person', 'sin_beta', 'imputed', *columns])) + '\n'
        )
        for part in _parts(store, progress, 'poses.csv'):
            rows = np.concatenate(
                [points[name][part].reshape(part.stop - part.start, -1) for name in axes], axis=1
            )
            whole, rows = np.isfinite(rows).all(axis=1).tolist(), rows.tolist()
            imputed, sin_beta = every_imputed[part], every_angle[part].tolist()
            lines = []
            for i, number in enumerate(range(part.start, part.stop)):
                numbers = (
                    template % tuple(rows[i])
                    if whole[i]
                    else ','.join('' if x != x else _NUMBER % x for x in rows[i])
                )
                angle = '' if sin_beta[i] != sin_beta[i] else _NUMBER % sin_beta[i]
                ids = f'{_cell(store.frame[number])},{_cell(store.person[number])}'
                lines.append(f'{ids},{angle},{_cell(";".join(names[imputed[i]]))},{numbers}\n')
            file.write(''.join(lines))


def _cell(value):
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text


def write_npz(
    path: StrPath,
    store: Store,
    origin: Origin,
    progress: Callable[[int, int, str], None] | None = None,
) -> None:
    """Write the poses as an npz file of plain arrays.

    Arrays: pose2d, pose3d, filled, sin_beta, frame, person, joint_names,
    joint_parents and, where a length is known, pose3d_mm; NaN where not
    known. metadata is the header as JSON.
    """
    np.savez(
        path,
        **_arrays(store),
        imputed=store.imputed,
        sin_beta=store.sin_beta,
        frame=_ids(store.frame),
        person=_ids(store.person),
        joint_names=np.array(store.skeleton.names),
        joint_parents=np.array(store.skeleton.parents),
        metadata=np.array(json.dumps(header(store, origin))),
    )


def _ids(values):
    whole = all(isinstance(value, int) and abs(value) < 2**63 for value in values)
    return np.array(values, np.int64) if whole else np.array([str(value) for value in values])


WRITERS = {'json': write_json, 'csv': write_csv, 'npz': write_npz}


def _parts(store, progress, what):
    for start in range(0, len(store), _PART):
        part = slice(start, min(start + _PART, len(store)))
        yield part
        if progress is not None:
            progress(part.stop, len(store), f'writing {what}')
