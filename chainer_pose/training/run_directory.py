"""What a training run is on disk, and how to load one again.

A run directory holds ``options.json`` (everything that rebuilds the run),
Chainer's ``log``, ``snapshot_N.npz`` (the whole trainer at iteration N),
``gen_N.npz`` (a generator, N in epochs or iterations), ``gen_best.npz`` and
pictures. All arrays are plain npz files without pickled objects.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
from chainer.serializers import NpzDeserializer

from chainer_pose import __version__
from chainer_pose.errors import InputError
from chainer_pose.inference.weights import NORMALIZATION, numbered, read_arrays
from chainer_pose.skeletons import Skeleton
from chainer_pose.utils.files import atomic_path, writing

if TYPE_CHECKING:
    import chainer

    from chainer_pose.utils.files import StrPath


@contextlib.contextmanager
def lock(out: StrPath, new: bool) -> Iterator[None]:
    """Keep a run directory to oneself, and take away what a killed run left half written.

    Args:
        out: path; made where it is absent.
        new: whether it must be empty.
    Raises:
        InputError: if another process has claimed it, if it cannot be made, or if it
            must be empty and is not.
    """
    out = Path(out)
    used = InputError(
        f'expected a new or empty folder, found one in use; continue that run with --resume {out}',
        out=out,
    )

    def in_use():
        return not out.is_dir() or any(path.name != _LOCK for path in out.iterdir())

    if new and out.exists() and in_use():
        raise used
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(out / _LOCK)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise InputError(
                'expected a run that nobody is training, found another process at it', out=out
            ) from error
    try:
        if new and in_use():  # by one that was quicker
            raise used
        for path in out.iterdir():
            if _HALF_WRITTEN.fullmatch(path.name):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        yield
    finally:
        lock.release()


_LOCK = '.lock'
# By `files.atomic_path`, and by Chainer's LogReport, in a folder of its own.
_HALF_WRITTEN = re.compile(
    r'\.(snapshot_\d+|gen_\w+|options|loss|accuracy|validation)-\w{8}\.(npz|json|png)|log\w{8}'
)


def write_options(out: StrPath, options: Mapping[str, Any], skeleton: Skeleton) -> None:
    """Make a new run directory with its options.json.

    Args:
        out: path of a folder that is claimed; see `lock`.
        options: dict of the training options, JSON values.
        skeleton: `skeletons.Skeleton`.
    Raises:
        InputError: if `out` cannot be written.
    """
    out = Path(out)
    stored = {
        'chainer_pose': __version__,
        'options': options,
        'skeleton': skeleton.to_dict(),
        'normalization': NORMALIZATION,
    }
    with writing(out), atomic_path(out / 'options.json') as temporary:
        Path(temporary).write_text(json.dumps(stored, indent=2) + '\n', encoding='utf-8')


def read_options(run: StrPath) -> dict[str, Any]:
    """The options of a run, as given to `write_options`.

    Raises:
        InputError: if the folder is not a run or its options.json is damaged.
    """
    path = Path(run) / 'options.json'
    try:
        return dict(json.loads(path.read_text())['options'])
    except FileNotFoundError as error:
        raise InputError(f'{run}: expected a run with options.json, found none') from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f'{path}: expected the options of a run, found damage') from error


def load_snapshot(path: StrPath, trainer: chainer.training.Trainer) -> None:
    """Put a trainer back to where `write_arrays` saved it.

    Raises:
        InputError: if the file is not a snapshot of such a trainer.
    """
    arrays = read_arrays(path)
    if 'updater/iteration' in arrays and 'updater/version' not in arrays:
        raise InputError(
            f'{path}: expected a snapshot of this version, found an older one, which cannot be '
            f"resumed; its run's generators (gen_N.npz) still load"
        )
    try:
        NpzDeserializer(arrays).load(trainer)
    except Exception as error:  # every part of a trainer reads its own, and raises its own
        raise InputError(
            f'{path}: expected a snapshot of this training, found: {error!r:.100}'
        ) from error


def latest_snapshot(run: StrPath, warn: Callable[[str], None] = lambda text: None) -> Path:
    """Path of the newest trainer snapshot of a run that can be read.

    Every array of an npz file has a checksum, so that reading finds damage.

    Args:
        run: run directory.
        warn: function that is told, in a line, of each snapshot that is damaged.
    Raises:
        InputError: if there is none.
    """
    snapshots = numbered(run, 'snapshot')
    for path in snapshots:
        try:
            read_arrays(path)
        except InputError as error:
            warn(f'{error}; the one before is used, if there is one')
        else:
            return path
    found = f'{len(snapshots)} that cannot be read' if snapshots else 'none'
    raise InputError(f'{run}: expected a run with a snapshot_N.npz, found {found}')
