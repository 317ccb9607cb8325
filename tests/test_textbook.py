"""The training step against the same mathematics in Chainer's own parts."""

import chainer
import numpy as np
import pytest
from textbook import TextbookMLP, TextbookUpdater

from chainer_pose import datasets, links, optimizers, terms, updaters
from chainer_pose.skeleton import H36M17

STEPS, BATCH, UNITS, ALPHA, DECAY = 100, 16, 64, 2e-4, 1e-5


def both(rows, seed, cap):
    """Our updater and the textbook's, from the same weights, order and angles."""
    rng = np.random.default_rng(seed)
    ours = {
        'gen': links.Generator(17, UNITS, 0.1, rng),
        'dis': links.Discriminator(17, UNITS, 0.1, rng),
    }
    theirs = {}
    for name, link in ours.items():
        theirs[name] = TextbookMLP(34, link.l4.W.shape[0], UNITS)
        theirs[name].copyparams(link)
    ours = {name: optimizers.Adam(ALPHA, 0.5, DECAY).setup(link) for name, link in ours.items()}
    theirs = {name: chainer.optimizers.Adam(ALPHA, 0.5).setup(net) for name, net in theirs.items()}
    for adam in theirs.values():
        adam.add_hook(chainer.optimizer_hooks.WeightDecay(DECAY))
    iterators = [datasets.PoseIterator(rows, BATCH, np.random.default_rng(1)) for _ in range(2)]
    angles = [np.random.default_rng(2) for _ in range(2)]
    joints = H36M17.angle_joints
    paper = [terms.Adversarial(), terms.Angle(joints)]
    return (
        updaters.PoseGANUpdater(iterators[0], ours, paper, angles[0], accuracy_cap=cap),
        TextbookUpdater(
            iterators[1], theirs, joints, angles[1], cap, converter=lambda batch, _: batch
        ),
    )


@pytest.mark.parametrize('cap', [0.6, 1.0])
def test_a_hundred_steps_give_the_textbooks_parameters(rng, monkeypatch, cap):
    monkeypatch.setattr(optimizers, '_BLOCK', 1024)  # gradients of weights come by the block
    rows = rng.normal(size=(200, 34)).astype('f')
    pair = both(rows, seed=3, cap=cap)
    before = [param.array.copy() for param in pair[0].get_optimizer('gen').target.params()]
    rested = 0
    for _ in range(STEPS):
        reports = []
        for updater in pair:
            reporter = chainer.Reporter()
            observation = {}
            with reporter.scope(observation):
                updater.update()
            reports.append(observation)
        ours, theirs = reports
        assert ours['dis/accuracy'] == theirs['dis/accuracy']
        assert ours['dis/loss'] == pytest.approx(float(theirs['dis/loss'].array), rel=1e-4)
        rested += 2 - int(ours['gen/updated'] + ours['dis/updated'])
    assert (rested > 0) == (cap < 1)  # the gate has been closed, too
    for name in ('gen', 'dis'):
        ours, theirs = (updater.get_optimizer(name).target for updater in pair)
        for (key, param), (_, other) in zip(
            sorted(ours.namedparams()), sorted(theirs.namedparams())
        ):
            np.testing.assert_allclose(
                param.array, other.array, rtol=1e-4, atol=2e-2 * ALPHA, err_msg=key
            )
    moved = [
        np.abs(param.array - start).max()
        for param, start in zip(pair[0].get_optimizer('gen').target.params(), before)
    ]
    assert min(moved) > 10 * ALPHA  # a hundredth of what is compared
