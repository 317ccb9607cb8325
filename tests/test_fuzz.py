"""Files from strangers: damaged at random (fuzz.py), and made to do harm."""

import json
import resource
import zipfile

import fuzz
import h5py
import numpy as np
import pytest

from chainer_pose import skeletons
from chainer_pose.datasets import pose_file
from chainer_pose.datasets.keypoints import reader as keypoints
from chainer_pose.datasets.readers import cameras, h36m, h36m_layouts, matlab
from chainer_pose.errors import InputError
from chainer_pose.inference import weights as weights_file
from chainer_pose.training import run_directory
from chainer_pose.utils import files, unpickle

pytestmark = pytest.mark.slow


@pytest.mark.parametrize('name', fuzz.READERS)
def test_a_damaged_file_is_read_or_refused(name, tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = fuzz.try_inputs(name, 5 if name in fuzz.SLOW else 40, tmp_path)
    assert set(outcomes) <= {'answer', 'refusal'}, outcomes
    assert outcomes['refusal'] > 0
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < fuzz.MEGABYTES


@pytest.fixture
def poses(tmp_path):
    path = tmp_path / 'poses.h5'
    fuzz._pose_file(path)
    return path


def refused(path, match):
    for split in ('train', 'test'):
        with pytest.raises(InputError, match=match) as caught:
            pose_file.read(path, split)
        assert str(path) in str(caught.value)


def test_a_link_to_another_file(poses, tmp_path):
    secret = tmp_path / 'secret.h5'
    poses.rename(secret)
    with h5py.File(secret) as visible, h5py.File(poses, 'w') as file:
        file.attrs.update(visible.attrs)
        file['test'] = h5py.ExternalLink(str(secret), '/test')
        file['train'] = h5py.ExternalLink(str(secret), '/train')
    refused(poses, 'found a link to .*secret')


def test_external_storage(poses, tmp_path):
    (tmp_path / 'secret').write_bytes(bytes(9 * 17 * 2 * 4))
    with h5py.File(poses, 'a') as file:
        del file['train/pose2d']
        file['train'].create_dataset(
            'pose2d', (9, 17, 2), 'f4', external=[(str(tmp_path / 'secret'), 0, h5py.h5f.UNLIMITED)]
        )
    refused(poses, 'train/pose2d: expected data in this file, found it in another')


def test_a_virtual_data_set(poses, tmp_path):
    layout = h5py.VirtualLayout((9, 17, 2), 'f4')
    layout[:] = h5py.VirtualSource(str(tmp_path / 'secret.h5'), 'train/pose2d', (9, 17, 2))
    with h5py.File(poses, 'a') as file:
        del file['train/pose2d']
        file['train'].create_virtual_dataset('pose2d', layout)
    refused(poses, 'found it in another file')


def test_more_declared_than_there_is(poses):
    with h5py.File(poses, 'a') as file:
        del file['train/pose2d']
        file['train'].create_dataset('pose2d', (10**9, 17, 2), 'f4', chunks=(100, 17, 2))
    refused(poses, 'bytes declared in a smaller file')


def test_links_in_circles(poses):
    with h5py.File(poses, 'a') as file:
        file['train/again'] = file['train']
        file['train/soft'] = h5py.SoftLink('/train/soft')
    assert len(pose_file.read(poses, 'train')) == 9


@pytest.mark.parametrize(
    'read',
    [
        lambda path: matlab.read(path, ['RELEASE']),
        lambda path: cameras.read(path, 'S1', h36m.CAMERAS),
        lambda path: h36m_layouts._read_h5(path, 'RELEASE'),
    ],
)
def test_other_hdf5_files_too(tmp_path, read):
    path = tmp_path / 'annot.mat'
    with h5py.File(path, 'w') as file:
        file['RELEASE'] = h5py.ExternalLink('/elsewhere.h5', '/x')
    with pytest.raises(InputError, match='found a link to'):
        read(path)


def npz(path, **members):
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f'{name}.npy', content)
    return path


