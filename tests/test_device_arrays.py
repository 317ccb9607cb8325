"""The strict arrays of device_arrays.py: each fault of a recorded step raises an error.

That they compute and replay what NumPy does is tested with the steps, in test_device_step.py.
"""

import pickle

import chainer.functions as F
import device_arrays
import numpy as np
import pytest
from device_arrays import DeviceArray, Fault, Recording, dot, elementwise, to_host

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
    return DeviceArray(host)


@pytest.mark.parametrize(
    'read',
    [
        float, bool, np.asarray, np.array, pickle.dumps, lambda v: v.item(), lambda v: v.get(),
        lambda v: [1, 2][v], lambda v: 1 if v > 0 else 2, lambda v: np.array([v, v]),
        lambda v: np.zeros(3).__setitem__(..., v), lambda v: np.allclose(v, 1),
        lambda v: np.nonzero(v[None]), lambda v: v[None][v[None] > 0], lambda v: v.reshape(v),
    ],
)  # fmt: skip
def test_reading_a_value_on_the_host(read):
    with pytest.raises(Fault):
        read(DeviceArray(np.float64(1)))


@pytest.mark.parametrize(
    'mix',
    [
        lambda x, h: x + h, lambda x, h: h + x, lambda x, h: x * np.asarray(2.0),
        lambda x, h: h.__iadd__(x), lambda x, h: x.__setitem__(0, h[0]),
        lambda x, h: x + [1, 2, 3, 4], lambda x, h: np.add(x, x, out=h),
        lambda x, h: np.copyto(x, h), lambda x, h: np.concatenate([x, h]),
        lambda x, h: dot(x, h), lambda x, h: x.sum(0, out=h[0]),
        lambda x, h: elementwise('T a, T b', 'T y', 'y = a + b', 'add')(x, h),
    ],
)  # fmt: skip
def test_mixing_in_a_numpy_array(mix, x, host):
    with pytest.raises(Fault):
        mix(x, host)


@pytest.mark.parametrize(
    'multiply',
    [
        lambda x: x @ x.T, lambda x: x.dot(x.T), lambda x: np.einsum('ij,ij->i', x, x),
        lambda x: np.linalg.norm(x), lambda x: F.linear(x, x), lambda x: F.dropout(x),
    ],
)  # fmt: skip
def test_cupys_own_cublas_and_random_numbers(multiply, x):
    with pytest.raises(Fault):
        multiply(x)


@pytest.mark.parametrize(
    'transfer', [to_host, lambda x: DeviceArray(0.0), lambda x: x.set(np.zeros((3, 4)))]
)
def test_transfers_within_a_recording(transfer, x):
    with Recording(), pytest.raises(Fault):
        transfer(x)


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
    np.testing.assert_array_equal(to_host(x), host)
    assert np.isnan(to_host(np.empty_like(x))).all()  # new memory holds anything


@pytest.mark.parametrize(
    ('params', 'body', 'error'),
    [
        ('float x', 'y = x', TypeError), ('T i', 'y = i', TypeError),
        ('T _x', 'y = _x', TypeError), ('T x, T w', 'y = x', TypeError),
        ('float64 x', 'y = x', TypeError), ('raw T x', 'y = x[0]', TypeError),
        ('T x', 'y = max(x, 0)', RuntimeError), ('T x', 'y = sqrt(i)', RuntimeError),
        ('T x', 'y = NAN', RuntimeError), ('T x', 'x = 1; y = x', RuntimeError),
    ],
)  # fmt: skip
def test_errors_of_cupys_kernels(params, body, error, x):
    with pytest.raises(error):
        elementwise(params, 'T y', body, 'wrong')(x, *[x.astype('d')] * params.count(','))


def test_products_are_of_contiguous_matrices(x):
    with pytest.raises(ValueError, match='strides'):
        dot(x, x.T)
