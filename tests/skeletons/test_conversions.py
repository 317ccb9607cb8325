import numpy as np
import pytest

from chainer_pose import skeletons
from chainer_pose.datasets import PoseData, select_joints
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17, MPII16, Skeleton, convert
from tests.conftest import ROOT

COCO, MPII17, CMU17 = map(skeletons.get, ('coco17', 'mpii17', 'cmu17'))


def upright(known):
    """A person in pixels by the names of the joints, and which were seen."""
    places = {
        'Nose': (100, 40), 'LEye': (104, 36), 'REye': (96, 36), 'LEar': (108, 38),
        'REar': (92, 38), 'HeadTop': (100, 10), 'Head': (100, 10), 'UpperNeck': (100, 58),
        'Shoulder': (20, 70), 'Elbow': (28, 110), 'Wrist': (30, 150), 'Hip': (14, 160),
        'Knee': (15, 220), 'Ankle': (15, 280), 'Foot': (15, 280), 'Pelvis': (100, 160),
        'Neck': (100, 70), 'MidHip': (100, 160), 'Thorax': (100, 70),
    }  # fmt: skip
    pose = np.zeros((1, len(known), 2))
    for j, name in enumerate(known.names):
        if name in places and name != 'Hip':
            pose[0, j] = places[name]
        elif name[1:] in places:
            x, y = places[name[1:]]
            pose[0, j] = 100 + (x if name[0] == 'L' else -x), y
    detected = list(known.detected)
    return known.add_virtual_joints(pose[:, detected], np.ones((1, len(detected)), bool))


def at(pose, known):
    return {name: pose[0, j].tolist() for j, name in enumerate(known.names)}


def test_coco_to_human36m_by_hand():
    pose, visible = convert(*upright(COCO), COCO, H36M17)
    assert visible.all()
    found = at(pose, H36M17)
    assert found['Hip'] == [100, 160]
    assert found['Thorax'] == [100, 70]
    assert found['Spine'] == [100, 115]
    assert found['Neck/Nose'] == [100, 40]
    # From the shoulders (70) over the ears (38) to the top: .182 / .118 as far.
    assert found['Head'] == pytest.approx([100, 70 - 32 * 0.182 / 0.118])
    assert found['LFoot'] == [115, 280]
    assert found['RWrist'] == [70, 150]


@pytest.mark.parametrize('target', [H36M17, MPII17, CMU17, COCO], ids=lambda known: known.name)
def test_every_detector_gives_the_same_person(target):
    expected, _ = convert(*upright(COCO), COCO, target)
    for source in map(skeletons.get, ('openpose18', 'openpose_body25')):
        found, visible = convert(*upright(source), source, target)
        assert visible.all()
        np.testing.assert_allclose(found, expected)


def test_without_ears_the_eyes_give_the_head_then_the_nose():
    pose, visible = upright(COCO)
    for missing, face in (((), 38), (('LEar',), 36), (('LEar', 'REye'), 40)):
        seen = visible.copy()
        seen[0, [COCO.index(name) for name in missing]] = False
        found, _ = convert(pose, seen, COCO, H36M17)
        assert at(found, H36M17)['Head'][1] == pytest.approx(70 - (70 - face) * 0.182 / 0.118)


@pytest.mark.parametrize(
    ('unseen', 'unknown'),
    [
        (['LHip'], {'LHip', 'Hip', 'Spine'}),
        (['Nose', 'LEye', 'REye', 'LEar', 'REar'], {'Neck/Nose', 'Head'}),
    ],
)
def test_what_is_not_seen_stays_unknown(unseen, unknown):
    pose, visible = upright(COCO)
    visible[0, [COCO.index(name) for name in unseen]] = False
    _, known = convert(*COCO.add_virtual_joints(pose, visible), COCO, H36M17)
    assert {H36M17.names[j] for j in np.flatnonzero(~known[0])} == unknown


