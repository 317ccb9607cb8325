import zipfile

import h5py
import pytest

from chainer_pose.errors import InputError
from chainer_pose.utils import files, hdf5


def map_another_file(file):
    layout = h5py.VirtualLayout((9,), 'f4')
    layout[:] = h5py.VirtualSource('secret.h5', 'x', (9,))
    file.create_virtual_dataset('x', layout)


@pytest.mark.parametrize(
    'write',
    [
        map_another_file,
        lambda file: file.update(x=h5py.ExternalLink('secret.h5', '/x')),
        lambda file: file.create_dataset('x', (9,), 'f4', external=[('secret', 0, 36)]),
        lambda file: file.create_dataset('x', (10**10,), 'f4', chunks=(100,)),  # more than it has
    ],
)
def test_hdf5_data_come_from_the_file_itself(write, tmp_path):
    with h5py.File(tmp_path / 'a.h5', 'w') as file:
        group = file.create_group('group')
        group['circle'] = file['/']
        write(group)
    with pytest.raises(InputError, match=r'a\.h5: /.*group/x: expected data in this file, found'):
        hdf5.opened(tmp_path / 'a.h5', 'numbers').__enter__()


def header(shape, dtype='<f4'):
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}}}".ljust(117) + '\n'
    return b'\x93NUMPY\x01\x00' + len(text).to_bytes(2, 'little') + text.encode()


@pytest.mark.parametrize(
    'content',
    [
        header((2**25,)) + bytes(2**27),  # 128 MB in 128 kB
        header((10**12,)) + bytes(8),
        header((-1, -4)) + bytes(8),
        header((1,), '|O') + b'cos\nabort\n(tR.',
    ],
)
def test_npz_files_hold_plain_arrays_of_their_size(content, tmp_path):
    with zipfile.ZipFile(tmp_path / 'a.npz', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('x.npy', content)
    with pytest.raises(InputError, match=r'a\.npz: expected an npz file of plain arrays, found'):
        files.read_npz(tmp_path / 'a.npz')


@pytest.mark.parametrize('text', [None, '{', '[' * 100_000])
def test_json(text, tmp_path):
    path = tmp_path / 'a.json'
    if text:
        path.write_text(text)
    with pytest.raises(InputError, match=r'a\.json: expected JSON, found') as caught:
        files.read_json(path)
    assert len(str(caught.value)) < 300


def test_walk_follows_links_and_comes_back_from_loops(tmp_path):
    elsewhere, root = tmp_path / 'elsewhere', tmp_path / 'root'
    for folder in (elsewhere, root / 'own'):
        folder.mkdir(parents=True)
        (folder / 'a').touch()
    (root / 'linked').symlink_to(elsewhere)
    (elsewhere / 'loop').symlink_to(root)
    assert sorted(files.walk(root)) == [root / 'linked' / 'a', root / 'own' / 'a']


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path):
    (tmp_path / 'store').mkdir()
    link, target = tmp_path / 'link.h5', tmp_path / 'store' / 'real.h5'
    link.symlink_to(target)
    with files.atomic_path(link) as temporary, open(temporary, 'w') as file:
        file.write('new')
    assert link.is_symlink()
    assert target.read_text() == 'new'


def test_a_failure_to_read_meanwhile_names_what_was_read(tmp_path):
    source = str(tmp_path / 'source' / 'S5')
    message = f'^{source}: expected to be readable, found: Permission'
    with pytest.raises(InputError, match=message), files.writing(tmp_path / 'out' / 'a.h5'):
        raise PermissionError(13, 'Permission denied', source)


def test_a_failure_to_write_names_the_place(tmp_path):
    (tmp_path / 'link').symlink_to(tmp_path / 'gone' / 'a.h5')
    (tmp_path / 'file').touch()
    for path in (tmp_path / 'no' / '..' / 'no' / 'a.h5', tmp_path / 'link'):
        message = f'^{path}: expected a place that can be written, found: No such file'
        refused = pytest.raises(InputError, match=message)
        with refused, files.writing(path), files.atomic_path(path):
            pass
    folder = tmp_path / 'file' / 'a' / 'b'
    message = f'^{folder}: expected a place that can be written'
    with pytest.raises(InputError, match=message), files.writing(folder):
        folder.mkdir(parents=True)
