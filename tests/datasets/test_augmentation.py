import numpy as np

from chainer_pose import datasets, geometry
from chainer_pose.datasets import augmentation, imputation, pose_file
from chainer_pose.skeletons import H36M17
from chainer_pose.training.arrays import training_poses

ENDS = [3, 6, 10, 13, 16]  # feet, head, wrists


def test_joints_move_as_detected_ones_do():
    """By some px of a person of 200 px, the ends by more."""
    poses = training_poses(pose_file.read(datasets.find('synthetic'), 'train'))
    prior = imputation.Moments().add(poses).prior()
    found = augmentation.augment(poses, H36M17, prior, np.random.default_rng(0))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, geometry.normalize(found, 0)[0], atol=1e-6)
    height = np.ptp(poses[:, :, 1], axis=1)[:, None]
    pixels = (200 * np.linalg.norm(found - poses, axis=2) / height).mean(axis=0)
    inner = np.delete(pixels, [0, *ENDS])
    assert inner.min() > 2
    assert inner.max() < 6 < pixels[ENDS].min()
    assert pixels[ENDS].max() < 10
