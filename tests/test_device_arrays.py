"""The strict arrays of device_arrays.py: each fault of a recorded step raises an error."""

import copy
import pickle

import chainer
import chainer.functions as F
import device_arrays
import numpy as np
import pytest
from device_arrays import (
    DeviceArray,
    Forbidden,
    HostRead,
    Mixed,
    Recording,
    dot,
    elementwise,
    link_to_device,
    to_device,
    to_host,
)

if device_arrays.UNAVAILABLE:
    pytest.skip(device_arrays.UNAVAILABLE, allow_module_level=True)


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    device_arrays.install(monkeypatch)


@pytest.fixture
def host(rng):
    return rng.normal(size=(3, 4)).astype('f')


@pytest.fixture
def x(host):
    return to_device(host)


def equal(device, array, **tolerances):
    assert isinstance(device, DeviceArray)
    assert (device.shape, device.dtype) == (array.shape, array.dtype)
    np.testing.assert_allclose(to_host(device), array, **tolerances)


# Arrays ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'read',
    [
        float, bool, np.asarray, np.array, pickle.dumps, lambda v: v.item(), lambda v: v.get(),
        lambda v: [1, 2][v], lambda v: 1 if v > 0 else 2, lambda v: np.array([v, v]),
        lambda v: np.zeros(3).__setitem__(..., v), lambda v: np.allclose(v, 1),
        lambda v: np.nonzero(v[None]), lambda v: v[None][v[None] > 0], lambda v: v.reshape(v),
    ],
)  # fmt: skip
def test_reading_a_value_on_the_host_is_an_error(read):
    with pytest.raises(HostRead):
        read(to_device(np.float64(1)))


@pytest.mark.parametrize(
    'mix',
    [
        lambda x, h: x + h, lambda x, h: h + x, lambda x, h: x * np.asarray(2.0),
        lambda x, h: h.__iadd__(x), lambda x, h: x.__setitem__(0, h[0]),
        lambda x, h: x + [1, 2, 3, 4], lambda x, h: np.add(x, x, out=h),
        lambda x, h: np.copyto(x, h), lambda x, h: np.concatenate([x, h]), lambda x, h: x[[0, 1]],
        lambda x, h: dot(x, h), lambda x, h: x.sum(0, out=h[0]),
        lambda x, h: elementwise('T a, T b', 'T y', 'y = a + b', 'add')(x, h),
    ],
)  # fmt: skip
def test_mixing_in_a_numpy_array_is_an_error(mix, x, host):
    with pytest.raises(Mixed):
        mix(x, host)


@pytest.mark.parametrize(
    'multiply',
    [
        lambda x: x @ x.T, lambda x: x.dot(x.T), lambda x: np.einsum('ij,ij->i', x, x),
        lambda x: np.linalg.norm(x), lambda x: F.linear(x, x), lambda x: F.dropout(x),
    ],
)  # fmt: skip
def test_cupys_own_cublas_and_random_numbers_are_errors(multiply, x):
    with pytest.raises(Forbidden):
        multiply(x)


@pytest.mark.parametrize(
    'compute',
    [
        lambda x, i: 2 * x - x / np.float32(3) + x**2, lambda x, i: x.T.reshape(-1),
        lambda x, i: x[1:, ::2], lambda x, i: x[1, 2], lambda x, i: x[i[:, None], i],
        lambda x, i: x.mean(axis=1, keepdims=True), lambda x, i: (x > 0).any(),
        lambda x, i: np.stack(list(x), axis=1), lambda x, i: np.where(x > 0, x, 0),
        lambda x, i: np.broadcast_to(x[0], (2, 4)), lambda x, i: copy.deepcopy(x),
        lambda x, i: np.full_like(x, 2, shape=(2,), dtype='i'),
    ],
)  # fmt: skip
def test_results_are_numpys(compute, host, x):
    index = np.array([2, 0])
    equal(compute(x, to_device(index)), np.asarray(compute(host, index)))


def test_views_share_memory_and_writing_is_in_place(host, x):
    same = x
    number = x[2, 3]  # of shape (), and yet a view
    number -= 3
    host[2, 3] -= 3
    for array in (x, host):
        array += 1
        array[1, 2] += array[0, 0]
        array.reshape(-1)[3:5] = array[2, 0]
        array[array > 5] = 5
    assert same is x
    equal(x, host)
    assert np.isnan(to_host(np.empty_like(x, shape=(2,)))).all()  # new memory holds anything


# Kernels: what they compute is tested with those of the package, in test_device_step.py -----


