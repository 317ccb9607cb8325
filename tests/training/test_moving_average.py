import chainer
import numpy as np

from chainer_pose import links
from chainer_pose.optimizers import Adam
from chainer_pose.training.moving_average import MovingAverage


def test_by_hand_and_after_a_resume(rng):
    optimizer = Adam(1e-3, 0.5).setup(links.Generator(3, 4, 0.1, rng))
    weights, moving = optimizer.target.l1.W.array, MovingAverage(optimizer, 0.5)
    expected = weights.copy()
    for t in range(1, 16):
        weights[:] = t
        moving.update()
        decay = min(0.5, t / (t + 9))
        expected = decay * expected + (1 - decay) * t
        np.testing.assert_allclose(moving.average.l1.W.array, expected, rtol=1e-5)
        if t == 4:
            stored = chainer.serializers.npz.serialize(moving)
            moving = MovingAverage(optimizer, 0.5)
            chainer.serializers.NpzDeserializer(stored).load(moving)
    assert (weights == 15).all()
