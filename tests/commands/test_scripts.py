"""--help of every script, and scripts of data/, run as a user runs them."""

import pytest

from chainer_pose.commands import prepare
from chainer_pose.datasets import pose_file

pytestmark = pytest.mark.slow


@pytest.mark.parametrize('name', ['train.py', 'evaluate.py', 'predict.py', 'data/prepare_h36m.py'])
def test_help_explains_every_option(script, name):
    text = script(name, '--help').stdout
    assert text.startswith('usage: ')
    options = text.split('options:')[1].replace('--help', '').replace('-h', '')
    for line in options.splitlines():
        if line.strip().startswith('--') and len(line) > 26:
            assert line[24:].strip(), line
    if name == 'train.py':
        assert text.count('\n') <= 110  # two screens
        for wanted in ('section 4.2', 'default: 50', 'default: 16', 'default: 0.02', 'eq. 4'):
            assert wanted in ' '.join(text.split())


def test_prepare_synthetic(printed, refusal, tmp_path):
    text = printed(prepare, 'synthetic', '--out', tmp_path / 's.h5')
    assert '72000 train, 14400 test poses of 17 joints at 10 Hz' in text
    line = refusal('data/prepare_synthetic.py', '--out', tmp_path / 'no' / 's.h5')
    assert 'expected a place that can be written' in line


def test_prepare_cmu(printed, refusal, shared_data, tmp_path):
    (tmp_path / 'actions.csv').write_text('02_01,walk\n02_03,run\n02_05,punch\n03_01,climb\n')
    printed(
        prepare, 'cmu', '--root', shared_data / 'cmu_asfamc', '--out', tmp_path / 'cmu.h5',
        '--test-subjects', '03', '--step', 24, '--heading', 0, 90,
        '--actions', tmp_path / 'actions.csv',
    )  # fmt: skip
    train = pose_file.read(tmp_path / 'cmu.h5', 'train')
    assert train.names['action'] == ['climb', 'punch', 'run', 'walk']
    assert train.fps == 5
    assert 'mocap.cs.cmu.edu' in refusal('data/prepare_cmu.py', '--root', tmp_path)
