import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer import gradient_check

from chainer_pose import functions, geometry
from chainer_pose.skeleton import H36M17, AngleJoints

JOINTS = AngleJoints(nose=0, neck=1, left_shoulder=2, right_shoulder=3)


def person(facing, mirrored=False, dtype=np.float32):
    """Rows and depths of someone whose face points towards (x, z) = facing.

    Facing the camera (0, -1), the left shoulder is on the image's right.
    """
    face = np.array(facing, dtype)
    left = np.array([-face[1], face[0]], dtype)  # a quarter turn from the face
    xz = np.stack([0.2 * face, 0 * face, 0.5 * left, -0.5 * left])
    rows = np.stack([xz[:, 0], np.array([-1.0, -0.8, -0.8, -0.8], dtype)], axis=1).reshape(1, 8)
    return rows, (-xz[:, 1:] if mirrored else xz[:, 1:]).T


def test_rotate_and_project_by_hand():
    rows = np.array([[1.0, 2.0, 3.0, 4.0]] * 3, 'f')
    depth = np.array([[5.0, 6.0]] * 3, 'f')
    angle = np.array([0, np.pi / 2, np.pi], 'f')
    projected = functions.rotate_and_project(rows, depth, angle).array
    np.testing.assert_allclose(projected, [[1, 2, 3, 4], [5, 2, 6, 4], [-1, 2, -3, 4]], atol=1e-5)


def test_rotate_and_project_agrees_with_the_rotation_of_geometry(rng):
    pose = rng.normal(size=(6, 17, 3))
    angle = rng.uniform(-np.pi, np.pi, 6)
    rows = functions.to_rows(pose[:, :, :2])
    projected = functions.rotate_and_project(rows, pose[:, :, 2], angle).array
    turned = geometry.rotate_about_vertical(pose, angle)
    np.testing.assert_allclose(functions.from_rows(projected), turned[:, :, :2])


def test_rows_are_interleaved():
    pose = np.array([[[1, 2], [3, 4]]])
    np.testing.assert_array_equal(functions.to_rows(pose), [[1, 2, 3, 4]])
    np.testing.assert_array_equal(functions.from_rows(functions.to_rows(pose)), pose)


@pytest.mark.parametrize('facing', [(0, -1), (1, 0), (0, 1), (-1, 0)])
def test_a_person_has_sin_beta_one_and_its_mirror_minus_one(facing):
    rows, depth = person(facing)
    assert functions.sin_beta(rows, depth, JOINTS).array == pytest.approx(1, abs=1e-5)
    assert functions.angle_loss(rows, depth, JOINTS).array == 0
    rows, depth = person(facing, mirrored=True)
    assert functions.sin_beta(rows, depth, JOINTS).array == pytest.approx(-1, abs=1e-5)
    assert functions.angle_loss(rows, depth, JOINTS).array == pytest.approx(1, abs=1e-5)


def test_sin_beta_of_a_head_turned_by_60_degrees():
    rows, depth = person((0, -1))
    turned = 0.2 * np.array([np.sin(np.pi / 3), -np.cos(np.pi / 3)])
    rows[0, 0], depth[0, 0] = turned
    assert functions.sin_beta(rows, depth, JOINTS).array == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize('joint', [0, 2])
def test_a_zero_length_vector_has_a_finite_loss_and_gradient(joint):
    rows, depth = person((0, -1), mirrored=True)
    other = joint + 1
    rows = np.tile(rows, (2, 1))
    depth = np.tile(depth, (2, 1))
    rows[0, 2 * joint], depth[0, joint] = rows[0, 2 * other], depth[0, other]
    x, z = chainer.Variable(rows), chainer.Variable(depth)
    loss = functions.angle_loss(x, z, JOINTS)
    assert loss.array == pytest.approx(0.5, abs=1e-5)  # nothing, and a whole mirror
    loss.backward()
    assert np.isfinite(x.grad).all()
    assert np.isfinite(z.grad).all()
    assert not z.grad[0].any()


def test_losses_by_hand():
    real, fake = np.array([[0.0], [np.log(3)]], 'f'), np.array([[0.0], [-np.log(3)]], 'f')
    # -log D: log 2 at logit 0, log(4/3) at log 3; -log(1 - D) the same for the fakes.
    expected = np.log(2) + np.log(4 / 3)
    assert functions.discriminator_loss(real, fake).array == pytest.approx(expected, rel=1e-6)
    # The generator: log 2 at 0, log 4 at -log 3.
    expected = (np.log(2) + np.log(4)) / 2
    assert functions.generator_loss(fake).array == pytest.approx(expected, rel=1e-6)


def test_losses_of_great_logits_are_finite():
    great = np.array([[1e4], [-1e4]], 'f')
    assert np.isfinite(functions.generator_loss(great).array)
    assert np.isfinite(functions.discriminator_loss(great, great).array)


