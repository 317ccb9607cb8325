import numpy as np
import pytest

from chainer_pose.errors import InputError
from chainer_pose.inference import scale as scaling
from chainer_pose.skeletons import H36M17, Skeleton

DUO = Skeleton('duo', ('Hip', 'LHand', 'RHand'), (-1, 0, 0))


def test_the_height_gives_millimetres(synthetic_splits):
    """A body of the published proportions comes out at its own height."""
    data = synthetic_splits['test']
    chosen = data.select(slice(None, None, 400))
    tall = np.array([float(name[:3]) * 10 for name in data.names['subject']])
    height = tall[chosen.columns['subject']]
    pixels = (chosen.pose3d - chosen.pose3d[:, :1]) / 3.7
    factor = scaling.by_height(H36M17, 1000)(pixels) * height / 1000
    np.testing.assert_allclose(factor, 3.7, rtol=0.1)  # bones are up to 5 % off
    assert factor.mean() == pytest.approx(3.7, rel=0.04)


def test_a_pose_without_size_has_no_scale():
    for factor in (
        scaling.by_height(H36M17, 1700),
        scaling.by_bone(H36M17, 'Hip', 'Head', 600),
    ):
        assert np.isnan(factor(np.zeros((1, 17, 3)))).all()


def test_joints_that_are_missing_are_named():
    with pytest.raises(InputError, match=r'height: expected the joint LHip, found none .* duo'):
        scaling.by_height(DUO, 1700)
    with pytest.raises(InputError, match='bone_length: expected the joint LFoot'):
        scaling.by_bone(DUO, 'Hip', 'LFoot', 400)
