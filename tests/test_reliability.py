"""Training that is stopped, killed, resumed, or finds its files gone."""

import fcntl
import json
import os
import pty
import random
import resource
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from chainer_pose.training import run_directory

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = ('--n-unit', 16, '--batchsize', 4, '--log-interval', 20,
           '--evaluate-interval', 40, '--snapshot-interval', 20)  # fmt: skip
# train.py with a change made first. A shell's background jobs, and so their children, ignore
# SIGINT, those of nohup SIGHUP.
PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from chainer_pose.commands import train
from chainer_pose.training import PoseGANUpdater
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
sys.argv[0] = 'train.py'
{}
train.run()
"""
STOP_AT_33 = """
update = PoseGANUpdater.update
def stop(self):
    update(self)
    if self.iteration == 33:
        os.kill(os.getpid(), {})
PoseGANUpdater.update = stop
"""
SLOW_STEP = """
def slow(self):
    (Path(sys.argv[sys.argv.index('--out') + 1]) / 'now').touch()
    for _ in range(600):
        time.sleep(0.1)
PoseGANUpdater.update = slow
"""
# A snapshot is written for a third of a second before it has its name.
SLOW_WRITING = """
fsync = os.fsync
os.fsync = lambda handle: (time.sleep(0.3), fsync(handle))
"""


def start(*arguments, change='', **more):
    return subprocess.Popen(
        [sys.executable, '-c', PROGRAM.format(change), *map(str, arguments)],
        cwd=ROOT, text=True, **{'stdout': subprocess.DEVNULL, 'stderr': subprocess.PIPE, **more},
    )  # fmt: skip


def train(data, run, *more, **change):
    return start('--dataset', data, '--out', run, '--iterations', 40, *OPTIONS, *more, **change)


def finish(process, status=0):
    """Wait for its end: one line of error, or none on success; returns it."""
    _, err = process.communicate(timeout=120)
    assert process.returncode == status, err
    assert err.count('\n') == (status != 0), err
    return err


def wait_for(path, process):
    started = time.monotonic()
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() - started < 120
        time.sleep(0.02)


def arrays(path):
    with np.load(path) as file:
        return {key: file[key].tobytes() for key in file.files}


def log_of(run):
    """The log without its times."""
    entries = json.loads((run / 'log').read_text())
    return [{k: v for k, v in entry.items() if k != 'elapsed_time'} for entry in entries]


@pytest.fixture(scope='module')
def whole(small_file, tmp_path_factory):
    """A run of 40 iterations that nothing disturbs."""
    run = tmp_path_factory.mktemp('whole') / 'run'
    finish(train(small_file, run))
    return run


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_training_with_a_snapshot_that_goes_on_bit_for_bit(
    small_file, whole, tmp_path, number
):
    run, change = tmp_path / 'run', STOP_AT_33.format(int(number))
    err = finish(train(small_file, run, change=change), status=128 + number)
    assert f'stopped by {number.name} after iteration 33' in err
    assert (run / 'snapshot_33.npz').exists()
    finish(start('--resume', run))
    for name in ('gen_40.npz', 'gen_best.npz'):
        assert arrays(run / name) == arrays(whole / name)
    assert log_of(run) == log_of(whole)
    one, two = (arrays(folder / 'snapshot_40.npz') for folder in (whole, run))
    different = {key for key in one if one[key] != two[key]}
    assert one.keys() == two.keys()
    assert different <= {'_snapshot_elapsed_time', 'extensions/LogReport/_log'}


def test_a_second_signal_ends_at_once(small_file, tmp_path):
    run = tmp_path / 'run'
    # The first signal comes within an iteration that takes a minute.
    process = train(small_file, run, change=SLOW_STEP)
    wait_for(run / 'now', process)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert not list(run.glob('snapshot_*'))


def test_nohup_ignores_what_a_closed_terminal_sends(small_file, whole, tmp_path):
    change = 'signal.signal(signal.SIGHUP, signal.SIG_IGN)' + STOP_AT_33.format(int(signal.SIGHUP))
    finish(train(small_file, tmp_path / 'run', change=change))
    assert arrays(tmp_path / 'run' / 'gen_40.npz') == arrays(whole / 'gen_40.npz')


def test_a_terminal_that_is_closed_leaves_a_snapshot(small_file, tmp_path):
    mine, terminal = pty.openpty()
    run = tmp_path / 'run'
    process = train(
        small_file, run, '--iterations', 10**6, '--log-interval', 1, '--snapshot-interval', 10**6,
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(terminal)
    wait_for(run / 'log', process)
    os.close(mine)
    process.wait(timeout=60)
    newest = run_directory.latest_snapshot(run)
    assert int(newest.stem.split('_')[1]) == json.loads((run / 'log').read_text())[-1]['iteration']


def test_kills_at_any_moment_lose_nothing(small_file, tmp_path, capsys):
    """Kills at random moments, half of them likely to fall within the writing of a snapshot."""
    run, best, rng = tmp_path / 'run', 0, random.Random(0)
    arguments = '--dataset', small_file, '--out', run, *OPTIONS, '--iterations', 10**6
    for i in range(3):
        process = start(*arguments, change=SLOW_WRITING if i % 2 else '')
        wait_for(run / f'snapshot_{best + 20}.npz', process)
        time.sleep(rng.uniform(0, 1))
        process.kill()
        process.communicate()
        found = run_directory.latest_snapshot(run)
        assert capsys.readouterr().err == ''  # no warning of a damaged one
        assert int(found.stem.split('_')[1]) > best
        best, arguments = int(found.stem.split('_')[1]), ('--resume', run)
    end = best + 20
    finish(start('--resume', run, '--iterations', end))
    whole = tmp_path / 'whole'
    finish(train(small_file, whole, '--iterations', end))
    assert arrays(run / f'gen_{end}.npz') == arrays(whole / f'gen_{end}.npz')
    assert log_of(run)[: len(log_of(whole))] == log_of(whole)
    assert not [path for path in run.iterdir() if path.name.startswith(('.snapshot', '.gen'))]


def test_a_full_disk_is_one_line_and_the_last_snapshot_stays(whole, tmp_path):
    run = shutil.copytree(whole, tmp_path / 'run')
    before = {path: path.read_bytes() for path in run.glob('snapshot_*.npz')}
    size = len(before[run / 'snapshot_40.npz'])

    def limit():  # what a full disk is to a process: a file that cannot grow
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

    err = finish(start('--resume', run, '--iterations', 60, preexec_fn=limit), status=2)
    assert f'{run}: expected a place that can be written, found: File too large' in err
    assert {path: path.read_bytes() for path in run.glob('snapshot_*.npz')} == before
    assert not list(run.glob('.snapshot*'))


def test_data_that_change_while_they_are_learned_from(refusal, small_file, whole, tmp_path):
    data, run = shutil.copy(small_file, tmp_path / 'data.h5'), tmp_path / 'run'
    process = train(data, run, '--iterations', 60)
    wait_for(run / 'snapshot_20.npz', process)
    data.write_bytes(data.read_bytes()[:5000])  # all was read before the first step
    finish(process)
    assert arrays(run / 'gen_40.npz') == arrays(whole / 'gen_40.npz')
    shutil.copy(small_file, data)
    with h5py.File(data, 'r+') as file:  # other poses, though as good
        file['train/pose2d'][0] += 1
    line = refusal('train.py', '--resume', run, '--iterations', 80)
    assert 'expected the poses that the run began with' in line
    data.unlink()
    assert 'data.h5' in refusal('train.py', '--resume', run, '--iterations', 80)
