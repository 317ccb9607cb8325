"""A generator's file."""

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
from chainer_pose.utils.files import atomic_path, read_npz

if TYPE_CHECKING:
    from chainer_pose.datasets import PoseData
    from chainer_pose.utils.files import StrPath


NORMALIZATION = 'root at the origin, mean distance of the other joints from it 1'
_METADATA = 'metadata'
_PRIOR = 'prior/'
_WEIGHTS = re.compile(r'(^|/model:\w+/|/average/)[\w/]+/(W|b|gamma|beta)$')
_NONE = 'none'  # names of the values that are None, which npz cannot hold unpickled


def write_arrays(path: StrPath, arrays: Mapping[str, np.ndarray]) -> None:
    """Write what Chainer's DictionarySerializer collected, without pickling.

    Raises:
        NonFiniteError: if a parameter of a model is not finite; nothing is
            written, so the last good file stays.
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

    Returns:
        dict from name to array.
    Raises:
        InputError: if the file is absent, damaged or holds pickled objects.
    """
    arrays = read_npz(path)
    for key in arrays.pop(_NONE, ()):
        arrays[str(key)] = np.asarray(None)
    return arrays


def find_generator(path: StrPath, last: bool = False) -> Path:
    """The generator file that a path means: itself, or a run's best, else its last.

    Args:
        path: a file or a run directory.
        last: of a run, take the last even where there is a best.
    Raises:
        InputError: if there is none.
    """
    path = Path(path)
    if not path.is_dir():
        return path
    best, newest = path / 'gen_best.npz', next(iter(numbered(path, 'gen')), None)
    if best.is_file() and not (last and newest):
        return best
    if newest is None:
        raise InputError(
            f'{path}: expected a run with gen_best.npz or gen_N.npz, found neither; '
            f'has training reached its first --snapshot-interval?'
        )
    return newest


def numbered(run, stem):
    """Paths of a run's stem_N.npz, the newest first."""
    numbered = {
        int(match[1]): path
        for path in Path(run).glob(f'{stem}_*.npz')
        if (match := re.fullmatch(rf'{stem}_(\d+)\.npz', path.name))
    }
    return [numbered[number] for number in sorted(numbered, reverse=True)]


class Trained(NamedTuple):
    """What a generator's file holds.

    Attributes:
        generator: `links.Generator` or `martinez.Martinez`, on the CPU.
        skeleton: the `Skeleton` it was trained on, None if the file does not say.
        prior: the `imputation.Prior` of the poses it learned from, None likewise.
    """

    generator: Generator | Martinez
    skeleton: Skeleton | None
    prior: Prior | None


def write_generator(
    path: StrPath, arrays: Mapping[str, np.ndarray], skeleton: Skeleton, prior: Prior | None = None
) -> None:
    """Write a generator's arrays with the skeleton that its units mean.

    Args:
        path: where to.
        arrays: dict of the link's arrays, as Chainer serializes them.
        skeleton: `skeletons.Skeleton`.
        prior: `imputation.Prior` of the training poses; None for none.
    """
    metadata = json.dumps({'skeleton': skeleton.to_dict(), 'normalization': NORMALIZATION})
    if prior is not None:
        arrays = {**arrays, **{_PRIOR + key: part for key, part in prior._asdict().items()}}
    write_arrays(path, {**arrays, _METADATA: np.array(metadata)})


def load_generator(path: StrPath) -> Trained:
    """Rebuild a generator from its file alone.

    Args:
        path: a gen_*.npz of a run, or any npz of the four linear layers.
    Returns:
        `Trained`.
    Raises:
        InputError: if the file is not a generator, with what was expected and found.
    """
    arrays = read_arrays(path)
    metadata = arrays.pop(_METADATA, None)
    parts = [arrays.pop(_PRIOR + key, None) for key in Prior._fields]
    model, n_joints, n_unit = _recognise(path, arrays)
    # All shapes are checked before a network of the claimed size is made.
    for key, shape in model.shapes(n_joints, n_unit).items():
        array = arrays.get(key)
        if array is None or array.shape != shape or array.dtype.kind != 'f':
            found = 'nothing' if array is None else f'{array.dtype} of shape {array.shape}'
            raise InputError(f'{path}: expected {key} of floats of shape {shape}, found {found}')
        if not np.isfinite(array).all():
            raise InputError(f'{path}: expected finite weights, found {key} with others')
    generator = model(n_joints, n_unit)
    NpzDeserializer(arrays, strict=model is Generator).load(generator)
    skeleton = None if metadata is None else _read_metadata(path, metadata, n_joints)
    return Trained(generator, skeleton, _read_prior(path, parts, n_joints))


def _recognise(path, arrays):
    """Which model the arrays are of: (class, number of joints, units of a hidden layer)."""
    for model, first, last, n_out, each in (
        (Generator, 'l1/W', 'l4/W', 1, 'output'),
        (Martinez, 'enter/linear/W', 'leave/W', 3, 'three outputs'),
    ):
        first, last = arrays.get(first), arrays.get(last)
        if first is None or last is None or first.ndim != 2 or last.ndim != 2:
            continue
        n_unit, n_in = first.shape
        n_joints = n_in // 2
        if (n_in, last.shape[0]) != (2 * n_joints, n_out * n_joints):
            raise InputError(
                f'{path}: expected a generator, two inputs for each {each}, found '
                f'{n_in} inputs and {last.shape[0]} outputs'
            )
        return model, n_joints, n_unit
    raise InputError(
        f'{path}: expected a generator with the layers l1 to l4, found {_summary(arrays)}'
    )


def _read_metadata(path, text, n_joints):
    try:
        metadata = json.loads(str(text))
        skeleton = Skeleton.from_dict(metadata['skeleton'])
        normalization = metadata['normalization']
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f'{path}: expected a skeleton in its metadata, found damage') from error
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
    return skeleton


def _read_prior(path, parts, n_joints):
    if any(part is None for part in parts):
        return None
    shapes = (2 * n_joints,), (2 * n_joints, 2 * n_joints)
    for key, part, shape in zip(Prior._fields, parts, shapes):
        if part.shape != shape or part.dtype.kind != 'f' or not np.isfinite(part).all():
            raise InputError(
                f'{path}: expected {_PRIOR}{key} of finite floats of shape {shape}, found '
                f'{part.dtype} of shape {part.shape}'
            )
    return Prior(*(part.astype(np.float64) for part in parts))


def _summary(arrays):
    names = sorted(arrays)
    return ', '.join(names[:4]) + (', ...' if len(names) > 4 else '') if names else 'nothing'


def check_fit(
    path: StrPath, generator: Generator | Martinez, trained: Skeleton | None, data: PoseData
) -> None:
    """Refuse weights whose joints are not the data's.

    Args:
        path: the generator's file, for the message.
        generator: `links.Generator`.
        trained: the `Skeleton` that it was trained on, or None.
        data: `datasets.PoseData`.
    Raises:
        InputError: if number or names of the joints differ.
    """
    found, expected = generator.n_joints, len(data.skeleton)
    if found != expected:
        raise InputError(
            f'{path}: expected weights for the {expected} joints of {data.name}, found {found}'
        )
    if trained is not None and trained.names != data.skeleton.names:
        differing = next((a, b) for a, b in zip(data.skeleton.names, trained.names) if a != b)
        raise InputError(
            f'{path}: expected weights for the joints of {data.name}, found joint '
            f'{differing[1]!r} where the data have {differing[0]!r}'
        )
