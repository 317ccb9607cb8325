"""train.py, run as a user runs it."""

import dataclasses
import itertools
import json
import shutil

import numpy as np
import pytest
from chainer.backends import cuda

from chainer_pose import geometry, load_lifter
from chainer_pose.commands import evaluate
from chainer_pose.commands import train as train_command
from chainer_pose.datasets import pose_file
from chainer_pose.errors import InputError
from chainer_pose.evaluations import metrics, protocols
from chainer_pose.inference import weights as weights_file
from chainer_pose.skeletons import Skeleton

pytestmark = pytest.mark.slow

# Measure and draw at the end only, unless a test says otherwise.
SMALL = ('--init-std', 0.1, '--batchsize', 8, '--n-unit', 16, '--log-interval', 1000,
         '--evaluate-interval', 1000, '--draw-interval', 1000)  # fmt: skip
INTERVALS = ('--snapshot-interval', 15, '--evaluate-interval', 20, '--log-interval', 10,
             '--draw-interval', 20)  # fmt: skip
PICTURES = 'loss.png', 'accuracy.png', 'validation.png'


@pytest.fixture(scope='module')
def train(printed):
    """Run train.py in this process, on data or to resume a run; returns what it prints."""

    def run(data, out, *options):
        small = SMALL[2:] if 'martinez' in options else SMALL  # which has weights of its own
        given = ['--resume', out] if data is None else ['--dataset', data, '--out', out, *small]
        return printed(train_command, *given, *options)

    return run


@pytest.fixture(scope='module')
def run(script, small_file, tmp_path_factory):
    """A run of 40 iterations on a few synthetic poses, by the script."""
    out = tmp_path_factory.mktemp('results') / 'run'
    given = ('--dataset', small_file, '--out', out, '--iterations', 40, *SMALL, *INTERVALS)
    finished = script('train.py', *given)
    assert (finished.returncode, finished.stderr) == (0, '')
    assert not set('\033\r') & set(finished.stdout)
    lines = [line.split() for line in finished.stdout.splitlines()]
    rows = [line[1] for line in lines if 'about' not in line]  # of a slow machine, 5 s later
    assert rows[-5:] == ['iteration', '10', '20', '30', '40']
    return out


def log_of(path):
    """The log without its times."""
    return [
        {key: value for key, value in entry.items() if key != 'elapsed_time'}
        for entry in json.loads((path / 'log').read_text())
    ]


def bytes_of(path):
    """dict of an npz file's arrays as bytes, without times."""
    skipped = 'elapsed', 'LogReport'
    return {
        key: array.tobytes()
        for key, array in weights_file.read_arrays(path).items()
        if not any(word in key for word in skipped)
    }


def cut(run, to, iteration):
    """A copy of a run as it was at a snapshot."""
    (to / 'poses').mkdir(parents=True)
    for name in ('options.json', f'snapshot_{iteration}.npz'):
        shutil.copy(run / name, to)
    return to


def test_a_run_leaves_what_the_readme_lists(run, small_file, small_splits):
    assert {path.name for path in run.iterdir()} == {
        'options.json', '.lock', 'log', 'gen_15.npz', 'gen_30.npz', 'gen_40.npz', 'gen_best.npz',
        'snapshot_30.npz', 'snapshot_40.npz', *PICTURES, 'poses',
    }  # fmt: skip
    assert {path.name for path in (run / 'poses').iterdir()} == {'20.png', '40.png'}
    stored = json.loads((run / 'options.json').read_text())
    given = {'dataset': str(small_file), 'iterations': 40, 'alpha': 2e-4}
    assert stored['options'].items() >= given.items()
    assert stored['skeleton']['names'] == list(small_splits['train'].skeleton.names)


def test_the_log(run, small_splits):
    log = log_of(run)
    assert [entry['iteration'] for entry in log] == [10, 20, 30, 40]
    for entry in log:
        assert {
            'gen/loss', 'gen/angle', 'dis/loss', 'dis/accuracy', 'dis/accuracy/real',
            'dis/accuracy/fake', 'gen/updated', 'dis/updated', 'epoch',
        } <= set(entry)  # fmt: skip
    actions = [f'validation/mpjpe/{name}' for name in small_splits['test'].names['action']]
    errors = [log[1][action] for action in actions]
    assert min(errors) > 0
    assert log[1]['validation/mpjpe'] == pytest.approx(np.mean(errors))


def test_the_same_seed_gives_the_same_run_and_resuming_changes_nothing(
    run, train, small_file, tmp_path
):
    for seed, equal in ((0, True), (1, False)):
        out = tmp_path / f'seed{seed}'
        train(small_file, out, '--iterations', 40, *INTERVALS, '--seed', seed)
        assert (bytes_of(out / 'gen_40.npz') == bytes_of(run / 'gen_40.npz')) is equal
        assert (log_of(out) == log_of(run)) is equal

    resumed = cut(run, tmp_path / 'resumed', 30)
    assert 'snapshot_30.npz, iteration 30' in train(None, resumed)
    assert bytes_of(resumed / 'gen_40.npz') == bytes_of(run / 'gen_40.npz')
    assert log_of(resumed) == log_of(run)
    for picture in (*PICTURES, 'poses/40.png'):
        assert (resumed / picture).read_bytes() == (run / picture).read_bytes(), picture


