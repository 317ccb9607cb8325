"""evaluate.py, on a run and on files of its kind."""

import json
import re
import shutil

import numpy as np
import pytest

from chainer_pose.commands import evaluate
from chainer_pose.datasets import pose_file
from chainer_pose.evaluations import PROTOCOLS, reports
from chainer_pose.inference import weights
from chainer_pose.utils import files
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
    sha256 = files.sha256(small_file)
    stored['options'] |= {'dataset': str(small_file), 'dataset_sha256': sha256}
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
        'dataset', 'split', 'keypoints', 'target', 'snapshot', 'runs', 'method', 'other_data',
        'part', 'excused', 'n_poses', 'depth_flip_rate', 'protocols', 'zero_depth', 'deviation',
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


@pytest.mark.slow
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


def change(run, **options):
    """Change the options.json of a run."""
    stored = json.loads((run / 'options.json').read_text())
    stored['options'] |= options
    (run / 'options.json').write_text(json.dumps(stored))


def test_what_is_measured_is_what_was_trained_on(run, printed, small_splits, small_file, tmp_path):
    """By the file's content, whatever its name; all forms but for the numbers say so."""

    def chosen(*options):
        report = json.loads(printed(evaluate, '--snapshot', run, '--format', 'json', *options))
        return report['method']['trained']['chosen_by'], report['other_data']

    flattered = 'test error, which flatters it', ''
    copy = tmp_path / 'copy.h5'
    shutil.copy(small_file, copy)
    assert chosen() == chosen('--dataset', copy) == flattered
    # More keypoints than the run used do not make the data others.
    with pose_file.writing(copy, small_splits['test']) as writer:
        for split, data in small_splits.items():
            arrays = {'pose2d': data.pose2d, 'pose3d': data.pose3d, 'pose2d_sh': data.pose2d}
            writer.append(split, **arrays, **data.columns)
    assert 'on other data' in chosen('--dataset', copy)[1]  # options.json has no digest
    place = {'path': str(copy), 'sha256': pose_file.digest(small_file)}
    change(run, dataset='h36m-of-elsewhere', data=place)
    assert chosen() == flattered  # found by its place, too
    change(run, dataset=str(tmp_path / 'other.h5'))
    pose_file.write(tmp_path / 'other.h5', {'test': small_splits['train']})
    assert chosen() == flattered  # and sooner than by its name
    # Other poses at the run's own place are other data.
    pose_file.write(copy, {'test': small_splits['train']})
    other = f'measured on other data than it was trained on: {copy}'
    assert chosen() == (flattered[0], other)
    for form in ('text', 'csv', 'latex', 'markdown'):
        text = printed(evaluate, '--snapshot', run, '--format', form)
        assert 'measured on other data' in text
        assert 'weights chosen by: test error, which flatters it' in text
        assert 'chosen by test error' in text


def test_a_table_takes_the_last_weights(run, printed):
    table = ('--snapshot', run, '--table', 1, '--format')
    assert json.loads(printed(evaluate, *table, 'json'))['snapshot'].endswith('gen_20.npz')
    text = printed(evaluate, *table, 'csv', '--generator', 'best')
    assert 'Ours, other options: iterations not known, --accuracy-cap' in text
    assert 'chosen by test error (measured)' in text


def test_a_run_without_a_best(run, refusal, tmp_path):
    copied = shutil.copytree(run, tmp_path / 'last')
    (copied / 'gen_best.npz').unlink()
    line = refusal('evaluate.py', '--snapshot', copied, '--generator', 'best')
    assert '--generator best: expected gen_best.npz, found none in' in line


def test_the_mean_of_several_seeds(run, printed, refusal, tmp_path, rng):
    other = tmp_path / 'other'
    shutil.copytree(run, other)
    change(other, seed=5)
    arrays = weights.read_arrays(other / 'gen_20.npz')
    arrays['l1/W'] += rng.normal(0, 0.1, arrays['l1/W'].shape).astype('f')
    weights.write_arrays(other / 'gen_20.npz', arrays)

    def measured(protocol, *runs):
        arguments = '--generator', 'last', '--protocol', protocol, '--format', 'json'
        return json.loads(printed(evaluate, '--snapshot', *runs, *arguments))

    of_each = [measured('mpjpe', each) for each in (run, other)]
    both = measured('mpjpe', run, other)
    errors = [report['protocols']['mpjpe']['average'] for report in of_each]
    assert both['protocols']['mpjpe']['average'] == pytest.approx(np.mean(errors))
    assert both['deviation']['mpjpe']['average'] == pytest.approx(np.std(errors, ddof=1))
    assert both['method']['label'] == 'Ours, seeds 3 5, other options'
    assert both['method']['departures'][0] == 'iterations not known'
    assert both['runs'] == [str(each / 'gen_20.npz') for each in (run, other)]
    assert of_each[0]['deviation'] is None
    assert len(measured('pck-authors', run, other)['deviation']) == len(
        measured('pck', run, other)['scores']
    )
    change(other, ema=0.9)
    line = refusal('evaluate.py', '--snapshot', run, other)
    assert 'differ in --seed only, found --ema 0.9 beside --ema 0' in line


def test_errors(refusal, printed, run, flat_data, small_file, tmp_path):
    pose_file.write(tmp_path / 'flat.h5', {'test': flat_data})
    (tmp_path / 'file').write_text('')
    (tmp_path / 'lone.npz').write_bytes((run / 'gen_20.npz').read_bytes())
    for arguments, message in (
        (('--snapshot', tmp_path / 'lone.npz'), '--dataset: expected a pose file'),
        (('--table', 1, '--protocol', 'pck'), '--table: expected to have an effect'),
        (('--table', 2), '--table 2: expected a run trained and measured on'),
        (('--dataset', tmp_path / 'flat.h5'), 'found 2D only'),
        (('--figures-seed', 1), 'found none without --figures'),
        (
            ('--figures', 1, '--figures-seed', 1, '--figures-index', 1),
            '--figures-seed: expected to have an effect, found none with --figures-index',
        ),
        (
            ('--dataset', tmp_path / 'flat.h5', '--figures', 1, '--output', tmp_path / 'o'),
            '--output .*: expected poses with 3D',
        ),
        (
            ('--dataset', tmp_path / 'flat.h5', '--figures', 1, '--table', 1),
            '--table 1: expected poses with 3D',
        ),
        (
            ('--dataset', tmp_path / 'flat.h5', '--figures', 1, '--protocol', 'pck'),
            '--protocol pck: expected poses with 3D in mm, found none',
        ),
        (('--snapshot', run / 'gen_20.npz', '--generator', 'last'), '--generator last: expected'),
        (('--snapshot', run.parent), f'gen_N.npz, found {run}'),
        (('--figures', 1, '--figures-index', 9999), '--figures-index 9999: expected a pose'),
        (('--figures', 1, '--figures-dir', tmp_path / 'file'), f'{tmp_path}/file: expected'),
    ):
        line = refusal('evaluate.py', '--snapshot', run, *arguments)
        assert message in line or re.search(message, line), line
    assert not (tmp_path / 'o').exists()