def test_gradient_of_rotate_and_project(rng):
    rows, depth = rng.normal(size=(3, 8)), rng.normal(size=(3, 4))
    angle = rng.uniform(-np.pi, np.pi, 3)
    gradient_check.check_backward(
        lambda x, z: functions.rotate_and_project(x, z, angle),
        (rows, depth),
        rng.normal(size=(3, 8)),
        dtype='d',
    )


def test_gradients_of_the_losses(rng):
    real, fake = rng.normal(size=(5, 1)), rng.normal(size=(5, 1))
    gradient_check.check_backward(functions.generator_loss, fake, None, dtype='d')
    gradient_check.check_backward(functions.discriminator_loss, (real, fake), None, dtype='d')


def test_gradient_of_the_angle_loss(rng):
    joints = H36M17.angle_joints
    rows, depth = rng.normal(size=(40, 34)), rng.normal(size=(40, 17))
    sines = functions.sin_beta(rows, depth, joints).array
    away_from_the_kink = np.abs(sines) > 0.1
    assert (sines[away_from_the_kink] < 0).any()
    assert (sines[away_from_the_kink] > 0).any()
    gradient_check.check_backward(
        lambda x, z: functions.angle_loss(x, z, joints),
        (rows[away_from_the_kink], depth[away_from_the_kink]),
        None,
        dtype='d',
        atol=1e-4,
    )


def test_real_people_satisfy_the_angle_and_their_mirrors_do_not(shared_data):
    from chainer_pose import pose_file

    shares = []
    for split in ('train', 'test'):
        data = pose_file.read(shared_data / 'cmu_rig.h5', split)
        pose = geometry.normalize(data.pose3d, data.skeleton.root)[0]
        rows, joints = functions.to_rows(pose[:, :, :2]), data.skeleton.angle_joints
        for sign in (1, -1):
            sines = functions.sin_beta(rows, sign * pose[:, :, 2], joints).array
            shares.append((sines >= 0).mean())
    assert min(shares[0], shares[2]) > 0.97
    assert max(shares[1], shares[3]) < 0.05


def test_rescaled_poses_are_normalised_as_the_input_is(rng):
    pose = geometry.center(rng.normal(0, 3, (4, 9, 2)).astype('f'), 0)
    rows = functions.rescale(functions.to_rows(pose)).array
    expected = functions.to_rows(geometry.normalize(pose, 0)[0])
    np.testing.assert_allclose(rows, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(
        functions.rescale(3 * functions.to_rows(pose)).array, rows, rtol=1e-3
    )


def test_the_gradient_of_rescale(rng):
    rows = functions.to_rows(geometry.center(rng.normal(size=(3, 5, 2)), 0))
    gradient_check.check_backward(
        functions.rescale, rows, rng.normal(size=rows.shape), dtype='d', atol=1e-4, rtol=1e-3
    )


def test_a_pose_without_size_rescales_to_finite_numbers():
    rows = chainer.Variable(np.zeros((2, 10), 'f'))
    scaled = functions.rescale(rows)
    F.sum(scaled).backward()
    assert np.isfinite(scaled.array).all()
    assert np.isfinite(rows.grad).all()


@pytest.mark.parametrize('pitch', [-0.2, 0.0, 0.25])
def test_a_turn_about_the_vertical_as_a_pitched_camera_sees_it(rng, pitch):
    """The world turned about its vertical, filmed by a camera that looks down by `pitch`."""
    rotation = geometry.camera_rotation(yaw=0.7, pitch=pitch, roll=0)
    world = rng.normal(size=(1, 17, 3))
    angle = 0.9
    turned = np.stack(  # the world's z is up, the image's y down: the other sense of turning
        [
            world[..., 0] * np.cos(angle) + world[..., 1] * np.sin(angle),
            world[..., 1] * np.cos(angle) - world[..., 0] * np.sin(angle),
            world[..., 2],
        ],
        axis=-1,
    )
    matrix = functions.rotations(np.array([angle]), pitch)
    seen = functions.turn(world @ rotation.T, matrix).array
    np.testing.assert_allclose(seen, turned @ rotation.T, atol=1e-12)


def test_rotations_are_rotations_and_turn_back(rng):
    angle, pitch = rng.uniform(-3, 3, 8), rng.uniform(-1, 1, 8)  # an angle a pose will do
    matrix = functions.rotations(angle, pitch)
    eye = np.broadcast_to(np.eye(3), (8, 3, 3))
    np.testing.assert_allclose(F.matmul(matrix, matrix, transb=True).array, eye, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(matrix.array), 1)
    pose = rng.normal(size=(8, 5, 3))
    there_and_back = functions.turn(functions.turn(pose, matrix), matrix, back=True)
    np.testing.assert_allclose(there_and_back.array, pose, atol=1e-12)


def test_gradient_of_the_pitch(rng):
    angle, pose = rng.uniform(-3, 3, 4), rng.normal(size=(4, 5, 3))
    gradient_check.check_backward(
        lambda pitch: functions.turn(pose, functions.rotations(angle, pitch)),
        (np.array(0.2),),
        rng.normal(size=(4, 5, 3)),
        eps=1e-4,
        rtol=1e-4,
    )
