"""Files of commit 2aebe78, in data/before: what loads, what does not, what comes of them."""

import json
import shutil
from pathlib import Path

import chainer
import numpy as np
import pytest

from chainer_pose import datasets
from chainer_pose.commands import evaluate, predict, train
from chainer_pose.errors import InputError
from chainer_pose.training import AngleIterator
from chainer_pose.training.trainer import STREAMS
from chainer_pose.utils import random_state

ROOT = Path(__file__).resolve().parent.parent
BEFORE = ROOT / 'tests' / 'data' / 'before'
EVALUATED = json.loads((BEFORE / 'evaluate.json').read_text())


@pytest.fixture(autouse=True)
def visible(monkeypatch):
    monkeypatch.chdir(BEFORE)  # names in the files are relative


def assert_close(found, expected):
    """Equal, but for numbers: to 1e-3 (mm, px), which may be the last digit printed."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        found, expected = list(found.values()), list(expected.values())
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected):
            assert_close(one, other)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=1.001e-3)
    else:
        assert found == expected


@pytest.mark.parametrize('mode', EVALUATED)
def test_errors_are_as_they_were(mode, tmp_path):
    arguments = f'--snapshot {mode} --dataset poses.h5 --protocol all --format json --output'
    evaluate.main([*arguments.split(), str(tmp_path / 'found.json')])
    found = json.loads((tmp_path / 'found.json').read_text())
    renamed = {'inverted_better': 'depth_flip_rate', 'flat': 'zero_depth'}
    expected = {renamed.get(key, key): x for key, x in EVALUATED[mode].items()}
    found = {key: found[key] for key in expected}  # others are new
    found['method'] = {key: found['method'][key] for key in expected['method']}
    for method in (found['method'], expected['method']):  # in any order
        method['options'] = sorted(map(str.strip, method['options'].split('--')))
    assert_close(found, expected)


def test_predictions_are_as_they_were(tmp_path):
    keypoints = str(ROOT / 'examples' / 'keypoints.json')
    arguments = ['--snapshot', 'paper', '--input', keypoints, '--write', 'json']
    predict.main([*arguments, '--out', str(tmp_path)])
    found = json.loads((tmp_path / 'poses.json').read_text())
    assert all(len(pose.pop('confidence')) == 17 for pose in found['poses'])  # new since
    assert found['summary'].pop('faces') == 60  # new, too
    before = (BEFORE / 'predictions.json').read_text().replace('"filled"', '"imputed"')
    assert_close(found, json.loads(before))


def test_a_seed_draws_what_it_drew():
    rng = random_state.streams(3, STREAMS)
    angles = AngleIterator(16, rng['angles'], chainer.get_device('@numpy'))
    iterator = datasets.PoseIterator((np.arange(120),), 16, rng['shuffle'])
    with np.load('draws.npz') as file:
        drawn = dict(file)
    for i in range(len(drawn['angle'])):
        np.testing.assert_array_equal(angles.next(), drawn['angle'][i])
        np.testing.assert_array_equal(iterator.next()[0], drawn['index'][i])
        assert (iterator.epoch, iterator.is_new_epoch) == (
            drawn['epoch'][i], drawn['is_new_epoch'][i],
        )  # fmt: skip


@pytest.mark.parametrize('mode', ['paper', 'plus'])
def test_a_trainers_snapshot_is_refused_in_a_line(mode, tmp_path):
    run = shutil.copytree(mode, tmp_path / 'run')
    message = r'run/snapshot_20\.npz: expected a snapshot of this version, found an older one'
    with pytest.raises(InputError, match=rf'{message}.* cannot be resumed.*gen_N\.npz'):
        train.main(['--resume', str(run), '--iterations', '40'])
