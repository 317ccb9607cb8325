import chainer
import chainer.functions as F
import numpy as np
import pytest

from chainer_pose import activations, linear, links, optimizers


@pytest.fixture(params=['compiled', 'numpy'])
def step(request, monkeypatch):
    """Adam in C, where it has been compiled, and in NumPy."""
    if request.param == 'numpy':
        monkeypatch.setattr(optimizers, '_step', optimizers._step_numpy)
    elif optimizers._step is optimizers._step_numpy:
        pytest.skip('chainer_pose._adam has not been compiled')


@pytest.mark.parametrize('decay', [0.0, 1e-2])
def test_adam_is_chainers_bit_for_bit(rng, monkeypatch, step, decay):
    monkeypatch.setattr(optimizers, '_BLOCK', 37)  # blocks that do not divide a layer
    ours = links.Generator(5, 24, 0.3, rng)
    theirs = ours.copy(mode='copy')
    adams = [
        optimizers.Adam(1e-3, 0.5, decay).setup(ours),
        chainer.optimizers.Adam(1e-3, 0.5).setup(theirs),
    ]
    if decay:
        adams[1].add_hook(chainer.optimizer_hooks.WeightDecay(decay))
    for _ in range(5):
        for param, other in zip(ours.params(), theirs.params()):
            param.grad = rng.normal(size=param.shape).astype('f')
            other.grad = param.grad.copy()
        for adam in adams:
            adam.update()
        for param, other in zip(ours.params(), theirs.params()):
            np.testing.assert_array_equal(param.array, other.array)


def test_a_gradient_may_be_a_product(rng, monkeypatch, step):
    monkeypatch.setattr(optimizers, '_BLOCK', 37)  # three rows of twelve, and a rest
    products = [
        linear.Product(rng.normal(size=(10, 5)).astype('f'), rng.normal(size=(5, 12)).astype('f'))
        for _ in range(3)
    ]
    params = [chainer.Parameter(np.ones((10, 12), 'f')) for _ in range(2)]
    for param, multiplied in zip(params, (False, True)):
        adam = optimizers.Adam(1e-3, 0.5, 1e-2)
        param.update_rule = adam.create_update_rule()
        for product in products:
            optimizers.take(param, product.multiply() if multiplied else product)
            assert (param.grad is None) != multiplied
            param.update_rule.hyperparam.t = 1
            param.update()
    np.testing.assert_allclose(params[0].array, params[1].array, rtol=1e-6)


def test_double_precision_is_stepped_in_numpy(rng):
    params = [chainer.Parameter(np.ones(5, dtype)) for dtype in 'fd']
    for param in params:
        param.update_rule = optimizers.Adam(1e-3, 0.5).create_update_rule()
        optimizers.take(param, np.arange(5).astype(param.dtype))
        param.update()
    np.testing.assert_allclose(params[0].array, params[1].array, rtol=1e-6)


def test_without_a_gradient_only_the_weights_decay():
    param = chainer.Parameter(np.ones(3, 'f'))
    param.update_rule = optimizers.Adam(1e-3, 0.5, 1e-2).create_update_rule()
    optimizers.take(param, None)
    param.update()
    assert (param.array < 1).all()


def test_leaky_relu_is_chainers_with_its_gradients(rng):
    x = rng.normal(size=(6, 5)).astype('f')
    x[0, :3] = 0, np.nan, -0.0
    ours, theirs = chainer.Variable(x), chainer.Variable(x.copy())
    values = [activations.leaky_relu(ours), F.leaky_relu(theirs)]
    np.testing.assert_array_equal(values[0].array, values[1].array)
    grads = []
    for variable, value in zip((ours, theirs), values):
        first = chainer.grad([F.sum(value**3)], [variable], enable_double_backprop=True)[0]
        grads.append((first.array, chainer.grad([F.sum(first)], [variable])[0].array))
    for one, other in zip(*grads):
        np.testing.assert_allclose(one, other, rtol=1e-6)
