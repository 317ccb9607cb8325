"""What the tests share: small data, real data where it is present, the scripts."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chainer_pose import pose_file
from chainer_pose.skeleton import H36M17
from chainer_pose.sources import synthetic

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
    """Some hundred of the synthetic poses, every action among them."""
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
    """The folder of real data; skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f'real data absent: {SHARED} (set CHAINER_POSE_SHARED to the folder over it)')
    return SHARED


@pytest.fixture(scope='session')
def script():
    """Run a script as a user does; returns the finished process."""

    def run(name, *arguments, **environment):
        return subprocess.run(
            [sys.executable, str(ROOT / name), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, 'OMP_NUM_THREADS': '1', **environment},
        )

    return run


@pytest.fixture(scope='session')
def refusal(script):
    """Run a script that must refuse: status 2, one line on standard error."""

    def run(*arguments, **environment):
        finished = script(*arguments, **environment)
        assert finished.returncode == 2, finished.stderr
        assert finished.stderr.count('\n') == 1, finished.stderr
        assert 'Traceback' not in finished.stderr
        return finished.stderr

    return run
