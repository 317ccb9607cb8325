import chainer
import numpy as np

from chainer_pose.training.angle_iterator import AngleIterator, random_angles

CPU = chainer.get_device('@numpy')


def test_angles_are_uniform_on_a_whole_turn(rng):
    angles = random_angles(40000, rng)
    assert angles.dtype == np.float32
    assert np.abs(angles).max() <= np.float32(np.pi)
    counts = np.histogram(angles, bins=8, range=(-np.pi, np.pi))[0]
    assert np.abs(counts / 5000 - 1).max() < 0.06  # 4 standard deviations


def test_they_are_drawn_ahead_as_if_one_batch_at_a_time():
    angles, one_by_one = (
        AngleIterator(6, np.random.default_rng(3), CPU, ahead=4),
        (np.random.default_rng(3)),
    )
    for i in range(11):
        np.testing.assert_array_equal(angles.next(), random_angles(6, one_by_one))
        if i in (2, 3, 8):  # in the middle, at the end, and later
            stored = chainer.serializers.npz.serialize(angles)
            angles = AngleIterator(6, np.random.default_rng(9), CPU, ahead=4)
            chainer.serializers.NpzDeserializer(stored).load(angles)
