"""reproduce.py: from a copy of a data set to the paper's table, and on again."""

import re
import signal
import subprocess
import sys

import pytest
import trees

from chainer_pose.commands import reproduce
from chainer_pose.datasets.readers import h36m
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

TINY = ('--n-unit', 8, '--init-std', 0.08, '--batchsize', 64)
LAYOUTS = {
    'baseline': trees.write_baseline,
    'videopose3d': trees.write_videopose3d,
    'archive': trees.write_archive,
}


@pytest.fixture(scope='module')
def world():
    return trees.takes(6, actions=h36m.ACTIONS)


@pytest.fixture(scope='module')
def copy(world, tmp_path_factory):
    root = tmp_path_factory.mktemp('a copy') / 'of Human3.6M'  # with blanks
    trees.write_baseline(root, world)
    return root


@pytest.fixture(scope='module')
def results(copy, printed, tmp_path_factory):
    """What `reproduce.py table1 --iterations 4` has made."""
    out = tmp_path_factory.mktemp('results') / 'of today'
    printed(reproduce, 'table1', '--data', copy, '--out', out, *TINY, '--iterations', 4)
    return out


@pytest.mark.parametrize('layout', LAYOUTS)
def test_from_nothing_to_the_table(layout, world, script, tmp_path):
    LAYOUTS[layout](tmp_path / 'copy', world)
    arguments = ('--data', tmp_path / 'copy', '--out', tmp_path / 'out', '--iterations', 200)
    finished = script('reproduce.py', 'table1', *arguments)
    assert (finished.returncode, finished.stderr) == (0, '')
    n_train = 5 * 15 * 2 * 4 * 2
    assert f'other options: 200 of {50 * n_train // 16} iterations' in finished.stdout
    table = tmp_path / 'out' / 'table1' / 'table.md'
    assert table.read_text() in finished.stdout
    assert (tmp_path / 'out' / 'table1' / 'figures-table' / 'turned.pdf').is_file()


def test_a_finished_run_is_measured_again(copy, results, printed):
    log = (results / 'table1' / 'seed-0' / 'log').read_bytes()
    command = (reproduce, 'table1', '--data', copy, '--out', results, *TINY, '--iterations', 4)
    (results / 'table1' / 'table.md').write_text('')
    assert '4 of 4 iterations are done' in printed(*command)
    assert 'other options: 4 of' in (results / 'table1' / 'table.md').read_text()
    assert (results / 'table1' / 'seed-0' / 'log').read_bytes() == log
    printed(*command, '--seeds', 0, 1)
    table = (results / 'table1' / 'table.md').read_text()
    assert 'seeds 0 1' in table
    assert 'deviation' in table


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ((), r'expected a run with --iterations None, as asked for, found one with 4'),
        (('--iterations', 4, '--preset', 'plus'), r'expected a run with --\S+ \S+, as asked for'),
        (('--iterations', 4, '--seed', 1), '--seed: expected none, as --seeds decides it'),
        (('--iterations', 4, '--keypoints', 'sh'), '--keypoints: expected none, as table1'),
    ],
)
def test_another_run_is_not_taken_for_the_one_asked_for(copy, results, refusal, options, message):
    before = sorted(results.rglob('*'))
    line = refusal('reproduce.py', 'table1', '--data', copy, '--out', results, *TINY, *options)
    assert re.search(message, line), line
    assert sorted(results.rglob('*')) == before


def test_what_is_checked_first(results, copy, world, refusal, tmp_path):
    other, bare, out = tmp_path / 'other', tmp_path / 'bare', tmp_path / 'out'
    trees.write_baseline(other, trees.takes(6, actions=h36m.ACTIONS, seed=4))
    trees.write_baseline(bare, world, detections=())
    (out / 'pck').mkdir(parents=True)
    (out / 'pck' / 'thesis.tex').write_text('')
    run = ('--out', results, *TINY, '--iterations', 4)
    for arguments, message in (
        (
            ('table1', '--data', other, *run),
            f'expected a run on {other}, found one on .*; give another --out',
        ),
        (('table2', '--data', bare, '--out', out), f'{bare}: expected detections sh, found none'),
        (('table2', '--data', tmp_path / 'no', '--out', out), '--data .*: expected a folder or'),
        (('pck', '--data', copy, '--out', out), 'expected a new folder.*, found thesis.tex in it'),
        (('table1', '--out', out, '--partial'), '--partial: expected --data'),
    ):
        assert re.search(message, refusal('reproduce.py', *arguments))
    assert {path.name for path in out.iterdir()} == {'pck'}
    assert len(list(results.glob('*.h5'))) == 1


def test_dry_run_does_nothing(copy, printed, tmp_path):
    arguments = ('--data', copy, '--out', tmp_path / 'out', '--dry-run', '--seeds', 3, 4)
    text = printed(reproduce, 'table1', *arguments)
    assert 'then train, seeds 3 4' in text
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_run_goes_on(copy, script, tmp_path, number):
    command = ['table1', '--data', copy, '--out', tmp_path / 'out', '--iterations', '1000']
    process = subprocess.Popen(
        [sys.executable, '-u', ROOT / 'reproduce.py', *command], stdout=-1, stderr=-1, text=True
    )
    while not re.match(r'\d+ +\d+ ', process.stdout.readline()):  # a row of the log
        assert process.poll() is None
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + number, errors
    (snapshot,) = (tmp_path / 'out' / 'table1' / 'seed-0').glob('snapshot_*.npz')
    finished = script('reproduce.py', *command)
    assert finished.returncode == 0, finished.stderr
    assert f'continuing from {snapshot}' in finished.stdout
    assert 'other options: 1000 of' in finished.stdout
