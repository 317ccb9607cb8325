"""Make perfect poses as imperfect as detected ones."""

import numpy as np

from chainer_pose import geometry
from chainer_pose.datasets import imputation
from chainer_pose.skeletons import Skeleton

# In mean distances of the joints from the root, some 55 px of a person of 200 px.
NOISE, NOISE_OF_ENDS = 0.04, 0.08  # deviations; the ends are feet, wrists and head
MISSING = 0.05  # of the joints
# Relative deviation of the length of the bones to the ends: data sets place these differently.
STRETCH = 0.1


def augment(
    poses: np.ndarray, skeleton: Skeleton, prior: imputation.Prior, rng: np.random.Generator
) -> np.ndarray:
    """Move joints, and leave some out, each by itself, and impute them.

    Args:
        poses: (N, J, 2) float32, normalized as in section 3.3.
        skeleton: of the joints.
        prior: by which joints are imputed.
        rng: draws all of it.
    Returns:
        (N, J, 2) float32, normalized.
    """
    ends = sorted({*range(len(skeleton))} - {*skeleton.parents})
    bones = poses[:, ends] - poses[:, [skeleton.parents[j] for j in ends]]
    deviation = np.full((len(skeleton), 1), NOISE)
    deviation[ends] = NOISE_OF_ENDS
    moved = poses + deviation * rng.standard_normal(poses.shape)
    moved[:, ends] += STRETCH * rng.standard_normal((*bones.shape[:2], 1)) * bones
    seen = rng.random(poses.shape[:2]) >= MISSING
    whole, _ = imputation.impute(prior, moved, seen, np.full(len(poses), True))
    return geometry.normalize(whole, skeleton.root)[0].astype(np.float32)
