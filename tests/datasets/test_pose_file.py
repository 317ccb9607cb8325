import shutil

import h5py
import numpy as np
import pytest

from chainer_pose.datasets import pose_file
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17, Skeleton


def test_what_is_written_is_read(small_splits, small_file):
    assert pose_file.splits_of(small_file) == ('train', 'test')
    for split, data in small_splits.items():
        back = pose_file.read(small_file, split)
        np.testing.assert_array_equal(back.pose2d, data.pose2d)
        np.testing.assert_array_equal(back.pose3d, data.pose3d)
        assert back.valid is None
        assert back.names == data.names
        assert back.skeleton.names == data.skeleton.names
        assert back.skeleton.parents == data.skeleton.parents
        assert (back.name, back.fps) == (data.name, data.fps)
        assert (back.source, back.licence) == (data.source, data.licence)
        assert set(back.columns) == set(data.columns)
        for column, values in data.columns.items():
            np.testing.assert_array_equal(back.columns[column], values)


def test_it_is_chunked_shuffled_and_compressed(small_file):
    with h5py.File(small_file) as file:
        dataset = file['train/pose2d']
        assert dataset.chunks is not None
        assert dataset.shuffle
        assert dataset.compression == 'gzip'


def test_the_least_file_and_valid(flat_data, tmp_path):
    flat_data.valid = np.ones((12, 17), bool)
    flat_data.valid[3, 5] = False
    flat_data.pose2d[3, 5] = np.nan  # not there, so it need not be a number
    pose_file.write(tmp_path / 'flat.h5', {'train': flat_data})
    back = pose_file.read(tmp_path / 'flat.h5', 'train')
    np.testing.assert_array_equal(back.valid, flat_data.valid)
    assert back.pose3d is None
    assert back.columns == {}


def test_select(small_splits):
    data = small_splits['test']
    picked = data.select(data.columns['action'] == 3)
    assert 0 < len(picked) < len(data)
    assert (picked.columns['action'] == 3).all()
    assert len(picked.pose2d) == len(picked.pose3d) == len(picked.columns['frame'])


def test_detections_by_name(small_file, tmp_path):
    path = shutil.copy(small_file, tmp_path / 'copy.h5')
    with h5py.File(path, 'a') as file:
        file['train/pose2d_sh'] = file['train/pose2d'][()] + 1
    difference = pose_file.read(path, 'train', 'sh').pose2d - pose_file.read(path, 'train').pose2d
    np.testing.assert_allclose(difference, 1, atol=1e-3)


def replace(name, array):
    def change(file):
        del file[name]
        file[name] = array(file) if callable(array) else array

    return change


def attribute(name, value):
    return lambda file: file.attrs.__setitem__(name, value)


def set_nan(file):
    file['train/pose3d'][2, 4] = np.nan


