from pathlib import Path

import chainer
import numpy as np
import pytest

from chainer_pose import datasets, geometry
from chainer_pose.errors import InputError
from chainer_pose.training import arrays


def iterator(n=10, batchsize=4, seed=3):
    arrays = np.arange(n, dtype='f'), -np.arange(n)[:, None]
    return datasets.PoseIterator(arrays, batchsize, np.random.default_rng(seed))


def numbers(it, batches=1):
    return np.concatenate([it.next()[0] for _ in range(batches)])


def test_every_pose_is_drawn_once_an_epoch():
    drawn = numbers(iterator(), 5)
    assert sorted(drawn[:10]) == list(range(10))
    assert sorted(drawn[10:]) == list(range(10))
    assert list(drawn[:10]) != list(drawn[10:])


def test_epochs_are_counted_as_chainer_counts_them():
    ours = iterator()
    theirs = chainer.iterators.SerialIterator(list(range(10)), 4)
    for _ in range(12):
        assert len(ours.next()[0]) == len(theirs.next())
        for name in ('epoch', 'is_new_epoch', 'epoch_detail', 'previous_epoch_detail'):
            assert getattr(ours, name) == getattr(theirs, name), name


def test_batches_are_tuples_of_what_belongs_together():
    first, second = iterator().next()
    assert (first.shape, second.shape) == ((4,), (4, 1))
    np.testing.assert_array_equal(first, -second[:, 0])


@pytest.mark.parametrize(('n', 'batchsize', 'epoch'), [(3, 8, 2), (1, 2, 2)])
def test_a_batch_larger_than_the_data_repeats_them(n, batchsize, epoch):
    it = iterator(n, batchsize)
    counts = np.bincount(numbers(it).astype(int), minlength=n)
    assert counts.sum() == batchsize
    assert counts.min() >= batchsize // n
    assert it.epoch == epoch


def test_an_iterator_goes_on_where_it_was_saved():
    it = iterator()
    for _ in range(3):
        it.next()
    saved = chainer.serializers.npz.serialize(it)
    expected = numbers(it, 9)
    other = iterator(seed=99)
    chainer.serializers.NpzDeserializer(saved).load(other)
    np.testing.assert_array_equal(numbers(other, 9), expected)
    assert other.epoch_detail == it.epoch_detail


def test_training_poses_are_normalized(small_splits):
    data = small_splits['train']
    poses = arrays.training_poses(data)
    assert (poses.shape, poses.dtype) == ((len(data), 17, 2), np.float32)
    assert not poses[:, data.skeleton.root].any()
    np.testing.assert_allclose(geometry.scale(poses, data.skeleton.root), 1, rtol=1e-5)


def test_complete_poses_have_all_joints_detected_or_imputed_and_a_size(flat_data):
    flat_data.valid = np.ones((12, 17), bool)
    flat_data.valid[2:5, 16] = False
    flat_data.imputed = ~flat_data.valid
    flat_data.imputed[2] = False
    flat_data.pose2d[7] = 100
    assert np.flatnonzero(~datasets.complete(flat_data)).tolist() == [2, 7]
    assert len(arrays.training_poses(flat_data)) == 10
    flat_data.valid[:], flat_data.imputed = False, None
    with pytest.raises(InputError, match='found none among 12'):
        arrays.training_poses(flat_data)


def test_hold_out_takes_whole_clips(small_splits, flat_data, rng):
    data = small_splits['train']
    clips = len(set(data.columns['clip']))
    for fraction, count in ((0.1, round(0.1 * clips)), (1e-6, 1)):
        kept, held = (set(d.columns['clip']) for d in datasets.hold_out(data, fraction, rng))
        assert (len(held), len(kept), kept & held) == (count, clips - count, set())
    with pytest.raises(InputError, match=r'holdout 0\.1: expected flat .* found 0'):
        datasets.hold_out(flat_data, 0.1, rng)


def test_find_looks_in_the_given_folder_then_in_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'mine.h5').touch()
    assert datasets.find('some/where.h5') == Path('some/where.h5')
    assert datasets.find('mine') == Path('data/mine.h5')
    monkeypatch.setenv('CHAINER_POSE_DATA', 'other')
    assert datasets.find('mine') == Path('data/mine.h5')
    with pytest.raises(InputError, match=r'dataset yours: .* no other/yours\.h5 or data/yours\.h5'):
        datasets.find('yours')
    made = datasets.find('synthetic')
    assert made == Path('other/synthetic.h5')
    assert datasets.find('synthetic').stat().st_mtime_ns == made.stat().st_mtime_ns


def test_labelled_poses_give_back_the_truth_under_the_papers_protocol(small_splits):
    """Lifted by these depths, only x and y of the perspective view are off."""
    data = small_splits['test']
    pose, depth = arrays.labelled_poses(data)
    np.testing.assert_array_equal(pose, arrays.training_poses(data))
    size = geometry.scale(data.pose3d[:, :, :2], 0)
    centered = geometry.center(data.pose3d, 0)
    np.testing.assert_allclose(depth * size[:, None], centered[:, :, 2], atol=0.1)


def test_pixel_poses_are_as_measured_about_the_root(small_splits):
    data = small_splits['test']
    pose2d, pose3d = arrays.pixel_poses(data)
    np.testing.assert_array_equal(pose2d, data.pose2d)
    np.testing.assert_allclose(pose3d, data.pose3d - data.pose3d[:, :1], atol=1e-3)


@pytest.mark.parametrize('read', [arrays.labelled_poses, arrays.pixel_poses])
def test_labels_need_3d(flat_data, read):
    with pytest.raises(InputError, match='flat: expected pose3d in mm, found 2D only'):
        read(flat_data)


@pytest.mark.parametrize('fraction', [0.001, 0.5])
def test_labelled_poses_come_clip_after_clip(small_splits, flat_data, fraction):
    data = small_splits['train']
    chosen, again = (
        datasets.choose_labelled(data, fraction, np.random.default_rng(7)) for _ in range(2)
    )
    assert len(chosen) == max(1, round(fraction * len(data)))
    clips, counts = np.unique(chosen.columns['clip'], return_counts=True)
    of_all = dict(zip(*np.unique(data.columns['clip'], return_counts=True)))
    assert sum(count < of_all[clip] for clip, count in zip(clips, counts)) <= 1
    np.testing.assert_array_equal(again.pose2d, chosen.pose2d)
    flat = datasets.choose_labelled(flat_data, fraction, np.random.default_rng(7))
    assert len(flat) == max(1, round(12 * fraction))  # without clips
