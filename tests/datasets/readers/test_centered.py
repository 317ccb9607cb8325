import dataclasses

import numpy as np
import pytest

from chainer_pose import geometry
from chainer_pose.commands import prepare
from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import centered
from chainer_pose.errors import InputError
from chainer_pose.evaluations import metrics, protocols
from chainer_pose.skeletons import H36M17

CAMERAS = [
    geometry.Camera(np.eye(3), np.zeros(3), np.array([1100.0, 1150.0]), np.array([500.0, 520.0])),
    geometry.Camera(np.eye(3), np.zeros(3), np.array([1300.0, 1200.0]), np.array([480.0, 505.0])),
]


@pytest.fixture
def data(rng):
    """People of 17 joints all over the images of two cameras."""
    place = rng.uniform((-2000, -900, 4000), (2000, 900, 7000), (40, 1, 3))
    pose3d = place + rng.normal(0, 300, (40, 17, 3))
    camera = np.arange(40, dtype=np.int32) % 2
    pose2d = np.stack([CAMERAS[c].project(pose) for c, pose in zip(camera, pose3d)])
    return pose_file.PoseData(
        'people', H36M17, pose2d.astype('f'), pose3d.astype('f'),
        columns={'camera': camera}, names={'camera': ['a', 'b']},
    )  # fmt: skip


def test_look_at_by_hand():
    rays = np.array([[0.0, 0.0, 2.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    rotation = geometry.look_at(rays)
    np.testing.assert_allclose(rotation[0], np.eye(3), atol=1e-15)
    seen = np.einsum('nij,nj->ni', rotation, rays)
    length = np.linalg.norm(rays, axis=1)
    np.testing.assert_allclose(seen, length[:, None] * [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotation), 1)
    np.testing.assert_allclose(rotation[:, 0, 1], 0)  # x' stays level: no roll


def test_turned_poses_are_the_same_poses_seen_along_the_axis(data):
    turned = centered.turn_cameras(data)
    # Only a rotation: distances between joints, and of the person, stay.
    for before, after in zip(data.pose3d, turned.pose3d):
        np.testing.assert_allclose(
            np.linalg.norm(after[:, None] - after, axis=2),
            np.linalg.norm(before[:, None] - before, axis=2),
            atol=0.01,
        )
        np.testing.assert_allclose(np.linalg.norm(after[0]), np.linalg.norm(before[0]), rtol=1e-5)
    np.testing.assert_allclose(turned.pose3d[:, 0, :2], 0, atol=0.02)
    # And the 2D are its projection, by a camera of the same center and square pixels.
    for index, camera in enumerate(CAMERAS):
        of_camera = data.columns['camera'] == index
        pose3d = turned.pose3d[of_camera]
        expected = pose3d[:, :, :2] / pose3d[:, :, 2:] * camera.f.mean() + camera.c
        np.testing.assert_allclose(turned.pose2d[of_camera], expected, atol=0.01)


def test_given_intrinsics_need_no_3d(data):
    of_first = data.select(data.columns['camera'] == 0)
    flat = dataclasses.replace(of_first, pose3d=None)
    given = centered.turn_cameras(flat, CAMERAS[0].f, CAMERAS[0].c)
    np.testing.assert_allclose(given.pose2d, centered.turn_cameras(of_first).pose2d, atol=0.01)
    assert given.pose3d is None


def test_missing_joints_do_not_count(data):
    valid = np.ones((40, 17), bool)
    valid[:, 5] = False
    missing = dataclasses.replace(data, pose2d=data.pose2d.copy(), valid=valid)
    missing.pose2d[:, 5] = 0
    turned, whole = centered.turn_cameras(missing), centered.turn_cameras(data)
    np.testing.assert_allclose(turned.pose2d[:, valid[0]], whole.pose2d[:, valid[0]], atol=0.01)
    assert not turned.pose2d[:, 5].any()


def test_poses_without_the_root_joint_stay(data):
    valid = np.ones((40, 17), bool)
    valid[3, 0] = False
    data.pose2d[3, 0] = np.nan
    missing = dataclasses.replace(data, valid=valid, preparation='of 50 Hz')
    turned, whole = centered.turn_cameras(missing), centered.turn_cameras(data.select(valid[:, 0]))
    np.testing.assert_array_equal(turned.pose2d[3], data.pose2d[3])
    np.testing.assert_array_equal(turned.pose3d[3], data.pose3d[3])
    np.testing.assert_allclose(turned.pose2d[valid[:, 0]], whole.pose2d, atol=0.01)
    assert turned.preparation == 'of 50 Hz, cameras turned onto the root joint'


def test_data_without_intrinsics(data):
    with pytest.raises(InputError, match='people: expected focal and center, or pose3d in mm'):
        centered.turn_cameras(dataclasses.replace(data, pose3d=None))
    relative = dataclasses.replace(data, pose3d=geometry.center(data.pose3d, 0))
    with pytest.raises(InputError, match='root-relative poses cannot be used'):
        centered.turn_cameras(relative)
    with pytest.raises(InputError, match='within 90 degrees of the root'):
        centered.turn_cameras(data, (1.0, 1.0), (500.0, 500.0))
    noisy = data.pose2d + np.random.default_rng(0).normal(0, 5, data.pose2d.shape)
    with pytest.raises(InputError, match=r'found a difference of 5\.2'):
        centered.turn_cameras(dataclasses.replace(data, pose2d=noisy))


def test_the_command(data, refusal, printed, tmp_path):
    pose_file.write(tmp_path / 'people.h5', {'train': data, 'test': data})
    out = tmp_path / 'centered.h5'
    arguments = ('--dataset', tmp_path / 'people.h5', '--out', out)
    assert '40 train, 40 test poses of 17 joints' in printed(prepare, 'centered', *arguments)
    turned = pose_file.read(out, 'test')
    np.testing.assert_allclose(turned.pose2d, centered.turn_cameras(data).pose2d, atol=0.01)
    assert 'turned onto the root' in turned.source
    line = refusal('data/prepare_centered.py', *arguments, '--overwrite', '--focal', 1000, 1000)
    assert line.startswith('prepare_centered.py: --focal 1000 1000: expected both or')


def test_the_real_rig(shared_data):
    """The floor under the paper's protocol, with the true depth: 18.7 mm as it is."""
    data = pose_file.read(shared_data / 'cmu_rig.h5', 'test')
    floors = []
    for seen in (data, centered.turn_cameras(data)):
        xy, _, _ = geometry.normalize(seen.pose2d, 0)
        size = geometry.scale(seen.pose3d[:, :, :2], 0)[:, None, None]
        target = geometry.center(seen.pose3d, 0)
        predicted = np.concatenate([xy * size, target[:, :, 2:]], axis=2)
        floors.append(protocols.by_action(metrics.mpjpe(predicted, target), seen).average)
    assert floors == pytest.approx([18.7, 8.1], abs=0.1)
