"""Faults that a GPU, or a recorded step, would not forgive: the stand-in has to see each."""

import copy
import math
import pickle

import chainer
import chainer.functions as F
import device_arrays
import numpy as np
import pytest
from chainer.backends import cuda
from device_arrays import (
    DeviceArray,
    Forbidden,
    HostRead,
    Mixed,
    Recording,
    dot,
    elementwise,
    link_to_device,
    reduce,
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
        float, int, bool, complex, range, list, math.sqrt, np.asarray, np.array, np.float32,
        pickle.dumps, lambda v: v.item(), lambda v: v.get(), lambda v: v.tolist(),
        lambda v: [1, 2][v], lambda v: 1 in v[None],
        lambda v: 1 if v > 0 else 2, lambda v: max(v, v), lambda v: np.array([v, v]),
        lambda v: np.zeros(3).__setitem__(..., v), lambda v: np.allclose(v, 1),
        lambda v: np.nonzero(v[None]), lambda v: v[None][v[None] > 0], lambda v: v.reshape(v),
    ],
)  # fmt: skip
def test_a_value_that_is_read_on_the_host(read):
    with pytest.raises(HostRead):
        read(to_device(np.float64(1)))


def test_its_text_shows_no_value(x):
    assert f'{x}' == repr(x) == 'DeviceArray(shape=(3, 4), dtype=float32)'


@pytest.mark.parametrize(
    'mix',
    [
        lambda x, h: x + h, lambda x, h: h + x, lambda x, h: x > h, lambda x, h: x * h[0, :1, None],
        lambda x, h: x * np.asarray(2.0), lambda x, h: x.__iadd__(h), lambda x, h: h.__iadd__(x),
        lambda x, h: x.__setitem__(0, h[0]), lambda x, h: x.__setitem__(0, [1, 2, 3, 4]),
        lambda x, h: x + [1, 2, 3, 4], lambda x, h: np.add(x, x, out=h),
        lambda x, h: np.add(h, h, out=x), lambda x, h: np.copyto(h, x),
        lambda x, h: np.copyto(x, h), lambda x, h: np.concatenate([x, h]),
        lambda x, h: np.where(x > 0, x, h), lambda x, h: x[np.arange(2)], lambda x, h: x[[0, 1]],
        lambda x, h: x + np.zeros(x.shape, 'f'),
        lambda x, h: x + np.random.default_rng(0).random(x.shape),
        lambda x, h: dot(x, h), lambda x, h: x.sum(0, out=h[0]),
        lambda x, h: elementwise('T a, T b', 'T y', 'y = a + b', 'add')(x, h),
        lambda x, h: elementwise('T a', 'T y', 'y = a', 'copy')(x, h),
    ],
)  # fmt: skip
def test_the_hosts_memory_beside_a_devices(mix, x, host):
    with pytest.raises(Mixed):
        mix(x, host)


@pytest.mark.parametrize(
    'multiply',
    [
        lambda x: x @ x.T, lambda x: x.dot(x.T), lambda x: np.dot(x, x.T),
        lambda x: np.matmul(x, x.T), lambda x: np.einsum('ij,ij->i', x, x),
        lambda x: np.tensordot(x, x), lambda x: np.inner(x, x), lambda x: np.vdot(x, x),
        lambda x: np.linalg.norm(x), lambda x: F.matmul(x, x.T), lambda x: F.linear(x, x),
        lambda x: F.dropout(x),
    ],
)  # fmt: skip
def test_cublas_and_random_numbers_of_cupys_own(multiply, x):
    with pytest.raises(Forbidden):
        multiply(x)


@pytest.mark.parametrize(
    'compute',
    [
        lambda x, i: 2 * x - x / np.float32(3) + x**2, lambda x, i: -abs(x) < 0.5,
        lambda x, i: x.T.reshape(-1), lambda x, i: x[1:, ::2], lambda x, i: x[1, 2],
        lambda x, i: x[i], lambda x, i: x[:, i[0]], lambda x, i: x[i[:, None], i],
        lambda x, i: x.sum(), lambda x, i: x.mean(axis=1, keepdims=True), lambda x, i: x.max(0),
        lambda x, i: (x > 0).any(), lambda x, i: x.astype('d'), lambda x, i: x.ravel().squeeze(),
        lambda x, i: np.concatenate([x, x[:1]]), lambda x, i: np.stack(list(x), axis=1),
        lambda x, i: np.split(x, 2, axis=1)[1], lambda x, i: np.where(x > 0, x, 0),
        lambda x, i: np.broadcast_to(x[0], (2, 4)), lambda x, i: np.modf(x)[0],
        lambda x, i: np.full_like(x, 2, shape=(2,), dtype='i'), lambda x, i: copy.deepcopy(x),
        lambda x, i: np.ones_like(x[0]) * len(x),
    ],
)  # fmt: skip
def test_it_computes_as_numpy_does(compute, host, x):
    index = np.array([2, 0])
    equal(compute(x, to_device(index)), np.asarray(compute(host, index)))


