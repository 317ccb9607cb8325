import numpy as np
import pytest

from chainer_pose import functions, geometry
from chainer_pose.datasets import pose_file
from chainer_pose.skeletons import FaceJoints

JOINTS = FaceJoints(nose=0, neck=1, left_shoulder=2, right_shoulder=3)


def person(facing, mirrored=False):
    """Pose and depths of someone whose face points towards (x, z) = facing.

    Facing the camera (0, -1), the left shoulder is on the image's right.
    """
    face = np.array(facing, 'f')
    left = np.array([-face[1], face[0]], 'f')  # a quarter turn from the face
    xz = np.stack([0.2 * face, 0 * face, 0.5 * left, -0.5 * left])
    pose = np.stack([xz[:, 0], np.array([-1.0, -0.8, -0.8, -0.8], 'f')], axis=1)
    return pose[None], (-xz[None, :, 1] if mirrored else xz[None, :, 1])


@pytest.mark.parametrize('facing', [(0, -1), (1, 0), (0, 1), (-1, 0)])
def test_a_person_has_sin_beta_one_and_its_mirror_minus_one(facing):
    for mirrored, sine, loss in ((False, 1, 0), (True, -1, 1)):
        pose, depth = person(facing, mirrored)
        assert functions.sin_beta(pose, depth, JOINTS) == pytest.approx(sine, abs=1e-5)
        assert functions.angle_loss(pose, depth, JOINTS).array == pytest.approx(loss, abs=1e-5)


def test_sin_beta_of_a_head_turned_by_60_degrees():
    pose, depth = person((0, -1))
    pose[0, 0, 0], depth[0, 0] = 0.2 * np.sin(np.pi / 3), -0.2 * np.cos(np.pi / 3)
    assert functions.sin_beta(pose, depth, JOINTS) == pytest.approx(0.5, abs=1e-5)


def test_a_skeleton_without_the_joints_has_no_loss():
    assert functions.angle_loss(*person((0, 1), mirrored=True), None).array == 0


def test_real_people_satisfy_the_angle_and_their_mirrors_do_not(shared_data):
    for split in ('train', 'test'):
        data = pose_file.read(shared_data / 'cmu_rig.h5', split)
        pose = geometry.normalize(data.pose3d, data.skeleton.root)[0]
        xy, depth, joints = pose[:, :, :2], pose[:, :, 2], data.skeleton.face_joints
        assert (functions.sin_beta(xy, depth, joints) >= 0).mean() > 0.97
        assert (functions.sin_beta(xy, -depth, joints) >= 0).mean() < 0.05
