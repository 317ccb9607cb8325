"""Read and write files: whole or not at all, with errors that name the file."""

import contextlib
import hashlib
import io
import json
import os
import re
import secrets
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from chainer_pose.errors import InputError

StrPath = str | os.PathLike[str]


@contextlib.contextmanager
def reading(path: StrPath, expected: str) -> Iterator[None]:
    """Turn any failure to read a file into an InputError: path, what is expected, the fault."""
    try:
        with np.errstate(all='ignore'):  # damaged numbers would add NumPy's warnings
            yield
    except InputError as error:
        if str(path) in str(error):
            raise
        raise InputError(f'{path}: {error}') from error
    except FileNotFoundError as error:
        raise InputError(f'{path}: expected {expected}, found no such file') from error
    except Exception as error:  # a damaged file makes libraries raise anything
        found = ' '.join(str(error).split()) or type(error).__name__
        if isinstance(error, KeyError) and ' ' not in found:  # its text is the key alone
            found = f'no {found}'
        raise InputError(f'{path}: expected {expected}, found: {found:.100}') from error


@contextlib.contextmanager
def writing(path: StrPath) -> Iterator[None]:
    """Turn a failure to write into an InputError that names the path."""
    try:
        yield
    except BrokenPipeError:  # of standard output: the reader has seen enough
        raise
    except OSError as error:
        found = os.strerror(error.errno) if error.errno else error  # HDF5's own text is long
        failed, place = (Path(os.path.realpath(p)) for p in (error.filename or path, path))
        # Something else, which is read meanwhile.
        if not (failed.is_relative_to(place.parent) or place.is_relative_to(failed)):
            raise InputError(f'{failed}: expected to be readable, found: {found}') from error
        raise InputError(f'{path}: expected a place that can be written, found: {found}') from error


def walk(root: StrPath) -> Iterator[Path]:
    """Give every file below a folder, also those behind links to folders."""
    seen = set()  # a link may point to a folder that it is in
    for folder, folders, names in os.walk(root, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from (Path(folder, name) for name in names)


def most_bytes(path: StrPath) -> int:
    """Return how many bytes a file may hold uncompressed; poses shrink to a third."""
    return 2**26 + 20 * os.path.getsize(path)


@contextlib.contextmanager
def opened_npz(path: StrPath, expected: str) -> Iterator[zipfile.ZipFile]:
    """Open an npz file as an archive; see `reading`.

    Raises:
        InputError: if it cannot be read, or would unpack to more than `most_bytes`.
    """
    with reading(path, expected), zipfile.ZipFile(path) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
        if unpacked > most_bytes(path):
            raise ValueError(f'{unpacked} bytes when unpacked')
        yield archive


def read_npz(path: StrPath) -> dict[str, np.ndarray]:
    """Read an npz file of plain arrays, by name; pickled objects are an InputError."""
    with opened_npz(path, 'an npz file of plain arrays') as archive:
        return {
            name.removesuffix('.npy'): np.lib.format.read_array(
                io.BytesIO(archive.read(name)), allow_pickle=False
            )
            for name in archive.namelist()
        }


def read_json(path: StrPath, expected: str = 'JSON', **options: Any) -> Any:
    """Read a JSON file with json.loads and its `options`; see `reading`."""
    with reading(path, expected):
        return json.loads(Path(path).read_text(encoding='utf-8-sig'), **options)


def sha256(path: StrPath) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


@contextlib.contextmanager
def atomic_path(path: StrPath) -> Iterator[str]:
    """Give a temporary path beside `path`; rename it to `path` on success.

    It has the suffix of `path`, and is removed if the body raises. A link is kept, and what it
    points to is replaced.
    """
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f'.{path.stem}-{secrets.token_hex(4)}{path.suffix}')
    open(temporary, 'xb').close()
    try:
        yield str(temporary)
        _sync(temporary)
        os.replace(temporary, path)
        if os.name != 'nt':
            _sync(path.parent)  # the new name survives a power cut, too
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def locked(
    lock: Path, error: InputError, stem: str = r'\w+', suffix: str = r'\.\w+'
) -> Iterator[None]:
    """Hold a lock file, or raise `error` if another process does.

    The temporary files of `atomic_path` that killed processes left beside it are removed, of paths
    with this stem and suffix, regular expressions.
    """
    with writing(lock.parent):
        try:
            held = filelock.FileLock(lock).acquire(timeout=0)
        except filelock.Timeout as timeout:
            raise error from timeout
    with held:
        for path in lock.parent.iterdir():
            if re.fullmatch(rf'\.{stem}-[0-9a-f]{{8}}{suffix}', path.name):
                path.unlink()
        yield


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