def test_snapshots_by_the_clock_change_nothing(run, train, small_file, tmp_path, monkeypatch):
    clock = itertools.count(0, 100)  # two looks an iteration: ten minutes in 3
    monkeypatch.setattr('time.monotonic', lambda: float(next(clock)))
    out = tmp_path / 'often'
    train(small_file, out, '--iterations', 40, *INTERVALS, '--keep', 99)
    snapshots, generators = (
        {int(path.stem.split('_')[1]) for path in out.glob(f'{stem}_[0-9]*')}
        for stem in ('snapshot', 'gen')
    )
    assert generators == {15, 30, 40}
    assert generators < snapshots
    between = cut(out, tmp_path / 'between', max(snapshots - generators))
    train(None, between)
    for folder in (out, between):
        assert bytes_of(folder / 'gen_40.npz') == bytes_of(run / 'gen_40.npz')
        assert log_of(folder) == log_of(run)


def test_a_short_run_is_evaluated_and_drawn_only_when_asked(train, printed, small_file, tmp_path):
    out = tmp_path / 'run'
    given = '--dataset', small_file, '--out', out, '--iterations', 3, '--n-unit', 16
    text = printed(train_command, *given)
    note = '3 iterations; too short a run to be evaluated (--evaluate-interval) and drawn'
    assert f'\n{note} (--draw-interval)\n' in text
    assert {path.name for path in out.iterdir()} == {
        'options.json', '.lock', 'log', 'gen_3.npz', 'snapshot_3.npz',
    }  # fmt: skip
    assert printed(evaluate, '--snapshot', out)
    train(None, out, '--iterations', 40)  # a longer run is
    assert (out / 'gen_best.npz').exists()


def test_a_refused_start_leaves_nothing(refusal, small_splits, tmp_path):
    train = dataclasses.replace(small_splits['train'], columns={})
    train.valid = np.zeros((len(train), 17), bool)
    pose_file.write(tmp_path / 'a.h5', {'train': train})
    given = '--dataset', tmp_path / 'a.h5', '--mode', 'supervised', '--labelled', 0.001
    assert 'all joints visible' in refusal('train.py', *given, '--out', tmp_path / 'run')
    assert not (tmp_path / 'run').exists()


def test_a_finished_run_can_be_lengthened(run, train, refusal, tmp_path):
    copy = cut(run, tmp_path / 'run', 40)
    (last,) = [line for line in train(None, copy).splitlines() if 'nothing left to do' in line]
    assert 'a larger --iterations' in last
    assert not (copy / 'log').exists()
    assert '--alpha 0.1: expected 0.0002' in refusal('train.py', '--resume', copy, '--alpha', 0.1)
    train(None, copy, '--iterations', 50)
    assert (copy / 'gen_50.npz').exists()


@pytest.mark.parametrize(
    ('options', 'losses'),
    [
        (
            (
                '--preset',
                'plus',
                '--camera-pitch',
                'each',
                '--augment',
                '--line-of-sight',
                1147,
                513,
                508,
            ),
            {'gen/angle', 'gen/bones', 'gen/consistency_2d', 'gen/consistency_depth', 'gen/loss'},
        ),
        (('--mode', 'semi-supervised', '--labelled', 0.1), {'gen/angle', 'gen/depth', 'gen/loss'}),
        (('--mode', 'supervised', '--zero-root'), {'gen/supervised'}),
        (('--mode', 'supervised', '--model', 'martinez'), {'gen/supervised'}),
    ],
)
def test_every_mode_trains_resumes_and_is_measured(
    printed, train, small_file, tmp_path, options, losses
):
    run = tmp_path / 'run'
    often = '--snapshot-interval', 6, '--evaluate-interval', 6, '--log-interval', 3
    train(small_file, run, '--iterations', 10, *often, *options)
    log = log_of(run)
    assert losses == {key for key in log[-1] if key.startswith('gen/')} - {'gen/updated'}
    assert ('camera/pitch' in log[-1]) is ('plus' in options)

    resumed = cut(run, tmp_path / 'resumed', 6)
    train(None, resumed)
    for name in ('gen_10.npz', 'snapshot_10.npz'):
        assert bytes_of(run / name) == bytes_of(resumed / name)
    assert log_of(resumed) == log

    report = json.loads(printed(evaluate, '--snapshot', run, '--format', 'json'))
    assert report['snapshot'] == str(run / 'gen_best.npz')
    best = min(entry['validation/mpjpe'] for entry in log if 'validation/mpjpe' in entry)
    assert report['protocols']['kudo']['average'] == pytest.approx(best, rel=1e-6)


