"""Read HDF5 files from untrusted sources."""

import contextlib
from collections.abc import Iterator

import h5py

from chainer_pose.errors import InputError
from chainer_pose.utils.files import StrPath, most_bytes, reading


@contextlib.contextmanager
def opened(path: StrPath, expected: str) -> Iterator[h5py.File]:
    """Open an HDF5 file whose data are all in this file.

    An external link, external storage or a virtual data set would read any other
    file that it names; a few bytes can declare an array that fills the memory.

    Raises:
        InputError: if it is absent, damaged or does any of these, or if the body of
            the with statement fails; see `files.reading`.
    """
    with reading(path, expected), h5py.File(path, 'r') as file:
        _check(file, most_bytes(path), set())
        yield file


def _check(group: h5py.Group, most: int, seen: set[int]) -> None:
    for key in group:
        where = f'{group.file.filename}: {group.name.rstrip("/")}/{key}: expected data in this file'
        link = group.get(key, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise InputError(f'{where}, found a link to {link.filename!r:.80}')
        if not isinstance(link, h5py.HardLink):
            continue  # a soft link leads to an item that is checked at its own place
        item = group[key]
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:  # hard links can form a circle
            continue
        seen.add(address)
        if isinstance(item, h5py.Group):
            _check(item, most, seen)
        elif isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise InputError(f'{where}, found it in another file')
            if item.nbytes > most:
                raise InputError(f'{where}, found {item.nbytes} bytes declared in a smaller file')