REFUSALS = {
    'format': (
        attribute('format', 'other'),
        'format: expected chainer-pose version 1, found other',
    ),
    'version': (attribute('version', 2), 'found chainer-pose version 2'),
    'no format': (lambda file: file.attrs.__delitem__('format'), 'found none version 1'),
    'no split': (lambda file: file.__delitem__('train'), 'train: expected this split'),
    'no pose2d': (lambda file: file.__delitem__('train/pose2d'), 'train/pose2d: expected'),
    'joints': (
        replace('train/pose2d', lambda file: np.zeros((10, 16, 2), 'f')),
        r'train/pose2d: expected floats of shape \(N, 17, 2\), found .* \(10, 16, 2\)',
    ),
    'whole pose2d': (
        replace('train/pose2d', lambda file: np.zeros((10, 17, 2), int)),
        'expected floats',
    ),
    'fewer pose3d': (
        replace('train/pose3d', np.zeros((3, 17, 3), 'f')),
        r'train/pose3d: expected floats of shape \(\d+, 17, 3\), found .* \(3, 17, 3\)',
    ),
    'valid': (
        lambda file: file.__setitem__('train/valid', np.ones((1, 1), bool)),
        'train/valid: expected bools',
    ),
    'nan': (set_nan, 'train/pose3d: expected finite numbers, found .*nan.* at pose 2, joint 4'),
    'index': (
        lambda file: file['train/action'].__setitem__(0, 15),
        'train/action: expected indices from 0 to 14, found 0 to 15',
    ),
    'negative index': (
        lambda file: file['train/camera'].__setitem__(0, -1),
        'train/camera: expected indices from 0 to 3, found -1',
    ),
    'no names': (lambda file: file.__delitem__('actions'), 'actions: expected names'),
    'names': (replace('actions', np.zeros(15)), 'actions: expected a list of names'),
    'parents': (attribute('joint_parents', [0] * 17), 'expected 17 parents with one -1'),
    'float parents': (attribute('joint_parents', [0.5] * 17), 'expected whole numbers'),
    'no joint names': (
        lambda file: file.attrs.__delitem__('joint_names'),
        'attribute joint_names: expected a list, found None',
    ),
    'root': (attribute('root', 4), 'attribute root: expected 0'),
    'group': (
        lambda file: (file.__delitem__('train/pose2d'), file.create_group('train/pose2d')),
        'found a group',
    ),
    'metres': (attribute('units_3d', 'm'), 'attribute units_3d: expected mm or px, found m'),
    'no unit': (
        lambda file: file.attrs.__delitem__('units_2d'),
        'attribute units_2d: expected px, found none',
    ),
    'skeleton': (attribute('skeleton', '{'), 'attribute skeleton: expected JSON'),
    'no dict': (attribute('skeleton', '5'), 'attribute skeleton: expected JSON'),
    'deep': (attribute('skeleton', '[' * 60_000), 'attribute skeleton: expected JSON'),
    'pairs': (attribute('skeleton', '{"pairs": [["LHip", "RKnee"]]}'), 'pairs that mirror'),
    'angle': (attribute('skeleton', '{"angle": {"nose": "Tail"}}'), 'angle to name joints'),
    'fps': (attribute('fps', 'fast'), 'attribute fps: expected a number, found fast'),
}


@pytest.mark.parametrize('case', REFUSALS)
def test_refusals_name_the_file_and_the_fault(case, small_file, tmp_path):
    change, message = REFUSALS[case]
    path = shutil.copy(small_file, tmp_path / 'broken.h5')
    with h5py.File(path, 'a') as file:
        change(file)
    with pytest.raises(InputError, match=message) as caught:
        pose_file.read(path, 'train')
    assert str(caught.value).startswith(str(path))
    assert '\n' not in str(caught.value)


def test_keypoints_that_are_absent_name_those_there(small_file):
    with pytest.raises(InputError, match=r"train/pose2d_sh: .* found \['pose2d'\]"):
        pose_file.read(small_file, 'train', 'sh')


@pytest.mark.parametrize('content', [b'', b'not HDF5 at all', None])
def test_what_is_no_hdf5_file(tmp_path, content):
    path = tmp_path / 'poses.h5'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r'poses\.h5: expected a pose file \(HDF5\)'):
        pose_file.read(path, 'train')


def test_a_truncated_file_is_refused(small_file, tmp_path):
    path = tmp_path / 'short.h5'
    path.write_bytes(small_file.read_bytes()[:-3000])
    with pytest.raises(InputError, match=r'short\.h5'):
        pose_file.read(path, 'train')


def test_poses_that_could_not_be_read_are_not_written(flat_data, tmp_path):
    path = tmp_path / 'flat.h5'
    path.write_text('what was there')
    flat_data.pose2d[0, 0] = np.inf
    with pytest.raises(InputError, match='finite') as caught:
        pose_file.write(path, {'train': flat_data})
    assert str(caught.value).startswith(f'{path}: train/pose2d')
    assert path.read_text() == 'what was there'
    assert [file.name for file in tmp_path.iterdir()] == ['flat.h5']


def test_the_real_files_pass(shared_data):
    rig = pose_file.read(shared_data / 'cmu_rig.h5', 'test')
    assert rig.pose3d.shape == (9056, 17, 3)
    assert rig.names['action'][:2] == ['basketball', 'basketball_signal']
    assert pose_file.read(shared_data / 'mpii.h5', 'train').pose3d is None


HEADER = pose_file.Header('parts', H36M17, names={'action': ('a', 'b')}, fps=10.0)


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
    assert gt.valid is None
    assert gt.imputed is None
    assert not sh.valid[:, 9].any()
    np.testing.assert_array_equal(sh.imputed, ~sh.valid)
    assert (gt.name, gt.fps, gt.names) == ('parts', 10.0, {'action': ['a', 'b']})
    assert pose_file.describe(path) == (
        f'{path}: 9000 train poses of 17 joints at 10 Hz; also pose2d_sh'
    )


