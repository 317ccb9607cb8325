"""Writing a file whole or not at all, reading npz and JSON, and saying why where it fails."""

import contextlib
import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np

from chainer_pose.errors import InputError

# What numpy.load and zipfile raise for a file that is no npz, or a broken one.
_DAMAGE = (OSError, ValueError, EOFError, AttributeError, KeyError, RuntimeError,
           zipfile.BadZipFile, zlib.error)  # fmt: skip


def read_npz(path):
    """Read an npz file of plain arrays; nothing is unpickled.

    Returns:
        dict from name to array.
    Raises:
        InputError: if the file is absent, damaged or holds pickled objects.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except FileNotFoundError as error:
        raise InputError(f'{path}: expected an npz file, found no such file') from error
    except _DAMAGE as error:
        raise InputError(f'{path}: expected an npz file of plain arrays, found: {error}') from error


def read_json(path, expected='JSON', **options):
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


def sha256(path):
    """The SHA-256 of a file, as hexadecimal text."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


@contextlib.contextmanager
def atomic_path(path):
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
def writing(option, path):
    """Turn a failure to write into a refusal that names the option and the path."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f'{option} {path}: expected a place that can be written, found: {error.strerror}'
        ) from error
