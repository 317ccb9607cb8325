"""The GPU's training step without a GPU, on the strict arrays of device_arrays.py.

It reads nothing on the host, its kernels compute what NumPy does, and it can be replayed.
"""

import before
import chainer
import device_arrays
import numpy as np
import pytest
from before import CPU, RECORDED

from chainer_pose import functions
from chainer_pose.errors import NonFiniteError
from chainer_pose.skeletons import H36M17
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


def plant_a_read(patch):
    accuracy = functions.accuracy
    patch(functions, 'accuracy', lambda *args: map(float, accuracy(*args)))


def plant_a_look(patch):
    loss = functions.generator_loss
    patch(functions, 'generator_loss', lambda y: loss(y) if y.array[0] else loss(-y))


def plant_host_memory(patch):
    rotate = functions.rotate_and_project
    patch(functions, 'rotate_and_project', lambda real, z, t, p: rotate(real, z, np.zeros(16), p))


def plant_cupys_cublas(patch):
    patch(cublas, 'dot', lambda a, b, transa=0, transb=0, out=None: a.dot(b.T if transb else b))


def plant_random_numbers(patch):
    loss, xp_of = functions.generator_loss, chainer.backend.get_array_module
    patch(functions, 'generator_loss', lambda y: loss(y) * xp_of(y.array).random.rand())


@pytest.mark.parametrize(
    'plant',
    [plant_a_read, plant_a_look, plant_host_memory, plant_cupys_cublas, plant_random_numbers],
)
def test_a_planted_fault_is_caught(plant, monkeypatch):
    updater = make_updater('paper')
    plant(monkeypatch.setattr)
    with pytest.raises(device_arrays.Fault):
        updater.recorded(*draw(updater))


def plant_rebound_state(patch):
    class Forgetful(regularizers.BoneRatios):
        def __call__(self, batch):
            self.mean = self.mean * 1  # the next replay reads the array of before
            return super().__call__(batch)

    patch(regularizers, 'BoneRatios', Forgetful)


def plant_a_count_in_python(patch):
    calls, loss = [], functions.generator_loss

    def counting(y):
        calls.append(y)
        return loss(y) * float(len(calls))

    patch(functions, 'generator_loss', counting)


@pytest.mark.parametrize('plant', [plant_rebound_state, plant_a_count_in_python])
def test_a_planted_fault_is_found_by_the_replay(plant, monkeypatch):
    plant(monkeypatch.setattr)
    with pytest.raises(AssertionError, match=r'Mismatch|not equal'):
        check_replay('plus')


# Each function's kernels, forward and back, against its NumPy form. ---------------------------

JOINTS, (CHILDREN, PARENTS) = H36M17.face_joints, np.array(H36M17.bones).T
N = 5
FUNCTIONS = {
    'rotate': (lambda xy, z, t: functions.rotate(xy, z, t), [(N, 17, 2), (N, 17)], [(N,)]),
    'rotate_pitched': (
        lambda xy, z, p, t: functions.rotate(xy, z, t, p), [(N, 17, 2), (N, 17), ()], [(N,)],
    ),
    'generator_loss': (functions.generator_loss, [(N, 1)], []),
    'discriminator_loss': (functions.discriminator_loss, [(N, 1), (N, 1)], []),
    'halves': (functions.halves, [(2 * N, 1)], []),
    'angle_loss': (lambda z, xy: functions.angle_loss(xy, z, JOINTS), [(N, 17)], [(N, 17, 2)]),
    'bone_ratios': (
        lambda z, xy, c, p: functions.bone_ratios(xy, z, c, p),
        [(N, 17)], [(N, 17, 2), CHILDREN, PARENTS],
    ),
    'rescale': (functions.rescale, [(N, 17, 2)], []),
    'mean_squared_error': (functions.mean_squared_error, [(N, 17), (N, 17)], []),
}  # fmt: skip


@pytest.mark.parametrize('dtype', ['f', 'd'])
@pytest.mark.parametrize('name', FUNCTIONS)
def test_kernels_do_what_numpy_does(name, dtype, rng):
    function, shapes, constants = FUNCTIONS[name]
    inputs = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    constants = [
        rng.normal(size=c).astype(dtype) if isinstance(c, tuple) else np.array(c, np.int64)
        for c in constants
    ]
    results = []
    for send in (np.copy, device_arrays.DeviceArray):
        variables = [chainer.Variable(send(array)) for array in inputs]
        outputs = function(*variables, *map(send, constants))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        weights = np.random.default_rng(0)  # of a sum, so that each output has its gradient
        for y in outputs:
            y.grad = send(weights.normal(size=y.shape).astype(dtype))
        chainer.backward(outputs)
        results.append([y.array for y in outputs] + [x.grad for x in variables])
    tolerance = 1e-5 if dtype == 'f' else 1e-12
    for expected, found in zip(*results):
        found = device_arrays.to_host(found)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_accuracy_on_either(rng):
    logits = [rng.normal(size=(7, 1)).astype('f') for _ in range(2)]
    for losses in ((1.0, 2.0), (1.0, np.inf), (np.nan, 1.0)):
        losses = [np.array(loss, 'f') for loss in losses]
        expected = functions.accuracy(*logits, *losses)
        found = functions.accuracy(*map(device_arrays.DeviceArray, [*logits, *losses]))
        np.testing.assert_allclose([float(device_arrays.to_host(x)) for x in found], expected)