def test_detections_without_a_mask_of_their_own_have_the_truths(flat_data, tmp_path):
    flat_data.valid = np.ones((12, 17), bool)
    flat_data.valid[3, 5] = False
    pose_file.write(tmp_path / 'a.h5', {'train': flat_data})
    with h5py.File(tmp_path / 'a.h5', 'a') as file:
        file['train/pose2d_sh'] = file['train/pose2d'][()]
    back = pose_file.read(tmp_path / 'a.h5', 'train', 'sh')
    np.testing.assert_array_equal(back.valid, flat_data.valid)


def test_another_truth_by_name(small_file, tmp_path):
    path = shutil.copy(small_file, tmp_path / 'copy.h5')
    with h5py.File(path, 'a') as file:
        file['train/pose3d_univ'] = file['train/pose3d'][()] * 2
        file['train/pose3d_univ'].attrs['description'] = 'twice the size'
    univ, real = (pose_file.read(path, 'train', truth=truth) for truth in ('univ', 'gt'))
    np.testing.assert_array_equal(univ.pose3d, real.pose3d * 2)
    assert (univ.truth, real.truth) == ('twice the size', '')
    with pytest.raises(InputError, match=r"test/pose3d_univ: expected this truth, .*\['pose3d'\]"):
        pose_file.read(path, 'test', truth='univ')


POSE = np.zeros((2, 17, 2), np.float32)
NAN = np.full((2, 17, 2), np.nan)
SEEN = np.ones((2, 17), bool)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'pose2d': NAN}, r'train/pose2d: expected finite numbers, found \[nan, nan\]'),
        ({'pose2d': NAN, 'valid': ~SEEN, 'imputed': SEEN}, 'expected finite numbers'),
        ({'pose2d': POSE, 'pose3d': NAN}, r'train/pose3d: expected shape \(2, 17, 3\)'),
        ({'pose2d': POSE, 'pose3d': np.full((2, 17, 3), np.inf), 'valid': ~SEEN}, 'train/pose3d'),
        ({'pose2d': POSE, 'valid': SEEN[:, :3]}, r'train/valid: expected shape'),
        ({'pose2d': POSE, 'action': [0, 2]}, 'train/action: expected indices from 0 to 1'),
        ({'pose2d': POSE, 'frame': [0, 1, 2]}, 'train: expected pose2d, and as many rows of all'),
        ({'pose3d': np.zeros((2, 17, 3))}, 'train: expected pose2d'),
    ],
)
def test_parts_that_do_not_fit_are_refused_and_nothing_is_left(tmp_path, arguments, message):
    path = tmp_path / 'parts.h5'
    with pytest.raises(InputError, match=message) as caught, pose_file.writing(path, HEADER) as w:
        w.append('train', **arguments)
    assert str(caught.value).startswith(str(path))
    assert list(tmp_path.iterdir()) == []


def test_joints_that_are_not_there_need_no_coordinates(tmp_path):
    with pose_file.writing(tmp_path / 'a.h5', HEADER) as writer:
        writer.append('train', ~SEEN, pose2d=NAN)
    assert np.isnan(pose_file.read(tmp_path / 'a.h5', 'train').pose2d).all()


def test_the_skeleton_comes_back_whole(flat_data, tmp_path):
    flat_data.skeleton = Skeleton(
        'mine', H36M17.names, H36M17.parents, pairs=[('RHip', 'LHip')], angle=None,
        virtual_joints={'Hip': ['LHip', 'RHip']},
    )  # fmt: skip
    pose_file.write(tmp_path / 'a.h5', {'train': flat_data})
    assert pose_file.read(tmp_path / 'a.h5', 'train').skeleton == flat_data.skeleton


def test_a_file_that_says_no_more_than_names_has_its_sides_read_off_them(small_file, tmp_path):
    path = shutil.copy(small_file, tmp_path / 'old.h5')
    with h5py.File(path, 'a') as file:
        del file.attrs['skeleton']
    known = pose_file.read(path, 'train').skeleton
    assert known.name == 'synthetic'
    assert known.pairs == H36M17.pairs
    assert known.angle == H36M17.angle
