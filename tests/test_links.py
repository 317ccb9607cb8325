import chainer
import numpy as np
import pytest

from chainer_pose.links import Discriminator, Generator


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


@pytest.mark.parametrize('n_joints', [3, 16, 17, 25])
def test_shapes(n_joints):
    rows = np.zeros((5, 2 * n_joints), 'f')
    assert Generator(n_joints).forward(rows).shape == (5, n_joints)
    assert Discriminator(n_joints).forward(rows).shape == (5, 1)
    assert Generator(n_joints).l2.W.shape == (1024, 1024)


def test_the_skip_goes_from_the_first_hidden_layer_to_the_third(rng):
    net = Generator(4, n_unit=6, std=0.5, rng=rng)
    x = rng.normal(size=(3, 8)).astype('f')
    w = {name: param.array for name, param in net.namedparams()}
    h1 = leaky(x @ w['/l1/W'].T + w['/l1/b'])
    h2 = leaky(h1 @ w['/l2/W'].T + w['/l2/b'])
    h3 = leaky(h2 @ w['/l3/W'].T + w['/l3/b'] + h1)
    expected = h3 @ w['/l4/W'].T + w['/l4/b']
    np.testing.assert_allclose(net(x).array, expected, rtol=1e-5, atol=1e-6)


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


def global_state():
    return np.random.get_state()[1].copy()  # noqa: NPY002 (that is what is watched)


def test_weights_come_from_the_given_stream():
    before = global_state()
    same = [Generator(3, 8, rng=np.random.default_rng(s)).l2.W.array for s in (1, 1, 2)]
    np.testing.assert_array_equal(same[0], same[1])
    assert (same[0] != same[2]).any()
    np.testing.assert_array_equal(global_state(), before)


def test_there_is_nothing_but_four_linear_layers():
    for net in (Generator(17), Discriminator(17)):
        links = list(net.children())
        assert len(links) == 4
        assert all(isinstance(link, chainer.links.Linear) for link in links)
