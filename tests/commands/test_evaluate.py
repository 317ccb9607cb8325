"""evaluate.py, on a run and on files of its kind."""

import json
import shutil

import numpy as np
import pytest

from chainer_pose.commands import evaluate
from chainer_pose.datasets import pose_file
from chainer_pose.evaluations import PROTOCOLS, reports
from tests.conftest import ROOT

RUN = ROOT / 'tests' / 'data' / 'before' / 'paper'
PICTURES = {f'{name}.{suffix}' for name in ('poses', 'turned') for suffix in ('png', 'pdf')}


@pytest.fixture
def run(small_file, tmp_path):
    """A run, trained on `small_file` by its options, with a best generator."""
    run = tmp_path / 'run'
    run.mkdir()
    for name in ('gen_20.npz', 'gen_best.npz'):
        shutil.copy(RUN / 'gen_20.npz', run / name)
    stored = json.loads((RUN / 'options.json').read_text())
    stored['options']['dataset'] = str(small_file)
    (run / 'options.json').write_text(json.dumps(stored))
    return run


@pytest.mark.slow
def test_the_script(run, script):
    finished = script('evaluate.py', '--snapshot', run, '--protocol', 'all')
    assert (finished.returncode, finished.stderr) == (0, '')
    for name in ('kudo (paper)', 'mpjpe', 'n-mpjpe', 'p-mpjpe'):
        for start in (f'{name} ', f'{name}, zero depth ', f'{name}: '):
            assert f'\n{start}' in finished.stdout
    for words in ('Directions', 'WalkTogether', 'depth flip rate', 'stand-in', 'flatters'):
        assert words in finished.stdout


def test_json(run, printed, small_splits):
    report = json.loads(
        printed(evaluate, '--snapshot', run, '--protocol', 'all', '--format', 'json')
    )
    assert set(report) == {
        'dataset', 'split', 'snapshot', 'method', 'n_poses', 'depth_flip_rate', 'protocols',
        'zero_depth',
    }  # fmt: skip
    assert report['dataset'] == 'synthetic'
    assert report['snapshot'] == str(run / 'gen_best.npz')
    assert report['n_poses'] == len(small_splits['test'])
    assert 0 <= report['depth_flip_rate'] <= 1
    for part in ('protocols', 'zero_depth'):
        assert list(report[part]) == list(PROTOCOLS)
        for score in report[part].values():
            assert set(score) == {'actions', 'average', 'frame_average'}
            assert list(score['actions']) == small_splits['test'].names['action']
            assert score['average'] == pytest.approx(np.mean(list(score['actions'].values())))


@pytest.mark.parametrize('form', reports.FORMATS)
def test_output_writes_what_is_printed(run, printed, tmp_path, form):
    common = (evaluate, '--snapshot', run, '--format', form)
    assert printed(*common, '--output', tmp_path / 'table') == ''
    assert printed(*common) == (tmp_path / 'table').read_text()


def test_another_split_and_generator(run, printed, small_splits):
    text = printed(evaluate, '--snapshot', run, '--split', 'train', '--generator', 'last')
    assert f'train split, keypoints gt: {len(small_splits["train"])} poses' in text
    assert f'weights: {run / "gen_20.npz"}' in text
    assert 'flatters' not in text


def test_figures(run, printed, flat_data, tmp_path):
    pose_file.write(tmp_path / 'flat.h5', {'test': flat_data})
    common = ('--snapshot', run, '--figures', 2)
    assert 'kudo' in printed(evaluate, *common, '--figures-index', 3, 7)
    found = {path.name: path.read_bytes()[:4] for path in (run / 'figures').iterdir()}
    assert set(found) == {*PICTURES, 'actions.png', 'actions.pdf'}
    assert set(found.values()) == {b'\x89PNG', b'%PDF'}
    # Data without 3D are drawn, not measured.
    chosen = ('--dataset', tmp_path / 'flat.h5', '--figures-seed', 3)
    assert printed(evaluate, *common, *chosen, '--figures-dir', tmp_path / 'f') == ''
    assert {path.name for path in (tmp_path / 'f').iterdir()} == PICTURES


def test_errors(refusal, run, flat_data, tmp_path):
    pose_file.write(tmp_path / 'flat.h5', {'test': flat_data})
    (tmp_path / 'file').write_text('')
    (tmp_path / 'lone.npz').write_bytes((run / 'gen_20.npz').read_bytes())
    for arguments, message in (
        (('--snapshot', tmp_path / 'lone.npz'), '--dataset: expected a pose file'),
        (('--table', 1, '--protocol', 'pck'), '--table: expected one protocol in mm'),
        (('--table', 2), '--table 2: expected a run trained and measured on'),
        (('--dataset', tmp_path / 'flat.h5'), 'found 2D only'),
        (('--figures-seed', 1), '--figures-seed: expected --figures N too'),
        (('--figures', 1, '--figures-index', 9999), '--figures-index 9999: expected a pose'),
        (('--figures', 1, '--figures-dir', tmp_path / 'file'), f'{tmp_path}/file: expected'),
    ):
        assert message in refusal('evaluate.py', '--snapshot', run, *arguments)
