import itertools

import chainer
import numpy as np
import pytest
from chainer import gradient_check

from chainer_pose import links
from chainer_pose.links import Discriminator, Generator


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


@pytest.mark.parametrize('n_joints', [3, 16, 17, 25])
def test_shapes(n_joints):
    pose = np.zeros((5, n_joints, 2), 'f')
    generator = Generator(n_joints)
    assert generator(pose).shape == (5, n_joints)
    assert Discriminator(n_joints)(pose).shape == (5, 1)
    sizes = [2 * n_joints, 1024, 1024, 1024, n_joints]
    params = {name: param.shape for name, param in generator.namedparams()}
    assert params == {  # four linear layers, and nothing else
        f'/l{i}/{key}': shape
        for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes), start=1)
        for key, shape in (('W', (n_out, n_in)), ('b', (n_out,)))
    }


def test_the_skip_goes_from_the_first_hidden_layer_to_the_third(rng):
    net = Generator(4, n_unit=6, std=0.5, rng=rng)
    pose = rng.normal(size=(3, 4, 2)).astype('f')
    w = {name: param.array for name, param in net.namedparams()}
    h1 = leaky(pose.reshape(3, 8) @ w['/l1/W'].T + w['/l1/b'])  # x1 y1 x2 y2 ...
    h2 = leaky(h1 @ w['/l2/W'].T + w['/l2/b'])
    h3 = leaky(h2 @ w['/l3/W'].T + w['/l3/b'] + h1)
    expected = h3 @ w['/l4/W'].T + w['/l4/b']
    np.testing.assert_allclose(net(pose).array, expected, rtol=1e-5, atol=1e-6)


def test_initial_weights_are_gaussian_and_biases_zero(rng):
    net = Discriminator(17, std=0.14, rng=rng)
    for name, param in net.namedparams():
        if name.endswith('b'):
            assert not param.array.any()
        else:
            # 1024 values at the least: the sample deviation is within 10 %.
            assert param.array.std() == pytest.approx(0.14, rel=0.1)
            assert abs(param.array.mean()) < 0.02
            assert np.abs(param.array).max() > 2.5 * 0.14  # not truncated


def test_gradients_of_a_discriminator(rng):
    with chainer.using_config('dtype', np.float64):
        dis = Discriminator(3, 8, 0.5, rng)
    gradient_check.check_backward(
        lambda pose, *_: dis(pose), rng.normal(size=(4, 3, 2)), rng.normal(size=(4, 1)),
        list(dis.params()), atol=1e-4,
    )  # fmt: skip


@pytest.mark.parametrize('learned', [False, True])
def test_a_camera_pitch(learned):
    pitch = links.CameraPitch(-12.5, learned)
    pose = np.zeros((3, 17, 2), 'f')
    assert float(pitch(pose).array) == pytest.approx(np.radians(-12.5))
    (2 * pitch(pose)).backward()
    assert pitch.angle.grad == (2 if learned else None)
