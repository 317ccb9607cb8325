import chainer
import chainer.functions as F
import numpy as np
import pytest

from chainer_pose import datasets, functions, links, terms
from chainer_pose.skeleton import H36M17

N = 4  # poses a batch


def batch_of(pose, angle=None, pitch=None, rescaled=False):
    """What the updater would hand to the terms, of poses (B, J, 3)."""
    angle = np.zeros(len(pose), 'f') if angle is None else angle
    rotation = functions.rotations(angle, pitch)
    pose = chainer.Variable(pose.astype('f'))
    rows = functions.project(pose).array
    turned = functions.turn(pose, rotation)
    logits = chainer.Variable(np.zeros((len(pose.array), 1), 'f'))
    return terms.Turned(rows, pose, rotation, turned, rescaled, logits)


@pytest.fixture
def pose(rng):
    return rng.normal(size=(N, 17, 3)).astype('f')


def test_the_papers_terms_by_hand(pose):
    batch = batch_of(pose)
    assert terms.Adversarial()(batch)['loss'].array == pytest.approx(np.log(2))
    term = terms.Angle(H36M17.angle_joints, 0.5)
    expected = functions.angle_loss(batch.rows, pose[:, :, 2], H36M17.angle_joints).array
    assert term(batch)['angle'].array == pytest.approx(float(expected))
    assert term.weights == {'angle': 0.5}


class Oracle:
    """Lifts rows to the depths of the poses that it was shown, however turned."""

    def __init__(self, turned):
        self.rows = functions.project(turned).array
        self.depth = turned.array[:, :, 2]

    def __call__(self, rows):
        np.testing.assert_allclose(rows.array, self.rows, rtol=1e-5)
        return chainer.Variable(self.depth)


@pytest.mark.parametrize('pitch', [None, 0.3])
def test_consistency_is_zero_for_who_knows_the_depth(rng, pose, pitch):
    batch = batch_of(pose, rng.uniform(-3, 3, N).astype('f'), pitch)
    term = terms.Consistency(Oracle(batch.turned), 10, 1)
    assert term.weights == {'consistency_2d': 10, 'consistency_depth': 1}
    for loss in term(batch).values():
        assert loss.array == pytest.approx(0, abs=1e-10)


def test_consistency_by_hand():
    """One joint at (1, 2, 3), a quarter turn: seen at (3, 2), depth -1; said: 5."""
    batch = batch_of(np.array([[[1.0, 2.0, 3.0]]]), np.array([np.pi / 2], 'f'))
    losses = terms.Consistency(lambda rows: rows[:, :1] * 0 + 5, 10, 1)(batch)
    # Turned back, (3, 2, 5) is at (-5, 2): x is 6 off, y is right.
    assert losses['consistency_2d'].array == pytest.approx(36 / 2, rel=1e-5)
    assert losses['consistency_depth'].array == pytest.approx(36, rel=1e-5)


def test_consistency_of_rescaled_fakes_lifts_them_at_the_size_of_the_real(rng, pose):
    pose = pose - pose[:, :1]
    batch = batch_of(pose, rng.uniform(-3, 3, N).astype('f'), rescaled=True)
    seen = functions.project(batch.turned)
    size = functions.size(seen).array

    def lift(rows):
        np.testing.assert_allclose(functions.size(rows).array, 1, rtol=1e-3)
        return chainer.Variable(batch.turned.array[:, :, 2] / size)

    for loss in terms.Consistency(lift, 1, 1)(batch).values():
        assert loss.array == pytest.approx(0, abs=1e-8)


def test_bone_ratios_by_hand():
    """A chain of three joints with bones of 1 and 3, then of 1 and 1."""
    chain = np.array([[[0, 0, 0], [0, 0, 1], [0, 3, 1]]], 'f')
    ratios = functions.bone_ratios(chain, [(1, 0), (2, 1)]).array
    np.testing.assert_allclose(ratios, [[0.5, 1.5]], rtol=1e-6)
    term = terms.BoneRatios([(1, 0), (2, 1)], 100, momentum=0.1)
    assert term(batch_of(chain))['bones'].array == pytest.approx(0, abs=1e-10)
    even = np.array([[[0, 0, 0], [0, 0, 1], [0, 1, 1]]], 'f')
    # The running mean goes to (0.55, 1.45); the pose's ratios are (1, 1).
    assert term(batch_of(even))['bones'].array == pytest.approx(0.45**2, rel=1e-5)
    np.testing.assert_allclose(term.mean, [0.55, 1.45], rtol=1e-6)


def test_bone_ratios_know_no_size_and_stay_finite_at_length_zero(pose):
    bones = H36M17.bones
    ratios = functions.bone_ratios(pose, bones).array
    np.testing.assert_allclose(functions.bone_ratios(7 * pose, bones).array, ratios, rtol=1e-5)
    still = chainer.Variable(np.zeros_like(pose))
    gradient = chainer.grad([F.sum(functions.bone_ratios(still, bones) ** 2)], [still])[0]
    assert np.isfinite(gradient.array).all()


def test_the_running_mean_of_bones_is_saved(pose):
    term = terms.BoneRatios(H36M17.bones, 100)
    term(batch_of(pose))
    stored = {}
    term.serialize(chainer.serializers.DictionarySerializer(stored))
    other = terms.BoneRatios(H36M17.bones, 100)
    other.serialize(chainer.serializers.NpzDeserializer(stored))
    np.testing.assert_array_equal(other.mean, term.mean)


def test_depth_error_of_labelled_poses(rng):
    generator = links.Generator(3, 8, 0.3, rng)
    labelled = rng.normal(size=(N, 9)).astype('f')
    iterator = datasets.PoseIterator(labelled, N, np.random.default_rng(0))
    term = terms.Depth(generator, iterator, 10)
    depth = generator(labelled[:, :6]).array
    expected = ((depth - labelled[:, 6:]) ** 2).mean()
    assert term(None)['depth'].array == pytest.approx(expected, rel=1e-5)
    assert term.weights == {'depth': 10}
