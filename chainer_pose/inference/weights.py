"""A network's file: write, load, find."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from chainer.serializers import NpzDeserializer

from chainer_pose.datasets.imputation import Prior
from chainer_pose.errors import InputError, NonFiniteError
from chainer_pose.links import Generator, Martinez
from chainer_pose.skeletons import Skeleton
from chainer_pose.utils.files import atomic_path, read_npz, reading

if TYPE_CHECKING:
    from chainer_pose.datasets import PoseData
    from chainer_pose.utils.files import StrPath


NORMALIZATION = 'root at the origin, mean distance of the other joints from it 1'
_METADATA = 'metadata'
_PRIOR = 'prior/'
_WEIGHTS = re.compile(r'(^|/model:\w+/|/average/)[\w/]+/(W|b|gamma|beta)$')
_NONE = 'none'  # names of the values that are None, which npz cannot hold unpickled


class Trained(NamedTuple):
    """A network, on the CPU, with the skeleton and prior of its training poses and the iterations
    that it was trained for; None where the file does not have them."""

    generator: Generator | Martinez
    skeleton: Skeleton | None
    prior: Prior | None
    iteration: int | None


def write_arrays(path: StrPath, arrays: Mapping[str, np.ndarray]) -> None:
    """Write what Chainer's DictionarySerializer collected, without pickling.

    Raises:
        NonFiniteError: if a parameter of a model is not finite; the last good file stays.
    """
    for key, array in arrays.items():
        if _WEIGHTS.search(key) and not np.isfinite(array).all():
            raise NonFiniteError(f'{key} is not finite: training has diverged')
    missing = [key for key, array in arrays.items() if array[()] is None]
    stored: dict[str, Any] = {k: array for k, array in arrays.items() if k not in missing}
    stored[_NONE] = np.array(missing, np.str_)
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

    With `last`, take the last even where there is a best.

    Raises:
        InputError: if there is none.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.exists():
            raise InputError(f'{path}: expected a run or a generator file, found no such file')
        return path
    found, best = numbered(path, 'gen'), path / 'gen_best.npz'
    if best.is_file():
        found.insert(len(found) if last else 0, best)
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
) -> None:
    """Write a link's arrays, as Chainer serializes them, with the skeleton of its joints, the
    `imputation.Prior` of its training poses and the iterations that it was trained for."""
    stored = {'skeleton': skeleton.to_dict(), 'normalization': NORMALIZATION}
    metadata = json.dumps(stored if iteration is None else {**stored, 'iteration': iteration})
    parts = {} if prior is None else {_PRIOR + k: part for k, part in prior._asdict().items()}
    write_arrays(path, {**arrays, **parts, _METADATA: np.array(metadata)})


def load_generator(path: StrPath) -> Trained:
    """Rebuild a network from its file alone: a run's gen_*.npz, or any npz of its arrays.

    Raises:
        InputError: naming the file, what was expected and what was found.
    """
    arrays = read_arrays(path)
    metadata = arrays.pop(_METADATA, None)
    parts = {key: arrays.pop(key) for f in Prior._fields if (key := _PRIOR + f) in arrays}
    networks: tuple[type[Generator] | type[Martinez], ...] = (Generator, Martinez)
    network = max(networks, key=lambda network: len(network.shapes(1, 1).keys() & arrays))
    enter = next(key for key, shape in network.shapes(2, 7).items() if shape == (7, 4))
    if enter not in arrays or arrays[enter].ndim != 2:
        raise InputError(
            f'{path}: expected a generator with {enter}, found {", ".join(sorted(arrays)[:4])}'
        )
    n_unit, n_joints = arrays[enter].shape[0], arrays[enter].shape[1] // 2
    # All shapes are checked before a network of the claimed size is made.
    for key, shape in network.shapes(n_joints, n_unit).items():
        _check(path, key, arrays.get(key), shape)
    generator = network(n_joints, n_unit)
    NpzDeserializer(arrays, strict=network is Generator).load(generator)
    skeleton, iteration = (
        (None, None) if metadata is None else _read_metadata(path, metadata, n_joints)
    )
    prior = None
    if len(parts) == len(Prior._fields):
        for (key, part), n_axes in zip(parts.items(), (1, 2)):
            _check(path, key, part, (2 * n_joints,) * n_axes)
        prior = Prior(*(part.astype(np.float64) for part in parts.values()))
    return Trained(generator, skeleton, prior, iteration)


def _check(path: StrPath, key: str, array: np.ndarray | None, shape: tuple[int, ...]) -> None:
    if array is None or array.shape != shape or array.dtype.kind != 'f':
        found = 'nothing' if array is None else f'{array.dtype} of shape {array.shape}'
        raise InputError(f'{path}: expected {key} of floats of shape {shape}, found {found}')
    if not np.isfinite(array).all():
        raise InputError(f'{path}: expected finite weights, found {key} with others')


def _read_metadata(path: StrPath, text: np.ndarray, n_joints: int) -> tuple[Skeleton, int | None]:
    with reading(path, 'a skeleton and a normalization in its metadata'):
        metadata = json.loads(str(text))
        skeleton = Skeleton.from_dict(metadata['skeleton'])
        normalization = metadata['normalization']
        iteration = int(metadata['iteration']) if 'iteration' in metadata else None
    if len(skeleton) != n_joints:
        raise InputError(
            f'{path}: expected weights for the {len(skeleton)} joints of its skeleton, '
            f'found {n_joints}'
        )
    if normalization != NORMALIZATION:
        raise InputError(
            f'{path}: expected weights for poses with the {NORMALIZATION}, found '
            f'{normalization!r:.80}'
        )
    return skeleton, iteration


def check_fit(
    path: StrPath, generator: Generator | Martinez, trained: Skeleton | None, data: PoseData
) -> None:
    """Check that the joints of a network from `path`, trained on a skeleton, are the data's.

    Raises:
        InputError: if number or names of the joints differ.
    """
    found, expected = generator.n_joints, data.skeleton.names
    if found != len(expected):
        raise InputError(
            f'{path}: expected weights for the {len(expected)} joints of {data.name}, found {found}'
        )
    if trained is not None and trained.names != expected:
        joint, other = next((a, b) for a, b in zip(trained.names, expected) if a != b)
        raise InputError(
            f'{path}: expected weights for the joints of {data.name}, found joint {joint!r} where '
            f'the data have {other!r}'
        )
