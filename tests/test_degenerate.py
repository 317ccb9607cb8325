"""Poses that say little, and data sets with hardly any; README's "Reliability" lists them."""

import dataclasses
import json
import math

import numpy as np
import pytest

from chainer_pose import geometry, links
from chainer_pose.commands import evaluate, train
from chainer_pose.datasets import pose_file
from chainer_pose.evaluations import protocols
from chainer_pose.inference.lifter import Lifter
from chainer_pose.skeletons import H36M17

SHORT = ('--iterations', 5, '--n-unit', 8, '--log-interval', 5, '--evaluate-interval', 5)


@pytest.fixture
def few(small_splits):
    """Some poses of one split as a new data set, with pose2d or pose3d changed."""

    def take(split, index, pose2d=None, pose3d=None):
        data = small_splits[split].select(np.asarray(index, int))
        changed = {}
        for name, change in (('pose2d', pose2d), ('pose3d', pose3d)):
            array = getattr(data, name).copy()
            if change is not None:
                change(array)
            changed[name] = array
        return dataclasses.replace(data, **changed)

    return take


@pytest.fixture
def train_on(tmp_path, capsys):
    """Train on splits and measure: the log's entries and the report of evaluate.py."""

    def run(poses, test, *options):
        pose_file.write(tmp_path / 'few.h5', {'train': poses, 'test': test})
        out, report = tmp_path / 'run', tmp_path / 'report.json'
        given = ['--dataset', tmp_path / 'few.h5', '--out', out, *SHORT, *options]
        train.main([*map(str, given)])
        given = ['--snapshot', out, '--protocol', 'all', '--format', 'json', '--output', report]
        evaluate.main([*map(str, given)])
        assert capsys.readouterr().err == ''
        return json.loads((out / 'log').read_text()), json.loads(report.read_text())

    return run


def numbers_of(item):
    if isinstance(item, dict):
        item = list(item.values())
    if isinstance(item, list):
        return [number for part in item for number in numbers_of(part)]
    return [item] if isinstance(item, float) else []


def collapse(poses):
    poses[0] = poses[0, :1]


@pytest.fixture
def generator(rng):
    return links.Generator(17, n_unit=8, std=0.3, rng=rng)


def test_one_pose_and_a_batch_larger_than_the_data(few, train_on):
    log, report = train_on(few('train', [0]), few('test', [5]), '--batchsize', 16)
    assert log[-1]['epoch'] == 80  # five batches of sixteen, of one pose
    assert all(map(math.isfinite, numbers_of(log) + numbers_of(report)))
    assert report['n_poses'] == 1


def test_equal_joints_are_left_out_and_counted(few, train_on, generator):
    log, report = train_on(
        few('train', range(20), pose2d=collapse), few('test', range(10), pose2d=collapse)
    )
    assert report['n_poses'] == 9
    result = protocols.evaluate(generator, few('test', range(10), pose2d=collapse))
    assert (result.n_poses, result.n_left_out) == (9, 1)
    assert all(map(math.isfinite, numbers_of(log) + numbers_of(report)))


def test_a_data_set_of_equal_joints_is_refused(few, refusal, tmp_path):
    def collapse_all(poses):
        poses[:] = poses[:, :1]

    pose_file.write(tmp_path / 'x.h5', {'train': few('train', range(4), pose2d=collapse_all)})
    line = refusal('train.py', '--dataset', tmp_path / 'x.h5', '--out', tmp_path / 'run')
    assert 'not all in one place, found none among 4' in line


def test_equal_joints_are_not_lifted(few, generator):
    data = few('test', range(3), pose2d=collapse)
    lifted = Lifter(generator, H36M17).lift(data.pose2d)
    assert lifted.lifted.tolist() == [False, True, True]
    assert np.isnan(lifted.pose3d[0]).all()
    assert np.isfinite(lifted.pose3d[1:]).all()


