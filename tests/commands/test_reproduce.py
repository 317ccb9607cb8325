"""reproduce.py: from a copy of a data set to the paper's table, and on again."""

import dataclasses
import re
import shutil
import signal
import subprocess
import sys

import pytest
import trees

from chainer_pose.commands import reproduce
from chainer_pose.datasets import pose_file
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
        ((), r'expected a run without --iterations, as asked for, found one with --iterations 4'),
        (('--iterations', 4, '--preset', 'plus'), r'expected a run with --\S+ \S+, as asked for'),
        (
            ('--iterations', 4, '--seed', 1),
            '--seed: expected to have an effect, .* beside .*--seeds',
        ),
        (
            ('--iterations', 4, '--keypoints', 'sh'),
            '--keypoints: expected to have .* beside table1',
        ),
    ],
)
def test_another_run_is_not_taken_for_the_one_asked_for(copy, results, refusal, options, message):
    before = sorted(results.rglob('*'))
    line = refusal('reproduce.py', 'table1', '--data', copy, '--out', results, *TINY, *options)
    assert re.search(message, line), line
    assert sorted(results.rglob('*')) == before


def test_what_is_checked_first(results, copy, world, refusal, tmp_path, monkeypatch):
    monkeypatch.setenv('CHAINER_POSE_DATA', str(tmp_path))
    monkeypatch.chdir(tmp_path)
    other, bare, out = tmp_path / 'other', tmp_path / 'bare', tmp_path / 'out'
    (empty := tmp_path / 'empty').mkdir()
    trees.write_baseline(other, trees.takes(6, actions=h36m.ACTIONS, seed=4))
    trees.write_baseline(bare, world, detections=())
    (out / 'table1').mkdir(parents=True)
    (out / 'table1' / 'table.md').write_text('my notes')
    prepared = next(results.glob('*.h5'))
    flat = {s: pose_file.read(prepared, s) for s in pose_file.SPLITS}
    flat = {split: dataclasses.replace(data, pose3d=None) for split, data in flat.items()}
    pose_file.write(tmp_path / 'flat.h5', flat)
    run = ('--out', results, *TINY, '--iterations', 4)
    for arguments, message in (
        (('table1', '--data', other, *run), 'expected a run on .*, found one on other data'),
        (
            ('table2', '--data', bare, '--out', out),
            f'{bare}: expected 2D joints sh, found --layout baseline with none',
        ),
        (
            ('table2', '--data', tmp_path / 'no', *run),
            f'--data .*: .*prepared before: .*{prepared}',
        ),
        (('pck', '--data', tmp_path / 'flat.h5', '--out', out), f'{tmp_path}/flat.h5: train: .*3D'),
        (('table1', '--data', copy, '--out', out), 'table.md: expected none beside no run'),
        (('table1', '--out', out, '--partial'), '--partial: .* without --data'),
        (('table1', '--data', prepared, '--out', out, '--partial'), '--partial: .* --data DIR'),
        (('pck', '--out', out), '--data: expected a folder or a pose file, found no .*3dhp.h5'),
        (('demo', '--data', copy, '--out', out), '--data: .* found none beside demo'),
        (('table2', '--data', empty, '--out', out), f'{empty}: expected Human3.6M, found none of'),
        (('--iterations', 4, 'table1'), "target: invalid choice: '4'"),
    ):
        assert re.search(message, refusal('reproduce.py', *arguments))
    assert [path.name for path in out.rglob('*')] == ['table1', 'table.md']


def test_missing_recordings(world, script, tmp_path):
    few = {take: pose for take, pose in world.items() if take != h36m.Take('S9', 'Walking', 0)}
    trees.write_baseline(tmp_path / 'copy', few)
    command = ('reproduce.py', 'table1', '--data', tmp_path / 'copy', '--out', tmp_path / 'out')
    finished = script(*command)
    assert finished.returncode == 1
    assert 'S9 Walking' in finished.stderr
    finished = script(*command, '--partial', *TINY, '--iterations', 4)
    assert (finished.returncode, finished.stderr) == (0, '')
    assert 'S9 Walking' in (tmp_path / 'out' / 'table1' / 'table.md').read_text()


def test_links_are_followed_and_own_results_are_no_data(copy, world, printed, tmp_path):
    root, other, out = tmp_path / 'links', tmp_path / 'other', tmp_path / 'links' / 'results'
    trees.write_baseline(other, trees.takes(6, actions=h36m.ACTIONS, seed=4))
    names = []
    for source in (copy, copy, other):
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        for path in source.iterdir():
            (root / path.name).symlink_to(path)
        for _ in range(2):
            text = printed(reproduce, 'table1', '--data', root, '--out', out, '--dry-run')
            names.append(re.search(r'h36m-.*\.h5', text)[0])
            out.mkdir(exist_ok=True)
            (out / 'written.h5').touch()
    assert len({*names[:4]}) == len({*names[4:]}) == 1
    assert len({*names}) == 2


def test_dry_run_does_nothing(copy, printed, tmp_path, monkeypatch):
    monkeypatch.setenv('CHAINER_POSE_DATA', str(tmp_path))
    arguments = ('--out', tmp_path / 'out', '--dry-run', '--seeds', 3, 4)
    text = printed(reproduce, 'table1', '--data', copy, *arguments)
    assert 'to train and measure, seeds 3 4' in text
    printed(reproduce, 'demo', *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_stopped_run_goes_on_from_anywhere(copy, script, tmp_path, number):
    command = ['table1', '--data', copy, '--out', 'out', *map(str, TINY), '--iterations', '2000']
    process = subprocess.Popen(
        [sys.executable, '-u', ROOT / 'reproduce.py', *command],
        stdout=-1, stderr=-1, text=True, cwd=tmp_path,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # nohup's ignore it
    )  # fmt: skip
    while not re.match(r'\d+ +\d+ ', process.stdout.readline()):  # a row of the log
        assert process.poll() is None
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number), errors
    moved = shutil.move(tmp_path / 'out', tmp_path / 'elsewhere')
    snapshots = list((moved / 'table1' / 'seed-0').glob('snapshot_*.npz'))
    assert len(snapshots) == (number != signal.SIGKILL)
    finished = script('reproduce.py', *command[:4], moved, *command[5:])
    assert finished.returncode == 0, finished.stderr
    assert all(f'continuing from {path}' in finished.stdout for path in snapshots)
    assert 'other options: 2000 of' in finished.stdout
