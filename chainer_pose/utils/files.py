"""Writing a file whole or not at all, reading npz and JSON, and saying why where it fails."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from chainer_pose.errors import InputError

StrPath = str | os.PathLike[str]


def read_npz(path: StrPath) -> dict[str, np.ndarray]:
    """Read an npz file of plain arrays; nothing is unpickled.

    Returns:
        dict from name to array.
    Raises:
        InputError: if the file is absent, damaged or holds pickled objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name.removesuffix('.npy'): name for name in archive.namelist()}
            check_unpacked(archive, path)
            return {key: _read_member(archive, name) for key, name in members.items()}
    except FileNotFoundError as error:
        raise InputError(f'{path}: expected an npz file, found no such file') from error
    except Exception as error:  # zipfile and NumPy raise whatever damage leads them to
        message = ' '.join(str(error).split())
        raise InputError(
            f'{path}: expected an npz file of plain arrays, found: {message:.100}'
        ) from error


def write_npz(path: StrPath, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an npz file of plain arrays.

    As numpy.savez does, which before NumPy 2.1 leaves its archive open where the disk
    is full, so that Python complains of it once more, later.
    """
    with zipfile.ZipFile(path, 'w') as archive:
        for name, array in arrays.items():
            with archive.open(f'{name}.npy', 'w', force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)


def _read_member(archive, name):
    # As numpy.load does, but for the size: it would make room for whatever is declared.
    info = archive.getinfo(name)
    with archive.open(info) as file:
        shape, dtype = array_header(file)
        declared = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or declared > info.file_size or min(shape, default=0) < 0:
            found = 'pickled objects' if dtype.hasobject else f'{dtype} of shape {shape}'
            raise ValueError(f'{name}: {found} in {info.file_size} bytes')
    with archive.open(info) as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
        if file.read(1):
            raise ValueError(f'{name}: more than the array')
        return array


def array_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype that an npy file declares, read from its beginning.

    Raises:
        ValueError: if it is none, or of a version that NumPy writes for no plain array.
    """
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f'an npy format of version {version}')
    shape, _, dtype = read_header(file)
    return shape, dtype


def failure_elsewhere(code: str, *arguments: str, seconds: float | None = None) -> str:
    """What goes wrong when another process runs some Python: text, '' for nothing.

    For files whose damage can end the process that reads them, or send it round in circles.

    Args:
        code: the program.
        *arguments: its sys.argv[1:].
        seconds: how long it may take; None for ever.
    """
    try:
        done = subprocess.run(
            [sys.executable, '-c', code, *arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors='replace',
            timeout=seconds,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f'no end after {seconds} s'
    if not done.returncode:
        return ''
    return (done.stderr.strip().splitlines() or [f'damage (signal {-done.returncode})'])[-1]


def check_unpacked(archive: zipfile.ZipFile, path: StrPath) -> None:
    """Refuse an archive that would fill the memory.

    Raises:
        ValueError: if it unpacks to more than `most_bytes`.
    """
    unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > most_bytes(path):
        raise ValueError(f'{unpacked} bytes packed into few')


@contextlib.contextmanager
def computing_at_most(seconds: float) -> Iterator[None]:
    """Within it, a reader that damage sends round in circles is stopped.

    It is the time that Python computes which counts, not that spent on waiting for a
    disk. Only the main thread can be stopped, and on Windows nothing.

    Raises:
        TimeoutError: by what runs within, when the time is over.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or not hasattr(signal, 'setitimer'):
        yield
        return

    def stop(*_):
        raise TimeoutError(f'more than {seconds:g} s of computing')

    before = signal.signal(signal.SIGPROF, stop)
    # Once more, and more: a reader may take the first for an error that it can mend.
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def most_bytes(path: StrPath) -> int:
    """How much may be unpacked from a file, at most.

    Twenty times its size, and some: honest poses are packed to a third. A small file
    of masks may be packed further; what is far above fills the memory on purpose.
    """
    return 2**26 + 20 * os.path.getsize(path)


def read_json(path: StrPath, expected: str = 'JSON', **options: Any) -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        expected: what it should be, for the message.
        options: of json.loads.
    Raises:
        InputError: if the file is absent or no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding='utf-8-sig'), **options)
    except FileNotFoundError as error:
        raise InputError(f'{path}: expected {expected}, found no such file') from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f'{path}: expected {expected}, found: {error!s:.80}') from error


def sha256(path: StrPath) -> str:
    """The SHA-256 of a file, as hexadecimal text."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


@contextlib.contextmanager
def atomic_path(path: StrPath) -> Iterator[str]:
    """Give a temporary path beside `path` and rename it there on success.

    The temporary file keeps the suffix, for writers that go by it, and is
    removed if the body raises.
    """
    path = Path(path)
    handle, temporary = tempfile.mkstemp(
        prefix=f'.{path.stem}-', suffix=path.suffix, dir=path.parent
    )
    os.close(handle)
    try:
        yield temporary
        with open(temporary, 'rb') as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp's 0600 is for secrets
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _sync_folder(folder):
    # Or, after a power cut, the new name may be lost though the file is there.
    with contextlib.suppress(OSError):  # Windows opens no folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def writing(path: StrPath) -> Iterator[None]:
    """Turn a failure to write into an InputError that names the path."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f'{path}: expected a place that can be written, found: {error.strerror}'
        ) from error
