import chainer
import chainer.functions as F
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
    params = {name[1:]: param.shape for name, param in generator.namedparams()}
    assert params == Generator.shapes(n_joints, 1024)  # four linear layers, and nothing else


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


def test_weights_come_from_the_given_stream():
    same = [Generator(3, 8, rng=np.random.default_rng(s)).l2.W.array for s in (1, 1, 2)]
    np.testing.assert_array_equal(same[0], same[1])
    assert (same[0] != same[2]).any()


def test_a_discriminator_serves_two_losses_with_the_plain_networks_gradients(rng):
    """As in a step: the generator's loss reaches the fakes, then D's its weights."""
    found = []
    dis = Discriminator(4, 16, 0.5, rng)
    for net in (dis, links.PoseMLP(4, 16)):
        net.copyparams(dis)
        seed = chainer.Variable(np.linspace(-1, 2, 24, dtype='f').reshape(3, 4, 2))
        y = net(F.concat([np.ones((3, 4, 2), 'f'), F.sin(seed)], axis=0))
        F.mean(F.softplus(-y[3:])).backward()
        net.cleargrads()
        F.mean(F.softplus(y)).backward()
        found.append([y.array, seed.grad, *(param.grad for param in net.params())])
        with chainer.no_backprop_mode():
            np.testing.assert_allclose(net(np.ones((3, 4, 2), 'f')).array, y.array[:3], rtol=1e-5)
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_gradients_of_a_discriminator(rng):
    with chainer.using_config('dtype', np.float64):
        dis = Discriminator(3, 8, 0.5, rng)
    gradient_check.check_backward(
        lambda pose, *_: dis(pose), rng.normal(size=(4, 3, 2)), rng.normal(size=(4, 1)),
        list(dis.params()), atol=1e-4,
    )  # fmt: skip


def test_zero_depth():
    depth = links.ZeroDepth()(np.ones((3, 5, 2), 'f'))
    np.testing.assert_array_equal(depth.array, np.zeros((3, 5), 'f'))


@pytest.mark.parametrize('learned', [False, True])
def test_a_camera_pitch(learned):
    pitch = links.CameraPitch(-12.5, learned)
    assert float(pitch().array) == pytest.approx(np.radians(-12.5))
    assert float(pitch.degrees) == pytest.approx(-12.5)
    (2 * pitch()).backward()
    assert pitch.angle.grad == (2 if learned else None)
