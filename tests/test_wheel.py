"""The package away from its checkout: a wheel trains, evaluates and predicts."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from chainer_pose.datasets import pose_file

SMALL = ['--iterations', 40, '--n-unit', 16]


@pytest.fixture(scope='module')
def command(tmp_path_factory):
    """A function that runs a command of an installed wheel in an empty folder."""
    site, work = tmp_path_factory.mktemp('site'), tmp_path_factory.mktemp('work')
    source = tmp_path_factory.mktemp('source')  # a copy, without what an earlier build left
    shutil.copytree(
        ROOT / 'chainer_pose', source / 'chainer_pose', ignore=shutil.ignore_patterns('*.so')
    )
    for name in ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, '-m', 'pip', '--quiet', '--disable-pip-version-check']
    build = ['wheel', '--no-deps', '--no-build-isolation', '--wheel-dir', site, source]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = site.glob('*.whl')
    subprocess.run([*pip, 'install', '--no-deps', '--target', site, wheel], check=True)

    def run(name, *arguments):
        environment = {k: v for k, v in os.environ.items() if k != 'CHAINER_POSE_DATA'}
        return subprocess.run(
            [sys.executable, site / 'bin' / f'chainer-pose-{name}', *map(str, arguments)],
            cwd=work, env={**environment, 'PYTHONPATH': str(site)}, check=True, text=True,
            stdout=subprocess.PIPE,
        ).stdout  # fmt: skip

    run.folder, run.site = work, site
    return run


@pytest.mark.slow
def test_a_wheel_trains_evaluates_and_predicts(command):
    command('train', '--out', 'run', *SMALL)
    assert (command.folder / 'data' / 'synthetic.h5').is_file()
    assert not list(command.site.rglob('*.h5'))
    data = pose_file.read(command.folder / 'data' / 'synthetic.h5', 'test')
    data.name, data.names['action'] = 'h36m', ['Walking']
    data.columns['action'][:] = 0
    pose_file.write(command.folder / 'data' / 'h36m.h5', {'test': data})
    table = command('evaluate', '--snapshot', 'run', '--dataset', 'h36m', '--table', '1')
    assert 'Martinez et al. [15]' in table  # a published row
    keypoints = ROOT / 'examples' / 'keypoints.json'
    command('predict', '--input', keypoints, '--out', 'lifted', '--html')
    with np.load(command.folder / 'lifted' / 'poses.npz') as file:
        assert np.isfinite(file['pose3d']).all()
    command('prepare', 'synthetic', '--out', 'again.h5')
    assert (command.folder / 'again.h5').is_file()