def test_views_share_memory_and_writing_is_in_place(host, x):
    same = x
    x += 1
    x[0] *= 2
    x[1, 2] += x[0, 0]
    x.reshape(-1)[3:5] = x[2, 0]
    x[x > 5] = 5
    number = x[2, 3]  # of shape (), and yet memory
    number -= 3
    host += 1
    host[0] *= 2
    host[1, 2] += host[0, 0]
    host.reshape(-1)[3:5] = host[2, 0]
    host[host > 5] = 5
    host[2, 3] -= 3
    assert same is x
    equal(x, host)


def test_empty_memory_is_not_zero(x):
    assert np.isnan(to_host(np.empty_like(x, shape=(2,)))).all()
    assert np.isnan(to_host(cuda.cupy.empty((2, 2)))).all()


# Kernels -----------------------------------------------------------------------------------


@pytest.mark.parametrize('dtype', ['float32', 'float64'])
def test_an_elementwise_kernel_broadcasts(dtype, rng):
    kernel = elementwise(
        'T a, T b, T slope', 'T y', 'const T u = a + b; y = u > 0 ? u : slope * u', 'leaky'
    )
    a, b = rng.normal(size=(5, 1, 3)).astype(dtype), rng.normal(size=(2, 1)).astype(dtype)
    expected = np.where(a + b > 0, a + b, a.dtype.type(0.2) * (a + b))
    equal(kernel(to_device(a), to_device(b), 0.2), expected)
    turned = to_device(np.ascontiguousarray(a.transpose(2, 1, 0))).transpose(2, 1, 0)
    equal(kernel(turned, to_device(b), np.float64(0.2)), expected)


def test_raw_arrays_are_flat_and_need_a_size(x, host):
    turn = elementwise(
        'raw T xy, raw T z, raw T angle, int64 joints',
        'T y',
        """const int b = i / (2 * joints), c = i % (2 * joints);
        y = c & 1 ? xy[i] : xy[i] * cos(angle[b]) + z[b * joints + c / 2] * sin(angle[b]);""",
        'turn',
    )
    z, angle = host[:, :2].copy(), host[:, 0].copy()
    arrays = x, to_device(z), to_device(angle)
    turned = turn(*arrays, 2, size=12).reshape(3, 4)
    expected = host.copy()
    expected[:, ::2] = host[:, ::2] * np.cos(angle)[:, None] + z * np.sin(angle)[:, None]
    equal(turned, expected, rtol=1e-5)
    with pytest.raises(ValueError, match='size'):
        turn(*arrays, 2)
    with pytest.raises(ValueError, match='contiguous'):
        turn(x, x[:, :2], arrays[2], 2, size=12)


def test_several_outputs_that_are_there_are_written_in_place():
    clock = elementwise(
        'bool go, float64 alpha, float64 beta',
        'int64 t, float64 step',
        't += go; step = alpha / (1 - pow(beta, (double)t));',
        'clock',
    )
    t, step = to_device(np.int64(3)), to_device(0.0)
    for go in (True, False):
        outputs = clock(to_device(go), 1e-3, 0.9, t, step)
        assert outputs[0] is t
        assert outputs[1] is step
    equal(t, np.asarray(4))
    equal(step, np.asarray(1e-3 / (1 - 0.9**4)))


def test_two_letters_raw_outputs_and_an_input_that_is_an_output():
    kernel = elementwise(
        'A p, B scale', 'A out, B twice, raw B sums', 'out = p + scale; twice = 2 * scale;'
        'sums[0] += p;', 'mixed'
    )  # fmt: skip
    p, scale, sums = to_device(np.arange(4, dtype='f')), to_device(np.ones(4)), to_device([0.0])
    twice = np.empty_like(scale)
    assert kernel(p, scale, p, twice, sums)[0] is p
    equal(p, np.arange(1, 5, dtype='f'))
    equal(twice, np.full(4, 2.0))
    equal(sums, np.array([10.0]))  # p, by reference, was written before


SOFTPLUS = '(max({0}, (T)0) + log1p(exp(-fabs({0}))))'


