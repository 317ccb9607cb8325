"""Networks around a network: lines of sight and mirror images."""

import numpy as np
import pytest

from chainer_pose import geometry, links
from chainer_pose.skeletons import H36M17

FOCAL, CENTER = 1000.0, (500.0, 400.0)


class Known(links.LiftingLink):
    """Gives depths that are known, whatever the poses."""

    def __init__(self, depth):
        super().__init__()
        self.depth = depth

    def forward(self, pose):
        return links.ZeroDepth()(pose) + self.depth


def test_along_a_line_of_sight_the_true_depth_gives_the_true_pose(rng):
    # Far away, so that perspective within the body is small; 20 degrees right and 11 below.
    pose3d = rng.normal(0, 200, (6, 17, 3)) + np.array([36400, 19400, 100_000])
    pose2d = FOCAL * pose3d[:, :, :2] / pose3d[:, :, 2:] + CENTER
    expected = geometry.center(pose3d, 0)
    rotation = geometry.look_at(pose3d[:, 0])
    turned = expected @ np.swapaxes(rotation, 1, 2)
    depth = turned[:, :, 2] / geometry.scale(turned[:, :, :2], 0)[:, None]
    found = links.LineOfSight(Known(depth.astype('f')), FOCAL, CENTER).lift(pose2d, 0)
    size = np.linalg.norm(expected, axis=(1, 2)) / np.linalg.norm(found, axis=(1, 2))
    np.testing.assert_allclose(found * size[:, None, None], expected, atol=10)
    # Without it the direction of the depth axis is wrong by the angle of the line of sight.
    plain = Known(depth.astype('f')).lift(pose2d, 0)
    size = np.linalg.norm(expected, axis=(1, 2)) / np.linalg.norm(plain, axis=(1, 2))
    assert np.abs(plain * size[:, None, None] - expected).max() > 50


def test_in_the_middle_of_the_image_nothing_changes(rng):
    generator = links.Generator(17, 16, 0.3, rng)
    pose2d = rng.normal(0, 1e-3, (3, 17, 2)) + CENTER
    pose2d[:, 0] = CENTER
    found = links.LineOfSight(generator, FOCAL, CENTER).lift(pose2d, 0)
    np.testing.assert_allclose(found, generator.lift(pose2d, 0), rtol=1e-2, atol=1e-6)


def test_the_root_keeps_its_depth(rng):
    generator = links.Generator(17, 16, 0.3, rng)
    pose2d = rng.normal(0, 50, (3, 17, 2)) + [900, 700]
    found = links.LineOfSight(generator, FOCAL, CENTER).lift(pose2d, 0)
    np.testing.assert_array_equal(found[:, 0, :2], 0)
    assert (found[:, 0, 2] != 0).all()


def test_a_mirrored_pose_is_lifted_as_the_mirror_image(rng):
    lifter = links.Mirrored(links.Generator(17, 16, 0.3, rng), H36M17)
    pose = rng.normal(0, 1, (4, 17, 2)).astype('f')
    order = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13]
    image = pose[:, order] * np.array([-1, 1], 'f')
    np.testing.assert_allclose(lifter(image).array, lifter(pose).array[:, order], rtol=1e-5)
    plain = lifter.network
    mean = (plain(pose).array + plain(image).array[:, order]) / 2
    np.testing.assert_allclose(lifter(pose).array, mean, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('name', ['LHip', 'RWrist'])
def test_the_mirror_of_a_joint_is_on_the_other_side(name):
    other = {'L': 'R', 'R': 'L'}[name[0]] + name[1:]
    assert H36M17.names[H36M17.mirror[H36M17.index(name)]] == other
