import h5py
import numpy as np
import pytest
import trees

from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import mpi_inf_3dhp
from chainer_pose.datasets.readers.mpi_inf_3dhp import ACTIVITIES
from chainer_pose.errors import InputError

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(('v73', 'frames'), [(False, 6), (False, 1), (True, 6)])
def test_training_joints_and_cameras(tmp_path, v73, frames):
    arrays = trees.write_3dhp_train(tmp_path / 'annot.mat', frames, v73)
    order, seen = list(trees.TRAIN28_TO_17), []
    for camera, *poses in mpi_inf_3dhp.read_train(tmp_path / 'annot.mat'):
        seen.append(camera)
        for pose, name in zip(poses, ('annot2', 'annot3', 'univ_annot3')):
            np.testing.assert_allclose(pose, arrays[name][camera][:, order])
    assert seen == [0, 2, 4, 7, 8]


def test_valid_frames_of_the_test_set(tmp_path):
    path = tmp_path / 'annot_data.mat'
    data = trees.write_3dhp_test(path, 10)
    valid = data['valid_frame'].ravel() == 1
    frames, activity, *poses = mpi_inf_3dhp.read_test(path)
    assert 0 < valid.sum() < len(valid)
    np.testing.assert_array_equal(frames, np.flatnonzero(valid))
    np.testing.assert_array_equal(activity, data['activity_annotation'].ravel()[valid] - 1)
    order = list(trees.TEST17_TO_17)
    for pose, name in zip(poses, ('annot2', 'annot3', 'univ_annot3')):
        np.testing.assert_allclose(pose, data[name][valid, 0][:, order])


@pytest.fixture
def root(tmp_path):
    trees.write_3dhp(tmp_path / 'root')
    return tmp_path / 'root'


def test_the_pose_file(root, tmp_path):
    sequences = mpi_inf_3dhp.find(root)
    counts = mpi_inf_3dhp.convert(sequences, tmp_path / 'x.h5', step=4, cameras=[0, 8])
    assert len(counts) == 16 + 6
    train = pose_file.read(tmp_path / 'x.h5', 'train')
    assert len(train) == 16 * 2 * 10
    assert sorted(set(train.columns['frame'])) == list(range(0, 40, 4))
    assert set(train.columns['camera']) == {0, 8}
    assert train.names['subject'][:2] == ['S1', 'S2']
    assert train.preparation == 'cameras 0 8, every 4th frame'
    assert train.target.startswith('annot3: real scale')
    test = pose_file.read(tmp_path / 'x.h5', 'test', target='univ')
    assert test.target.startswith('univ_annot3')
    assert len(test) == sum(trees.TEST_COUNTS.values())
    assert tuple(test.names['action']) == ACTIVITIES
    assert len(ACTIVITIES) == 7
    scenes = {
        test.names['subject'][s]: test.names['camera'][c]
        for s, c in zip(test.columns['subject'], test.columns['camera'])
    }
    assert scenes['TS1'] == scenes['TS2'] == 'green screen'
    assert scenes['TS4'] == 'no green screen'
    assert scenes['TS6'] == 'outdoor'
    real = pose_file.read(tmp_path / 'x.h5', 'test')
    assert train.lacks == real.lacks == ''
    assert np.abs(real.pose3d - test.pose3d).max() > 100


def test_the_faulty_frames_are_left_out(root, tmp_path):
    """S4/Seq2: frames 3759 to 5852 have left and right swapped."""
    trees.write_3dhp_train(root / 'S4' / 'Seq2' / 'annot.mat', 5860)
    sequences = mpi_inf_3dhp.find(root, ['S4'])
    counts = mpi_inf_3dhp.convert(sequences, tmp_path / 'x.h5', step=1, cameras=[2])
    data = pose_file.read(tmp_path / 'x.h5', 'train')
    frames = data.columns['frame'][data.columns['clip'] == 1]
    assert list(frames) == [*range(3759), *range(5853, 5860)]
    assert list(counts.values()) == [(40, 0), (5860 - 2094, 2094)]
    assert data.lacks == ', '.join(f'S{i} Seq{j}' for i in (1, 2, 3, 5, 6, 7, 8) for j in (1, 2))


def change(path, name, array):
    with h5py.File(path, 'a') as file:
        del file[name]
        file[name] = array


def test_a_subject_named_twice_is_read_once(root):
    assert mpi_inf_3dhp.find(root, ['TS3', 'S2', 'TS3']) == mpi_inf_3dhp.find(root, ['S2', 'TS3'])


def test_what_is_missing_or_wrong_is_named(root, tmp_path):
    test = root / 'mpi_inf_3dhp_test_set' / 'TS3' / 'annot_data.mat'
    for name, array, message in (
        ('annot3', np.zeros((7, 1, 17, 2)), r'annot3: expected shape \(3, 17, 1, 7\)'),
        ('activity_annotation', np.full((7, 1), 9.0), 'expected numbers from 1 to 7'),
        ('annot3', np.full((7, 1, 17, 3), np.nan), 'expected finite numbers, found others'),
    ):
        trees.write_3dhp_test(test, 5)
        change(test, name, array)
        with pytest.raises(InputError, match=message) as caught:
            mpi_inf_3dhp.convert(mpi_inf_3dhp.find(root, ['S2', 'TS3']), tmp_path / 'x.h5')
        assert str(test) in str(caught.value)
    trees.write_3dhp_train(root / 'S2' / 'Seq1' / 'annot.mat', 3, n_cameras=5)
    with pytest.raises(InputError, match='expected 14 cameras, found 5'):
        mpi_inf_3dhp.convert(mpi_inf_3dhp.find(root, ['S2', 'TS3']), tmp_path / 'x.h5')
    assert not (tmp_path / 'x.h5').exists()
    (root / 'S7' / 'Seq2' / 'annot.mat').unlink()
    with pytest.raises(InputError, match=r'S7/Seq2/annot\.mat: expected it.*register at'):
        mpi_inf_3dhp.find(root)
