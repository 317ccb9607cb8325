"""A training run on disk.

A run directory holds ``options.json`` (what rebuilds the run), Chainer's ``log``,
``snapshot_N.npz`` (the whole trainer at iteration N), ``gen_N.npz`` (a generator, N in epochs or
iterations), ``gen_best.npz`` and pictures.
"""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import chainer
import numpy as np
from chainer.serializers import DictionarySerializer, NpzDeserializer

from chainer_pose import __version__
from chainer_pose.datasets import pose_file
from chainer_pose.errors import InputError
from chainer_pose.inference.weights import NORMALIZATION, load_generator, numbered, read_arrays
from chainer_pose.skeletons import Skeleton
from chainer_pose.utils import cli, files
from chainer_pose.utils.files import StrPath

_LOCK = '.lock'
# Types of what options.json holds of the data; older runs lack some.
_DATA: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(('path', 'sha256', 'name', 'preparation', 'lacks', 'excused'), (str,)),
    'poses': (int,), 'fps': (int, float), 'subjects': (list,),
}  # fmt: skip


@contextlib.contextmanager
def lock(
    out: StrPath, options: Mapping[str, Any], skeleton: Skeleton, resume: bool
) -> Iterator[None]:
    """Lock a run directory, made if absent, and remove temporary files of a killed process.

    The options, JSON values, are written to a new run's options.json; of a resumed run they must
    be of the same data.

    Raises:
        InputError: if another process has locked it, if it cannot be made, if it is new and not
            empty, or if the data are not those that the run began with.
    """
    out = Path(out)

    def check_new() -> None:
        if resume or not out.exists() or _is_unsaved(out, options):
            return
        if not out.is_dir() or {path.name for path in out.iterdir()} - {_LOCK}:
            in_use = f'one in use; continue that run with --resume {out}'
            found = in_use if out.is_dir() else 'a file'
            raise InputError(f'expected a new or empty folder, found {found}', out=out)

    check_new()
    with files.writing(out):
        out.mkdir(parents=True, exist_ok=True)
    with files.locked(out / _LOCK, InputError('expected a run that nobody is training', out=out)):
        check_new()  # another process may have been quicker
        for path in out.iterdir():
            if re.fullmatch(r'log\w{8}', path.name) and path.is_dir():  # of Chainer's LogReport
                (path / 'log').unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # not LogReport's after all
                    path.rmdir()
        for path in out.glob('poses/.*.png'):  # of `files.atomic_path`
            path.unlink()
        if not resume:
            write_options(out, options, skeleton)
        elif (began := read_options(out)).get('data') and digest(began) != digest(options):
            raise InputError(
                f'expected the poses that the run began with, of SHA-256 {digest(began):.12}..., '
                f'found those of {digest(options):.12}...',
                dataset=options['dataset'],
            )
        yield


def _is_unsaved(run: Path, options: Mapping[str, Any]) -> bool:
    """Whether a run ended before its first snapshot, so that the same run can begin again there."""
    if not (run / 'options.json').is_file() or numbered(run, 'snapshot') or numbered(run, 'gen'):
        return False
    began = read_options(run)
    is_same = all(began.get(key) == options[key] for key in options.keys() - {'data', 'dataset'})
    return is_same and digest(began) == digest(options)


def progress(run: StrPath) -> int:
    """Return the iterations that a run's newest snapshot, or its newest generator, has."""
    snapshots = [int(path.stem.split('_')[1]) for path in numbered(run, 'snapshot')[:1]]
    generators = [load_generator(path).iteration or 0 for path in numbered(run, 'gen')[:1]]
    return max([0, *snapshots, *generators])


def digest(options: Mapping[str, Any]) -> str | None:
    """Return what identifies the poses of a run: `pose_file.digest`, of older runs their file's."""
    return (options.get('data') or {}).get('sha256') or options.get('dataset_sha256')


def used(options: Mapping[str, Any], path: StrPath) -> bool:
    """Whether a run used the poses of a pose file; True if its options.json does not say."""
    if not options.get('data'):
        return digest(options) is None or digest(options) == files.sha256(path)
    keypoints = options.get('keypoints', 'gt')
    found = keypoints in pose_file.keypoints_of(path) and pose_file.digest(path, keypoints)
    return found == digest(options)


def write_options(out: StrPath, options: Mapping[str, Any], skeleton: Skeleton) -> None:
    """Write the options.json of a new run, or raise an InputError if `out` cannot be written."""
    stored = {
        'chainer_pose': __version__,
        'options': options,
        'skeleton': skeleton.to_dict(),
        'normalization': NORMALIZATION,
    }
    with files.writing(out), files.atomic_path(Path(out) / 'options.json') as temporary:
        Path(temporary).write_text(json.dumps(stored, indent=2) + '\n', encoding='utf-8')


def read_options(run: StrPath) -> dict[str, Any]:
    """Return the options of a run, as given to `write_options`.

    Raises:
        InputError: if the folder is not a run or its options.json is damaged.
    """
    path, expected = Path(run) / 'options.json', 'the options of a run'
    with files.reading(path, expected):
        options = dict(files.read_json(path, expected)['options'])
        for key, value in (options.get('data') or {}).items():
            if not isinstance(value, (*_DATA.get(key, (object,)), type(None))):
                raise ValueError(f'data, {key} {value!r}')
        return options


def load_snapshot(path: StrPath, trainer: chainer.training.Trainer) -> None:
    """Load a trainer's snapshot.

    Raises:
        InputError: if the file is not a snapshot of such a trainer.
    """
    arrays = read_arrays(path)
    if 'updater/iteration' not in arrays:
        raise InputError(f'{path}: expected a snapshot of a trainer, found other arrays')
    if 'updater/version' not in arrays:
        raise InputError(
            f'{path}: expected a snapshot of this version, found an older one, which cannot be '
            f"resumed; its run's generators (gen_N.npz) still load"
        )
    own = DictionarySerializer({})
    trainer.updater.serialize(own['updater'])
    try:
        for key, array in own.target.items():
            if np.ndim(array) and key in arrays and np.shape(array) != arrays[key].shape:
                raise ValueError(f'{key} of shape {arrays[key].shape}, not {np.shape(array)}')
        NpzDeserializer(arrays).load(trainer)
    except Exception as error:  # every part of a trainer reads its own, and raises its own
        raise InputError(
            f'{path}: expected a snapshot of this training, found: {error!r:.100}'
        ) from error


def latest_snapshot(run: StrPath) -> Path:
    """Return the path of the newest readable snapshot of a run; warn of damaged ones.

    Raises:
        InputError: if there is none.
    """
    snapshots = numbered(run, 'snapshot')
    for path in snapshots:
        try:
            read_arrays(path)
        except InputError as error:
            cli.warn([f'{error}; trying the one before'])
        else:
            return path
    found = f'{len(snapshots)} that cannot be read' if snapshots else 'none'
    raise InputError(f'{run}: expected a run with a snapshot_N.npz, found {found}')
