import chainer
import chainer.functions as F
import numpy as np
import pytest

from chainer_pose import activations, links, optimizers


@pytest.mark.parametrize('decay', [0.0, 1e-2])
def test_adam_is_chainers_bit_for_bit(rng, monkeypatch, decay):
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
