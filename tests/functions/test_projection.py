import numpy as np
import pytest

from chainer_pose import functions, geometry


def test_rotate_and_project_by_hand():
    pose = np.array([[[1.0, 2.0], [3.0, 4.0]]] * 3, 'f')
    depth = np.array([[5.0, 6.0]] * 3, 'f')
    angle = np.array([0, np.pi / 2, np.pi], 'f')
    projected = functions.rotate_and_project(pose, depth, angle).array
    expected = [[[1, 2], [3, 4]], [[5, 2], [6, 4]], [[-1, 2], [-3, 4]]]
    np.testing.assert_allclose(projected, expected, atol=1e-5)


@pytest.mark.parametrize('pitch', [-0.2, 0.0, 0.25])
def test_rotate_about_the_vertical_of_a_pitched_camera(rng, pitch):
    """The world turned about its vertical, filmed by a camera that looks down by `pitch`."""
    rotation = geometry.camera_rotation(yaw=0.7, pitch=pitch, roll=0)
    x, y, z = world = rng.normal(size=(3, 17))
    angle = 0.9
    cos, sin = np.cos(angle), np.sin(angle)
    turned = np.stack([x * cos + y * sin, y * cos - x * sin, z])  # z is up, the image's y down
    before, after = (rotation @ pose for pose in (world, turned))
    xy, depth = before[:2].T[None], before[2][None]
    found = functions.rotate(xy, depth, np.array([angle]), np.array(pitch))
    back = functions.rotate(*found, np.array([-angle]), np.array(pitch))
    np.testing.assert_allclose(back[0].array, xy, atol=1e-12)
    np.testing.assert_allclose(found[0].array[0], after[:2].T, atol=1e-12)
    np.testing.assert_allclose(found[1].array[0], after[2], atol=1e-12)


def test_rescaled_poses_are_normalized_as_the_input_is(rng):
    pose = geometry.center(rng.normal(0, 3, (4, 9, 2)), 0)
    expected = geometry.normalize(pose, 0)[0]
    np.testing.assert_allclose(functions.rescale(pose).array, expected, rtol=1e-3, atol=1e-3)
