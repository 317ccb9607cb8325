import dataclasses
import shutil

import h5py
import numpy as np
import pytest

from chainer_pose.datasets import pose_file
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17, Skeleton

POSE = np.zeros((2, 17, 2), np.float32)
NAN = np.full((2, 17, 2), np.nan)
SEEN = np.ones((2, 17), bool)
HEADER = pose_file.Header('parts', H36M17, names={'action': ('a', 'b')}, fps=10.0)


@pytest.fixture
def copy(small_file, tmp_path):
    return shutil.copy(small_file, tmp_path / 'copy.h5')


def test_what_is_written_is_read(small_splits, small_file):
    assert pose_file.splits_of(small_file) == ('train', 'test')
    for split, data in small_splits.items():
        back = pose_file.read(small_file, split)
        np.testing.assert_array_equal(back.pose2d, data.pose2d)
        np.testing.assert_array_equal(back.pose3d, data.pose3d)
        assert back.valid is None
        for field in dataclasses.fields(pose_file.Header):
            assert getattr(back, field.name) == getattr(data, field.name)
        np.testing.assert_equal(back.columns, data.columns)
    with h5py.File(small_file) as file:
        dataset = file['train/pose2d']
        assert (dataset.chunks[0], dataset.shuffle, dataset.compression) == (4096, True, 'gzip')


def test_the_least_file(flat_data, tmp_path):
    flat_data.valid = np.ones((12, 17), bool)
    flat_data.valid[3, 5] = False
    flat_data.pose2d[3, 5] = np.nan
    flat_data.skeleton = Skeleton(
        'mine', H36M17.names, H36M17.parents, pairs=[('RHip', 'LHip')], angle=None,
        virtual_joints={'Hip': ['LHip', 'RHip']},
    )  # fmt: skip
    pose_file.write(tmp_path / 'flat.h5', {'train': flat_data})
    back = pose_file.read(tmp_path / 'flat.h5', 'train')
    np.testing.assert_array_equal(back.valid, flat_data.valid)
    assert back.pose3d is None
    assert back.columns == {}
    assert back.skeleton == flat_data.skeleton


def test_detections_and_targets_by_name(copy):
    with h5py.File(copy, 'a') as file:
        n = len(file['train/pose2d'])
        valid = np.ones((n, 17), bool)
        valid[2, 3] = False
        file['train/valid'] = valid  # of all keypoints without a mask of their own
        file['train/pose2d_sh'] = file['train/pose2d'][()] + 1
        file['train/pose3d_univ'] = file['train/pose3d'][()] * 2
        file['train/pose3d_univ'].attrs['description'] = 'twice the size'
    real = pose_file.read(copy, 'train')
    other = pose_file.read(copy, 'train', 'sh', 'univ')
    np.testing.assert_allclose(other.pose2d - real.pose2d, 1, atol=1e-3)
    np.testing.assert_array_equal(other.pose3d, real.pose3d * 2)
    np.testing.assert_array_equal(other.valid, valid)
    assert (other.target, real.target) == ('twice the size', '')
    with pytest.raises(InputError, match=r"train/pose2d_cpn: .* found \['pose2d', 'pose2d_sh'\]"):
        pose_file.read(copy, 'train', 'cpn')
    with pytest.raises(InputError, match=r"test/pose3d_univ: .* found \['pose3d'\]"):
        pose_file.read(copy, 'test', target='univ')


def test_a_file_with_joint_names_only_has_the_pairs_that_they_tell(copy):
    with h5py.File(copy, 'a') as file:
        del file.attrs['skeleton']
    known = pose_file.read(copy, 'train').skeleton
    assert (known.name, known.pairs, known.angle) == ('synthetic', H36M17.pairs, H36M17.angle)


def replace(name, array):
    def change(file):
        del file[name]
        if array is not None:
            file[name] = array

    return change


