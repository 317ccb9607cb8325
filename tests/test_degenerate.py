"""Degenerate poses and data sets with hardly any poses; docs/reliability.md lists them."""

import dataclasses
import json
import math

import numpy as np
import pytest

from chainer_pose import links
from chainer_pose.commands import evaluate, train
from chainer_pose.datasets import pose_file
from chainer_pose.evaluations import protocols
from chainer_pose.inference.lifter import Lifter
from chainer_pose.skeletons import H36M17

SHORT = ('--iterations', 5, '--n-unit', 8, '--log-interval', 5, '--evaluate-interval', 5)
FACE = H36M17.face_joints


@pytest.fixture
def few(small_splits):
    """Some poses of a split as a data set, its pose2d or pose3d changed in place."""

    def take(split, index, pose2d=None, pose3d=None):
        data = small_splits[split].select(np.asarray(index, int))
        data = dataclasses.replace(data, pose2d=data.pose2d.copy(), pose3d=data.pose3d.copy())
        for change, array in ((pose2d, data.pose2d), (pose3d, data.pose3d)):
            if change is not None:
                change(array)
        return data

    return take


@pytest.fixture
def train_on(tmp_path, printed):
    """Train on splits and evaluate: the log's last entry and evaluate.py's report."""

    def run(poses, test, *options):
        pose_file.write(tmp_path / 'few.h5', {'train': poses, 'test': test})
        out = tmp_path / 'run'
        printed(train, '--dataset', tmp_path / 'few.h5', '--out', out, *SHORT, *options)
        report = printed(evaluate, '--snapshot', out, '--protocol', 'all', '--format', 'json')
        texts = (out / 'log').read_text(), report
        assert not any(word in text for word in ('NaN', 'Infinity') for text in texts)
        log, report = map(json.loads, texts)
        return log[-1], report

    return run


@pytest.fixture
def generator(rng):
    return links.Generator(17, n_unit=8, std=0.3, rng=rng)


def collapse(poses):
    poses[0] = poses[0, :1]


def join_face_and_shoulders(poses):
    poses[:, FACE.nose] = poses[:, FACE.neck]
    poses[:, FACE.left_shoulder] = poses[:, FACE.right_shoulder]


def move_a_joint_to_the_root(poses):
    poses[:, 5] = poses[:, 0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ('change', 'n_train', 'batchsize', 'epoch', 'measured'),
    [
        (None, 1, 16, 80, 10),  # five batches of sixteen, of one pose
        (None, 9, 4, 2, 10),  # the last batch of an epoch is filled from the next
        (collapse, 20, 16, 4, 9),  # 19 poses are left
        (join_face_and_shoulders, 20, 16, 4, 10),
        (move_a_joint_to_the_root, 20, 16, 4, 10),
    ],
)
def test_training_stays_finite(few, train_on, change, n_train, batchsize, epoch, measured):
    poses, test = few('train', range(n_train), change), few('test', range(10), change)
    log, report = train_on(poses, test, '--batchsize', batchsize)
    assert log['epoch'] == epoch
    assert report['n_poses'] == measured


@pytest.mark.slow
def test_actions_without_test_poses_are_in_no_mean(few, train_on, small_splits):
    data = small_splits['test']
    index = np.flatnonzero(np.isin(data.columns['action'], [0, 2]))[:12]
    log, report = train_on(few('train', range(20)), few('test', index))
    names = {data.names['action'][i] for i in set(data.columns['action'][index].tolist())}
    kudo = report['protocols']['kudo']
    assert set(kudo['actions']) == names
    assert kudo['average'] == pytest.approx(sum(kudo['actions'].values()) / len(names))
    assert sum(key.startswith('validation/mpjpe/') for key in log) == len(names)


@pytest.mark.slow
def test_data_sets_without_poses(few, refusal, printed, tmp_path):
    options = ('--dataset', tmp_path / 'x.h5', '--out', tmp_path / 'run', *SHORT)
    pose_file.write(tmp_path / 'x.h5', {'train': few('train', [0], pose2d=collapse)})
    assert 'not all in one place, found none among 1' in refusal('train.py', *options)
    pose_file.write(tmp_path / 'x.h5', {'train': few('train', range(20)), 'test': few('test', [])})
    assert '0 to validate on' in printed(train, *options)
    assert not (tmp_path / 'run' / 'gen_best.npz').exists()
    assert 'found none among 0' in refusal('evaluate.py', '--snapshot', tmp_path / 'run')


def test_equal_joints_are_not_measured(few, generator):
    result = protocols.evaluate(generator, few('test', range(3), pose2d=collapse))
    assert (result.n_poses, result.n_left_out) == (2, 1)


def test_ground_truth_in_one_place_gives_finite_errors(few, generator):
    data = few('test', range(4), pose3d=collapse)
    result = protocols.evaluate(generator, data, tuple(protocols.PROTOCOLS))
    assert all(math.isfinite(score.average) for score in result.scores.values())


def test_lines_without_length_have_sin_beta_zero(few, generator):
    for param in generator.params():
        param.array[:] = 0
    data = few('test', range(3), pose2d=join_face_and_shoulders)
    np.testing.assert_array_equal(Lifter(generator, H36M17).lift(data.pose2d).sin_beta, 0)
