import chainer
import numpy as np
import pytest

import chainer_pose
from chainer_pose import functions, geometry, links, skeletons
from chainer_pose.datasets import pose_file
from chainer_pose.datasets.imputation import Moments
from chainer_pose.errors import InputError
from chainer_pose.evaluations import protocols
from chainer_pose.inference import lifter
from chainer_pose.inference import weights as weights_file
from chainer_pose.inference.pretrained import DEFAULT, pretrained_path
from chainer_pose.skeletons import H36M17

COCO = skeletons.get('coco17')


@pytest.fixture
def known(rng):
    prior = Moments().add(rng.normal(size=(200, 17, 2))).prior()
    return lifter.Lifter(links.Generator(17, 32, 0.3, rng), H36M17, prior)


@pytest.fixture
def poses(rng):
    return rng.normal(400, 90, (5, 17, 2)).astype('f')


def test_three_lines():
    lift = chainer_pose.load_lifter('cmu')
    pose3d = lift(np.random.default_rng(0).normal(size=(2, 17, 2)))
    assert pose3d.shape == (2, 17, 3)
    with pytest.raises(AttributeError, match='nothing'):
        _ = chainer_pose.nothing


def test_xy_is_the_input_about_the_root_and_z_the_generators(known, poses):
    pose3d = known(poses)
    centered = geometry.center(poses, 0)
    np.testing.assert_allclose(pose3d[:, :, :2], centered, atol=1e-3)
    assert not pose3d[:, 0].any()
    size = geometry.scale(poses, 0)
    depth = known.generator((centered / size[:, None, None]).astype('f')).array
    np.testing.assert_allclose(
        pose3d[:, :, 2], (depth - depth[:, :1]) * size[:, None], rtol=1e-4, atol=1e-3
    )


def test_one_pose_or_several_and_any_batch(known, poses):
    every = known(poses)
    assert known(poses[2]).shape == (17, 3)
    np.testing.assert_allclose(known(poses[2]), every[2], rtol=1e-4, atol=1e-3)
    for batchsize in (1, 2, 100):
        pose3d = known.lift(poses, batchsize=batchsize).pose3d
        np.testing.assert_allclose(pose3d, every, rtol=1e-4, atol=1e-3)
    assert known(poses[:0]).shape == (0, 17, 3)


def test_a_camera_s_roll_is_undone_and_put_back(known, poses):
    roll = np.radians([0, 10, -26, 90, 180])
    lifted = known.lift(geometry.rotate_in_image(poses, roll), roll=roll)
    expected = known.lift(poses)
    np.testing.assert_allclose(lifted.sin_beta, expected.sin_beta, atol=1e-4)
    for found, upright in zip(lifted[:2], expected[:2]):
        np.testing.assert_allclose(found[:, :, 2:], upright[:, :, 2:], atol=0.01)
        x, y = upright[3, :, :2].T  # at 90 degrees what was up is at the right
        np.testing.assert_allclose(found[3, :, :2], np.stack([-y, x], axis=1), atol=0.01)


def test_place_and_size_in_the_image_do_not_matter(known, poses):
    np.testing.assert_allclose(known(poses * 3 + [50, 7]), known(poses) * 3, rtol=1e-3, atol=0.05)


def test_nan_and_there_mark_what_was_not_seen(known, poses):
    visible = np.ones((5, 17), bool)
    visible[1, 4] = False
    holed = poses.copy()
    holed[1, 4] = np.nan
    lifted = known.lift(holed)
    assert np.argwhere(lifted.imputed).tolist() == [[1, 4]]
    assert lifted.lifted.all()
    wild = poses.copy()
    wild[1, 4] = 1e9
    np.testing.assert_array_equal(known(wild, visible), lifted.pose3d)
    np.testing.assert_array_equal(known(wild[1], visible[1]), known(holed[1]))


def test_what_cannot_be_lifted_is_nan(known, poses):
    poses[0] = 7  # no size
    poses[1, 3:] = np.nan  # too few joints
    lifted = known.lift(poses)
    assert lifted.lifted.tolist() == [False, False, True, True, True]
    assert np.isnan(lifted.pose3d[:2]).all()
    assert np.isnan(lifted.sin_beta[:2]).all()
    assert np.isfinite(lifted.sin_beta[2:]).all()
    bare = lifter.Lifter(known.generator, H36M17)  # without a prior
    poses[2, 4] = np.nan
    assert bare.lift(poses).lifted.tolist() == [False, False, False, True, True]


