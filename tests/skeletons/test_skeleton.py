import json

import numpy as np
import pytest

from chainer_pose import skeletons
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17, MPII16, FaceJoints, Skeleton
from chainer_pose.skeletons.__main__ import main
from tests.conftest import ROOT

EXAMPLES = ROOT / 'examples' / 'skeletons'


def test_h36m17():
    assert len(H36M17) == 17
    assert H36M17.names[H36M17.root] == 'Hip'
    assert len(H36M17.bones) == 16
    names = {(H36M17.names[child], H36M17.names[parent]) for child, parent in H36M17.bones}
    assert {('RKnee', 'RHip'), ('Thorax', 'Spine'), ('LShoulder', 'Thorax')} <= names


def test_angle_joints_are_found_by_name():
    joint = {name: index for index, name in enumerate(H36M17.names)}
    assert H36M17.face_joints == FaceJoints(
        joint['Neck/Nose'], joint['Thorax'], joint['LShoulder'], joint['RShoulder']
    )
    other = Skeleton('other', ('left_shoulder', 'Neck', 'nose', 'RightShoulder'), (1, -1, 1, 1))
    assert other.face_joints == FaceJoints(nose=2, neck=1, left_shoulder=0, right_shoulder=3)


def test_mpii_has_its_head_top_for_a_nose():
    found = MPII16.face_joints
    assert [MPII16.names[j] for j in found] == ['HeadTop', 'UpperNeck', 'LShoulder', 'RShoulder']
    assert MPII16.names[MPII16.root] == 'Pelvis'
    parent = {MPII16.names[child]: MPII16.names[parent] for child, parent in MPII16.bones}
    assert parent['RAnkle'] == 'RKnee'
    assert parent['LWrist'] == 'LElbow'
    assert parent['LShoulder'] == parent['RShoulder'] == parent['UpperNeck'] == 'Thorax'


def test_a_skeleton_without_shoulders_has_no_angle():
    assert Skeleton('snake', ('Tail', 'Neck', 'Nose'), (-1, 0, 1)).face_joints is None


def test_sides_are_read_off_the_names():
    names = ('Root', 'LHip', 'RHip', 'left_ear', 'Right Ear', 'Leg', 'rib', 'Lumbar')
    parents = (-1, *[0] * 7)
    known = Skeleton('s', names, parents)
    assert known.sides == (
        'centre', 'left', 'right', 'left', 'right', 'centre', 'centre', 'centre',
    )  # fmt: skip
    assert known.pairs == (('LHip', 'RHip'), ('left_ear', 'Right Ear'))


def test_names_make_no_pair_where_the_tree_does_not_mirror():
    names = ('Root', 'LArm', 'RArm', 'LHand', 'RHand')
    assert Skeleton('s', names, (-1, 0, 1, 1, 2)).pairs == ()


def test_sides_given_by_pairs_come_before_names():
    known = Skeleton('s', ('Root', 'LArm', 'RArm'), (-1, 0, 0), pairs=[('RArm', 'LArm')])
    assert known.sides == ('centre', 'right', 'left')


# Orders as OpenPose, COCO, MPII and MPI-INF-3DHP document them.
ORDERS = {
    'openpose_body25': 'Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist MidHip RHip '
    'RKnee RAnkle LHip LKnee LAnkle REye LEye REar LEar LBigToe LSmallToe LHeel RBigToe RSmallToe '
    'RHeel',
    'openpose18': 'Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist RHip RKnee RAnkle '
    'LHip LKnee LAnkle REye LEye REar LEar',
    'coco17': 'Nose LEye REye LEar REar LShoulder RShoulder LElbow RElbow LWrist RWrist LHip '
    'RHip LKnee RKnee LAnkle RAnkle',
    'mpii16': 'RAnkle RKnee RHip LHip LKnee LAnkle Pelvis Thorax UpperNeck HeadTop RWrist RElbow '
    'RShoulder LShoulder LElbow LWrist',
    'mpi_inf_3dhp17': 'HeadTop Neck RShoulder RElbow RWrist LShoulder LElbow LWrist RHip RKnee '
    'RAnkle LHip LKnee LAnkle Pelvis Spine Head',
    'h36m17': 'Hip RHip RKnee RFoot LHip LKnee LFoot Spine Thorax Neck/Nose Head LShoulder LElbow '
    'LWrist RShoulder RElbow RWrist',
}  # fmt: skip


@pytest.mark.parametrize(('name', 'order'), ORDERS.items())
def test_named_skeletons_have_the_order_of_their_makers(name, order):
    known = skeletons.get(name)
    assert known.name == name
    assert [known.names[j] for j in known.detected] == order.split()


@pytest.mark.parametrize('name', skeletons.names())
def test_named_skeletons_are_people_with_mirrored_limbs(name):
    known = skeletons.get(name)
    assert known.face_joints is not None
    pairs = {(left[1:], right[1:]) for left, right in known.pairs}
    assert all(left == right for left, right in pairs)
    assert {rest for rest, _ in pairs} >= {'Hip', 'Knee', 'Shoulder', 'Elbow', 'Wrist'}
    assert all(left[0] + right[0] == 'LR' for left, right in known.pairs)
    # Nobody with a left joint lacks the right one.
    assert known.sides.count('left') == known.sides.count('right') == len(known.pairs)


