import dataclasses

import chainer
import numpy as np
import pytest

from chainer_pose import links
from chainer_pose.datasets import PoseData, pose_file
from chainer_pose.errors import InputError
from chainer_pose.evaluations import pck, protocols
from chainer_pose.skeletons import MPII16, Skeleton

TRIO = Skeleton('trio', ('Hip', 'Head', 'Hand'), (-1, 0, 1))
# Root at (100, 50, 4000); the others 300 right and 400 down, and 0 right, 500 up.
TARGET = np.array([[[100, 50, 4000], [400, 450, 4120], [100, -450, 3940]]], 'f')


class Depths(links.LiftingLink):
    """A generator of given depths."""

    def __init__(self, depth):
        super().__init__()
        self.depth = np.asarray(depth, 'f')

    def forward(self, pose):
        return chainer.Variable(np.tile(self.depth, (len(pose), 1)))


@pytest.fixture
def trio():
    # The orthographic view, at a tenth of a pixel a millimetre.
    return PoseData('trio', TRIO, TARGET[:, :, :2] / 10, TARGET)


def test_kudo_by_hand(trio):
    # The pose's size is 500 mm, so true depths 120 and -60 mm are .24 and -.12.
    perfect = protocols.evaluate(Depths([0, 0.24, -0.12]), trio)
    assert perfect.scores['kudo'].average == pytest.approx(0, abs=1e-3)
    # A root that is 0.3 too deep counts: 150 mm over three joints.
    root = protocols.evaluate(Depths([0.3, 0.24, -0.12]), trio, protocols.PROTOCOLS)
    assert root.scores['kudo'].average == pytest.approx(50, abs=1e-3)
    # Moved to its root, the two others are 150 mm off instead.
    assert root.scores['mpjpe'].average == pytest.approx(100, abs=1e-3)
    zero = protocols.evaluate(links.ZeroDepth(), trio)
    assert zero.scores['kudo'].average == pytest.approx((120 + 60) / 3, abs=1e-3)


def test_depth_flip_rate_by_hand(trio):
    for network, rate in (
        (Depths([0, 0.24, -0.12]), 0), (Depths([0, -0.24, 0.12]), 1), (links.ZeroDepth(), 0),
    ):  # fmt: skip
        assert protocols.evaluate(network, trio).depth_flip_rate == rate


def test_actions_have_the_same_weight_whatever_their_frames(trio):
    data = trio.select(np.zeros(4, int))
    data.columns = {'action': np.array([2, 0, 0, 0])}
    data.names = {'action': ['sit', 'unseen', 'run']}
    score = protocols.by_action(np.array([10.0, 1, 2, 3]), data)
    assert score.actions == {'sit': 2.0, 'run': 10.0}  # the file's order, no empty action
    assert score.average == 6
    assert score.frame_average == 4
    # Without actions all poses are one.
    assert protocols.by_action(np.array([4.0]), trio).actions == {'all': 4.0}


def test_the_batch_size_changes_nothing_and_progress_is_reported(small_splits, rng):
    data, done = small_splits['test'], []
    network = links.Generator(17, 32, 0.2, rng)
    whole = protocols.evaluate(network, data, protocols.PROTOCOLS, len(data))
    parts = protocols.evaluate(
        network, data, protocols.PROTOCOLS, 50, lambda *found: done.append(found[:2])
    )
    for name, score in whole.scores.items():
        assert parts.scores[name].average == pytest.approx(score.average, rel=1e-5)
    assert done == [(50, 120), (100, 120), (120, 120)]


def test_poses_with_missing_joints_are_counted_out(small_splits):
    data = small_splits['test'].select(np.arange(50))
    data.valid = np.ones((50, 17), bool)
    data.valid[:5, 3] = False
    data.pose2d[:5, 3] = np.nan
    result = protocols.evaluate(links.ZeroDepth(), data)
    assert (result.n_poses, result.n_left_out) == (45, 5)
    assert np.isfinite(result.scores['kudo'].average)


