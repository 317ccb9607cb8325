import chainer
import chainer.functions as F
import numpy as np
from chainer import gradient_check

from chainer_pose import functions
from chainer_pose.skeletons import H36M17

CHILDREN, PARENTS = np.array(H36M17.bones).T


def test_bone_ratios_by_hand():
    """A chain of three joints with bones of 1 and 3, along z and y."""
    pose, depth = np.array([[[0, 0], [0, 0], [0, 3]]], 'f'), np.array([[0, 1, 1]], 'f')
    ratios = functions.bone_ratios(pose, depth, np.array([1, 2]), np.array([0, 1]))
    np.testing.assert_allclose(ratios.array, [[0.5, 1.5]], rtol=1e-6)


def test_bone_ratios_know_no_size_and_stay_finite_at_length_zero(rng):
    pose, depth = rng.normal(size=(4, 17, 2)).astype('f'), rng.normal(size=(4, 17)).astype('f')
    ratios = functions.bone_ratios(pose, depth, CHILDREN, PARENTS).array
    large = functions.bone_ratios(7 * pose, 7 * depth, CHILDREN, PARENTS).array
    np.testing.assert_allclose(large, ratios, rtol=1e-5)
    still = chainer.Variable(np.zeros_like(depth))
    F.sum(functions.bone_ratios(0 * pose, still, CHILDREN, PARENTS) ** 2).backward()
    assert np.isfinite(still.grad).all()


def test_gradient_of_bone_ratios(rng):
    pose, depth = rng.normal(size=(3, 17, 2)), rng.normal(size=(3, 17))
    gradient_check.check_backward(
        lambda z: functions.bone_ratios(pose, z, CHILDREN, PARENTS),
        depth,
        rng.normal(size=(3, 16)),
        dtype='d',
        atol=1e-4,
    )
