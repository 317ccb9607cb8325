"""A network's file: write, load, find."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from chainer.serializers import NpzDeserializer, npz

from chainer_pose.datasets.imputation import Prior
from chainer_pose.errors import InputError, NonFiniteError
from chainer_pose.links import Generator, Martinez
from chainer_pose.skeletons import Skeleton
from chainer_pose.utils.files import StrPath, atomic_path, read_npz, reading

NORMALIZATION = 'root at the origin, mean distance of the other joints from it 1'
_METADATA, _PRIOR = 'metadata', 'prior/'
_WEIGHTS = re.compile(r'(^|/model:\w+/|/average/)[\w/]+/(W|b|gamma|beta)$')
_NONE = 'none'  # names of the values that are None, which npz cannot hold unpickled


class Trained(NamedTuple):
    """A network, on the CPU, with the skeleton and prior of its training poses and the iterations
    that it was trained for; None where the file does not have them."""

    generator: Generator | Martinez
    skeleton: Skeleton | None
    prior: Prior | None
    iteration: int | None
    line_of_sight: bool = False  # whether it was trained on poses that `links.LineOfSight` turns


def write_arrays(path: StrPath, arrays: Mapping[str, np.ndarray]) -> None:
    """Write what Chainer's DictionarySerializer collected, without pickling.

    Raises:
        NonFiniteError: if a parameter of a model is not finite; the last good file stays.
    """
    for key, array in arrays.items():
        if _WEIGHTS.search(key) and not np.isfinite(array).all():
            raise NonFiniteError(f'{key} is not finite: training has diverged')
    stored: dict[str, Any] = {k: array for k, array in arrays.items() if array[()] is not None}
    stored[_NONE] = np.array([key for key in arrays if key not in stored], np.str_)
    with atomic_path(path) as temporary:
        np.savez(temporary, **stored)


def read_arrays(path: StrPath) -> dict[str, np.ndarray]:
    """Read what `write_arrays` wrote.

    Raises:
        InputError: if the file is absent, damaged or holds pickled objects.
    """
    arrays = read_npz(path)
    for key in arrays.pop(_NONE, ()):
        arrays[str(key)] = np.asarray(None)
    return arrays


def find_generator(path: StrPath, last: bool = False) -> Path:
    """Find the file that a path means: itself, or a run's best generator, else its last.

    With `last`, the last even where there is a best.

    Raises:
        InputError: if there is none.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.exists():
            raise InputError(f'{path}: expected a run or a generator file, found no such file')
        return path
    found, best = numbered(path, 'gen')[:1], path / 'gen_best.npz'
    if best.is_file() and not (last and found):
        found = [best]
    if not found:
        runs = ' and '.join(sorted(str(each.parent) for each in path.glob('*/options.json')))
        neither = 'neither; has training reached its first snapshot?'
        raise InputError(
            f'{path}: expected a run with gen_best.npz or gen_N.npz, found {runs or neither}'
        )
    return found[0]


def numbered(run: StrPath, stem: str) -> list[Path]:
    """List a run's stem_N.npz, the newest first."""
    paths = {
        int(match[1]): path
        for path in Path(run).glob(f'{stem}_*.npz')
        if (match := re.fullmatch(rf'{stem}_(\d+)\.npz', path.name))
    }
    return [paths[number] for number in sorted(paths, reverse=True)]


def write_generator(
    path: StrPath,
    arrays: Mapping[str, np.ndarray],
    skeleton: Skeleton,
    prior: Prior | None = None,
    iteration: int | None = None,
    line_of_sight: bool = False,
) -> None:
    """Write a link's arrays, as Chainer serializes them, with the skeleton of its joints, the
    `imputation.Prior` of its training poses and the iterations that it was trained for."""
    stored = {'skeleton': skeleton.to_dict(), 'normalization': NORMALIZATION}
    more: dict[str, Any] = {'line_of_sight': True} if line_of_sight else {}
    more |= {} if iteration is None else {'iteration': iteration}
    metadata = json.dumps({**stored, **more})
    parts = {} if prior is None else {_PRIOR + k: part for k, part in prior._asdict().items()}
    write_arrays(path, {**arrays, **parts, _METADATA: np.array(metadata)})


def load_generator(path: StrPath) -> Trained:
    """Rebuild a network from its file alone: a run's gen_*.npz, or any npz of its arrays.

    Raises:
        InputError: naming the file, what was expected and what was found.
    """
    arrays = read_arrays(path)
    network: type[Generator | Martinez] = Martinez if 'enter/linear/W' in arrays else Generator
    enter, second = ('l1/W', 'l2/W') if network is Generator else ('enter/linear/W', 'a1/linear/W')
    if enter not in arrays or arrays[enter].ndim != 2:
        raise InputError(
            f'{path}: expected a generator with {enter}, found {", ".join(sorted(arrays)[:4])}'
        )
    n_unit, n_joints = arrays[enter].shape[0], arrays[enter].shape[1] // 2
    # Before a network of the claimed size is made.
    _floats(path, arrays, second, (n_unit, n_unit))
    generator = network(n_joints, n_unit)
    for key, array in sorted(npz.serialize(generator).items()):
        if array.dtype.kind == 'f':
            _floats(path, arrays, key, array.shape)
    NpzDeserializer(arrays, strict=network is Generator).load(generator)
    skeleton = iteration = prior = None
    line_of_sight = False
    if _METADATA in arrays:
        with reading(path, 'a skeleton and a normalization in its metadata'):
            metadata = json.loads(str(arrays[_METADATA]))
            skeleton = Skeleton.from_dict(metadata['skeleton'])
            normalization = metadata['normalization']
            iteration = int(metadata['iteration']) if 'iteration' in metadata else None
            line_of_sight = bool(metadata.get('line_of_sight', False))
        check_joints(path, n_joints, None, skeleton, 'its skeleton')
        if normalization != NORMALIZATION:
            raise InputError(
                f'{path}: expected weights for poses with the {NORMALIZATION}, found '
                f'{normalization!r:.80}'
            )
    if _PRIOR + 'mean' in arrays:
        shapes = zip(Prior._fields, ((2 * n_joints,), (2 * n_joints, 2 * n_joints)))
        parts = [_floats(path, arrays, _PRIOR + field, shape) for field, shape in shapes]
        prior = Prior(*(part.astype(np.float64) for part in parts))
    return Trained(generator, skeleton, prior, iteration, line_of_sight)


def _floats(
    path: StrPath, arrays: Mapping[str, np.ndarray], key: str, shape: tuple[int, ...]
) -> np.ndarray:
    array = arrays.get(key, np.array(None))
    if array.shape != shape or array.dtype.kind != 'f':
        found = f'{array.dtype} of shape {array.shape}' if key in arrays else 'nothing'
        raise InputError(f'{path}: expected {key} of floats of shape {shape}, found {found}')
    if not np.isfinite(array).all():
        raise InputError(f'{path}: expected finite weights, found {key} with others')
    return array


def check_joints(
    path: StrPath, n_joints: int, trained: Skeleton | None, expected: Skeleton, name: str
) -> None:
    """Check that the joints of weights are those of what has a name and a skeleton.

    Raises:
        InputError: if their number or, with the skeleton of the training, their names differ.
    """
    message = f'{path}: expected weights for the {len(expected)} joints of {name}, found '
    if n_joints != len(expected):
        raise InputError(f'{message}{n_joints}')
    for joint, other in zip(trained.names if trained else (), expected.names):
        if joint != other:
            raise InputError(f'{message}joint {joint!r} where {other!r} is expected')
