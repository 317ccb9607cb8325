import numpy as np
import pytest

from chainer_pose import geometry


def test_normalize_by_hand():
    pose = np.array([[[1.0, 1.0], [4.0, 5.0], [1.0, 2.0]]])
    normalized, origin, size = geometry.normalize(pose, 0)
    np.testing.assert_allclose(normalized, [[[0, 0], [1, 4 / 3], [0, 1 / 3]]])
    np.testing.assert_allclose(origin, [[[1, 1]]])
    np.testing.assert_allclose(size, [[[3]]])


@pytest.mark.parametrize('dimensions', [2, 3])
def test_normalize_keeps_what_inverts_it(rng, dimensions):
    pose = rng.normal(300, 80, (9, 17, dimensions))
    normalized, origin, size = geometry.normalize(pose, 4)
    np.testing.assert_allclose(normalized * size + origin, pose)
    np.testing.assert_allclose(geometry.scale(normalized, 4), 1)


def test_a_pose_without_size_stays_finite():
    pose = np.full((1, 5, 2), 7.0)
    normalized, origin, size = geometry.normalize(pose, 0)
    assert not normalized.any()
    np.testing.assert_array_equal(normalized * size + origin, pose)


def test_each_pose_turns_by_its_own_angle():
    poses = np.array([[[1.0, 2.0, 3.0]]] * 3)
    turned = geometry.rotate_about_vertical(poses, np.array([0.0, np.pi, np.pi / 6]))
    half, root = 0.5, np.sqrt(3) / 2
    np.testing.assert_allclose(
        turned[:, 0],
        [[1, 2, 3], [-1, 2, -3], [root + 3 * half, 2, 3 * root - half]],
        atol=1e-12,
    )


def level_camera(**changes):
    # At the world's origin, looking along x: its right is the world's -y.
    values = {'R': geometry.camera_rotation(0, 0, 0), 'T': (0, 0, 0), 'f': (1000, 2000),
              'c': (500, 400)}  # fmt: skip
    return geometry.Camera(**{**values, **changes})


def test_a_level_camera_sees_by_hand():
    seen = level_camera().world_to_camera(np.array([[10.0, 2.0, 3.0]]))
    np.testing.assert_allclose(seen, [[-2, -3, 10]])
    np.testing.assert_allclose(level_camera().project(seen), [[300, -200]])


def test_a_camera_that_looks_down_sees_the_floor_ahead_in_its_middle():
    camera = level_camera(R=geometry.camera_rotation(0, np.pi / 4, 0), T=(0.0, 0.0, 1000.0))
    seen = camera.world_to_camera(np.array([1000.0, 0, 0]))
    np.testing.assert_allclose(seen, [0, 0, 1000 * np.sqrt(2)], atol=1e-9)


def test_yaw_turns_the_camera_and_roll_turns_its_image():
    camera = level_camera(R=geometry.camera_rotation(np.pi / 2, 0, 0))
    np.testing.assert_allclose(
        camera.world_to_camera(np.array([0, 10.0, 0])), [0, 0, 10], atol=1e-12
    )
    rolled = level_camera(R=geometry.camera_rotation(0, 0, np.radians(90)))
    # What was up in the image lies to the right after a clockwise quarter turn.
    np.testing.assert_allclose(
        rolled.world_to_camera(np.array([10.0, 0, 1])), [1, 0, 10], atol=1e-12
    )


def test_distortion_by_hand():
    camera = level_camera(f=(1, 1), c=(0, 0), k=(0.1, 0.01, 0.001), p=(0.02, 0.03))
    # x = 1, y = 2, r2 = 5: radial 1 + .5 + .25 + .125, tangential .02 * 2 + .03 * 1
    factor = 1.875 + 0.07
    expected = [[factor + 0.03 * 5, 2 * factor + 0.02 * 5]]
    np.testing.assert_allclose(camera.project(np.array([[2.0, 4.0, 2.0]])), expected)