@pytest.mark.parametrize('source', ['coco17', 'aic14'])
def test_a_nose_that_nobody_saw_is_placed_but_not_seen(source):
    """Else every pose without a face would count as one that looks ahead."""
    source = skeletons.get(source)
    pose, visible = upright(source)
    visible[0, [j for j, name in enumerate(source.names) if name == 'Nose']] = False
    found, seen = convert(pose, visible, source, H36M17)
    assert [H36M17.names[j] for j in np.flatnonzero(~seen[0])] == ['Neck/Nose']
    assert np.isfinite(found).all()


def test_mpiis_joints_in_human36ms_order():
    pose, _ = convert(*upright(MPII16), MPII16, MPII17)
    found = at(pose, MPII17)
    assert found['Spine'] == [100, 70]
    assert found['Thorax'] == [100, 58]
    assert found['Head'] == [100, 10]
    assert found['Neck/Nose'] == [100, 34]


def test_the_arrangements_differ_and_other_skeletons_of_their_joints_are_left_alone(rng):
    pose, visible = rng.normal(size=(3, 17, 2)), np.ones((3, 17), bool)
    other = Skeleton('mine', H36M17.names, H36M17.parents)
    for source, target in ((other, CMU17), (CMU17, other), (CMU17, CMU17)):
        assert convert(pose, visible, source, target)[0] is pose
    moved, _ = convert(pose, visible, CMU17, MPII17)
    limbs = [H36M17.index(side + name) for side in 'LR' for name in ('Knee', 'Wrist', 'Hip')]
    np.testing.assert_array_equal(moved[:, limbs], pose[:, limbs])
    hips = pose[:, [H36M17.index('LHip'), H36M17.index('RHip')]].mean(axis=1)
    np.testing.assert_allclose(moved[:, H36M17.root], hips)
    assert not np.allclose(moved[:, H36M17.index('Spine')], pose[:, H36M17.index('Spine')])


def test_an_animal_has_no_joints_of_a_person():
    quadruped = skeletons.get(ROOT / 'examples' / 'skeletons' / 'quadruped.json')
    pose = np.zeros((1, len(quadruped), 2))
    with pytest.raises(InputError, match=r'quadruped: expected the joints of a person.*Withers'):
        convert(pose, np.ones(pose.shape[:2], bool), quadruped, H36M17)


def test_select_joints_takes_2d_and_3d_by_name(rng):
    limbs = skeletons.get(ROOT / 'examples' / 'skeletons' / 'limbs12.json')
    pose2d = rng.normal(size=(4, 17, 2)).astype('f')
    pose3d = rng.normal(size=(4, 17, 3)).astype('f')
    valid, imputed = np.ones((4, 17), bool), np.zeros((4, 17), bool)
    valid[1, H36M17.index('LHip')] = valid[2, H36M17.index('Head')] = False
    imputed[1, H36M17.index('LHip')] = True
    data = PoseData('d', H36M17, pose2d, pose3d, valid, imputed)
    chosen = select_joints(data, limbs)
    assert chosen.skeleton == limbs
    assert chosen.preparation == '14 joints of limbs12'
    assert select_joints(data, H36M17).preparation == ''
    knee = limbs.index('RKnee'), H36M17.index('RKnee')
    np.testing.assert_array_equal(chosen.pose2d[:, knee[0]], pose2d[:, knee[1]])
    np.testing.assert_array_equal(chosen.pose3d[:, knee[0]], pose3d[:, knee[1]])
    hips = [H36M17.index('LHip'), H36M17.index('RHip')]
    np.testing.assert_allclose(
        chosen.pose3d[:, limbs.root], pose3d[:, hips].mean(axis=1), rtol=1e-6
    )
    # A mean of a joint that was filled in was not seen either, but is there.
    assert {limbs.names[j] for j in np.flatnonzero(~chosen.valid[1])} == {'LHip', 'Hip'}
    assert {limbs.names[j] for j in np.flatnonzero(chosen.imputed[1])} == {'LHip', 'Hip'}
    assert chosen.valid[2].all()
    with pytest.raises(InputError, match="found no 'Nose'"):
        select_joints(data, COCO)
