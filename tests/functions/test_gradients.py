"""Gradients of every function in double precision, and its kernels against its NumPy form."""

import chainer
import chainer.functions as F
import device_arrays
import numpy as np
import pytest
from chainer import gradient_check

from chainer_pose import functions
from chainer_pose.skeletons import H36M17

JOINTS, BONES = H36M17.face_joints, np.array(H36M17.bones).T
N = 5
XY, Z, T = (N, 17, 2), (N, 17), (N,)

# Each function of variables and constants; the shapes of both, or the constants themselves.
FUNCTIONS = {
    'rotate': (functions.rotate, [XY, Z], [T]),
    'rotate, pitched': (lambda xy, z, p, t: functions.rotate(xy, z, t, p), [XY, Z, ()], [T]),
    'rotate, pitched each': (
        lambda xy, z, p, t: functions.rotate(xy, z, t, p),
        [XY, Z, Z[:1]],
        [T],
    ),
    'rotate, xy': (lambda xy, z, t: functions.rotate(xy, z, t)[0], [XY, Z], [T]),
    'rotate, depth': (lambda xy, z, t: functions.rotate(xy, z, t)[1], [XY, Z], [T]),
    'generator_loss': (functions.generator_loss, [(N, 1)], []),
    'discriminator_loss': (functions.discriminator_loss, [(N, 1), (N, 1)], []),
    'halves': (functions.halves, [(2 * N, 1)], []),
    'halves, second': (lambda y: functions.halves(y)[1], [(2 * N, 1)], []),
    'angle_loss': (lambda z, xy: functions.angle_loss(xy, z, JOINTS), [Z], [XY]),
    'bone_ratios': (lambda z, xy, *bones: functions.bone_ratios(xy, z, *bones), [Z], [XY, *BONES]),
    'rescale': (functions.rescale, [XY], []),
    'mean_squared_error': (functions.mean_squared_error, [Z, Z], []),
}
parametrized = pytest.mark.parametrize('name', FUNCTIONS)


def arrays_of(name, dtype):
    """(inputs, constants) of a function."""
    rng = np.random.default_rng(0)
    _, inputs, constants = FUNCTIONS[name]
    return [
        [rng.normal(size=x).astype(dtype) if isinstance(x, tuple) else x for x in part]
        for part in (inputs, constants)
    ]


def weighted(outputs):
    """A loss that uses each output."""
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return sum(F.sum(F.sin(y + k)) for k, y in enumerate(outputs))


@parametrized
def test_gradients(name):
    inputs, constants = arrays_of(name, 'd')
    function = FUNCTIONS[name][0]
    gradient_check.check_backward(
        lambda *x: weighted(function(*x, *constants)), tuple(inputs), None, dtype='d', atol=1e-4,
        rtol=1e-3,
    )  # fmt: skip


@pytest.mark.skipif(device_arrays.UNAVAILABLE is not None, reason=str(device_arrays.UNAVAILABLE))
@pytest.mark.parametrize('dtype', ['f', 'd'])
@parametrized
def test_kernels_do_what_numpy_does(name, dtype, monkeypatch):
    device_arrays.install(monkeypatch)
    inputs, constants = arrays_of(name, dtype)
    results = []
    for send in (np.copy, device_arrays.DeviceArray):
        variables = [chainer.Variable(send(array)) for array in inputs]
        outputs = FUNCTIONS[name][0](*variables, *map(send, constants))
        weighted(outputs).backward()
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        results.append([y.array for y in outputs] + [x.grad for x in variables])
    tolerance = 1e-5 if dtype == 'f' else 1e-12
    for expected, found in zip(*results):
        found = device_arrays.to_host(found)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


ZEROS, LARGE = np.zeros(XY, 'f'), np.array([[1e4], [-1e4]], 'f')


@pytest.mark.parametrize(
    ('name', 'arrays'),
    [
        ('generator_loss', [LARGE]), ('discriminator_loss', [LARGE, LARGE]), ('rescale', [ZEROS]),
        ('angle_loss', [ZEROS[:, :, 0], ZEROS]), ('bone_ratios', [ZEROS[:, :, 0], ZEROS, *BONES]),
    ],
)  # fmt: skip
def test_values_and_gradients_are_finite_where_a_root_or_an_exponential_is_not(name, arrays):
    x = chainer.Variable(arrays[0])
    loss = weighted(FUNCTIONS[name][0](x, *arrays[1:]))
    loss.backward()
    assert np.isfinite(loss.array)
    assert np.isfinite(x.grad).all()
