import numpy as np
import pytest

from chainer_pose import geometry
from chainer_pose.datasets import imputation


@pytest.fixture
def people(rng):
    """Poses of eight joints that move in three ways only, and their prior."""
    modes = rng.normal(size=(3, 16))
    pose = (rng.normal(size=16) + rng.normal(size=(500, 3)) @ modes * 0.3).reshape(500, 8, 2)
    pose[:, 0] = 0  # the root
    normal = geometry.normalize(pose, 0)[0]
    return normal, imputation.Moments().add(normal).prior()


def test_moments_are_the_mean_and_covariance_of_all_parts(rng):
    pose = rng.normal(size=(50, 3, 2))
    prior = imputation.Moments().add(pose[:20]).add(pose[20:]).prior()
    rows = pose.reshape(50, 6)
    np.testing.assert_allclose(prior.mean, rows.mean(axis=0))
    np.testing.assert_allclose(prior.covariance, np.cov(rows.T, bias=True))


def test_a_missing_joint_is_put_near_its_place(people, rng):
    poses, prior = people
    visible = np.ones(poses.shape[:2], bool)
    visible[np.arange(len(poses)), rng.integers(0, 8, len(poses))] = False  # the root too
    size, place = rng.uniform(50, 400, (len(poses), 1, 1)), rng.uniform(0, 900, (len(poses), 1, 2))
    seen = np.where(visible[:, :, None], poses * size + place, 1e9)  # not to be looked at
    filled_poses, imputed = imputation.impute(prior, seen, visible)
    np.testing.assert_array_equal(imputed, ~visible)
    np.testing.assert_array_equal(filled_poses[visible], seen[visible])
    error = np.linalg.norm(filled_poses - (poses * size + place), axis=2)[imputed]
    error /= size[:, 0, 0]
    # The best that knows nothing of the other joints is their mean place.
    spread = np.sqrt(np.trace(prior.covariance) / 7)
    assert np.median(error) < spread / 4


def test_place_and_size_of_the_person_do_not_matter(people):
    poses, prior = people
    visible = np.ones((1, 8), bool)
    visible[0, [2, 5]] = False
    small = imputation.impute(prior, poses[:1], visible)[0]
    large = imputation.impute(prior, poses[:1] * 300 + [40, -7], visible)[0]
    np.testing.assert_allclose(large, small * 300 + [40, -7], rtol=1e-6)


def test_with_fewer_than_half_of_the_joints_nothing_is_made_up(people):
    poses, prior = people
    visible = np.zeros((2, 8), bool)
    visible[0, :4], visible[1, :3] = True, True
    filled_poses, imputed = imputation.impute(prior, poses[:2], visible)
    assert imputed[0].sum() == 4
    assert np.isfinite(filled_poses[0]).all()
    assert not imputed[1].any()
    assert np.isnan(filled_poses[1, 3:]).all()


def test_whole_poses_stay_as_they_are(people):
    poses, prior = people
    filled_poses, imputed = imputation.impute(prior, poses, np.ones(poses.shape[:2], bool))
    np.testing.assert_array_equal(filled_poses, poses)
    assert not imputed.any()


def test_joints_in_one_place_have_no_size_but_no_fault_either(people):
    _, prior = people
    visible = np.ones((1, 8), bool)
    visible[0, 3] = False
    assert np.isfinite(imputation.impute(prior, np.full((1, 8, 2), 7.0), visible)[0]).all()
