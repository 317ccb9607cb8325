import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer import gradient_check

from chainer_pose import functions, geometry


def test_rotate_and_project_by_hand():
    pose = np.array([[[1.0, 2.0], [3.0, 4.0]]] * 3, 'f')
    depth = np.array([[5.0, 6.0]] * 3, 'f')
    angle = np.array([0, np.pi / 2, np.pi], 'f')
    projected = functions.rotate_and_project(pose, depth, angle).array
    expected = [[[1, 2], [3, 4]], [[5, 2], [6, 4]], [[-1, 2], [-3, 4]]]
    np.testing.assert_allclose(projected, expected, atol=1e-5)


def test_rotate_agrees_with_the_rotation_of_geometry(rng):
    pose, angle = rng.normal(size=(6, 17, 3)), rng.uniform(-np.pi, np.pi, 6)
    xy, depth = functions.rotate(pose[:, :, :2], pose[:, :, 2], angle)
    turned = geometry.rotate_about_vertical(pose, angle)
    np.testing.assert_allclose(xy.array, turned[:, :, :2])
    np.testing.assert_allclose(depth.array, turned[:, :, 2])


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


@pytest.mark.parametrize('used', [slice(0, 2), slice(0, 1), slice(1, 2)])
@pytest.mark.parametrize('pitch', [(), (np.array(0.2),)])
def test_gradients_of_rotate(rng, pitch, used):
    """Of a loss that uses both of its outputs, or one."""
    arrays = rng.normal(size=(3, 4, 2)), rng.normal(size=(3, 4)), *pitch
    angle = rng.uniform(-np.pi, np.pi, 3)
    gradient_check.check_backward(
        lambda xy, depth, *pitch: functions.rotate(xy, depth, angle, *pitch)[used],
        arrays,
        tuple(rng.normal(size=array.shape) for array in arrays[:2][used]),
        dtype='d',
        atol=1e-4,
    )


def test_rescaled_poses_are_normalized_as_the_input_is(rng):
    pose = geometry.center(rng.normal(0, 3, (4, 9, 2)), 0)
    rescaled = functions.rescale(pose).array
    np.testing.assert_allclose(rescaled, geometry.normalize(pose, 0)[0], rtol=1e-3, atol=1e-3)
    gradient_check.check_backward(
        functions.rescale, pose, rng.normal(size=pose.shape), dtype='d', atol=1e-4, rtol=1e-3
    )


def test_a_degenerate_pose_rescales_to_finite_numbers():
    pose = chainer.Variable(np.zeros((2, 5, 2), 'f'))
    scaled = functions.rescale(pose)
    F.sum(scaled).backward()
    assert np.isfinite(scaled.array).all()
    assert np.isfinite(pose.grad).all()
