"""Small states of training, each by hand, and as if nothing had come between."""

import chainer
import numpy as np

from chainer_pose import links
from chainer_pose.optimizers import Adam
from chainer_pose.training.angle_iterator import AngleIterator, random_angles
from chainer_pose.training.moving_average import MovingAverage
from chainer_pose.training.report_means import ReportMeans

CPU = chainer.get_device('@numpy')


def resumed(state, new):
    stored = chainer.serializers.npz.serialize(state)
    chainer.serializers.NpzDeserializer(stored).load(new)
    return new


def test_angles_are_uniform_on_a_whole_turn(rng):
    angles = random_angles(40000, rng)
    assert angles.dtype == np.float32
    assert np.abs(angles).max() <= np.float32(np.pi)
    counts = np.histogram(angles, bins=8, range=(-np.pi, np.pi))[0]
    assert np.abs(counts / 5000 - 1).max() < 0.06  # 4 standard deviations


def test_angles_are_drawn_ahead_as_if_one_batch_at_a_time():
    angles = AngleIterator(6, np.random.default_rng(3), CPU, ahead=4)
    one_by_one = np.random.default_rng(3)
    for i in range(11):
        np.testing.assert_array_equal(angles.next(), random_angles(6, one_by_one))
        if i in (2, 3, 8):  # in the middle, at the end, and later
            angles = resumed(angles, AngleIterator(6, np.random.default_rng(9), CPU, ahead=4))


def test_a_moving_average(rng):
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
            moving = resumed(moving, MovingAverage(optimizer, 0.5))
    assert (weights == 15).all()


def test_means_of_reports_since_the_last_reading():
    means = ReportMeans(CPU)
    assert means.read() == {}
    for loss, updated in ((1.0, True), (2.0, False), (6.0, False)):
        means.add({'loss': chainer.Variable(np.array(loss, 'f')), 'updated': updated})
        means = resumed(means, ReportMeans(CPU))
    means.add({'loss': np.float32(3), 'updated': True})
    assert means.read() == {'loss': 3.0, 'updated': 0.5}
    assert means.read() == {}
    means.add({'loss': np.float32(7), 'updated': False})
    assert means.read() == {'loss': 7.0, 'updated': 0.0}