def test_lines_of_sight(train, printed, small_file, tmp_path):
    """Weights that are trained with them are measured with them, or not at all."""
    run = tmp_path / 'run'
    train(small_file, run, '--iterations', 2, '--line-of-sight', 1147, 513, 508)
    printed(evaluate, '--snapshot', run)  # takes those of the run
    alone = shutil.copy(run / 'gen_2.npz', tmp_path / 'alone.npz')
    common = '--snapshot', alone, '--dataset', small_file, '--format', 'json', '--protocol', 'mpjpe'
    with pytest.raises(InputError, match='expected a focal length and an image center'):
        printed(evaluate, *common)
    lifter = load_lifter(alone)
    data = pose_file.read(small_file, 'test')
    found = printed(evaluate, *common, '--line-of-sight', 1147, 513, 508)
    pose3d = lifter(data.pose2d, camera=(1147, 513, 508))
    expected = protocols.rescale(pose3d, 0, protocols.normalized(data)[1])
    target = geometry.center(data.pose3d, 0)
    error = protocols.by_action(metrics.mpjpe(expected, target), data).average
    score = json.loads(found)['protocols']['mpjpe']['average']
    assert score == pytest.approx(error, rel=1e-5)


def test_epochs_name_the_generators(train, small_file, tmp_path):
    train(small_file, tmp_path / 'run', '--epoch', 2, '--batchsize', 64)
    names = {path.name for path in (tmp_path / 'run').iterdir()}
    assert {'gen_1.npz', 'gen_2.npz', 'gen_best.npz'} <= names
    n_poses = len(pose_file.read(small_file, 'train'))
    assert log_of(tmp_path / 'run')[-1]['iteration'] == -(-2 * n_poses // 64)


def test_without_3d_and_without_shoulders(train, flat_data, tmp_path):
    """No validation error; no angle loss, which is printed once."""
    flat_data.skeleton = Skeleton('snake', [f'j{i}' for i in range(17)], range(-1, 16))
    pose_file.write(tmp_path / 'snake.h5', {'train': flat_data, 'test': flat_data})
    out = tmp_path / 'run'
    printed = train(tmp_path / 'snake.h5', out, '--iterations', 4)
    assert printed.count('without the angle loss') == 1
    keys = ' '.join(log_of(out)[0])
    assert 'validation' not in keys
    assert 'gen/angle' not in keys
    assert not (out / 'gen_best.npz').exists()
    assert (out / 'poses' / '4.png').exists()


def test_holdout_validates_on_clips_that_do_not_train(train, printed, small_file, tmp_path):
    text = train(small_file, tmp_path / 'run', '--iterations', 4, '--holdout', 0.25)
    n_poses = len(pose_file.read(small_file, 'train'))
    n_held = n_poses // 4  # every clip has as many poses
    assert f'{n_poses - n_held} poses' in text
    assert f'{n_held} to validate on' in text
    assert 'flatters' not in printed(evaluate, '--snapshot', tmp_path / 'run')


def test_diverged_training_ends_with_one_line_and_keeps_the_last_good_snapshot(
    script, small_file, tmp_path
):
    finished = script(
        'train.py', '--dataset', small_file, '--out', tmp_path / 'run', '--iterations', 400,
        *SMALL, '--alpha', 1e12, '--snapshot-interval', 1, '--accuracy-cap', 1,
    )  # fmt: skip
    assert finished.returncode == 1
    assert finished.stderr.count('\n') == 1
    assert 'diverged' in finished.stderr
    generator, *_ = weights_file.load_generator(weights_file.find_generator(tmp_path / 'run'))
    assert all(np.isfinite(param.array).all() for param in generator.params())


def test_errors(refusal, run, small_file, tmp_path):
    out = ('--out', tmp_path / 'new')
    bad = cut(run, tmp_path / 'bad', 40)
    shutil.copy(run / 'gen_40.npz', bad / 'snapshot_40.npz')
    cases = [
        (('--dataset', small_file, '--out', run), 'found one in use'),
        (('--dataset', 'nowhere', *out), '--dataset nowhere'),
        (('--batchsize', 0), "--batchsize: expected a whole number and 1 or more, found '0'"),
        (('--camera-pitch', 'down'), '--camera-pitch: expected learn, each or a number from -89'),
        (('--labelled', 0.1), '--labelled 0.1: expected to have an effect, found none with'),
        (('--mode', 'supervised', '--preset', 'plus'), '--preset plus: expected to have an effect'),
        (('--resume', tmp_path), 'expected the options of a run, found no such file'),
        (('--resume', bad), 'snapshot_40.npz: expected a snapshot of a trainer'),
    ]
    if not (cuda.available and cuda.cupy.is_available()):
        cases.append((('--dataset', small_file, '--gpu', 0, *out), 'pip install .[cuda12]'))
    for arguments, message in cases:
        assert message in refusal('train.py', *arguments)
    assert not (tmp_path / 'new').exists()
