import chainer
import numpy as np
import pytest

from chainer_pose import functions
from chainer_pose.training.regularizers import BoneRatios, Consistency, LiftedBatch

N = 4  # poses a batch


def batch_of(pose, angle=None, pitch=None):
    """Poses (N, J, 3) as a batch that was lifted right."""
    pose = np.asarray(pose, 'f')
    angle = np.zeros(len(pose), 'f') if angle is None else angle
    return LiftedBatch(pose[:, :, :2], chainer.Variable(pose[:, :, 2]), angle, pitch)


@pytest.fixture
def batch(rng):
    pose = rng.normal(size=(N, 17, 3))
    return batch_of(pose - pose[:, :1], rng.uniform(-3, 3, N).astype('f'))


def oracle(batch, rescaled=False):
    """A generator that knows the depths of the batch's turned poses."""
    xy, depth = functions.rotate(batch.real, batch.depth, batch.angle, batch.pitch)
    size = functions.size(xy).array if rescaled else np.ones((N, 1, 1), 'f')

    def lift(pose):
        np.testing.assert_allclose(pose.array, xy.array / size, rtol=1e-4, atol=1e-6)
        return chainer.Variable(depth.array / size[:, 0])

    return lift


@pytest.mark.parametrize(
    ('pitch', 'rescaled'), [(None, False), (np.array(0.3, 'f'), False), (None, True)]
)
def test_consistency_is_zero_for_who_knows_the_depth(batch, pitch, rescaled):
    batch = batch._replace(pitch=pitch)
    consistency = Consistency(oracle(batch, rescaled), 10, 1, rescaled)
    assert consistency.weights == {'consistency_2d': 10, 'consistency_depth': 1}
    for loss in consistency(batch).values():
        assert loss.array == pytest.approx(0, abs=1e-8)


def test_consistency_by_hand():
    """One joint at (1, 2, 3), a quarter turn: seen at (3, 2), depth -1; said: 5."""
    batch = batch_of([[[1, 2, 3]]], np.array([np.pi / 2], 'f'))
    losses = Consistency(lambda pose: pose[:, :, 0] * 0 + 5, 10, 1)(batch)
    # Turned back, (3, 2, 5) is at (-5, 2): x is 6 off, y is right.
    assert losses['consistency_2d'].array == pytest.approx(36 / 2, rel=1e-5)
    assert losses['consistency_depth'].array == pytest.approx(36, rel=1e-5)


def test_bone_ratios_by_hand_and_after_a_resume():
    """A chain of three joints with bones of 1 and 3, then of 1 and 1."""
    ratios = BoneRatios([(1, 0), (2, 1)], 100, momentum=0.1)
    assert ratios.weights == {'bones': 100}
    first = batch_of([[[0, 0, 0], [0, 0, 1], [0, 3, 1]]])
    assert ratios(first)['bones'].array == pytest.approx(0, abs=1e-10)
    resumed = BoneRatios([(1, 0), (2, 1)], 100, momentum=0.1)
    stored = chainer.serializers.npz.serialize(ratios)
    chainer.serializers.NpzDeserializer(stored).load(resumed)
    even = batch_of([[[0, 0, 0], [0, 0, 1], [0, 1, 1]]])
    # The running mean goes to (0.55, 1.45); the pose's ratios are (1, 1).
    assert resumed(even)['bones'].array == pytest.approx(0.45**2, rel=1e-5)
    np.testing.assert_allclose(resumed.mean, [0.55, 1.45], rtol=1e-6)
