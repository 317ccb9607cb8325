"""Training that is stopped, killed, resumed, or finds its files gone."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = ('--n-unit', '16', '--batchsize', '4', '--log-interval', '20',
           '--evaluate-interval', '40', '--snapshot-interval', '20')  # fmt: skip


def start(*arguments, **more):
    """train.py in a process that has just been born: Ctrl-C works in it."""
    command = [sys.executable, 'train.py', *map(str, arguments)]
    return subprocess.Popen(
        [sys.executable, '-c', _CHILD, *command[1:]],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,
    )  # fmt: skip


# A shell's background jobs, and so their children, ignore SIGINT.
_CHILD = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def wait_for(path, process, seconds=60):
    started = time.monotonic()
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() - started < seconds
        time.sleep(0.02)


def weights(path):
    with np.load(path) as file:
        return {key: file[key].tobytes() for key in file.files}


@pytest.fixture(scope='module')
def whole(script, small_file, tmp_path_factory):
    """A run of 40 iterations that nothing disturbs."""
    run = tmp_path_factory.mktemp('whole') / 'run'
    finished = script(
        'train.py', '--dataset', small_file, '--out', run, '--iterations', 40, *OPTIONS
    )
    assert finished.returncode == 0, finished.stderr
    return run


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_training_with_a_snapshot_that_goes_on_bit_for_bit(
    script, small_file, whole, tmp_path, number
):
    run = tmp_path / 'run'
    process = start('--dataset', small_file, '--out', run, '--iterations', 10**6, *OPTIONS)
    wait_for(run / 'log', process)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert err.count('\n') == 1
    assert f'stopped by {number.name} after iteration' in err
    stopped = int(err.split('iteration ')[1].split(';')[0])
    assert (run / f'snapshot_{stopped}.npz').exists()

    # Its options, but for the length, are the whole run's: from an iteration before 40
    # on it must come to the same end. So stop one there, by a signal it sends itself.
    cut = tmp_path / 'cut'
    finished = subprocess.run(
        [sys.executable, '-c', _STOP_AT_33.format(number=int(number)), '--dataset', small_file,
         '--out', cut, '--iterations', '40', *OPTIONS],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert finished.returncode == 128 + number, finished.stderr
    assert (cut / 'snapshot_33.npz').exists()
    finished = script('train.py', '--resume', cut)
    assert finished.returncode == 0, finished.stderr
    assert weights(cut / 'gen_40.npz') == weights(whole / 'gen_40.npz')
    assert weights(cut / 'gen_best.npz') == weights(whole / 'gen_best.npz')
    one, two = (json.loads((run / 'log').read_text()) for run in (whole, cut))
    for entry in (*one, *two):
        entry.pop('elapsed_time')
    assert one == two
    # All of the trainer is the same, plots' points included, but for the time.
    one, two = (weights(run / 'snapshot_40.npz') for run in (whole, cut))
    different = {key for key in one if one[key] != two[key]}
    assert one.keys() == two.keys()
    assert different <= {'_snapshot_elapsed_time', 'extensions/LogReport/_log'}


_STOP_AT_33 = """
import os, sys
from chainer_pose.utils import cli
from chainer_pose.training import updaters
from chainer_pose.commands import train
update = updaters.PoseGANUpdater.update
def stop(self):
    update(self)
    if self.iteration == 33:
        os.kill(os.getpid(), {number})
updaters.PoseGANUpdater.update = stop
sys.argv[0] = 'train.py'
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
cli.run(train.main)
"""


def test_a_second_signal_ends_at_once(small_file, tmp_path):
    run = tmp_path / 'run'
    # The first signal comes within an iteration that takes a minute.
    code = _SLOW_STEP
    process = subprocess.Popen(
        [sys.executable, '-c', code, '--dataset', small_file, '--out', run, *OPTIONS],
        cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    wait_for(run / 'now', process)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert not list(run.glob('snapshot_*'))


_SLOW_STEP = """
import sys, time
from pathlib import Path
from chainer_pose.utils import cli
from chainer_pose.training import updaters
from chainer_pose.commands import train
def slow(self):
    (Path(sys.argv[sys.argv.index('--out') + 1]) / 'now').touch()
    for _ in range(600):
        time.sleep(0.1)
