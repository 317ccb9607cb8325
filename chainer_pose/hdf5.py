"""HDF5 files that a stranger may have made, opened with care.

Such a file can have its data elsewhere: in another file by an external link, a
virtual data set or external storage, so that reading it would read whatever file of
the reader's it names. And it can declare an array that fills the memory out of a few
bytes. Both are refused when it is opened.
"""

import contextlib

import h5py

from chainer_pose.errors import InputError
from chainer_pose.files import most_bytes


@contextlib.contextmanager
def opened(path, expected):
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
            _check(file, file, most_bytes(path), set())
            yield file
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f'{path}: expected {expected}, found no such file') from error
    except Exception as error:  # h5py raises whatever damage leads it to
        message = ' '.join(str(error).split())
        raise InputError(f'{path}: expected {expected}, found: {message:.80}') from error


def _check(file, group, most, seen):
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
        if isinstance(item, h5py.Group):
            _check(file, item, most, seen)
        elif isinstance(item, h5py.Dataset):
            if item.external:
                raise InputError(f'{where}, found it in {item.external[0][0]!r:.80}')
            if item.is_virtual:
                raise InputError(f'{where}, found a virtual data set')
            if item.nbytes > most:
                raise InputError(f'{where}, found {item.nbytes} bytes declared in a smaller file')
