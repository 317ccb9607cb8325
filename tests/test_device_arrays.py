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

# Of a device array of shape (), v, and one of (3, 4), x, with host memory of the same values, h.
READ = [
    float, bool, np.asarray, np.array, pickle.dumps, lambda v: v.item(), lambda v: v.get(),
    lambda v: [1, 2][v], lambda v: 1 if v > 0 else 2, lambda v: np.array([v, v]),
    lambda v: np.zeros(3).__setitem__(..., v), lambda v: np.allclose(v, 1),
    lambda v: np.nonzero(v[None]), lambda v: v[None][v[None] > 0], lambda v: v.reshape(v),
]  # fmt: skip
MIX = [
    lambda x, h: x + h, lambda x, h: h + x, lambda x, h: x * np.asarray(2.0),
    lambda x, h: h.__iadd__(x), lambda x, h: x.__setitem__(0, h[0]),
    lambda x, h: x + [1, 2, 3, 4], lambda x, h: np.add(x, x, out=h),
    lambda x, h: np.copyto(x, h), lambda x, h: np.concatenate([x, h]),
    lambda x, h: dot(x, h), lambda x, h: x.sum(0, out=h[0]),
    lambda x, h: elementwise('T a, T b', 'T y', 'y = a + b', 'add')(x, h),
]  # fmt: skip
CUBLAS_OR_RANDOM = [
    lambda x: x @ x.T, lambda x: x.dot(x.T), lambda x: np.einsum('ij,ij->i', x, x),
    lambda x: np.linalg.norm(x), lambda x: F.linear(x, x), lambda x: F.dropout(x),
]  # fmt: skip
TRANSFER = [to_host, lambda x: DeviceArray(0.0), lambda x: x.set(np.zeros((3, 4)))]


def test_faults(monkeypatch, rng):
    device_arrays.install(monkeypatch)
    h = rng.normal(size=(3, 4)).astype('f')
    v, x = DeviceArray(np.float64(1)), DeviceArray(h)
    for faults, arrays in ((READ, [v]), (MIX, [x, h]), (CUBLAS_OR_RANDOM, [x])):
        for fault in faults:
            with pytest.raises(Fault):
                fault(*arrays)
    for fault in TRANSFER:
        with Recording(), pytest.raises(Fault):
            fault(x)
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
def test_errors_of_cupys_kernels(params, body, error):
    x = DeviceArray(np.ones((3, 4), 'f'))
    with pytest.raises(error):
        elementwise(params, 'T y', body, 'wrong')(x, *[x.astype('d')] * params.count(','))
