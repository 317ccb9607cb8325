"""The GPU's training step without a GPU, on the strict arrays of device_arrays.py.

It reads nothing on the host, is the CPU's, and can be replayed.
"""

import itertools

import before
import chainer
import device_arrays
import numpy as np
import pytest
from before import CPU, RECORDED

from chainer_pose import functions, load_lifter
from chainer_pose.errors import NonFiniteError
from chainer_pose.training import regularizers
from chainer_pose.utils import cublas

if device_arrays.UNAVAILABLE:
    pytest.skip(device_arrays.UNAVAILABLE, allow_module_level=True)


class StrictDevice(chainer.backends._cpu.CpuDevice):
    """Sends arrays to `DeviceArray`s."""

    def send(self, array):
        return device_arrays.DeviceArray(array)


@pytest.fixture(autouse=True)
def install(monkeypatch):
    device_arrays.install(monkeypatch)
    to_device = chainer.Link.to_device

    def move(link, device):
        strict = isinstance(device, StrictDevice)
        return device_arrays.link_to_device(link) if strict else to_device(link, device)

    monkeypatch.setattr(chainer.Link, 'to_device', move)
    # Reading is allowed between steps, and an error while one is recorded.
    monkeypatch.setattr(chainer.backends._cpu.CpuDevice, 'send', lambda _, x: on_host(x))


def on_host(array):
    return array if isinstance(array, np.ndarray) else device_arrays.to_host(array)


def make_updater(mode, device=None, comm=None):
    return before.make_updater(mode, device or StrictDevice(), comm, record=False)  # done here


def draw(updater):
    names = [name for name in ('main', 'angles', 'labelled') if name in updater._iterators]
    drawn = [updater.get_iterator(name).next() for name in names]
    return [array for part in drawn for array in (part if isinstance(part, tuple) else (part,))]


def state(updater):
    """dict of all that a step changes and of the means of what it reported."""
    found = {}
    with chainer.Reporter().scope(found):
        updater.report(0)
    return found | arrays(updater)


def arrays(updater):
    return {key: on_host(array) for key, array in before.arrays_of(updater).items()}


@pytest.mark.parametrize('mode', RECORDED)
def test_steps_are_the_cpus(mode):
    """Ten steps in a row, whose gate opens and closes."""
    host, updater = make_updater(mode, CPU), make_updater(mode)
    for _ in range(10):
        host.recorded(*draw(host))
        updater.recorded(*draw(updater))
    expected, found = state(host), state(updater)
    assert expected.keys() == found.keys()
    for key in expected:
        np.testing.assert_allclose(found[key], expected[key], rtol=2e-4, atol=2e-6, err_msg=key)


def check_replay(mode, n=6):
    """Replaying the third step, as `Recorded` does on a GPU, must be calling it each time."""
    states = []
    for replay in (True, False):
        updater = make_updater(mode)
        inputs = [device_arrays.DeviceArray(on_host(array)) for array in draw(updater)]
        batches = [draw(updater) for _ in range(n)]
        for _ in range(2):
            updater.recorded(*inputs)
        with device_arrays.Recording() as recording:
            updater.recorded(*inputs)
        for batch in batches:
            if replay:
                for mine, array in zip(inputs, batch):
                    mine.set(on_host(array))
                recording.replay()
            else:
                updater.recorded(*batch)
        states.append(state(updater))
    for key, array in states[1].items():
        np.testing.assert_array_equal(states[0][key], array, err_msg=key)


@pytest.mark.parametrize('mode', RECORDED)
def test_a_recorded_step_replayed_is_the_step(mode):
    check_replay(mode)


class TwoAlike:
    """A ChainerMN communicator of two processes that have the same numbers."""

    rank, size = 0, 2

    def allreduce_obj(self, value):
        return 2 * value

    def multi_node_mean_grad(self, link, zero_fill):
        assert all(param.grad is not None for param in link.params())


def test_processes_that_train_together():
    updater, observation = make_updater('paper', comm=TwoAlike()), {}
    with chainer.Reporter().scope(observation):
        updater.update()
    assert 0 <= observation['dis/accuracy'] <= 1


def test_a_loss_that_is_not_finite_closes_both_gates():
    updater = make_updater('paper')
    batch = draw(updater)
    updater.recorded(*batch)
    expected = arrays(updater)
    updater.recorded(device_arrays.DeviceArray(np.full((16, 17, 2), np.inf, 'f')), *batch[1:])
    for key, array in arrays(updater).items():
        np.testing.assert_array_equal(array, expected[key], err_msg=key)
    with pytest.raises(NonFiniteError):
        updater.report(2)


def draw_numbers(loss):
    return lambda y: loss(y) * chainer.backend.get_array_module(y.array).random.rand()


def rebind_state(of_bones):
    def forgetful(self, batch):
        self.mean = self.mean * 1  # the next replay reads the array of before
        return of_bones(self, batch)

    return forgetful


def count_in_python(loss):
    calls = itertools.count(1)
    return lambda y: loss(y) * float(next(calls))


@pytest.mark.parametrize(
    ('module', 'name', 'faulty', 'found'),
    [
        (functions, 'accuracy', lambda f: lambda *args: map(float, f(*args)), 'a value read'),
        (functions, 'generator_loss', draw_numbers, 'random numbers'),
        (
            functions, 'rotate_and_project', lambda f: lambda xy, z, _, p: f(xy, z, np.ones(16), p),
            'no device array',
        ),
        (cublas, 'dot', lambda f: lambda a, b, transb=0, **_: a.dot(b.T if transb else b), 'dot'),
        # By the replay.
        (regularizers.BoneRatios, '__call__', rebind_state, 'Mismatch|not equal'),
        (functions, 'generator_loss', count_in_python, 'Mismatch|not equal'),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(module, name, faulty, found, monkeypatch):
    monkeypatch.setattr(module, name, faulty(getattr(module, name)))
    with pytest.raises(AssertionError, match=found):
        check_replay('plus')


@pytest.mark.parametrize('mirror', [False, True])
@pytest.mark.parametrize('camera', [(), (1000.0, 500.0, 500.0)])
def test_lifting_is_the_cpus(mirror, camera, rng):
    lifter = load_lifter('cmu', mirror=mirror)
    pose2d = rng.normal(500, 50, (3, 17, 2)).astype('f')
    expected = lifter(pose2d, camera=camera)
    lifter.generator.to_device(StrictDevice())
    lifter.generator._device = StrictDevice()
    np.testing.assert_allclose(lifter(pose2d, camera=camera), expected, atol=1e-3)
