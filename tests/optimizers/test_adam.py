import chainer
import chainer.functions as F
import numpy as np
import pytest

from chainer_pose import links
from chainer_pose.optimizers import Adam, ZeroRoot, adam

N = 400  # units; a weight of theirs is stepped in two blocks


@pytest.fixture(params=['compiled', 'numpy'], autouse=True)
def step(request, monkeypatch):
    """Adam in C, where it has been compiled, and in NumPy."""
    if request.param == 'numpy':
        monkeypatch.setattr(adam, 'step', adam.step_numpy)
    elif adam.step is adam.step_numpy:
        pytest.skip('chainer_pose.optimizers._adam has not been compiled')


def pair(rng, decay=1e-2):
    """Ours and Chainer's, each set up on a copy of the same link."""
    link = links.Linear(N, N, chainer.initializers.Normal(0.1, rng=rng), 0.2)
    ours, theirs = Adam(1e-3, 0.5, decay).setup(link), chainer.optimizers.Adam(1e-3, 0.5)
    theirs.setup(link.copy(mode='copy'))
    if decay:
        theirs.add_hook(chainer.optimizer_hooks.WeightDecay(decay))
    return ours, theirs


def loss_of(optimizer, x, uses=1):
    for _ in range(uses):
        x = optimizer.target(x)
    return F.mean(x**2)


def state_of(optimizer):
    stored = chainer.serializers.npz.serialize(optimizer)
    stored |= chainer.serializers.npz.serialize(optimizer.target)
    return {key: np.array(array) for key, array in stored.items()}


def assert_equal(one, other, **tolerances):
    one, other = state_of(one), state_of(other)
    assert one.keys() == other.keys()
    for key, array in one.items():
        np.testing.assert_allclose(array, other[key], **{'rtol': 0, **tolerances}, err_msg=key)


@pytest.mark.parametrize('decay', [0.0, 1e-2])
def test_it_is_chainers_bit_for_bit(rng, decay):
    adams = pair(rng, decay)
    for _ in range(5):
        for params in zip(*(optimizer.target.params() for optimizer in adams)):
            gradient = rng.normal(size=params[0].shape).astype('f')
            for param in params:
                param.grad = gradient.copy()
        for optimizer in adams:
            optimizer.update()
        assert_equal(*adams)


@pytest.mark.parametrize(('batch', 'uses'), [(8, 1), (8, 2), (200, 1)])
def test_a_gradient_of_factors(rng, batch, uses):
    """Multiplied block by block where the batch is small."""
    ours, theirs = pair(rng)
    for _ in range(3):
        x = rng.normal(size=(batch, N)).astype('f')
        ours.update(loss_of(ours, x, uses))
        theirs.update(lambda x=x: loss_of(theirs, x, uses))
    assert_equal(ours, theirs, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize('when', [False, np.bool_(False), np.float64(np.nan) >= 0.1])
def test_without_when_nothing_changes(rng, when):
    ours, theirs = pair(rng)
    x = rng.normal(size=(8, N)).astype('f')
    for i in range(6):
        loss = loss_of(ours, x)
        if i % 3 == 0:  # the first, too
            before = state_of(ours)
            loss_of(ours, 5 * x).backward()  # of another network's loss
            ours.update(loss, when=when)
            for param in ours.target.params():
                assert param.factors == []
                assert param.grad is None
            for key, array in state_of(ours).items():
                np.testing.assert_array_equal(array, before[key])
        else:
            ours.update(loss, when=np.bool_(True))
            theirs.update(lambda: loss_of(theirs, x))
    assert ours.t == theirs.t == 4
    assert_equal(ours, theirs, rtol=1e-4, atol=1e-7)


def test_zero_root_keeps_the_roots_depth_at_zero(rng):
    generator = links.Generator(5, 12, 0.3, rng)
    optimizer, hook = Adam(1e-2, 0.5, 1e-2).setup(generator), ZeroRoot(2)
    hook.apply(generator)
    optimizer.add_hook(hook)
    pose = rng.normal(size=(8, 5, 2)).astype('f')
    before = generator(pose).array
    for _ in range(5):
        optimizer.update(F.sum((generator(pose) - 1) ** 2))
    depth = generator(pose).array
    assert not depth[:, 2].any()
    assert (depth != before)[:, [0, 1, 3, 4]].all()


@pytest.mark.parametrize('turn', [1, -1])
def test_each_resumes_from_the_others_snapshot(rng, turn):
    saved, loaded = pair(rng)[::turn]

    def update(optimizer):
        for i, param in enumerate(optimizer.target.params()):
            param.grad = np.full_like(param.array, np.sin(i + optimizer.t))
        optimizer.update()

    for _ in range(3):
        update(saved)
    chainer.serializers.NpzDeserializer(state_of(saved)).load(loaded)
    chainer.serializers.NpzDeserializer(state_of(saved)).load(loaded.target)
    for optimizer in (saved, loaded):
        update(optimizer)
    assert_equal(saved, loaded)
