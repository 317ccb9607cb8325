import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from chainer_pose.errors import InputError
from chainer_pose.utils import comm

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])
MPIEXEC = shutil.which('mpiexec', path=PATH)
SHORT = ('--iterations', '6', '--n-unit', '16', '--log-interval', '3', '--evaluate-interval', '6',
         '--snapshot-interval', '3')  # fmt: skip


@pytest.fixture
def mpirun(small_file):
    """Start train.py in some ranks."""
    pytest.importorskip('mpi4py', reason='needs the extra [mpi]')
    if MPIEXEC is None:
        pytest.skip('no mpiexec')

    def start(n, *arguments, program=('train.py',)):
        return subprocess.Popen(
            [MPIEXEC, '-n', str(n), sys.executable, *program, '--dataset', small_file,
             '--communicator', 'naive', *map(str, arguments)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


def finished(process, seconds=120):
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == 0, err
    return out


def arrays(path):
    with np.load(path) as file:
        return {key: file[key] for key in file.files if key.startswith(('l', 'updater/model'))}


@pytest.mark.parametrize(
    ('batch', 'options'),
    [
        (4, []),
        # Gradients of weights are multiplied out, then sent.
        (24, ['--preset', 'plus', '--mode', 'semi-supervised', '--labelled', '0.2']),
        (4, ['--mode', 'supervised']),
    ],
)
def test_two_ranks_are_one_with_twice_the_batch(
    mpirun, script, small_file, tmp_path, batch, options
):
    out = finished(mpirun(2, '--out', tmp_path / 'two', '--batchsize', batch, *SHORT, *options))
    assert out.count('run directory') == 1  # the first alone speaks
    script(
        'train.py', '--dataset', small_file, '--out', tmp_path / 'one', '--batchsize', 2 * batch,
        *SHORT, *options,
    )  # fmt: skip
    names = [{path.name for path in (tmp_path / run).iterdir()} for run in ('one', 'two')]
    assert names[0] == names[1]
    one, two = (arrays(tmp_path / name / 'snapshot_6.npz') for name in ('one', 'two'))
    assert one.keys() == two.keys()
    assert one
    for key in one:
        np.testing.assert_allclose(two[key], one[key], rtol=1e-3, atol=2e-6, err_msg=key)
    one, two = (json.loads((tmp_path / name / 'log').read_text()) for name in ('one', 'two'))
    for mine, theirs in zip(one, two):
        mine.pop('elapsed_time'), theirs.pop('elapsed_time')
        assert mine == pytest.approx(theirs, rel=1e-3)


def test_ranks_resume(mpirun, refusal, tmp_path):
    finished(mpirun(2, '--out', tmp_path / 'whole', '--batchsize', 4, *SHORT))
    later = shutil.ignore_patterns('snapshot_6.npz', 'gen_6.npz')
    shutil.copytree(tmp_path / 'whole', tmp_path / 'cut', ignore=later)
    line = refusal('train.py', '--resume', tmp_path / 'cut')
    assert 'expected 2 rank(s), as the run began, found 1' in line
    finished(mpirun(2, '--resume', tmp_path / 'cut'))
    one, two = (arrays(tmp_path / name / 'snapshot_6.npz') for name in ('whole', 'cut'))
    for key in one:
        np.testing.assert_array_equal(two[key], one[key])


def test_a_rank_that_dies_ends_the_job(mpirun, tmp_path):
    process = mpirun(2, '--out', tmp_path / 'run', '--iterations', 10**6, '--log-interval', 1)
    log, started = tmp_path / 'run' / 'log', time.monotonic()
    while not log.exists() and process.poll() is None:
        assert time.monotonic() - started < 60
        time.sleep(0.1)
    found = subprocess.run(['pgrep', '-f', tmp_path / 'run'], capture_output=True, text=True)
    commands = {int(n): Path(f'/proc/{n}/cmdline').read_bytes() for n in found.stdout.split()}
    ranks = [n for n, command in commands.items() if command.split(b'\0')[1] == b'train.py']
    os.kill(max(ranks), signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert re.search('killed|termination|abort', out + err, re.IGNORECASE)  # by who saw it first


# The second rank is told to end; the first takes longer to save than the second to end.
TOLD_TO_END = """
import os, signal, time
from chainer_pose.commands import train
from chainer_pose.training import PoseGANUpdater
from mpi4py.MPI import COMM_WORLD
fsync, update = os.fsync, PoseGANUpdater.update
os.fsync = lambda handle: (time.sleep(2), fsync(handle))
def told(self):
    update(self)
    if self.iteration == 2 and COMM_WORLD.rank == 1:
        os.kill(os.getpid(), signal.SIGTERM)
PoseGANUpdater.update = told
train.run()
"""


def test_a_rank_that_is_told_to_end_waits_for_the_snapshot(mpirun, tmp_path):
    process = mpirun(2, '--out', tmp_path / 'run', *SHORT, program=('-c', TOLD_TO_END))
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert (tmp_path / 'run' / 'snapshot_2.npz').exists()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ([], 'expected a new or empty folder'),  # which the first rank alone looks at
        (
            ['--mode', 'supervised', '--model', 'martinez'],
            'expected the model kudo, found martinez',
        ),
    ],
)
def test_a_rank_that_fails_ends_the_others(mpirun, tmp_path, options, message):
    (tmp_path / 'something').write_text('there')
    process = mpirun(2, '--out', tmp_path, *SHORT, *options)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert message in err
    assert 'Traceback' not in err


def test_without_mpi(monkeypatch):
    monkeypatch.setitem(sys.modules, 'mpi4py', None)
    message = r"communicator naive: expected mpi4py .*; pip install '\.\[mpi\]'"
    with pytest.raises(InputError, match=message):
        comm.connect('naive')