def attribute(name, value):
    return lambda file: file.attrs.__setitem__(name, value)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (attribute('format', 'other'), 'format: expected chainer-pose version 1, found other'),
        (attribute('units_3d', 'm'), "units_3d mm or px, found .'px', 'm'"),
        (attribute('joint_parents', [0] * 17), 'expected 17 parents that form one tree'),
        (attribute('skeleton', '[' * 60_000), 'expected a pose file'),
        (replace('train', None), 'train: expected this split'),
        (replace('train/pose2d', None), 'train/pose2d: expected these poses'),
        (replace('train/pose2d', np.zeros((10, 16, 2), 'f')), r'N.*, 17, 2\), found float32'),
        (replace('train/pose3d', np.zeros((3, 17, 3), 'f')), "equal .* 'pose3d': 3"),
        (replace('train/pose3d', POSE[:, :, :1] + [0, 1, np.inf]), 'inf.* at pose 0, joint 0'),
        (lambda file: file['train/camera'].__setitem__(0, -1), 'of 4 names, found -1'),
        (replace('actions', np.zeros(15)), 'expected a pose file'),
        (replace('actions', np.array(['walk'] * 15, 'O')), "actions: .* found 'walk' twice"),
    ],
)  # fmt: skip
def test_errors_name_the_file_and_the_fault(change, message, copy):
    with h5py.File(copy, 'a') as file:
        change(file)
    with pytest.raises(InputError, match=message) as caught:
        pose_file.read(copy, 'train')
    assert str(caught.value).startswith(str(copy))
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('content', [b'not HDF5 at all', None])
def test_what_is_no_hdf5_file(tmp_path, content):
    path = tmp_path / 'poses.h5'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r'poses\.h5: expected a pose file \(HDF5\)'):
        pose_file.read(path, 'train')


@pytest.mark.slow
def test_the_real_files_pass(shared_data):
    rig = pose_file.read(shared_data / 'cmu_rig.h5', 'test')
    assert rig.pose3d.shape == (9056, 17, 3)
    assert rig.names['action'][:2] == ['basketball', 'basketball_signal']
    assert pose_file.read(shared_data / 'mpii.h5', 'train').pose3d is None


def test_parts_add_up_and_arrays_may_come_one_after_another(tmp_path, rng):
    poses = rng.normal(0, 100, (9000, 17, 2)).astype('f')
    path = tmp_path / 'parts.h5'
    with pose_file.writing(path, HEADER) as writer:
        for start in range(0, 9000, 700):
            part = poses[start : start + 700]
            writer.append('train', pose2d=part, action=np.full(len(part), start % 2))
        assert not path.exists()
        for start in range(0, 9000, 1000):
            part = poses[start : start + 1000]
            valid = np.ones(part.shape[:2], bool)
            valid[:, 9] = False
            writer.append('train', valid, ~valid, 'sh', pose2d_sh=part + 1)
    gt, sh = (pose_file.read(path, 'train', keypoints) for keypoints in ('gt', 'sh'))
    np.testing.assert_array_equal(gt.pose2d, poses)
    np.testing.assert_array_equal(sh.pose2d, poses + 1)
    assert (gt.valid, gt.imputed) == (None, None)
    assert not sh.valid[:, 9].any()
    np.testing.assert_array_equal(sh.imputed, ~sh.valid)
    assert pose_file.describe(path) == (
        f'{path}: 9000 train poses of 17 joints at 10 Hz; also pose2d_sh'
    )


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'pose2d': NAN, 'valid': ~SEEN, 'imputed': SEEN}, 'expected finite numbers'),
        ({'pose2d': POSE, 'pose3d': NAN}, r"train/pose3d: .* shape \('N', 17, 3\)"),
        ({'pose2d': POSE, 'pose3d': np.full((2, 17, 3), np.inf), 'valid': ~SEEN}, 'train/pose3d'),
        ({'pose2d': POSE, 'frame': [0, 1, 2]}, 'train: expected pose2d and equal numbers'),
        ({'pose2d': POSE, 'frame': [0, 2**31]}, 'train/frame: expected numbers of 32 bits'),
    ],
)
def test_what_could_not_be_read_is_not_written(tmp_path, arguments, message):
    path = tmp_path / 'parts.h5'
    path.write_text('what was there')
    with pytest.raises(InputError, match=message) as caught, pose_file.writing(path, HEADER) as w:
        w.append('train', **arguments)
    assert str(caught.value).startswith(str(path))
    assert path.read_text() == 'what was there'
    assert list(tmp_path.iterdir()) == [path]
