import copy
import pickle

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from chainer_pose import links


@pytest.fixture(autouse=True)
def double_precision():
    with chainer.using_config('dtype', np.float64):
        yield


class Ours(chainer.Chain):
    """A layer that is called twice, one that is not, and a weight that another function uses."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.used = links.Linear(3, 3, chainer.initializers.Normal(1.0), slope=0.2)
            self.unused = links.Linear(3, 3, chainer.initializers.Normal(1.0))

    def forward(self, x):
        h = self.layer(x)
        self.unused(x)  # called, but of no consequence
        return F.sum(self.layer(F.sin(h), h) ** 3) + F.sum(self.used.W**2)

    def layer(self, x, skip=None):
        return self.used(x, skip)


class Chainers(Ours):
    """The same with Chainer's own functions."""

    def layer(self, x, skip=None):
        u = F.linear(x, self.used.W, self.used.b)
        return F.leaky_relu(u if skip is None else u + skip)


@pytest.fixture
def nets(rng):
    ours, theirs = Ours(), Chainers()
    ours.used.b.array[...] = rng.normal(size=3)
    theirs.copyparams(ours)
    return ours, theirs


@pytest.fixture
def x(rng):
    return rng.normal(size=(7, 3))


def assert_same(one, other):
    assert (one is None) == (other is None)
    if one is not None:
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize('grad_of', [lambda p: p.grad, lambda p: chainer.as_array(p.grad_var)])
def test_gradients_of_several_uses_are_chainers(nets, x, grad_of):
    for _ in range(2):  # they accumulate
        losses = [net(x) for net in nets]
        assert_same(*(loss.array for loss in losses))
        for loss in losses:
            loss.backward()
    for ours, theirs in zip(*(net.params() for net in nets)):
        assert isinstance(ours, links.Weight)
        assert_same(*map(grad_of, (ours, theirs)))


def test_double_backprop(nets, x):
    for net in nets:
        pose = chainer.Variable(x)
        net(pose).backward(enable_double_backprop=True)
        net.cleargrads()
        F.sum(pose.grad_var**2).backward()
    for ours, theirs in zip(*(net.params() for net in nets)):
        assert_same(ours.grad, theirs.grad)


@pytest.mark.parametrize(
    'copied', [copy.copy, copy.deepcopy, lambda w: pickle.loads(pickle.dumps(w))]
)
def test_copies_are_weights(nets, x, copied):
    for net in nets:
        net(x).backward()
    net, weight = nets[0], nets[0].used.W
    again = copied(weight)
    assert type(again) is type(net.copy(mode='copy').used.W) is links.Weight
    np.testing.assert_array_equal(again.array, weight.array)
    net(x).backward()  # what the copied collects from now on is not the copy's
    assert_same(again.grad, nets[1].used.W.grad)


@pytest.mark.parametrize('forget', [lambda w: w.cleargrad(), lambda w: setattr(w, 'grad', None)])
def test_a_gradient_that_is_cleared_or_set_forgets_the_factors(nets, x, forget):
    net = nets[0]
    net(x).backward()
    weight = net.used.W
    assert len(weight.factors) == 2
    forget(weight)
    assert weight.factors == []
    assert weight.grad is None


def test_chainers_optimizers_and_hooks_see_a_gradient(rng, x):
    ours = links.Linear(3, 4, chainer.initializers.Normal(1.0))
    theirs = L.Linear(3, 4, initialW=ours.W.array.copy())
    before = ours.W.array.copy()
    for layer in (ours, theirs):
        optimizer = chainer.optimizers.SGD(0.1).setup(layer)
        optimizer.add_hook(chainer.optimizer_hooks.GradientClipping(3.0))
        layer.W.update_rule.add_hook(chainer.optimizer_hooks.WeightDecay(0.1))
        for _ in range(3):
            optimizer.update(lambda x, f=layer: F.sum(f(x) ** 2), x)
    assert_same(ours.W.array, theirs.W.array)
    assert_same(ours.b.array, theirs.b.array)
    assert (ours.W.array != before).all()