@pytest.mark.parametrize(
    ('params', 'body', 'error'),
    [
        ('float x', 'y = x', TypeError), ('T i', 'y = i', ValueError),
        ('T _x', 'y = _x', ValueError), ('T x, T w', 'y = x', TypeError),
        ('float64 x', 'y = x', TypeError), ('T x', 'y = max(x, 0)', RuntimeError),
        ('T x', 'y = sqrt(i)', RuntimeError), ('T x', 'y = NAN', RuntimeError),
        ('T x', 'x = 1; y = x', RuntimeError),
    ],
)  # fmt: skip
def test_errors_of_cupys_kernels(params, body, error, x):
    with pytest.raises(error):
        elementwise(params, 'T y', body, 'wrong')(x, *[x.astype('d')] * params.count(','))


def test_raw_arrays_must_be_contiguous_and_have_a_size(x):
    first = elementwise('raw T x', 'T y', 'y = x[0]', 'first')
    equal(first(x, size=2), np.repeat(to_host(x)[0, 0], 2))
    for array, size in ((x, {}), (x[:, :2], {'size': 2})):
        with pytest.raises(ValueError, match=r'size|contiguous'):
            first(array, **size)


def test_products_are_of_contiguous_matrices(x):
    with pytest.raises(ValueError, match='strides'):
        dot(x, x.T)


# Chainer's graph ---------------------------------------------------------------------------


def test_chainers_graph_gives_what_it_gives_on_numpy(rng, host):
    arrays = [host, *(rng.normal(size=n).astype('f') for n in ((3, 4), 4))]
    found = []
    for move in (np.array, to_device):
        x, w, b = [chainer.Parameter(move(array)) for array in arrays]
        for _ in range(2):  # gradients accumulate
            h = F.concat([x.array * w, F.broadcast_to(b, (3, 4)) + w], axis=1)
            first, second = F.split_axis(h, 2, axis=1)
            loss = F.mean(first * second) + F.sum((1 - second) * w) / 3
            loss.backward()
        found.append([loss.array, w.grad, b.grad])
    for expected, device in zip(*found):
        equal(device, expected, rtol=1e-5, atol=1e-6)


def test_a_link_moves_in_place():
    with chainer.using_config('dtype', 'float32'):
        link = chainer.Sequential(chainer.links.Linear(3, 2), chainer.links.BatchNormalization(2))
    expected = {name: param.array.copy() for name, param in link.namedparams()}
    for name, param in link_to_device(link).namedparams():
        equal(param.array, expected[name])
        param.grad = np.ones_like(param.array)
        equal(param.grad, np.ones_like(expected[name]))
    assert isinstance(link[1].avg_mean, DeviceArray)
    equal(link.copy(mode='copy')[0].b.array, expected['/0/b'])


# Recordings --------------------------------------------------------------------------------


class Step:
    """A step that can be recorded, or with a fault cannot."""

    def __init__(self, fault=None):
        self.fault, self.calls = fault, 0
        self.total, self.count = to_device(np.zeros(4)), to_device(np.int64(0))
        self.share = elementwise('T x, int64 t', 'T y', 'y = x / t', 'share')

    def __call__(self, x, index):
        self.calls += 1
        if self.fault == 'rebinds':
            self.count = self.count + 1
        else:
            self.count += 1
        rows = np.concatenate([x[index], np.zeros_like(x[:1])])
        product = dot(rows, rows, transa=True)
        t = self.calls if self.fault == 'counts in Python' else self.count
        self.total[...] = self.total * 0.5 + self.share(product, t).sum(axis=0)
        self.total[1:] += np.max(x.reshape(-1)) + x[index[0], 1:]


def replayed_and_called(make, rng, calls=4):
    """A step's states after calls that replay the first, and after ordinary calls."""
    states = []
    inputs = [(rng.normal(size=(3, 4)), rng.integers(0, 3, 5)) for _ in range(calls)]
    for replay in (True, False):
        step, x, index = make(), to_device(np.zeros((3, 4))), to_device(np.zeros(5, int))
        for k, arrays in enumerate(inputs):
            x.set(arrays[0])
            index.set(arrays[1])
            if not replay:
                step(x, index)
            elif k == 0:
                with Recording() as recording:
                    step(x, index)
            else:
                recording.replay()
        states.append([to_host(step.total), to_host(step.count)])
    return states


def test_a_replay_is_a_call(rng):
    for replayed, called in zip(*replayed_and_called(Step, rng)):
        np.testing.assert_array_equal(replayed, called)


@pytest.mark.parametrize('fault', ['rebinds', 'counts in Python'])
def test_a_replay_differs_for_a_step_that_cannot_be_recorded(fault, rng):
    replayed, called = replayed_and_called(lambda: Step(fault), rng)
    assert any((one != other).any() for one, other in zip(replayed, called))


@pytest.mark.parametrize(
    ('transfer', 'error'),
    [(to_host, HostRead), (lambda x: to_device(0.0), Mixed), (lambda x: x.set(np.zeros(2)), Mixed)],
)
def test_no_transfers_within_a_recording(transfer, error):
    x = to_device(np.zeros(2))
    with Recording(), pytest.raises(error):
        transfer(x)
