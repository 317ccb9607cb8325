import numpy as np

from chainer_pose import functions
from chainer_pose.skeletons import H36M17


def test_bone_ratios_by_hand():
    """A chain of three joints with bones of 1 and 3, along z and y."""
    pose, depth = np.array([[[0, 0], [0, 0], [0, 3]]], 'f'), np.array([[0, 1, 1]], 'f')
    ratios = functions.bone_ratios(pose, depth, np.array([1, 2]), np.array([0, 1]))
    np.testing.assert_allclose(ratios.array, [[0.5, 1.5]], rtol=1e-6)


def test_bone_ratios_know_no_size(rng):
    pose, depth = rng.normal(size=(4, 17, 2)).astype('f'), rng.normal(size=(4, 17)).astype('f')
    bones = np.array(H36M17.bones).T
    ratios, large = (functions.bone_ratios(s * pose, s * depth, *bones).array for s in (1, 7))
    np.testing.assert_allclose(large, ratios, rtol=1e-5)
