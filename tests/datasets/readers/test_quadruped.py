import numpy as np
import pytest

from chainer_pose import skeletons
from chainer_pose.datasets.readers import quadruped
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SKELETON = skeletons.get(ROOT / 'examples' / 'skeletons' / 'quadruped.json')


@pytest.fixture(scope='module')
def splits():
    return quadruped.make(SKELETON)


def test_the_data_set(splits):
    assert {split: len(data) for split, data in splits.items()} == {'train': 61440, 'test': 12800}
    data = splits['test']
    assert data.names['action'] == list(quadruped.ACTIONS)
    assert np.isfinite(data.pose2d).all()
    assert (data.pose3d[:, :, 2] > 0).all()
    assert set(splits['train'].columns['subject']).isdisjoint(data.columns['subject'])


def test_the_same_seed_gives_the_same_animal(splits):
    again = quadruped.make(SKELETON)['test']
    np.testing.assert_array_equal(again.pose2d, splits['test'].pose2d)
    other = quadruped.make(SKELETON, seed=1)['test']
    assert not np.array_equal(other.pose2d, again.pose2d)


def test_bones_keep_their_lengths_within_a_clip(splits):
    data = splits['test'].select(splits['test'].columns['clip'] == 3)
    for side in 'LR':
        for a, b in (('Shoulder', 'Carpus'), ('Carpus', 'ForeHoof'), ('Hock', 'HindHoof')):
            ends = [data.pose3d[:, SKELETON.index(side + name)] for name in (a, b)]
            length = np.linalg.norm(ends[0] - ends[1], axis=1)
            assert np.ptp(length) < 0.5  # mm


def test_it_stands_on_its_hooves_with_left_on_its_left():
    sizes = {name: share * 1200 for name, share in quadruped.PROPORTIONS.items()}
    at = quadruped.draw_take('walk', sizes | {'trunk': 1200.0}, np.random.default_rng(3))
    lowest = np.min([place[:, 2] for place in at.values()], axis=0)
    np.testing.assert_allclose(lowest, 0, atol=1e-6)
    hooves = [at[side + end][:, 2] for side in 'LR' for end in ('ForeHoof', 'HindHoof')]
    assert np.max(hooves) < at['Withers'][:, 2].min()
    ahead = at['Withers'] - at['Pelvis']
    to_left = at['LHip'] - at['RHip']
    assert (ahead[:, 0] * to_left[:, 1] - ahead[:, 1] * to_left[:, 0] > 0).all()
