import numpy as np
import pytest

from chainer_pose import geometry
from chainer_pose.evaluations import metrics

ERRORS = [metrics.mpjpe, metrics.n_mpjpe, metrics.p_mpjpe]


@pytest.fixture
def poses(rng):
    return rng.normal(0, 300, (20, 17, 3))


def moved(pose, rng, factor=1.7):
    """A rotated, scaled and shifted copy."""
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return factor * pose @ (q * np.sign(np.linalg.det(q))).T + rng.normal(0, 100, 3)


def test_mpjpe_by_hand():
    target = np.zeros((2, 2, 3))
    predicted = np.array([[[3, 4, 0], [0, 0, 1]], [[0, 0, 0], [2, 0, 0]]], float)
    np.testing.assert_allclose(metrics.joint_errors(predicted, target), [[5, 1], [0, 2]])
    np.testing.assert_allclose(metrics.mpjpe(predicted, target), [3, 1])


def test_n_mpjpe_by_hand(poses):
    # The best factor for (1, 0, 0) and (0, 1, 0) onto (2, 0, 0) and (0, 4, 0) is 3.
    predicted = np.array([[[1.0, 0, 0], [0, 1, 0]]])
    target = np.array([[[2.0, 0, 0], [0, 4, 0]]])
    np.testing.assert_allclose(metrics.n_mpjpe(predicted, target), [1])
    assert (metrics.n_mpjpe(geometry.rotate_about_vertical(poses, 1.0), poses) > 50).all()


def test_p_mpjpe_forgives_a_similarity_but_no_reflection(poses, rng):
    np.testing.assert_allclose(metrics.p_mpjpe(moved(poses, rng), poses), 0, atol=1e-9)
    for mirror in ([1, 1, -1], [-1, 1, 1]):
        assert (metrics.p_mpjpe(moved(poses * mirror, rng), poses) > 20).all()


def test_p_mpjpe_is_the_least_over_rotations(poses, rng):
    predicted = poses + rng.normal(0, 60, poses.shape)
    p, t = (a - a.mean(axis=1, keepdims=True) for a in (predicted, poses))
    aligned = metrics.p_mpjpe(predicted, poses)
    # Its squares are the least; with the same noise in all joints so is its mean.
    for _ in range(50):
        assert (aligned <= metrics.mpjpe(moved(p, rng, 1.0), t) + 1e-9).all()


def test_pck_and_auc_by_hand():
    target = np.zeros((1, 4, 3))
    predicted = np.zeros((1, 4, 3))
    predicted[0, :, 0] = [0, 52, 149, 150]
    np.testing.assert_allclose(metrics.pck(predicted, target), [0.75])
    np.testing.assert_allclose(metrics.pck(predicted, target, 50), [0.25])
    # Of the 31 thresholds 0, 5, ... 150: 30 exceed 0, 20 exceed 52 (55 and up), 1 exceeds 149.
    np.testing.assert_allclose(metrics.auc(predicted, target), [(30 + 20 + 1 + 0) / (4 * 31)])


@pytest.mark.parametrize('metric', ERRORS)
def test_a_prediction_of_zeros_is_finite(metric, poses):
    assert np.isfinite(metric(np.zeros_like(poses), poses)).all()
