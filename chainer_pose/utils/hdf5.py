"""HDF5 files that a stranger may have made, opened with care.

Such a file can have its data elsewhere: in another file by an external link, a
virtual data set or external storage, so that reading it would read whatever file of
the reader's it names. And it can declare an array that fills the memory out of a few
bytes. Both are refused when it is opened.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

from chainer_pose.errors import InputError
from chainer_pose.utils.files import failure_elsewhere, most_bytes

if TYPE_CHECKING:
    from chainer_pose.utils.files import StrPath


@contextlib.contextmanager
def opened(path: StrPath, expected: str) -> Iterator[h5py.File]:
    """Open an HDF5 file to read, and refuse on one line what goes wrong within.

    Args:
        path: the file.
        expected: what it should be, for the message.
    Raises:
        InputError: if it is absent, damaged or not plain (see above), or if reading
            it, in the with statement, fails for damage.
    """
    try:
        with h5py.File(path, 'r') as file:
            if _looks_damaged(path) and failure_elsewhere(_PROBE, os.path.abspath(path), seconds=4):
                raise ValueError('damaged texts')
            _check_attributes(file, path)
            _check(file, file, path, set())
            yield file
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f'{path}: expected {expected}, found no such file') from error
    except Exception as error:  # h5py raises whatever damage leads it to
        message = ' '.join(str(error).split())
        raise InputError(f'{path}: expected {expected}, found: {message:.80}') from error


def _looks_damaged(path):
    """Whether texts of a file may be damaged: HDF5 1.14 walks in circles over some.

    Texts lie in global heap collections (HDF5 file format specification, III.E): a
    header with the collection's size, then objects, each with an index and a size,
    up to the free space, of index 0, which takes what is left. What an edited file
    has left behind may look so, too.
    """
    with open(path, 'rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.find(_HEAP)
        while start >= 0:
            if len(data) < start + 16:
                return True
            (size,) = struct.unpack_from('<Q', data, start + 8)
            at, end, index = start + 16, start + size, 1
            if end > len(data):
                return True
            while at + 16 <= end and index > 0:
                index, length = struct.unpack_from('<H6xQ', data, at)
                at += 16 + -(-length // 8) * 8 if index > 0 else length
            if at > end or (index == 0 and at != end):
                return True
            start = data.find(_HEAP, start + 1)
    return False


_HEAP = b'GCOL\x01\0\0\0'
# Reads every text of the file named, in a gigabyte.
_PROBE = """
import sys, h5py
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
except ImportError:
    pass
def read(_, item):
    dict(item.attrs)
    if isinstance(item, h5py.Dataset) and item.dtype.hasobject:
        item[()]
with h5py.File(sys.argv[1]) as file:
    read('', file)
    file.visititems(read)
"""


def _check(file, group, path, seen):
    for key in group:
        where = f'{file.filename}: {group.name.rstrip("/")}/{key}: expected data in this file'
        link = group.get(key, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise InputError(f'{where}, found a link to {link.filename!r:.80}')
        if not isinstance(link, h5py.HardLink):
            continue  # to somewhere in this file, which is seen there
        item = group[key]
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:  # hard links may go round in circles
            continue
        seen.add(address)
        _check_attributes(item, path)
        if isinstance(item, h5py.Group):
            _check(file, item, path, seen)
        elif isinstance(item, h5py.Dataset):
            if item.external:
                raise InputError(f'{where}, found it in {item.external[0][0]!r:.80}')
            if item.is_virtual:
                raise InputError(f'{where}, found a virtual data set')
            # Texts become Python objects, each with some bytes of its own in the file.
            most = os.path.getsize(path) if item.dtype.hasobject else most_bytes(path)
            if item.nbytes > most:
                raise InputError(f'{where}, found {item.nbytes} bytes declared in a smaller file')
            if item.dtype.hasobject:
                with _little_memory():
                    item[()]


def _check_attributes(item, path):
    for name in item.attrs:
        attribute = item.attrs.get_id(name)
        declared = math.prod(attribute.shape) * attribute.dtype.itemsize
        if declared > os.path.getsize(path):
            raise InputError(
                f'{path}: attribute {name} of {item.name}: expected no more than the file '
                f'holds, found {declared} bytes declared'
            )
        if attribute.dtype.hasobject:
            with _little_memory():
                item.attrs[name]


@contextlib.contextmanager
def _little_memory():
    """Within it memory may grow by a quarter of a gigabyte only, where that can be said.

    HDF5 makes room for a text of whatever length the file declares, some gigabytes
    say, before it looks whether it is there.
    """
    try:
        import resource

        pages = int(Path('/proc/self/statm').read_text().split()[0])
    except (ImportError, OSError):
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = pages * resource.getpagesize() + 2**28
    if before[0] == resource.RLIM_INFINITY or most < before[0]:
        resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
