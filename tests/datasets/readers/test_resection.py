import numpy as np
import pytest
import trees

from chainer_pose.datasets.readers import resection, rig
from chainer_pose.errors import InputError


@pytest.fixture
def room(rng):
    """Points where people are in the laboratory, world mm."""
    return rng.uniform([-1500, -1500, 0], [1500, 1500, 1900], (2000, 3))


@pytest.mark.parametrize('camera', rig.four_cameras(), ids=lambda camera: camera.name)
def test_the_camera_is_found_to_a_thousandth_of_a_millimetre(camera, room):
    pixels = trees.project(camera, room).astype(np.float32)
    found = resection.resect(room.astype(np.float32), pixels, camera.name)
    np.testing.assert_allclose(found.T, camera.T, atol=1e-3)
    np.testing.assert_allclose(found.f, camera.f, atol=1e-3)
    np.testing.assert_allclose(found.c, camera.c, atol=1e-3)
    np.testing.assert_allclose(found.k, camera.k, atol=1e-4)
    np.testing.assert_allclose(found.p, camera.p, atol=1e-6)
    seen, expected = found.world_to_camera(room), camera.world_to_camera(room)
    np.testing.assert_allclose(seen, expected, atol=2e-3)


def test_pixels_or_points_that_determine_no_camera(room, rng):
    camera = rig.four_cameras()[0]
    pixels = trees.project(camera, room)
    noise = rng.normal(0, 2, pixels.shape)
    near = room[:12] * 0.02 + [0, 0, 1000]
    for points, image, message in (
        (room, pixels + noise, r'difference of .* px'),
        (room, pixels * [-1, 1], r'mirror image|difference'),
        (room[:5], pixels[:5], 'span a room'),
        (room * [1, 1, 0], trees.project(camera, room * [1, 1, 0]), 'span a room'),
        (near, trees.project(camera, near).astype(np.float32), 'determine the camera|difference'),
    ):
        with pytest.raises(InputError, match=f'camera a: .*({message})'):
            resection.resect(points, image, 'a')