updaters.PoseGANUpdater.update = slow
sys.argv[0] = 'train.py'
cli.run(train.main)
"""


def test_kills_lose_nothing(small_file, tmp_path, script):
    """A few here; benchmarks/kills.py kills fifty times, also while a snapshot is written."""
    run, best = tmp_path / 'run', -1
    arguments = ['--dataset', small_file, '--out', run, '--iterations', 10**6, *OPTIONS]
    for pause in (0.0, 0.13, 0.41):
        process = start(*arguments)
        wait_for(run / f'snapshot_{best + 20 if best > 0 else 20}.npz', process)
        time.sleep(pause)
        process.kill()
        process.communicate()
        numbers = [int(path.stem.split('_')[1]) for path in run.glob('snapshot_*.npz')]
        assert max(numbers) > best
        best = max(numbers)
        arguments = ['--resume', run]
    finished = script('train.py', '--resume', run, '--iterations', best + 1)
    assert finished.returncode == 0, finished.stderr
    assert not [path for path in run.iterdir() if path.name.startswith(('.snapshot', '.gen'))]


def test_two_trainings_of_one_run(refusal, small_file, tmp_path):
    run = tmp_path / 'run'
    process = start('--dataset', small_file, '--out', run, '--iterations', 10**6, *OPTIONS)
    wait_for(run / 'snapshot_20.npz', process)
    for arguments in (['--resume', run], ['--dataset', small_file, '--out', run]):
        line = refusal('train.py', *arguments)
        assert f'--out {run}: expected' in line
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 143


def test_a_damaged_snapshot_is_passed_over_with_a_warning(script, whole, tmp_path):
    run = tmp_path / 'run'
    shutil.copytree(whole, run)
    (run / 'gen_40.npz').unlink()
    content = (run / 'snapshot_40.npz').read_bytes()
    (run / 'snapshot_40.npz').write_bytes(content[: len(content) // 2])
    finished = script('train.py', '--resume', run)
    assert finished.returncode == 0
    assert 'warning' in finished.stderr
    assert 'snapshot_40.npz' in finished.stderr
    assert 'continuing from' in finished.stdout
    assert 'snapshot_20.npz, iteration 20' in finished.stdout
    assert weights(run / 'gen_40.npz') == weights(whole / 'gen_40.npz')


def test_keep(script, small_file, tmp_path):
    finished = script(
        'train.py', '--dataset', small_file, '--out', tmp_path / 'run', '--iterations', 5,
        '--n-unit', '8', '--snapshot-interval', 1, '--keep', 3,
        '--log-interval', 9, '--evaluate-interval', 9,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    found = sorted(path.name for path in (tmp_path / 'run').glob('snapshot_*'))
    assert found == ['snapshot_3.npz', 'snapshot_4.npz', 'snapshot_5.npz']
    finished = script('train.py', '--resume', tmp_path / 'run', '--iterations', 6, '--keep', 1)
    assert finished.returncode == 0, finished.stderr
    assert [path.name for path in (tmp_path / 'run').glob('snapshot_*')] == ['snapshot_6.npz']


def test_a_full_disk_is_one_line_and_the_last_snapshot_stays(small_file, tmp_path):
    run = tmp_path / 'run'
    wide = ['--n-unit', '128', '--iterations', '1000', '--snapshot-interval', '5',
            '--log-interval', '5', '--evaluate-interval', '1000']  # fmt: skip
    process = start('--dataset', small_file, '--out', run, *wide)
    wait_for(run / 'snapshot_5.npz', process)
    size = (run / 'snapshot_5.npz').stat().st_size
    process.kill()
    process.communicate()
    before = {path.name: weights(path) for path in run.glob('snapshot_*.npz')}

    def limit():  # what a full disk is to a process: a file that cannot grow
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

    process = start('--resume', run, preexec_fn=limit)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2, err
    assert err.count('\n') == 1, err
    assert f'--out {run}: expected a place that can be written, found: File too large' in err
    for name, content in before.items():
        assert weights(run / name) == content
    assert not list(run.glob('.snapshot*'))


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write everywhere')
def test_a_folder_that_cannot_be_written(refusal, small_file, tmp_path):
    tmp_path.chmod(0o555)
    line = refusal('train.py', '--dataset', small_file, '--out', tmp_path / 'run')
    assert f'--out {tmp_path / "run"}: expected a place that can be written' in line


def test_data_that_change_while_they_are_learned_from(refusal, small_file, whole, tmp_path):
    data, run = tmp_path / 'data.h5', tmp_path / 'run'
    shutil.copy(small_file, data)
    process = start('--dataset', data, '--out', run, '--iterations', 60, *OPTIONS)
    wait_for(run / 'snapshot_20.npz', process)
    data.write_bytes(data.read_bytes()[:5000])  # all was read before the first step
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert weights(run / 'gen_40.npz') == weights(whole / 'gen_40.npz')
    refusal('train.py', '--resume', run, '--iterations', 80)
    shutil.copy(small_file, data)
    with open(data, 'ab') as file:
        file.write(b'\0')  # another file, though as good a one
    line = refusal('train.py', '--resume', run, '--iterations', 80)
    assert 'expected the file that the run began with' in line
    data.unlink()
    assert 'data.h5' in refusal('train.py', '--resume', run, '--iterations', 80)