@pytest.mark.parametrize('dtype', ['float32', 'float64'])
def test_a_reduction_is_of_all_elements(dtype, rng):
    loss = reduce(
        'T real, T fake, int64 n', 'T loss',
        f'({SOFTPLUS.format("-real")} + {SOFTPLUS.format("fake")}) / n',
        'a + b', 'loss = a', '0', 'loss',
    )  # fmt: skip
    real, fake = rng.normal(size=(2, 6, 1)).astype(dtype)
    expected = np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()
    equal(loss(to_device(real), to_device(fake), 6), np.asarray(expected), rtol=1e-6)
    count = reduce('T y, T sign', 'int64 n', 'y * sign > 0 ? 1 : 0', 'a + b', 'n = a', '0', 'count')
    out = to_device(np.int64(7))
    assert count(to_device(real), -1.0, out) is out
    equal(out, np.asarray((real < 0).sum()))
    largest = reduce('T y', 'T top', 'y', 'max(a, b)', 'top = a', '-1', 'largest')
    equal(largest(to_device(real).T), real.max())


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
def test_texts_and_calls_that_cupy_refuses(params, body, error, x):
    with pytest.raises(error):
        elementwise(params, 'T y', body, 'refused')(x, *[x.astype('d')] * params.count(','))


def test_products_are_of_contiguous_matrices(x, host):
    equal(dot(x, x, transb=True), host @ host.T, rtol=1e-6)
    out = np.ones_like(x, shape=(4, 4))
    assert dot(x, x, transa=True, out=out) is out
    equal(out, host.T @ host, rtol=1e-6)
    with pytest.raises(ValueError, match='strides'):
        dot(x, x.T)


# Chainer's graph ---------------------------------------------------------------------------


def net(x, w, b):
    """Uses w three times; x is cut off."""
    cut = F.reshape(x, (2, 6)) * 0.5
    cut.unchain_backward()
    h = F.concat([cut * w, F.broadcast_to(b[:1], (2, 6)) + w], axis=1)
    first, second = F.split_axis(h, 2, axis=1)
    return F.mean(first * second) + F.sum((1 - second) * w) / 3


def test_chainers_graph_gives_what_it_gives_on_numpy(rng, host):
    arrays = [host, *rng.normal(size=(2, 2, 6)).astype('f')]
    found = []
    for move in (np.array, to_device):
        x, w, b = [chainer.Parameter(move(array)) for array in arrays]
        for _ in range(2):  # gradients accumulate
            loss = net(x, w, b)
            loss.backward()
        assert x.grad is None
        found.append([loss.array, w.grad, b.grad])
    for expected, device in zip(*found):
        equal(device, expected, rtol=1e-5, atol=1e-6)


def test_a_link_moves_in_place(rng):
    with chainer.using_config('dtype', 'float32'):
        link = chainer.Sequential(chainer.links.Linear(3, 2), chainer.links.BatchNormalization(2))
    expected = {name: param.array.copy() for name, param in link.namedparams()}
    assert link_to_device(link) is link
    for name, param in link.namedparams():
        equal(param.array, expected[name])
        assert param.grad is None
        param.grad = np.ones_like(param.array)
        equal(param.grad, np.ones_like(expected[name]))
    assert isinstance(link[1].avg_mean, DeviceArray)
    equal(link.copy(mode='copy')[0].b.array, expected['/0/b'])


# Recordings --------------------------------------------------------------------------------


class Step:
    """A step that may be recorded, and with a fault one that may not."""

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
def test_a_replay_shows_what_is_no_recordable_step(fault, rng):
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


def test_a_graph_of_chainer_is_recorded_with_its_kernels(rng, host):
    """Backward passes, accumulation and Chainer's own kernels among it."""
    w = chainer.Parameter(to_device(host))
    x = to_device(host * 2)
    w.grad = np.zeros_like(x)
    gradient = w.grad

    def step():
        y = F.leaky_relu(x * w) + F.concat([w[:1], w[1:]], axis=0)
        grad = chainer.grad([F.sum(y * y)], [w])[0].array
        gradient[...] = grad
        w.array[...] = w.array - 0.1 * grad

    with Recording() as recording:
        step()
    x.set(host[::-1])
    recording.replay()
    replayed = to_host(w.array), to_host(gradient)

    w.array[...] = to_device(host)
    x.set(host * 2)
    step()
    x.set(host[::-1])
    step()
    for one, other in zip(replayed, (w.array, gradient)):
        equal(other, one)


def test_chainer_looks_kernels_up_where_they_are_installed():
    assert cuda.elementwise is elementwise
    assert cuda.reduce is reduce
    assert chainer.backend.get_array_module(chainer.Variable(to_device([1.0]))) is cuda.cupy
    assert chainer.backend.get_array_module(np.zeros(1)) is np
