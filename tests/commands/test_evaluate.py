"""evaluate.py, run as a user runs it."""

import csv
import hashlib
import json

import h5py
import numpy as np
import pytest

from chainer_pose.datasets import pose_file

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def run(script, small_file, tmp_path_factory):
    """A short training run on a few synthetic poses."""
    out = tmp_path_factory.mktemp('results') / 'run'
    finished = script(
        'train.py', '--dataset', small_file, '--out', out, '--iterations', 40, '--batchsize', 8,
        '--n-unit', 16, '--init-std', 0.1, '--log-interval', 1000, '--snapshot-interval', 15,
        '--evaluate-interval', 20,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    return out


def test_evaluate_text(run, script):
    text = script('evaluate.py', '--snapshot', run, '--protocol', 'all').stdout
    for name in ('kudo', 'mpjpe', 'n-mpjpe', 'p-mpjpe'):
        assert f'\n{name} ' in text
        assert f'\n{name}, z = 0 ' in text
        assert f'\n{name}: ' in text  # what it means
    assert 'Directions' in text
    assert 'WalkTogether' in text
    assert 'inverted in depth' in text
    assert 'stand-in' in text
    assert 'flatters' in text
    last = script('evaluate.py', '--snapshot', run / 'gen_40.npz').stdout
    assert 'flatters' not in last


def test_evaluate_json(run, script, small_splits):
    report = json.loads(
        script('evaluate.py', '--snapshot', run, '--protocol', 'all', '--format', 'json').stdout
    )
    assert set(report) == {
        'dataset', 'split', 'snapshot', 'method', 'n_poses', 'inverted_better', 'protocols',
        'flat',
    }  # fmt: skip
    assert report['dataset'] == 'synthetic'
    assert report['n_poses'] == len(small_splits['test'])
    assert 0 <= report['inverted_better'] <= 1
    for part in ('protocols', 'flat'):
        assert list(report[part]) == ['kudo', 'mpjpe', 'n-mpjpe', 'p-mpjpe']
        for score in report[part].values():
            assert set(score) == {'actions', 'average', 'frame_average'}
            assert list(score['actions']) == small_splits['test'].names['action']
            assert score['average'] == pytest.approx(np.mean(list(score['actions'].values())))


@pytest.mark.parametrize('form', ['text', 'markdown', 'latex', 'csv', 'json'])
def test_evaluate_writes_a_file(run, script, tmp_path, form):
    out = tmp_path / 'table'
    common = ('evaluate.py', '--snapshot', run, '--format', form)
    printed = script(*common).stdout
    finished = script(*common, '--output', out)
    assert finished.stdout == ''
    assert out.read_text() == printed
    if form == 'csv':
        rows = list(csv.reader(printed.splitlines()))
        assert [row[0] for row in rows] == ['mm', 'kudo', 'kudo, z = 0']
        assert len({len(row) for row in rows}) == 1


def test_evaluate_draws_poses(run, script, refusal, flat_data, tmp_path):
    figures = ('--figures', 2, '--figures-dir', tmp_path / 'f')
    finished = script('evaluate.py', '--snapshot', run, *figures, '--figures-index', 3, 7)
    assert 'kudo' in finished.stdout
    for name in ('poses', 'turned', 'actions'):
        assert (tmp_path / 'f' / f'{name}.png').read_bytes()[:4] == b'\x89PNG'
        assert (tmp_path / 'f' / f'{name}.pdf').read_bytes()[:4] == b'%PDF'
    pose_file.write(tmp_path / 'flat.h5', {'test': flat_data})
    figures_2d = ('--figures', 2, '--figures-dir', tmp_path / 'g', '--figures-seed', 3)
    finished = script(
        'evaluate.py', '--snapshot', run, '--dataset', tmp_path / 'flat.h5', *figures_2d
    )
    assert (finished.returncode, finished.stdout) == (0, '')
    assert {path.name for path in (tmp_path / 'g').iterdir()} == {
        'poses.png', 'poses.pdf', 'turned.png', 'turned.pdf',
    }  # fmt: skip
    line = refusal('evaluate.py', '--snapshot', run, *figures, '--figures-index', 9999)
    assert '--figures-index 9999: expected a pose with every joint' in line
    assert '--figures N' in refusal('evaluate.py', '--snapshot', run, '--figures-seed', 1)
    (tmp_path / 'file').write_text('')
    in_the_way = ('--figures', 1, '--figures-dir', tmp_path / 'file')
    assert f'{tmp_path}/file: expected' in refusal('evaluate.py', '--snapshot', run, *in_the_way)


def test_evaluate_exports_a_lifted_data_set(run, script, refusal, flat_data, tmp_path):
    flat_data.valid = np.ones((12, 17), bool)
    flat_data.valid[3, 5] = False
    flat_data.columns['frame'] = np.arange(12, dtype=np.int32)
    pose_file.write(tmp_path / 'flat.h5', {'train': flat_data, 'test': flat_data})
    out = tmp_path / 'lifted.h5'
    common = ('evaluate.py', '--snapshot', run, '--dataset', tmp_path / 'flat.h5')
    finished = script(*common, '--export', out)
    assert finished.stdout.splitlines() == [
        f'{out}: {split}: 11 poses lifted, 1 left out' for split in ('train', 'test')
    ]
    lifted = pose_file.read(out, 'test')
    kept = np.delete(np.arange(12), 3)
    np.testing.assert_array_equal(lifted.columns['frame'], kept)
    pixels = flat_data.pose2d[kept] - flat_data.pose2d[kept, :1]
    np.testing.assert_allclose(lifted.pose3d[:, :, :2], pixels, atol=1e-3)
    assert np.ptp(lifted.pose3d[:, :, 2]) > 0
    assert lifted.units_3d == 'px'
    with h5py.File(out) as file:
        assert file.attrs['weights'] == 'gen_best.npz'
        expected = hashlib.sha256((run / 'gen_best.npz').read_bytes()).hexdigest()
        assert file.attrs['weights_sha256'] == expected
    line = refusal('evaluate.py', '--snapshot', run, '--dataset', out)
    assert 'expected pose3d in mm to measure errors against, found px' in line
    assert 'found the data set' in refusal(*common, '--export', tmp_path / 'flat.h5')
    assert f'{tmp_path}/no/x.h5: expected' in refusal(*common, '--export', tmp_path / 'no' / 'x.h5')


def test_evaluate_the_training_split_of_another_file(run, script, small_file, small_splits):
    report = script(
        'evaluate.py', '--snapshot', run / 'gen_15.npz', '--dataset', small_file, '--split',
        'train', '--format', 'json',
    ).stdout  # fmt: skip
    assert json.loads(report)['n_poses'] == len(small_splits['train'])


def test_refusals_of_evaluate(refusal, run, small_file, flat_data, tmp_path):
    pose_file.write(tmp_path / 'flat.h5', {'test': flat_data})
    (tmp_path / 'bad.npz').write_bytes(b'nothing')
    snapshot = ('--snapshot', run)
    for arguments, message in (
        ((), '--snapshot'),
        (('--snapshot', tmp_path / 'no'), 'found no such file'),
        (('--snapshot', tmp_path), 'found neither'),
        (('--snapshot', tmp_path / 'bad.npz'), 'bad.npz: expected an npz file'),
        (('--snapshot', run / 'snapshot_40.npz'), 'expected a generator with the layers'),
        ((*snapshot, '--protocol', 'pckh'), '--protocol'),
        ((*snapshot, '--table', 1, '--protocol', 'pck'), '--table: expected one protocol in mm'),
        ((*snapshot, '--table', 3), '--table'),
        ((*snapshot, '--table', 2), '--table 2: expected a run trained and measured with'),
        ((*snapshot, '--truth', 'univ'), 'test/pose3d_univ: expected this truth'),
        ((*snapshot, '--dataset', tmp_path / 'flat.h5'), 'found 2D only'),
        ((*snapshot, '--output', tmp_path / 'no' / 'x'), 'x: expected a place'),
        ((*snapshot, '--keypoints', 'cpn'), 'test/pose2d_cpn'),
    ):
        assert message in refusal('evaluate.py', *arguments)
