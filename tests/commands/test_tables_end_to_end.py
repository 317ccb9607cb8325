"""From foreign files to the paper's tables, by the scripts, as a researcher does."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
import trees
from conftest import ROOT

pytestmark = pytest.mark.slow

LAYOUTS = ('baseline', 'videopose3d', 'archive')
INTERVALS = ('--evaluate-interval', 200, '--log-interval', 200, '--snapshot-interval', 200)
SMALL = ('--iterations', 200, '--n-unit', 64, '--init-std', 0.08, *INTERVALS)
TINY = ('--iterations', 10, '--n-unit', 8, *INTERVALS)


@pytest.fixture(scope='module')
def copies(tmp_path_factory):
    world = trees.takes(30)
    root = tmp_path_factory.mktemp('copies')
    for name, write in zip(
        LAYOUTS, (trees.write_baseline, trees.write_videopose3d, trees.write_archive)
    ):
        write(root / name, world)
    return root


@pytest.fixture(scope='module')
def runs(copies, script, tmp_path_factory):
    """prepare -> train for each layout, `--dataset h36m` found by its name."""
    folder = tmp_path_factory.mktemp('runs')
    for name in LAYOUTS:
        data = folder / name
        data.mkdir()
        finished = script(
            'data/prepare_h36m.py', '--root', copies / name, '--out', data / 'h36m.h5'
        )
        assert finished.returncode == 0, finished.stderr
        kind = {'baseline': '3d-pose-baseline', 'videopose3d': 'VideoPose3D', 'archive': 'CDF'}
        assert kind[name] in finished.stdout.splitlines()[0]
        assert 'published 550644' in finished.stdout
        finished = script(
            'train.py', '--dataset', 'h36m', *SMALL, '--out', data / 'run',
            CHAINER_POSE_DATA=str(data),
        )  # fmt: skip
        assert finished.returncode == 0, finished.stderr
    return folder


def table_of(script, folder, *options):
    run = ('--snapshot', folder / 'run', '--format', 'json', *options)
    finished = script('evaluate.py', *run, CHAINER_POSE_DATA=str(folder))
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def test_the_three_layouts_give_the_same_table(runs, script):
    found = [table_of(script, runs / name, '--table', 1) for name in LAYOUTS]
    assert all(table['is_human36m'] for table in found)
    assert found[0]['n_poses'] == 2 * 6 * 4 * 6 - 2 * 6
    for table in found[1:]:
        for part in ('measured', 'zero_depth'):
            assert table[part]['average'] == pytest.approx(found[0][part]['average'], abs=1e-3)
            for action, error in found[0][part]['actions'].items():
                assert table[part]['actions'][action] == pytest.approx(error, abs=1e-3)


def test_the_table_as_text_names_what_it_is_of(runs, script):
    run = ('--snapshot', runs / 'baseline' / 'run', '--generator', 'last', '--table', 1)
    text = script('evaluate.py', *run, CHAINER_POSE_DATA=str(runs / 'baseline')).stdout
    assert text.startswith('Table 1 of the paper: mean error in mm, protocol kudo (paper)\n')
    assert 'trained on: data h36m, keypoints gt, seed 0' in text
    assert 'gen_200.npz' in text
    assert 'flatters' not in text
    assert re.search(r'\nMartinez et al\. \[15\] +37\.7 ', text)
    assert 'trained with: --n-unit 64 --init-std 0.08' in text
    assert re.search(r'\nOurs, other options \(measured\) +\d', text)
    assert 'measured on a part only, 3 of the 15 actions and 276 poses' in text


def test_table_2_needs_a_run_on_detections(runs, script, refusal, tmp_path):
    folder = runs / 'baseline'
    environment = {'CHAINER_POSE_DATA': str(folder)}
    snapshot = ('--snapshot', folder / 'run')
    assert 'keypoints sh' in refusal('evaluate.py', *snapshot, '--table', 2, **environment)
    sh = ('evaluate.py', *snapshot, '--table', 2, '--keypoints', 'sh')
    assert 'found gt and sh' in refusal(*sh, **environment)
    finished = script(
        'train.py', '--dataset', 'h36m', '--keypoints', 'sh', *TINY, '--out', tmp_path / 'run',
        **environment,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    finished = script('evaluate.py', '--snapshot', tmp_path / 'run', '--table', 2, **environment)
    assert finished.stdout.startswith('Table 2 of the paper')
    assert 'Pavlakos' in finished.stdout
    assert 'left out' not in finished.stdout  # Neck/Nose is filled


def test_mpi_inf_3dhp_to_pck(script, tmp_path):
    trees.write_3dhp(tmp_path / 'root')
    path = tmp_path / 'mpi_inf_3dhp.h5'
    common = ('data/prepare_mpi_inf_3dhp.py', '--root', tmp_path / 'root', '--out', path)
    finished = script(*common)
    assert finished.returncode == 0, finished.stderr
    assert 'TS1: 7 poses; published 603: -596' in finished.stdout
    finished = script('train.py', '--dataset', path, *TINY, '--out', tmp_path / 'run')
    assert finished.returncode == 0, finished.stderr
    for truth, name in (('gt', 'annot3: real scale'), ('univ', 'univ_annot3: scaled')):
        evaluate = ('evaluate.py', '--snapshot', tmp_path / 'run', '--protocol', 'pck')
        text = script(*evaluate, '--target', truth).stdout
        assert f'target: {name}' in text
        assert '89.3' in text
        found = json.loads(script(*evaluate, '--target', truth, '--format', 'json').stdout)
        assert {score['by'] for score in found['scores']} == {'all', 'action', 'camera', 'joint'}
        assert found['target'].startswith(name)


def test_mpii_to_pictures(script, refusal, tmp_path):
    images = trees.mpii_people(30)
    trees.write_mpii_json(tmp_path / 'train.json', images[:20])
    trees.write_mpii_json(tmp_path / 'valid.json', images[20:], start=20)
    trees.write_mpii_json(tmp_path / 'detected.json', images, shift=2.0)
    path = tmp_path / 'mpii.h5'
    prepare = ('data/prepare_mpii.py', '--root', tmp_path, '--out', path)
    finished = script(*prepare, '--detections', tmp_path / 'detected.json')
    assert finished.returncode == 0, finished.stderr
    assert 'poses of 16 joints; also pose2d_sh' in finished.stdout
    finished = script(
        'train.py', '--dataset', path, '--keypoints', 'sh', *TINY, '--out', tmp_path / 'run'
    )
    assert finished.returncode == 0, finished.stderr
    assert 'without the angle loss' not in finished.stdout
    finished = script('evaluate.py', '--snapshot', tmp_path / 'run', '--figures', 2)
    assert finished.returncode == 0, finished.stderr
    assert {p.name for p in (tmp_path / 'run' / 'figures').iterdir()} == {
        'poses.png', 'poses.pdf', 'turned.png', 'turned.pdf',
    }  # fmt: skip
    assert '--detector' in refusal(*prepare, '--detector', 'gt')
    line = refusal('data/prepare_mpii.py', '--root', tmp_path / 'run')
    assert 'found neither' in line


@pytest.mark.parametrize('name', ['prepare_h36m.py', 'prepare_mpii.py', 'prepare_mpi_inf_3dhp.py'])
def test_prepare_says_what_is_missing(refusal, name, tmp_path):
    assert str(tmp_path) in refusal(f'data/{name}', '--root', tmp_path)
    assert 'found none' in refusal(f'data/{name}', '--root', tmp_path / 'nowhere')


@pytest.mark.parametrize('how', [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_conversion_leaves_no_half_file(copies, tmp_path, how):
    out = tmp_path / 'h36m.h5'
    out.write_text('what was there')
    slow = (
        'import signal, sys, time\n'
        # Shells let what they start in the background, tests say, ignore Ctrl-C.
        'signal.signal(signal.SIGINT, signal.default_int_handler)\n'
        'from chainer_pose.commands import prepare\n'
        'from chainer_pose.datasets import pose_file\n'
        'append = pose_file.Writer.append\n'
        'def slowly(*args, **kwargs):\n'
        '    append(*args, **kwargs); print("appended", flush=True); time.sleep(0.2)\n'
        'pose_file.Writer.append = slowly\n'
        'prepare.run("h36m")'
    )
    arguments = ['--root', str(copies / 'baseline'), '--out', str(out)]
    process = subprocess.Popen(
        [sys.executable, '-c', slow, *arguments], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )  # fmt: skip
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
        assert [p.name for p in tmp_path.iterdir()] == ['h36m.h5']


def test_progress_is_told_in_a_log_too(capsys):
    from chainer_pose.utils import cli

    with cli.Progress(interval=0) as progress:
        progress(1, 4, 'S1 Photo')
    assert capsys.readouterr().out.startswith('1 of 4, about ')
