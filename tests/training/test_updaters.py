"""What the updaters do beside the step itself, which test_textbook.py compares with Chainer's."""

import chainer
import numpy as np
import pytest

from chainer_pose import datasets, functions, links
from chainer_pose.errors import NonFiniteError
from chainer_pose.optimizers import Adam
from chainer_pose.skeletons import FaceJoints
from chainer_pose.training import (
    AngleIterator,
    PoseGANUpdater,
    regularizers,
)

JOINTS = FaceJoints(nose=0, neck=1, left_shoulder=2, right_shoulder=3)
BONES = [(1, 0), (2, 1), (3, 1), (4, 0)]
BATCH = 8


def make_updater(rng, poses=None, joints=JOINTS, regularized=(), alpha=2e-4, n_unit=12, **options):
    if poses is None:
        poses = rng.normal(size=(BATCH, 5, 2)).astype('f')
    gen, dis = (
        net(poses.shape[1], n_unit, 0.3, rng) for net in (links.Generator, links.Discriminator)
    )
    adams = {'gen': Adam(alpha, 0.5, 1e-2).setup(gen), 'dis': Adam(alpha, 0.5, 1e-2).setup(dis)}
    if options.get('pitch') is not None and list(options['pitch'].params()):
        adams['pitch'] = Adam(1e-3, 0.5).setup(options['pitch'])
    batchsize = min(len(poses), 64)
    iterators = {
        'main': datasets.PoseIterator((poses,), batchsize, np.random.default_rng(1)),
        'angles': AngleIterator(batchsize, np.random.default_rng(2), chainer.get_device('@numpy')),
    }
    chosen = [make(gen) for make in regularized]
    return PoseGANUpdater(iterators, adams, joints, regularizers=chosen, **options)


def parameters(updater):
    return {
        name + key: param.array.copy()
        for name, optimizer in updater.get_all_optimizers().items()
        for key, param in optimizer.target.namedparams()
    }


def update(updater):
    observation = {}
    with chainer.Reporter().scope(observation):
        updater.update()
    return observation


def generators_loss(updater, monkeypatch):
    """The whole loss of the generator in the next step, which changes no parameter."""
    losses = []
    with monkeypatch.context() as patch:
        for optimizer in updater.get_all_optimizers().values():
            patch.setattr(optimizer, 'update', lambda loss=None, when=True: losses.append(loss))
        observation = update(updater)
    return float(losses[0].array), observation


@pytest.mark.parametrize(
    ('accuracy', 'expected'),
    [
        (0.05, (False, True)), (1 - 0.9, (True, True)), (0.9, (True, True)), (0.95, (True, False)),
    ],
)  # fmt: skip
def test_the_gate(rng, monkeypatch, accuracy, expected):
    updater = make_updater(rng)
    monkeypatch.setattr(functions, 'accuracy', lambda *_: (np.float64(accuracy),) * 3)
    before = parameters(updater)
    observation = update(updater)
    after = parameters(updater)
    for name, updated in zip(('gen', 'dis'), expected):
        assert observation[f'{name}/updated'] == updated
        for key in before:
            if key.startswith(name):
                assert (after[key] != before[key]).any() == updated, key


def test_reports(rng):
    updater = make_updater(rng)
    observation = update(updater)
    # Python floats: Chainer would average float32 in float32 and drift.
    assert {type(value) for value in observation.values()} == {float}
    both = observation['dis/accuracy/real'] + observation['dis/accuracy/fake']
    assert observation['dis/accuracy'] == both / 2
    assert {*updater.losses, *updater.shares} <= set(observation)
    updater = make_updater(rng, joints=None)
    assert 'gen/angle' not in {*update(updater), *updater.losses}


def test_the_generators_loss_is_the_weighted_sum_of_what_is_reported(rng, monkeypatch):
    regularized = [
        lambda gen: regularizers.Consistency(gen, 3, 2),
        lambda _: regularizers.BoneRatios(BONES, 7),
    ]
    updater = make_updater(rng, angle_weight=0.3, regularized=regularized)
    weights = {
        'gen/loss': 1, 'gen/angle': 0.3, 'gen/consistency_2d': 3, 'gen/consistency_depth': 2,
        'gen/bones': 7,
    }  # fmt: skip
    assert updater.losses == (*weights, 'dis/loss')
    update(updater)  # the bones of the first batch are their own mean
    loss, observation = generators_loss(updater, monkeypatch)
    parts = [weight * observation[name] for name, weight in weights.items()]
    assert min(parts) > 0
    assert loss == pytest.approx(sum(parts), rel=1e-5)


@pytest.mark.parametrize('net', ['gen', 'dis'])
def test_a_loss_that_is_not_finite_stops_before_any_step(rng, net):
    updater = make_updater(rng)
    update(updater)
    updater.get_optimizer(net).target.l4.b.array[0] = np.nan
    before = parameters(updater)
    with (
        np.errstate(invalid='ignore'),
        pytest.raises(NonFiniteError, match=r'gen/loss is nan at iteration 2'),
    ):
        updater.update()
    for key, array in parameters(updater).items():
        np.testing.assert_array_equal(array, before[key])


def test_a_toy_of_rods_learns_their_length(rng):
    """Rods of length one at every heading: only the right depth keeps the length."""
    pose = np.zeros((4096, 2, 2), 'f')
    x = pose[:, 1, 0] = np.cos(rng.uniform(-np.pi, np.pi, 4096))
    updater = make_updater(rng, pose, joints=None, alpha=1e-3, n_unit=32)
    for _ in range(600):
        updater.update()
    depth = updater.gen.target(pose).array
    length = np.hypot(x, depth[:, 1] - depth[:, 0])
    assert np.abs(length - 1).mean() < 0.5 * np.abs(np.abs(x) - 1).mean()
