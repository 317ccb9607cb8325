import pytest

from chainer_pose.errors import InputError
from chainer_pose.skeleton import H36M17, MPII16, AngleJoints, Skeleton


def test_h36m17():
    assert len(H36M17) == 17
    assert H36M17.names[H36M17.root] == 'Hip'
    assert len(H36M17.bones) == 16
    names = {(H36M17.names[child], H36M17.names[parent]) for child, parent in H36M17.bones}
    assert {('RKnee', 'RHip'), ('Thorax', 'Spine'), ('LShoulder', 'Thorax')} <= names


def test_angle_joints_are_found_by_name():
    joint = {name: index for index, name in enumerate(H36M17.names)}
    assert H36M17.angle_joints == AngleJoints(
        joint['Neck/Nose'], joint['Thorax'], joint['LShoulder'], joint['RShoulder']
    )
    other = Skeleton('other', ('left_shoulder', 'Neck', 'nose', 'RightShoulder'), (1, -1, 1, 1))
    assert other.angle_joints == AngleJoints(nose=2, neck=1, left_shoulder=0, right_shoulder=3)


def test_mpii_has_its_head_top_for_a_nose():
    found = MPII16.angle_joints
    assert [MPII16.names[j] for j in found] == ['HeadTop', 'UpperNeck', 'LShoulder', 'RShoulder']
    assert MPII16.names[MPII16.root] == 'Pelvis'
    parent = {MPII16.names[child]: MPII16.names[parent] for child, parent in MPII16.bones}
    assert parent['RAnkle'] == 'RKnee'
    assert parent['LWrist'] == 'LElbow'
    assert parent['LShoulder'] == parent['RShoulder'] == parent['UpperNeck'] == 'Thorax'


def test_a_skeleton_without_shoulders_has_no_angle():
    assert Skeleton('snake', ('Tail', 'Neck', 'Nose'), (-1, 0, 1)).angle_joints is None


def test_sides_are_read_off_the_names():
    names = ('Root', 'LHip', 'RHip', 'left_ear', 'Right Ear', 'Leg', 'rib', 'Lumbar')
    parents = (-1, *[0] * 7)
    assert Skeleton('s', names, parents).sides == (
        'centre', 'left', 'right', 'left', 'right', 'centre', 'centre', 'centre',
    )  # fmt: skip


def test_dict_and_back():
    assert Skeleton.from_dict(H36M17.to_dict()) == H36M17


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
    with pytest.raises(InputError, match='expected the keys'):
        Skeleton.from_dict(values)
