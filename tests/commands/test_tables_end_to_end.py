"""From foreign files to the paper's tables, by the scripts, as a researcher does."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest
import trees

pytestmark = pytest.mark.slow

TINY = ('--iterations', 10, '--n-unit', 8, '--init-std', 0.08, '--evaluate-interval', 10,
        '--log-interval', 10, '--snapshot-interval', 10)  # fmt: skip


@pytest.fixture(scope='module')
def run(script):
    """Run a script that must succeed; returns its output."""

    def finish(name, *arguments, **environment):
        finished = script(name, *arguments, **environment)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    return finish


@pytest.fixture(scope='module')
def h36m(run, tmp_path_factory):
    """A folder with a copy of Human3.6M, h36m.h5 and a run on it, found by its name."""
    folder = tmp_path_factory.mktemp('h36m')
    trees.write_baseline(folder / 'copy', trees.takes(30))
    environment = {'CHAINER_POSE_DATA': str(folder)}
    text = run('data/prepare_h36m.py', '--root', folder / 'copy', '--partial', **environment)
    assert '3d-pose-baseline' in text.splitlines()[0]
    assert '; test lacks: ' in text
    run('train.py', '--dataset', 'h36m', *TINY, '--out', folder / 'run', **environment)
    return folder


def test_table_1(run, h36m):
    evaluate = ('evaluate.py', '--snapshot', h36m / 'run', '--table', 1)
    environment = {'CHAINER_POSE_DATA': str(h36m)}
    text = run(*evaluate, **environment)
    assert text.startswith('Table 1 of the paper: mean error in mm, protocol kudo (paper)\n')
    departures = '10 of 2250 iterations, --n-unit 8 --init-std 0.08, '  # 50 epochs of 720 by 16
    for line in (
        'h36m, test split, keypoints gt: 276 poses', 'trained for: 10 of 2250 iterations',
        'trained on: data h36m, poses 720, subjects S1 S5 S6 S7 S8, fps 10.0, ',
        f'trained with: {departures}', 'weights chosen by: the last of the run', 'gen_10.npz',
        'measured on a part only: lacks ', '\nMartinez et al. [15]',
        f'\nOurs, other options: {departures}',
    ):  # fmt: skip
        assert line in text
    assert 'measured - paper' not in text


def test_table_2_needs_a_run_on_detections(run, h36m, refusal, tmp_path):
    environment = {'CHAINER_POSE_DATA': str(h36m)}
    evaluate = ('evaluate.py', '--snapshot', h36m / 'run', '--table', 2)
    assert 'keypoints sh' in refusal(*evaluate, **environment)
    assert 'found gt and sh' in refusal(*evaluate, '--keypoints', 'sh', **environment)
    out = tmp_path / 'run'
    run('train.py', '--dataset', 'h36m', '--keypoints', 'sh', *TINY, '--out', out, **environment)
    text = run('evaluate.py', '--snapshot', out, '--table', 2, **environment)
    assert text.startswith('Table 2 of the paper')
    assert 'Pavlakos' in text
    assert 'left out' not in text  # Neck/Nose is imputed


def test_mpi_inf_3dhp_to_pck(run, tmp_path):
    trees.write_3dhp(tmp_path / 'root')
    path = tmp_path / 'mpi_inf_3dhp.h5'
    text = run('data/prepare_mpi_inf_3dhp.py', '--root', tmp_path / 'root', '--out', path)
    assert 'TS1: 7 poses; published 603: -596' in text
    run('train.py', '--dataset', path, *TINY, '--out', tmp_path / 'run')
    evaluate = ('evaluate.py', '--snapshot', tmp_path / 'run', '--protocol', 'pck', '--target')
    text = run(*evaluate, 'gt')
    assert 'target: annot3: real scale' in text
    assert '89.3' not in text
    authors = [*evaluate[:-2], 'pck-authors', '--split', 'train']
    assert re.search(r'\nall +640 .* 89\.3\n', run(*authors))
    found = json.loads(run(*evaluate, 'univ', '--format', 'json'))
    assert {score['by'] for score in found['scores']} == {'all', 'action', 'camera', 'joint'}
    assert found['target'].startswith('univ_annot3: scaled')


def test_mpii_to_pictures(run, refusal, tmp_path):
    images = trees.mpii_people(30)
    trees.write_mpii_json(tmp_path / 'train.json', images[:20])
    trees.write_mpii_json(tmp_path / 'valid.json', images[20:], start=20)
    trees.write_mpii_json(tmp_path / 'detected.json', images, shift=2.0)
    path, out = tmp_path / 'mpii.h5', tmp_path / 'run'
    prepare = ('data/prepare_mpii.py', '--root', tmp_path, '--out', path)
    text = run(*prepare, '--detections', tmp_path / 'detected.json')
    assert 'poses of 16 joints; also pose2d_sh' in text
    text = run('train.py', '--dataset', path, '--keypoints', 'sh', *TINY, '--out', out)
    assert 'without the angle loss' not in text
    run('evaluate.py', '--snapshot', out, '--figures', 2)
    drawn = {'poses.png', 'poses.pdf', 'turned.png', 'turned.pdf'}
    assert {p.name for p in (out / 'figures').iterdir()} == drawn
    again = (*prepare, '--overwrite', '--detections', tmp_path / 'detected.json')
    assert '--detector gt: expected' in refusal(*again, '--detector', 'gt')
    for source in ('h36m', 'mpii', 'mpi_inf_3dhp'):
        assert str(out) in refusal(f'data/prepare_{source}.py', '--root', out)


@pytest.mark.parametrize('how', [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_conversion_leaves_no_half_file(h36m, tmp_path, how):
    out = tmp_path / 'h36m.h5'
    out.write_text('what was there')
    slow = (
        'import signal, time\n'
        # Processes that a shell starts in the background ignore Ctrl-C.
        'signal.signal(signal.SIGINT, signal.default_int_handler)\n'
        'from chainer_pose.commands import prepare\n'
        'from chainer_pose.datasets import pose_file\n'
        'append = pose_file.Writer.append\n'
        'def slowly(*args, **kwargs):\n'
        '    append(*args, **kwargs); print("appended", flush=True); time.sleep(0.2)\n'
        'pose_file.Writer.append = slowly\n'
        'prepare.run("h36m")'
    )
    command = [sys.executable, '-c', slow, '--root', str(h36m / 'copy'), '--out', str(out)]
    command += ['--partial', '--overwrite']
    process = subprocess.Popen(command, stdout=-1, stderr=-1, text=True)
    while 'appended' not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(0.5)
    process.send_signal(how)
    _, errors = process.communicate(timeout=30)
    status = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[how]
    assert process.returncode == status, errors
    assert out.read_text() == 'what was there'
    if how is not signal.SIGKILL:
        assert errors == ''
        assert {p.name for p in tmp_path.iterdir()} == {'h36m.h5', '.h36m.h5.lock'}
