"""Tests that need a CUDA GPU: pytest -m gpu. test_device_step.py tests the step without one."""

import json
import subprocess
import sys
from pathlib import Path

import chainer
import numpy as np
import pytest
from before import (
    BEFORE,
    CPU,
    MODES,
    NOTHING_BUT_ROUNDING,
    RECORDED,
    SINCE,
    arrays_of,
    make_updater,
)
from chainer.backends import cuda
from chainer.serializers import DictionarySerializer, NpzDeserializer

from chainer_pose import links, load_lifter
from chainer_pose.datasets import pose_file
from chainer_pose.errors import NonFiniteError
from chainer_pose.evaluations import protocols
from chainer_pose.training.extensions import PoseEvaluator
from chainer_pose.utils import devices
from chainer_pose.utils.recorded import Recorded

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not (cuda.available and cuda.cupy.is_available()), reason='needs a CUDA GPU and CuPy'
    ),
]
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def gpu():
    device = chainer.get_device('@cupy:0')
    with devices.using(device):
        yield device


def run(updater, n):
    with chainer.Reporter().scope({}):
        for _ in range(n):
            updater.update()


def state(target):
    """dict of what a snapshot would hold, NumPy arrays."""
    serializer = DictionarySerializer()
    serializer.save(target)
    return {key: np.array(array) for key, array in serializer.target.items()}


def assert_same_state(one, other):
    assert one.keys() == other.keys()
    for key in one:
        np.testing.assert_array_equal(one[key], other[key], err_msg=key)


@pytest.mark.parametrize('mode', RECORDED)
def test_recorded_equals_eager_bit_for_bit(mode, gpu):
    """A hundred steps, whose gate opens and closes."""
    states = []
    for record in (True, False):
        updater = make_updater(mode, gpu, n_unit=64, record=record)
        run(updater, 100)
        assert updater.recorded.is_recorded == record
        if 'dis' in updater.get_all_optimizers():
            state(updater)  # reads how often each network was stepped
            assert 0 < updater.get_optimizer('dis').t < 100
        states.append(state(updater))
    assert_same_state(*states)


@pytest.mark.parametrize('mode', [*MODES, *SINCE])
def test_each_step_is_the_cpus(mode, gpu):
    """From the same state every element within 0.01 of a step's length, as test_before.py's."""
    host = make_updater(mode, CPU)
    updater = make_updater(mode, gpu)
    for i in range(20):
        NpzDeserializer(state(host)).load(updater)
        run(updater, 1)
        run(host, 1)
        arrays = arrays_of(updater)
        for name, array in arrays_of(host).items():
            if not NOTHING_BUT_ROUNDING.search(name):
                net = name.split('/')[0]
                is_parameter = net in ('gen', 'dis', 'pitch') and name[-2:] not in ('/m', '/v')
                alpha = updater.get_optimizer(net).alpha if is_parameter else 0
                gap = abs(cuda.to_cpu(arrays[name]) - array).max()
                assert gap <= 0.01 * max(alpha, abs(array).max() * (not alpha)), (i, name)


@pytest.mark.parametrize('mode', [*MODES, *SINCE])
def test_a_snapshot_goes_on_bit_for_bit(mode, gpu):
    whole = make_updater(mode, gpu)
    run(whole, 15)
    between = state(whole)
    run(whole, 15)
    resumed = make_updater(mode, gpu)
    NpzDeserializer(between).load(resumed)
    run(resumed, 15)
    assert_same_state(state(whole), state(resumed))


def test_evaluation_on_the_gpu_is_the_cpus(gpu):
    data = pose_file.read(BEFORE / 'poses.h5', 'test')
    generator = links.Generator(17, 64, 0.1, np.random.default_rng(0))
    expected = protocols.evaluate(generator, data).scores['kudo']
    generator.to_device(gpu)
    observation = {}
    with chainer.Reporter().scope(observation):
        PoseEvaluator(generator, data, batchsize=16)(None)
    assert observation['validation/mpjpe'] == pytest.approx(expected.average, rel=1e-5)


@pytest.mark.parametrize('camera', [(), (1000.0, 500.0, 500.0)])
def test_lifting_on_the_gpu_is_the_cpus(camera, rng):
    pose2d = rng.normal(500, 50, (3, 17, 2)).astype('f')
    one, other = (load_lifter('cmu', gpu=gpu)(pose2d, camera=camera) for gpu in (-1, 0))
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-2)


def test_training_stops_resumes_and_is_measured(tmp_path):
    """Two halves are the whole, by the scripts, recorded; the last log entry and the weights."""

    def script(name, *arguments):
        done = subprocess.run(
            [sys.executable, ROOT / name, *map(str, arguments)],
            cwd=tmp_path, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    common = ['--gpu', 0, '--n-unit', 64, '--preset', 'plus', '--log-interval', 20]
    common += ['--dataset', BEFORE / 'poses.h5', '--snapshot-interval', 30]
    script('train.py', *common, '--iterations', 60, '--out', 'whole')
    script('train.py', *common, '--iterations', 30, '--out', 'halves')
    script('train.py', '--resume', 'halves', '--iterations', 60)
    logs = [json.loads((tmp_path / run / 'log').read_text())[-1] for run in ('whole', 'halves')]
    for log in logs:
        del log['elapsed_time']
    assert logs[0] == logs[1]
    weights = [dict(np.load(tmp_path / run / 'gen_60.npz')) for run in ('whole', 'halves')]
    assert_same_state(*weights)
    assert 'kudo' in script('evaluate.py', '--gpu', 0, '--snapshot', 'whole')


def test_a_loss_that_is_not_finite_is_found_when_it_is_read(gpu):
    updater = make_updater('paper', gpu)
    run(updater, 5)
    before = state(updater.get_optimizer('gen').target)
    updater.get_iterator('main').arrays[0][...] = np.nan
    run(updater, 3)
    assert_same_state(state(updater.get_optimizer('gen').target), before)
    with pytest.raises(NonFiniteError, match='is nan at iteration 8'):
        updater.report(8)


def test_a_capture_that_fails_goes_on_eagerly(gpu, capsys):
    x = cuda.cupy.arange(6, dtype=np.float32).reshape(2, 3)
    function = Recorded(lambda a: a.dot(a.T))  # cuBLAS by CuPy, which refuses it then
    for _ in range(4):
        np.testing.assert_array_equal(function(x).get(), x.get() @ x.get().T)
    assert capsys.readouterr().err.count('CUDA graph: expected to record the step') == 1
