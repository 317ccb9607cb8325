"""Pose files of any size, for the benchmarks."""

import lifting  # noqa: F401 (puts the project on the path)
import numpy as np

from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import synthetic


def write_poses(path, seed=0, **poses):
    """A pose file of the synthetic data set's poses, again and again with noise.

    Args:
        path: where to.
        seed: of the noise.
        **poses: how many, by split: train=, test=.
    """
    rng = np.random.default_rng(seed)
    made, splits = synthetic.make(), {}
    for split, n in poses.items():
        data = made[split].select(np.resize(np.arange(len(made[split])), n))
        data.pose2d[:] += rng.normal(0, 1, data.pose2d.shape)
        data.pose3d[:] += rng.normal(0, 5, data.pose3d.shape)
        splits[split] = data
    pose_file.write(path, splits)