def header(shape, dtype='<f4'):
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}}}".ljust(117) + '\n'
    return b'\x93NUMPY\x01\x00' + len(text).to_bytes(2, 'little') + text.encode()


def test_a_zip_bomb(tmp_path):
    path = npz(tmp_path / 'x.npz', a=header((2**25,)) + bytes(2**27))
    assert path.stat().st_size < 2**21
    with pytest.raises(InputError, match='bytes when unpacked'):
        files.read_npz(path)


@pytest.mark.parametrize('shape', ['(10**12,)', '(1000000000000,)', '(-1, -4)', '(3, 1)'])
def test_shapes_that_are_not_there(tmp_path, shape):
    path = npz(tmp_path / 'x.npz', a=header(shape) + bytes(8))
    with pytest.raises(InputError, match=r'x\.npz: expected an npz file of plain arrays'):
        files.read_npz(path)


def test_an_npy_of_a_huge_shape(tmp_path):
    path = tmp_path / 'x.npy'
    path.write_bytes(header('(1000000000, 17, 2)') + bytes(8))
    with pytest.raises(InputError, match=r'x\.npy'):
        fuzz._read_keypoints(path)


@pytest.mark.parametrize('bad', [np.nan, np.inf, 1e300])
def test_numbers_that_are_none(poses, tmp_path, bad):
    with h5py.File(poses, 'a') as file, np.errstate(over='ignore'):
        file['train/pose3d'][2, 3, 1] = bad
    with pytest.raises(InputError, match='expected finite numbers'):
        pose_file.read(poses, 'train')


@pytest.mark.parametrize('dtype', ['S4', 'i8', 'c8', 'O', 'f2'])
def test_wrong_types(poses, dtype):
    with h5py.File(poses, 'a') as file:
        del file['train/pose2d']
        kind = h5py.string_dtype() if dtype == 'O' else dtype
        file['train'].create_dataset('pose2d', (9, 17, 2), kind)
    if dtype == 'f2':
        assert pose_file.read(poses, 'train').pose2d.dtype == np.float32
    else:
        with pytest.raises(InputError, match='expected floats of shape'):
            pose_file.read(poses, 'train')


@pytest.mark.parametrize('text', ['[' * 100000, '{"a":' * 100000, '9' * 100000, '"' + 'x' * 10**6])
def test_json_to_choke_on(tmp_path, text):
    path = tmp_path / 'x.json'
    path.write_text(text)
    (tmp_path / 'options.json').write_text(text)
    for read in (
        lambda: skeletons.get(path),
        lambda: keypoints.read(path),
        lambda: run_directory.read_options(tmp_path),
    ):
        with pytest.raises(InputError):
            read()


def test_metadata_to_choke_on(tmp_path):
    path = tmp_path / 'gen_1.npz'
    fuzz._generator(path)
    arrays = weights_file.read_arrays(path)
    arrays['metadata'] = np.array('[' * 100000)
    weights_file.write_arrays(path, arrays)
    with pytest.raises(InputError, match='metadata'):
        weights_file.load_generator(path)


def test_a_pickle_of_lists_of_the_same_lists(tmp_path):
    nested = [1.0]
    for _ in range(15):
        nested = [nested] * 50
    path = tmp_path / 'x.npz'
    np.savez_compressed(path, positions_3d=np.array({'a': nested}, dtype=object))
    assert fuzz.outcome(lambda p: unpickle.read(p, 'positions_3d'), path) == 'answer'


def test_a_refusal_is_one_short_line(tmp_path):
    path = tmp_path / 'x.json'
    path.write_text(json.dumps({'names': 'x' * 10**6}))
    with pytest.raises(InputError) as caught:
        skeletons.get(path)
    assert len(str(caught.value)) < 1000


def test_a_pickle_that_would_fill_the_memory_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / 'x.npz', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('positions_3d.npy', bytes(2**28))
    with pytest.raises(InputError, match='bytes when unpacked'):
        unpickle.read(tmp_path / 'x.npz', 'positions_3d')