def test_data_without_3d_in_mm_or_poses_cannot_be_measured_on(flat_data, trio):
    pixels = dataclasses.replace(trio, units_3d='px')
    for data, message in (
        (flat_data, '2D only'), (trio.select(np.zeros(0, int)), 'found none among 0'),
        (pixels, 'expected pose3d in mm, found px'),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            protocols.evaluate(links.ZeroDepth(), data)
    flat_data.skeleton = MPII16
    with pytest.raises(InputError, match='protocol pck: expected the 17 joints'):
        pck.evaluate_pck(links.ZeroDepth(), flat_data)


def test_zero_depth_on_the_real_rig(shared_data):
    data = pose_file.read(shared_data / 'cmu_rig.h5', 'test')
    score = protocols.evaluate(links.ZeroDepth(), data).scores['kudo']
    assert score.average == pytest.approx(127.2, abs=0.1)
    assert list(score.actions) == [
        'basketball', 'jumping', 'running', 'soccer', 'walking', 'washwindow',
    ]  # fmt: skip


def test_pck_by_hand(small_splits):
    """Zero depth is right for joints in the root's plane; one moved joint is counted."""
    data = small_splits['test'].select(np.arange(4))
    data.pose2d[:] = [[0.0, 0.0], *[[100.0, 50.0]] * 16]
    data.pose3d = np.concatenate([data.pose2d, np.full((4, 17, 1), 3000)], axis=2).astype('f')
    names = data.skeleton.names
    data.pose3d[0, names.index('LWrist'), 2] += 152  # over 150 mm
    data.pose3d[1, names.index('Spine'), 2] += 149  # under, and not among the 14
    data.columns = {'action': np.array([0, 0, 1, 1]), 'camera': np.array([0, 1, 1, 1])}
    result = pck.evaluate_pck(links.ZeroDepth(), data)
    assert (result.n_poses, result.n_left_out) == (4, 0)
    at = {(score.by, score.name): score for score in result.scores}
    everything = at['all', 'all']
    assert everything.pck14 == pytest.approx(100 * (1 - 1 / (4 * 14)))
    assert everything.pck17 == pytest.approx(100 * (1 - 1 / (4 * 17)))
    # No joint is nearer than 0 mm: of 31 thresholds 30 count the right ones, one the Spine.
    assert everything.auc14 == pytest.approx(100 * 30 / 31 * (1 - 1 / (4 * 14)))
    assert everything.auc17 == pytest.approx(100 * (66 * 30 + 1) / (4 * 17 * 31))
    assert at['action', data.names['action'][0]].pck14 == pytest.approx(100 * (1 - 1 / 28))
    assert at['camera', data.names['camera'][1]].n_poses == 3
    assert at['joint', 'LWrist'].pck17 == at['joint', 'LWrist'].pck14 == 75
    assert (at['joint', 'Spine'].pck14, at['joint', 'Spine'].pck17) == (None, 100)
    assert sum(score.by == 'joint' for score in result.scores) == 17


def test_pck_of_the_depth_alone_by_hand(small_splits):
    """As the authors' bin/eval_pck.py: |z - true z| < 150 mm, the root's z not subtracted."""
    data = small_splits['test'].select(np.arange(1))
    data.pose3d[:] = [[0, 0, 3000.0], *[[500, 0, 3000]] * 16]
    data.pose2d[:] = [[0, 0], *[[0, 1.0]] * 16]  # x and y are all wrong
    depth = np.zeros(17)
    for joint, error in (('Hip', 200), ('LWrist', 149), ('RWrist', -151), ('Spine', 151)):
        depth[data.skeleton.index(joint)] = error / 500  # 500 mm are 1
    everything, *_ = pck.evaluate_pck(Depths(depth), data, depth_only=True).scores
    assert everything.pck14 == pytest.approx(100 * 13 / 14)
    assert everything.pck17 == pytest.approx(100 * 14 / 17)
    assert pck.evaluate_pck(Depths(depth), data).scores[0].pck14 == 0
