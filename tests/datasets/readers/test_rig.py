import numpy as np
import pytest

from chainer_pose.datasets.readers import rig
from chainer_pose.skeletons import H36M17


def test_the_cameras_look_at_the_middle_with_their_pitch_and_roll():
    cameras = rig.four_cameras()
    assert [camera.name for camera in cameras] == ['54138969', '55011271', '58860488', '60457274']
    for camera, pitch, roll in zip(cameras, (10.7, 12.3, 12.4, 16.0), (1.5, 0.1, -2.6, 3.6)):
        forward, position = camera.R[2], np.asarray(camera.T)
        assert np.degrees(np.arcsin(-forward[2])) == pytest.approx(pitch)
        towards = -position[:2] / np.hypot(*position[:2])
        np.testing.assert_allclose(forward[:2] / np.hypot(*forward[:2]), towards, atol=1e-12)
        # The right axis is level but for the roll.
        sine = -camera.R[0, 2] / np.cos(np.radians(pitch))
        assert np.degrees(np.arcsin(sine)) == pytest.approx(-roll)


def test_a_body_in_the_middle_is_upright_in_the_middle_of_each_image():
    body = np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, 1200.0], [0.0, 0.0, 1700.0]]])
    takes = [rig.Take(body, {})]
    data = rig.film(takes, {}, rig.four_cameras(), name='body', skeleton=H36M17)
    pose2d, pose3d = data.pose2d, data.pose3d
    assert pose2d.shape == (4, 3, 2)
    assert list(data.columns['camera']) == [0, 1, 2, 3]
    assert np.abs(pose2d[:, 1, 0] - 512).max() < 30
    assert ((pose2d[:, 1, 1] > 200) & (pose2d[:, 1, 1] < 500)).all()
    assert (pose2d[:, 2, 1] < pose2d[:, 0, 1] - 200).all()
    assert (pose3d[:, 1, 2] > 3500).all()
