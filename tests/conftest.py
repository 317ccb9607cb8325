"""What the tests share: small data, real data, the scripts."""

import contextlib
import io
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')  # two workers' threads wait for each other

import numpy as np
import pytest

from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import synthetic
from chainer_pose.skeletons import H36M17

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get('CHAINER_POSE_SHARED', ROOT.parent / 'shared')) / 'data'


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture(scope='session')
def synthetic_splits():
    return synthetic.make()


@pytest.fixture(scope='session')
def small_splits(synthetic_splits):
    """Some hundred of the synthetic poses, of every action."""
    return {
        split: data.select(np.arange(0, len(data), 120)) for split, data in synthetic_splits.items()
    }


@pytest.fixture(scope='session')
def small_file(small_splits, tmp_path_factory):
    path = tmp_path_factory.mktemp('data') / 'small.h5'
    pose_file.write(path, small_splits)
    return path


@pytest.fixture
def flat_data(rng):
    """2D-only poses without actions."""
    return pose_file.PoseData('flat', H36M17, rng.normal(500, 90, (12, 17, 2)).astype('f'))


@pytest.fixture
def shared_data():
    """The folder of real data; skips without it."""
    if not SHARED.is_dir():
        pytest.skip(f'no real data: {SHARED} (set CHAINER_POSE_SHARED to the folder above)')
    return SHARED


@pytest.fixture(scope='session')
def script():
    """Run a script in a process of its own; returns the finished process."""

    def run(name, *arguments, **environment):
        return subprocess.run(
            [sys.executable, str(ROOT / name), *map(str, arguments)], capture_output=True,
            text=True, timeout=300, env={**os.environ, **environment},
        )  # fmt: skip

    return run


@pytest.fixture(scope='session')
def printed():
    """Run a command in this process, without warnings; returns what it prints."""

    def call(command, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            command.main([*map(str, arguments)])
        assert err.getvalue() == ''
        return out.getvalue()

    return call


@pytest.fixture
def refusal(monkeypatch, capsys):
    """Run a script that must end with status 2; returns its one line on standard error."""

    def run(name, *arguments, **environment):
        handler = signal.getsignal(signal.SIGTERM)
        with monkeypatch.context() as patch:
            patch.setattr(sys, 'argv', [name, *map(str, arguments)])
            for key, value in environment.items():
                patch.setenv(key, value)
            with pytest.raises(SystemExit) as ended:
                runpy.run_path(str(ROOT / name), run_name='__main__')
        signal.signal(signal.SIGTERM, handler)
        line = capsys.readouterr().err
        assert (ended.value.code, line.count('\n')) == (2, 1), line
        return line

    return run