def test_coco_has_its_root_between_the_hips_and_its_neck_between_the_shoulders(rng):
    coco = skeletons.get('coco17')
    pose = rng.normal(size=(2, 17, 2))
    visible = np.ones((2, 17), bool)
    visible[1, coco.index('LHip')] = False
    whole, seen = coco.add_virtual_joints(pose, visible)
    assert whole.shape == (2, 19, 2)
    np.testing.assert_array_equal(whole[0, :17], pose[0])
    hips = pose[0, [coco.index('LHip'), coco.index('RHip')]].mean(axis=0)
    np.testing.assert_allclose(whole[0, coco.root], hips)
    shoulders = pose[0, [coco.index('LShoulder'), coco.index('RShoulder')]].mean(axis=0)
    np.testing.assert_allclose(whole[0, coco.index('Neck')], shoulders)
    assert seen[0].all()
    assert [coco.names[j] for j in np.flatnonzero(~seen[1])] == ['LHip', 'Hip']
    assert np.isnan(whole[1, ~seen[1]]).all()
    again, seen_again = coco.add_virtual_joints(whole, seen)
    np.testing.assert_array_equal(again, whole)
    np.testing.assert_array_equal(seen_again, seen)
    with pytest.raises(ValueError, match='the 17 joints of coco17, got 16'):
        coco.add_virtual_joints(pose[:, :16], visible[:, :16])


def test_dict_and_back():
    for name in skeletons.names():
        known = skeletons.get(name)
        assert Skeleton.from_dict(json.loads(json.dumps(known.to_dict()))) == known
    plain = {'name': 'duo', 'names': ['a', 'b'], 'parents': [-1, 0]}  # runs of older versions
    assert Skeleton.from_dict(plain) == Skeleton('duo', ('a', 'b'), (-1, 0))


@pytest.mark.parametrize('name', ['quadruped', 'chair', 'limbs12'])
def test_the_examples_load_and_have_no_angle(name):
    known = skeletons.get(str(EXAMPLES / f'{name}.json'))
    assert known.name == name
    assert known.face_joints is None
    assert known.sides.count('left') == known.sides.count('right') > 4


@pytest.mark.parametrize(
    ('names', 'parents', 'message'),
    [
        (('a', 'a'), (-1, 0), 'each once'),
        (('a',), (-1,), 'two or more'),
        (('a', 'b'), (-1,), 'expected 2 parents'),
        (('a', 'b'), (-1, -1), 'one -1'),
        (('a', 'b', 'c'), (-1, 2, 1), 'one tree'),
        (('a', 'b'), (-1, 7), 'one tree'),
    ],
)
def test_what_is_no_tree_is_refused(names, parents, message):
    with pytest.raises(InputError, match=message):
        Skeleton('broken', names, parents)


@pytest.mark.parametrize('values', [{}, {'name': 'x', 'names': 3, 'parents': []}, [], 'x'])
def test_from_dict_refuses_what_is_no_skeleton(values):
    with pytest.raises(InputError, match='expected a name and joints'):
        Skeleton.from_dict(values)


TREE = '"joints": {"R": null, "LA": "R", "RA": "R", "LB": "LA", "RB": "RA"}'


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"name": "x"', 'expected a skeleton .JSON., found'),
        ('{"name": "x", "name": "y"}', "'name' twice"),
        ('{"name": "x", "joints": {"R": null, "A": "R", "A": "R"}}', "'A' twice"),
        ('{"name": "x", "joints": {"R": null, "A": "B"}}', "joints as parents, found 'B'"),
        ('{"name": "x", "joints": {"R": null, "A": null}}', 'one -1'),
        ('{"name": "x", "joints": ["R", "A"]}', 'a name and joints'),
        ('{"name": "x", "bones": {}}', "found 'bones'"),
        ('{"name": "x", TREE, "pairs": [["LA", "RB"]]}', 'pairs that mirror'),
        ('{"name": "x", TREE, "pairs": [["LA", "RA"], ["RA", "RB"]]}', 'each joint once'),
        ('{"name": "x", TREE, "pairs": [["LA", "XA"]]}', 'pairs of joints'),
        ('{"name": "x", TREE, "means": {"R": ["LA"]}}', 'two or more joints'),
        ('{"name": "x", TREE, "means": {"R": ["LA", "Q"]}}', 'two or more joints'),
        ('{"name": "x", TREE, "angle": {"nose": "R"}}', 'angle to name joints'),
    ],
)  # fmt: skip
def test_a_faulty_file_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / 'x.json'
    path.write_text(text.replace('TREE', TREE))
    with pytest.raises(InputError, match=message) as caught:
        skeletons.get(path)
    assert str(caught.value).startswith(str(path))
    assert '\n' not in str(caught.value)


def test_unknown_names_are_refused_with_those_known(tmp_path):
    with pytest.raises(InputError, match=r'coco18: expected .* coco17'):
        skeletons.get('coco18')
    with pytest.raises(InputError, match='no such file'):
        skeletons.get(tmp_path / 'absent.json')


def test_the_command_lists_shows_and_draws(capsys, tmp_path):
    main([])
    assert set(skeletons.names()) == {
        line.split()[0] for line in capsys.readouterr().out.splitlines()
    }
    for name in ('coco17', str(EXAMPLES / 'chair.json')):
        main([name, '--out', str(tmp_path / 'drawn.png')])
        assert (tmp_path / 'drawn.png').read_bytes()[:4] == b'\x89PNG'
    shown = capsys.readouterr().out
    assert 'root, mean of LHip and RHip' in shown
    assert 'angle loss: none' in shown
