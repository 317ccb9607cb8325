import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
from chainer import gradient_check

from chainer_pose import linear, links, verdict


def test_linear_is_chainers(rng):
    layer = linear.Linear(6, 4)
    layer.b.array[:] = rng.normal(size=4)
    x = rng.normal(size=(5, 6)).astype('f')
    expected = F.linear(x, layer.W, layer.b).array
    np.testing.assert_allclose(layer(x).array, expected, rtol=1e-6, atol=1e-6)


def test_gradients_of_linear(rng):
    arrays = rng.normal(size=(5, 6)), rng.normal(size=(4, 6)), rng.normal(size=4)
    gradient_check.check_backward(
        lambda *a: linear.LinearFunction().apply(a)[0], arrays, rng.normal(size=(5, 4)), dtype='d'
    )


class Twice(chainer.Chain):
    """A layer that is called twice, one that is not, and a parameter that is no layer's."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.used, self.unused = linear.Linear(3, 3), L.Linear(3, 3)
            self.norm = L.BatchNormalization(3)

    def forward(self, x):
        return self.norm(F.tanh(self.used(F.sin(self.used(x)))))


def whole(gradient):
    return gradient.multiply() if isinstance(gradient, linear.Product) else gradient


def test_gradients_of_calls_are_those_of_backward(rng):
    net = Twice()
    x = rng.normal(size=(7, 3)).astype('f')
    with linear.Calls() as calls:
        loss = F.sum(net(x) ** 3)
        net.unused(x)  # called, but of no consequence
    found = {id(param): whole(g) for param, g in calls.gradients(loss, [net])}
    assert set(found) == {id(param) for param in net.params()}
    net.cleargrads()
    loss.backward()
    for param in net.params():
        gradient = found[id(param)]
        if param.grad is None:
            assert gradient is None
        else:
            np.testing.assert_allclose(gradient, param.grad, rtol=1e-4, atol=1e-5)


def test_calls_may_be_nested(rng):
    net, x = Twice(), rng.normal(size=(7, 3)).astype('f')
    with linear.Calls() as outer, linear.Calls() as inner:
        loss = F.sum(net(x) ** 3)
    for calls in (outer, inner):
        assert len(calls.backward(loss, [net])[0]) == 1


@pytest.fixture
def judged(rng):
    dis = links.Discriminator(4, 16, 0.5, rng)
    rows = rng.normal(size=(6, 8)).astype('f')
    return dis, rows


def test_a_verdict_has_the_discriminators_gradients(judged):
    dis, rows = judged
    seen = verdict.Verdict(dis, rows)
    np.testing.assert_allclose(seen.logits.array, dis(rows).array, rtol=1e-5)
    found = {id(p): whole(g) for p, g in seen.gradients(F.mean(F.softplus(seen.logits)))}
    dis.cleargrads()
    F.mean(F.softplus(dis(rows))).backward()
    for param in dis.params():
        np.testing.assert_allclose(found[id(param)], param.grad, rtol=1e-4, atol=1e-6)


def test_a_loss_reaches_through_a_verdict_what_made_the_poses(judged, rng):
    dis, rows = judged
    seeds = [chainer.Variable(rng.normal(size=(2, 8)).astype('f')) for _ in range(2)]
    seeds[1].array[:] = seeds[0].array
    fakes = [F.sin(seed) for seed in seeds]
    seen = verdict.Verdict(dis, np.concatenate([rows, fakes[0].array]))
    followed = seen.follow(fakes[0], start=len(rows))
    assert followed.shape == (2, 1)
    F.sum(F.softplus(-followed)).backward()
    F.sum(F.softplus(-dis(fakes[1]))).backward()
    np.testing.assert_allclose(seeds[0].grad, seeds[1].grad, rtol=1e-4, atol=1e-6)
