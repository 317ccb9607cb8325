"""Writing a file whole or not at all, and saying why where it cannot be."""

import contextlib
import os
import tempfile
from pathlib import Path

from chainer_pose.errors import InputError


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
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


@contextlib.contextmanager
def writing(option, path):
    """Turn a failure to write into a refusal that names the option and the path."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f'{option} {path}: expected a place that can be written, found: {error.strerror}'
        ) from error
