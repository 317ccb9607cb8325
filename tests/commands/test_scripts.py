"""The scripts, run as a user runs them."""

import hashlib
import json

import numpy as np
import pytest

from chainer_pose.datasets import pose_file
from chainer_pose.inference import weights as weights_file
from chainer_pose.training import run_directory

pytestmark = pytest.mark.slow

# Measure at the end only, unless a test says otherwise.
SMALL = ('--batchsize', 8, '--n-unit', 16, '--init-std', 0.1, '--log-interval', 1000,
         '--evaluate-interval', 1000)  # fmt: skip


@pytest.fixture(scope='module')
def run(script, small_file, tmp_path_factory):
    """A short training run on a few synthetic poses."""
    out = tmp_path_factory.mktemp('results') / 'run'
    finished = script(
        'train.py', '--dataset', small_file, '--out', out, '--iterations', 40, *SMALL,
        '--snapshot-interval', 15, '--evaluate-interval', 20, '--log-interval', 10,
        '--draw-interval', 20,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ''
    assert '\033' not in finished.stdout
    return out


def log_without_times(path):
    return [
        {key: value for key, value in entry.items() if key != 'elapsed_time'}
        for entry in json.loads((path / 'log').read_text())
    ]


def digest(path):
    """SHA-256 of the arrays of an npz file, in order of their names."""
    arrays = weights_file.read_arrays(path)
    sha = hashlib.sha256()
    for key in sorted(arrays):
        sha.update(key.encode() + np.ascontiguousarray(arrays[key]).tobytes())
    return sha.hexdigest()


def test_a_run_leaves_what_the_readme_lists(run):
    names = {path.name for path in run.iterdir()}
    assert names == {
        'options.json', '.lock', 'log', 'gen_15.npz', 'gen_30.npz', 'gen_40.npz', 'gen_best.npz',
        'snapshot_30.npz', 'snapshot_40.npz', 'loss.png', 'accuracy.png', 'validation.png',
        'poses',
    }  # fmt: skip
    assert {path.name for path in (run / 'poses').iterdir()} == {'20.png', '40.png'}


def test_the_log(run, small_splits):
    log = log_without_times(run)
    assert [entry['iteration'] for entry in log] == [10, 20, 30, 40]
    for entry in log:
        assert {
            'gen/loss', 'gen/angle', 'dis/loss', 'dis/accuracy', 'dis/accuracy/real',
            'dis/accuracy/fake', 'gen/updated', 'dis/updated', 'epoch',
        } <= set(entry)  # fmt: skip
    for name in small_splits['test'].names['action']:
        assert log[1][f'validation/mpjpe/{name}'] > 0
    average = np.mean([v for k, v in log[1].items() if k.startswith('validation/mpjpe/')])
    assert log[1]['validation/mpjpe'] == pytest.approx(average)


def test_gen_best_is_the_one_of_lowest_validation_error(run, script):
    log = [entry for entry in log_without_times(run) if 'validation/mpjpe' in entry]
    best = min(entry['validation/mpjpe'] for entry in log)
    report = json.loads(script('evaluate.py', '--snapshot', run, '--format', 'json').stdout)
    assert report['snapshot'] == str(run / 'gen_best.npz')
    assert report['protocols']['kudo']['average'] == pytest.approx(best, rel=1e-6)


def test_options_json_rebuilds_the_run(run, small_file, small_splits):
    stored = json.loads((run / 'options.json').read_text())
    assert stored['options']['dataset'] == str(small_file)
    assert stored['options']['iterations'] == 40
    assert stored['options']['alpha'] == 2e-4
    assert stored['skeleton']['names'] == list(small_splits['train'].skeleton.names)
    assert 'normalization' in stored


def test_the_same_seed_gives_the_same_run_and_resuming_changes_nothing(
    run, script, small_file, tmp_path
):
    common = ('--snapshot-interval', 15, '--evaluate-interval', 20, '--log-interval', 10)
    for seed, equal in ((0, True), (1, False)):
        out = tmp_path / f'seed{seed}'
        script(
            'train.py', '--dataset', small_file, '--out', out, '--iterations', 40, *SMALL,
            *common, '--seed', seed,
        )  # fmt: skip
        assert (digest(out / 'gen_40.npz') == digest(run / 'gen_40.npz')) is equal
        assert (log_without_times(out) == log_without_times(run)) is equal

    resumed = tmp_path / 'resumed'
    (resumed / 'poses').mkdir(parents=True)
    for name in ('options.json', 'snapshot_30.npz'):
        (resumed / name).write_bytes((run / name).read_bytes())
    finished = script('train.py', '--resume', '--out', resumed)
    assert finished.returncode == 0, finished.stderr
    assert 'iteration 30' in finished.stdout
    assert digest(resumed / 'gen_40.npz') == digest(run / 'gen_40.npz')
    assert log_without_times(resumed) == log_without_times(run)
    for picture in ('loss.png', 'accuracy.png', 'validation.png', 'poses/40.png'):
        assert (resumed / picture).read_bytes() == (run / picture).read_bytes(), picture


def test_resume_trains_longer_but_changes_nothing_else(run, script, refusal, tmp_path):
    copy = tmp_path / 'run'
    copy.mkdir()
    for name in ('options.json', 'snapshot_40.npz'):
        (copy / name).write_bytes((run / name).read_bytes())
    assert '--alpha 0.1: expected 0.0002' in refusal('train.py', '--resume', copy, '--alpha', 0.1)
    finished = script('train.py', '--resume', copy, '--iterations', 50)
    assert finished.returncode == 0, finished.stderr
    assert (copy / 'gen_50.npz').exists()


@pytest.mark.parametrize(
    ('options', 'losses'),
    [
        (
            ('--preset', 'plus'),
            {'gen/angle', 'gen/bones', 'gen/consistency_2d', 'gen/consistency_depth', 'gen/loss'},
        ),
        (('--mode', 'semi-supervised', '--labelled', 0.1), {'gen/angle', 'gen/depth', 'gen/loss'}),
        (('--mode', 'supervised', '--zero-root'), {'gen/supervised'}),
        (('--mode', 'supervised', '--model', 'martinez'), {'gen/supervised'}),
    ],
)
def test_every_mode_trains_resumes_and_is_measured(script, small_file, tmp_path, options, losses):
    run, resumed = tmp_path / 'run', tmp_path / 'resumed'
    finished = script(
        'train.py', '--dataset', small_file, '--out', run, '--iterations', 10, *SMALL,
        '--snapshot-interval', 6, '--evaluate-interval', 6, '--log-interval', 3, *options,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ''
    log = log_without_times(run)
    assert losses == {key for key in log[-1] if key.startswith('gen/')} - {'gen/updated'}
    assert ('camera/pitch' in log[-1]) is ('plus' in options)

    resumed.mkdir()
    for name in ('options.json', 'snapshot_6.npz'):
        (resumed / name).write_bytes((run / name).read_bytes())
    finished = script('train.py', '--resume', resumed)
    assert finished.returncode == 0, finished.stderr
    for name in ('gen_10.npz', 'snapshot_10.npz'):
        skipped = ('elapsed', 'log', 'LogReport')
        pairs = [
            {
                key: array.tobytes()
                for key, array in weights_file.read_arrays(folder / name).items()
                if not any(word in key for word in skipped)
            }
            for folder in (run, resumed)
        ]
        assert pairs[0] == pairs[1]
    assert log_without_times(resumed) == log

    report = json.loads(script('evaluate.py', '--snapshot', run, '--format', 'json').stdout)
    best = min(entry['validation/mpjpe'] for entry in log if 'validation/mpjpe' in entry)
    assert report['protocols']['kudo']['average'] == pytest.approx(best, rel=1e-6)


def test_a_preset_sets_what_is_not_given(script, small_file, tmp_path):
    finished = script(
        'train.py', '--dataset', small_file, '--out', tmp_path / 'run', '--iterations', 1,
        *SMALL, '--preset', 'plus', '--bone-weight', 7, '--no-zero-root',
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    stored = run_directory.read_options(tmp_path / 'run')
    expected = {
        'camera_pitch': 'learn', 'consistency': [10, 1], 'bone_weight': 7, 'ema': 0.999,
        'zero_root': False, 'preset': 'plus', 'mode': 'unsupervised',
    }  # fmt: skip
    assert {key: stored[key] for key in expected} == expected


def test_epochs_name_the_generators(script, small_file, tmp_path):
    out = tmp_path / 'run'
    finished = script(
        'train.py', '--dataset', small_file, '--out', out, '--epoch', 2, *SMALL, '--batchsize', 64
    )
    assert finished.returncode == 0, finished.stderr
    assert {'gen_1.npz', 'gen_2.npz', 'gen_best.npz'} <= {p.name for p in out.iterdir()}
    n_poses = len(pose_file.read(small_file, 'train'))
    assert log_without_times(out)[-1]['iteration'] == -(-2 * n_poses // 64)


def test_2d_only_data_train_without_an_error(script, flat_data, tmp_path):
    pose_file.write(tmp_path / 'flat.h5', {'train': flat_data, 'test': flat_data})
    out = tmp_path / 'run'
    finished = script(
        'train.py', '--dataset', tmp_path / 'flat.h5', '--out', out, '--iterations', 4, *SMALL
    )
    assert finished.returncode == 0, finished.stderr
    assert not any('validation' in key for entry in log_without_times(out) for key in entry)
    assert not (out / 'gen_best.npz').exists()
    assert (out / 'poses' / '4.png').exists()


def test_a_test_split_without_poses_is_no_test_split(script, small_splits, tmp_path):
    empty = small_splits['test'].select(np.zeros(0, int))
    pose_file.write(tmp_path / 'half.h5', {'train': small_splits['train'], 'test': empty})
    finished = script(
        'train.py', '--dataset', tmp_path / 'half.h5', '--out', tmp_path / 'run',
        '--iterations', 4, *SMALL,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert '0 to validate on' in finished.stdout
    assert not (tmp_path / 'run' / 'gen_best.npz').exists()


def test_holdout_validates_on_clips_that_do_not_train(script, refusal, small_file, tmp_path):
    out = tmp_path / 'run'
    finished = script(
        'train.py', '--dataset', small_file, '--out', out, '--iterations', 4, *SMALL,
        '--holdout', 0.25,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    n_poses = len(pose_file.read(small_file, 'train'))
    n_held = n_poses // 4  # every clip has as many poses
    assert f'{n_poses - n_held} poses' in finished.stdout
    assert f'{n_held} to validate on' in finished.stdout
    assert 'flatters' not in script('evaluate.py', '--snapshot', out).stdout
    assert '--holdout 0.2: expected 0.25' in refusal('train.py', '--resume', out, '--holdout', 0.2)


def test_a_skeleton_without_shoulders_says_so_once(script, flat_data, tmp_path):
    from chainer_pose.skeletons import Skeleton

    flat_data.skeleton = Skeleton('snake', [f'j{i}' for i in range(17)], range(-1, 16))
    pose_file.write(tmp_path / 'snake.h5', {'train': flat_data})
    finished = script(
        'train.py', '--dataset', tmp_path / 'snake.h5', '--out', tmp_path / 'run',
        '--iterations', 4, *SMALL,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count('without the angle loss') == 1
    assert 'gen/angle' not in log_without_times(tmp_path / 'run')[0]


def test_diverged_training_ends_with_one_line_and_keeps_the_last_good_snapshot(
    script, small_file, tmp_path
):
    out = tmp_path / 'run'
    finished = script(
        'train.py', '--dataset', small_file, '--out', out, '--iterations', 400, *SMALL,
        '--alpha', 1e12, '--snapshot-interval', 1, '--accuracy-cap', 1,
    )  # fmt: skip
    assert finished.returncode == 1
    assert finished.stderr.count('\n') == 1
    assert 'at iteration' in finished.stderr
    assert 'diverged' in finished.stderr
    generator, _, _ = weights_file.load_generator(weights_file.find_generator(out))
    assert all(np.isfinite(param.array).all() for param in generator.params())


@pytest.mark.parametrize('name', ['train.py', 'evaluate.py'])
def test_gpu_without_cuda_ends_with_one_line(refusal, run, name, small_file, tmp_path):
    from chainer.backends import cuda

    if cuda.available and cuda.cupy.is_available():
        pytest.skip('there is a GPU')
    option = {'train.py': ('--out', tmp_path / 'x'), 'evaluate.py': ('--snapshot', run)}[name]
    line = refusal(name, *option, '--dataset', small_file, '--gpu', 0)
    assert 'pip install .[cuda12] or .[cuda13]' in line
    assert not (tmp_path / 'x').exists()


def test_labels_that_are_not_there(refusal, flat_data, tmp_path):
    pose_file.write(tmp_path / 'flat.h5', {'train': flat_data})
    line = refusal(
        'train.py', '--dataset', tmp_path / 'flat.h5', '--out', tmp_path / 'run',
        '--mode', 'semi-supervised',
    )  # fmt: skip
    assert '--mode semi-supervised: expected' in line
    assert 'to have pose3d to learn from, found 2D only' in line
    assert not (tmp_path / 'run').exists()


def test_refusals_of_train(refusal, run, small_file, tmp_path):
    out = ('--out', tmp_path / 'new')
    for arguments, message in (
        (('--dataset', small_file, '--out', run), 'found one in use'),
        (('--dataset', 'nowhere', *out), '--dataset nowhere'),
        (('--dataset', tmp_path / 'no.h5', *out), 'found no such file'),
        (('--dataset', small_file, '--keypoints', 'sh', *out), 'train/pose2d_sh'),
        (('--batchsize', 0), "--batchsize: expected a whole number and 1 or more, found '0'"),
        (('--alpha', 'nan'), '--alpha: expected a number and more than 0'),
        (('--accuracy-cap', 0.4), '--accuracy-cap'),
        (('--iterations', 1.5), '--iterations'),
        (('--nonsense',), 'unrecognized arguments: --nonsense'),
        (('--epo', 3), 'unrecognized arguments'),
        (('--camera-pitch', 'down'), '--camera-pitch: expected a number and -89 or more'),
        (('--consistency', 10), '--consistency: expected 2 arguments'),
        (('--preset', 'best'), "--preset: invalid choice: 'best'"),
        (('--labelled', 0.1), '--labelled: expected --mode semi-supervised or supervised'),
        (('--labelled', 0, '--mode', 'supervised'), '--labelled: expected a number and more'),
        (('--model', 'martinez'), '--model martinez: expected --mode supervised, found unsup'),
        (('--mode', 'supervised', '--preset', 'plus'), '--camera-pitch: expected a --mode with'),
        (
            ('--mode', 'supervised', '--model', 'martinez', '--zero-root'),
            '--zero-root: expected --model kudo, found --mode supervised --model martinez',
        ),
        (('--resume',), '--resume: expected a run directory'),
        (('--resume', tmp_path), 'expected a run with options.json'),
    ):
        assert message in refusal('train.py', *arguments)
    assert not (tmp_path / 'new').exists()


def test_resume_refuses_what_is_no_snapshot(refusal, run, small_file, tmp_path):
    (tmp_path / 'options.json').write_bytes((run / 'options.json').read_bytes())
    (tmp_path / 'snapshot_7.npz').write_bytes((run / 'gen_40.npz').read_bytes())
    assert 'snapshot_7.npz: expected a snapshot' in refusal('train.py', '--resume', tmp_path)


@pytest.mark.parametrize('name', ['train.py', 'evaluate.py', 'data/prepare_synthetic.py',
                                  'data/prepare_cmu.py', 'data/prepare_h36m.py',
                                  'data/prepare_mpii.py',
                                  'data/prepare_mpi_inf_3dhp.py'])  # fmt: skip
def test_help_explains_every_option(script, name):
    text = script(name, '--help').stdout
    assert text.startswith('usage: ')
    options = text.split('options:')[1].replace('--help', '').replace('-h', '')
    for line in options.splitlines():
        if line.strip().startswith('--') and len(line) > 26:
            assert line[24:].strip(), line
    if name == 'train.py':
        for wanted in ('section 4.2', 'default: 50', 'default: 16', 'default: 0.02', 'eq. 4'):
            assert wanted in ' '.join(text.split())


def test_prepare_synthetic(script, refusal, tmp_path):
    finished = script('data/prepare_synthetic.py', '--out', tmp_path / 's.h5')
    assert finished.returncode == 0, finished.stderr
    assert '72000 train, 14400 test poses of 17 joints at 10 Hz' in finished.stdout
    assert pose_file.splits_of(tmp_path / 's.h5') == ('train', 'test')
    assert '--out' in refusal('data/prepare_synthetic.py', '--out', tmp_path / 'no' / 's.h5')


def test_prepare_cmu(script, refusal, shared_data, tmp_path):
    (tmp_path / 'actions.csv').write_text('02_01,walk\n02_03,run\n02_05,punch\n03_01,climb\n')
    finished = script(
        'data/prepare_cmu.py', '--root', shared_data / 'cmu_asfamc', '--out', tmp_path / 'cmu.h5',
        '--test-subjects', '03', '--step', 24, '--heading', 0, 90,
        '--actions', tmp_path / 'actions.csv',
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    train = pose_file.read(tmp_path / 'cmu.h5', 'train')
    assert train.names['action'] == ['climb', 'punch', 'run', 'walk']
    assert train.fps == 5
    assert 'mocap.cs.cmu.edu' in refusal('data/prepare_cmu.py', '--root', tmp_path)