def test_a_truth_without_size_gives_finite_errors(few, generator):
    data = few('test', range(4), pose3d=collapse)
    result = protocols.evaluate(generator, data, tuple(protocols.PROTOCOLS))
    assert result.n_poses == 4
    for score in result.scores.values():
        assert math.isfinite(score.average)


def test_a_joint_at_the_root_is_a_joint(few, train_on):
    def to_root(poses):
        poses[:, 5] = poses[:, 0]

    poses = few('train', range(20), pose2d=to_root)
    log, report = train_on(poses, few('test', range(10), pose2d=to_root))
    assert report['n_poses'] == 10
    assert all(map(math.isfinite, numbers_of(log) + numbers_of(report)))


@pytest.mark.parametrize('pair', [('Nose', 'Neck/Nose'), ('LShoulder', 'RShoulder')])
def test_a_face_or_shoulder_line_without_length_has_sin_beta_zero(few, generator, pair):
    joints = H36M17.face_joints
    ends = {'Nose': (joints.nose, joints.neck)}.get(
        pair[0], (joints.left_shoulder, joints.right_shoulder)
    )

    def join(poses):
        poses[:, ends[0]] = poses[:, ends[1]]

    for param in generator.params():  # z = 0, so that the line has no length in 3D either
        param.array[:] = 0
    lifted = Lifter(generator, H36M17).lift(few('test', range(3), pose2d=join).pose2d)
    np.testing.assert_array_equal(lifted.sin_beta, 0)
    assert np.isfinite(lifted.pose3d).all()


def test_training_without_face_or_shoulder_lines_is_finite(few, train_on):
    joints = H36M17.face_joints

    def join(poses):
        poses[:, joints.nose] = poses[:, joints.neck]
        poses[:, joints.left_shoulder] = poses[:, joints.right_shoulder]

    log, _ = train_on(few('train', range(20), pose2d=join), few('test', range(5)))
    assert all(map(math.isfinite, numbers_of(log)))


def test_a_last_part_of_one_pose_is_lifted_as_the_others(few, generator):
    data = few('test', range(9))
    whole = protocols.lift(generator, data)[0]
    np.testing.assert_allclose(protocols.lift(generator, data, batchsize=4)[0], whole, rtol=1e-5)


def test_a_last_batch_of_one_is_filled_up(few, train_on):
    log, _ = train_on(few('train', range(9)), few('test', range(3)), '--batchsize', 4)
    assert log[-1]['epoch'] == 2  # 5 batches of 4 are 20 poses of 9
    assert math.isfinite(log[-1]['gen/loss'])


def test_actions_without_test_poses_are_in_no_mean(few, train_on, small_splits):
    data = small_splits['test']
    action = data.columns['action']
    kept = [0, 2]
    index = np.flatnonzero(np.isin(action, kept))[:12]
    log, report = train_on(few('train', range(20)), few('test', index))
    names = {data.names['action'][i] for i in set(action[index].tolist())}
    assert set(report['protocols']['kudo']['actions']) == names
    assert len(names) < len(data.names['action'])
    errors = report['protocols']['kudo']['actions'].values()
    assert report['protocols']['kudo']['average'] == pytest.approx(sum(errors) / len(names))
    assert sum(key.startswith('validation/mpjpe/') for key in log[-1]) == len(names)


def test_an_empty_test_split_is_refused_where_it_is_measured(few, refusal, script, tmp_path):
    pose_file.write(tmp_path / 'x.h5', {'train': few('train', range(20)), 'test': few('test', [])})
    finished = script('train.py', '--dataset', tmp_path / 'x.h5', '--out', tmp_path / 'run', *SHORT)
    assert (finished.returncode, finished.stderr) == (0, '')
    assert '0 to validate on' in finished.stdout
    assert 'found none among 0' in refusal('evaluate.py', '--snapshot', tmp_path / 'run')


def test_normalising_equal_joints_gives_zeros():
    pose, _, size = geometry.normalize(np.full((1, 17, 2), 7.0), 0)
    np.testing.assert_array_equal(pose, 0)
    assert size == 0