def test_other_joints_are_converted(known, poses):
    by_name = known(poses, skeleton='coco17')
    completed = COCO.add_virtual_joints(poses, np.ones((5, 17), bool))[0]
    np.testing.assert_array_equal(known(completed, skeleton=COCO), by_name)
    knee = H36M17.index('LKnee'), COCO.index('LKnee')
    hips = poses[:, [COCO.index('LHip'), COCO.index('RHip')]].mean(axis=1)
    np.testing.assert_allclose(
        by_name[:, knee[0], :2], poses[:, knee[1]] - hips, rtol=1e-4, atol=1e-3
    )


def test_sin_beta_tells_the_mirror_image(known, poses):
    lifted = known.lift(poses)
    expected = functions.sin_beta(lifted.pose2d, lifted.pose3d[:, :, 2], H36M17.face_joints)
    np.testing.assert_allclose(lifted.sin_beta, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ('pose2d', 'more', 'message'),
    [
        (np.zeros((5, 16, 2)), {}, r'shape \(N, 17, 2\) for h36m17, got \(5, 16, 2\)'),
        (np.zeros((5, 17, 2)), {'visible': np.ones((5, 16))}, r'visible of shape \(5, 17\)'),
        (np.full((5, 17, 2), np.inf), {}, 'an infinite one'),
    ],
)
def test_what_does_not_fit_is_refused(known, pose2d, more, message):
    with pytest.raises(ValueError, match=message):
        known(pose2d, **more)


def test_the_pretrained_weights_are_small_and_name_their_joints():
    path = pretrained_path(DEFAULT)
    assert path.stat().st_size < 5e6
    with np.load(path) as file:
        assert (file['l2/W'].dtype, file['l2/W'].shape) == (np.float16, (1024, 1024))
    known = lifter.load_lifter()
    assert known.skeleton == skeletons.get('cmu17')
    assert known.prior is not None


def test_the_pretrained_weights_lift_real_people(shared_data):
    """Better than z = 0 by a third: what the card claims, to be noticed if it breaks."""
    data = pose_file.read(shared_data / 'cmu_rig.h5', 'test').select(slice(None, None, 20))
    chosen = ('mpjpe',)
    learned = protocols.evaluate(lifter.load_lifter('cmu').generator, data, chosen)
    flat = protocols.evaluate(links.ZeroDepth(), data, chosen)
    assert learned.scores['mpjpe'].average < 0.66 * flat.scores['mpjpe'].average


def test_a_file_named_as_pretrained_weights_comes_first(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    with open('cmu', 'wb') as file:
        np.savez(file, **chainer.serializers.npz.serialize(links.Generator(17, 8, 0.1, rng)))
    assert lifter.load_lifter('cmu').generator.l1.b.size == 8
    assert lifter.load_lifter('cmu').skeleton == H36M17  # as those of the authors' code
    with pytest.raises(InputError, match='cmu: expected weights for the 19 joints of coco17'):
        lifter.load_lifter('cmu', 'coco17')


def test_a_run_directory_loads_with_its_prior(tmp_path, known):
    arrays = chainer.serializers.npz.serialize(known.generator)
    for name in ('gen_3', 'gen_20', 'gen_best'):
        weights_file.write_generator(tmp_path / f'{name}.npz', arrays, H36M17, known.prior)
    loaded = lifter.load_lifter(tmp_path)
    assert loaded.weights == tmp_path / 'gen_best.npz'
    assert lifter.load_lifter(tmp_path, last=True).weights == tmp_path / 'gen_20.npz'
    np.testing.assert_array_equal(loaded.prior.covariance, known.prior.covariance)
    broken = {**weights_file.read_arrays(tmp_path / 'gen_3.npz'), 'prior/mean': np.zeros(3)}
    np.savez(tmp_path / 'gen_3.npz', **broken)
    with pytest.raises(InputError, match=r'prior/mean of floats of shape \(34,\)'):
        lifter.load_lifter(tmp_path / 'gen_3.npz')
