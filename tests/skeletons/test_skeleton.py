import json

import numpy as np
import pytest

from chainer_pose import skeletons
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17, MPII16, FaceJoints, Skeleton
from chainer_pose.skeletons.__main__ import main
from tests.conftest import ROOT

EXAMPLES = ROOT / 'examples' / 'skeletons'


@pytest.mark.parametrize(
    ('known', 'face', 'bones'),
    [
        (H36M17, ['Neck/Nose', 'Thorax'], {('RKnee', 'RHip'), ('LShoulder', 'Thorax')}),
        (MPII16, ['HeadTop', 'UpperNeck'], {('LWrist', 'LElbow'), ('UpperNeck', 'Thorax')}),
    ],
)
def test_bones_and_the_joints_of_the_angle_loss(known, face, bones):
    assert [known.names[j] for j in known.face_joints] == [*face, 'LShoulder', 'RShoulder']
    assert len(known.bones) == len(known) - 1
    assert bones <= {(known.names[child], known.names[parent]) for child, parent in known.bones}


def test_the_joints_of_the_angle_loss_are_found_by_name():
    other = Skeleton('other', ('left_shoulder', 'Neck', 'nose', 'RightShoulder'), (1, -1, 1, 1))
    assert other.face_joints == FaceJoints(nose=2, neck=1, left_shoulder=0, right_shoulder=3)
    assert Skeleton('snake', ('Tail', 'Neck', 'Nose'), (-1, 0, 1)).face_joints is None


def test_pairs_and_sides_are_found_by_name_or_given():
    names = ('Root', 'LHip', 'RHip', 'left_ear', 'Right Ear', 'Leg', 'rib', 'Lumbar')
    known = Skeleton('s', names, (-1, *[0] * 7))
    assert known.sides == ('center', 'left', 'right', 'left', 'right', *['center'] * 3)
    assert known.pairs == (('LHip', 'RHip'), ('left_ear', 'Right Ear'))
    # Names make no pair unless the tree mirrors.
    assert Skeleton('s', ('Root', 'LA', 'RA', 'LB', 'RB'), (-1, 0, 1, 1, 2)).pairs == ()
    given = Skeleton('s', ('Root', 'LArm', 'RArm'), (-1, 0, 0), pairs=[('RArm', 'LArm')])
    assert given.sides == ('center', 'right', 'left')


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


@pytest.mark.parametrize('name', sorted({*skeletons.names()} - {'ap10k17'}))
def test_named_skeletons_are_people_with_mirrored_limbs(name):
    known = skeletons.get(name)
    assert known.face_joints is not None
    assert all((left[0], left[1:]) == ('L', right[1:]) for left, right in known.pairs)
    assert {left[1:] for left, _ in known.pairs} >= {'Hip', 'Knee', 'Shoulder', 'Elbow', 'Wrist'}
    assert known.sides.count('left') == known.sides.count('right') == len(known.pairs)
    assert Skeleton.from_dict(json.loads(json.dumps(known.to_dict()))) == known


@pytest.mark.parametrize('name', ['quadruped', 'chair', 'limbs12'])
def test_the_examples_have_sides_and_no_angle_loss(name):
    known = skeletons.get(str(EXAMPLES / f'{name}.json'))
    assert (known.name, known.face_joints) == (name, None)
    assert known.sides.count('left') == known.sides.count('right') > 4


def test_coco_has_its_root_between_the_hips_and_its_neck_between_the_shoulders(rng):
    coco = skeletons.get('coco17')
    pose = rng.normal(size=(2, 17, 2))
    visible = np.ones((2, 17), bool)
    visible[1, coco.index('LHip')] = False
    whole, seen = coco.add_virtual_joints(pose, visible)
    np.testing.assert_array_equal(whole[0, :17], pose[0])
    for joint, parts in (('Hip', ('LHip', 'RHip')), ('Neck', ('LShoulder', 'RShoulder'))):
        middle = pose[0, [coco.index(part) for part in parts]].mean(axis=0)
        np.testing.assert_allclose(whole[0, coco.index(joint)], middle)
    assert [coco.names[j] for j in np.flatnonzero(~seen[1])] == ['LHip', 'Hip']
    assert np.isnan(whole[1, ~seen[1]]).all()
    again, seen_again = coco.add_virtual_joints(whole, seen)
    np.testing.assert_array_equal(again, whole)
    np.testing.assert_array_equal(seen_again, seen)
    with pytest.raises(ValueError, match='the 17 joints of coco17, found 16'):
        coco.add_virtual_joints(pose[:, :16], visible[:, :16])


TREE = '"name": "x", "joints": {"R": null, "LA": "R", "RA": "R", "LB": "LA", "RB": "RA"}'


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"name": "x"', 'expected a skeleton .JSON., found'),
        ('{"name": "x", "names": 3, "parents": []}', 'a name and joints'),
        ('{"name": "x", "names": ["a", "a"], "parents": [-1, 0]}', 'each once'),
        ('{"name": "x", "names": ["a", "b", "c"], "parents": [-1, 2, 1]}', 'one tree'),
        ('{"name": "x", "joints": {"R": null, "A": "R", "A": "R"}}', "a key twice: 'A'"),
        ('{TREE, "bones": {}}', "'bones'"),
        ('{TREE, "pairs": [["LA", "RB"]]}', 'pairs that mirror'),
        ('{TREE, "means": {"R": ["LA", "Q"]}}', 'two or more joints'),
    ],
)  # fmt: skip
def test_a_faulty_file_gives_one_line(tmp_path, text, message):
    path = tmp_path / 'x.json'
    path.write_text(text.replace('TREE', TREE))
    with pytest.raises(InputError, match=message) as caught:
        skeletons.get(path)
    assert str(caught.value).startswith(str(path))
    assert '\n' not in str(caught.value)


def test_unknown_names():
    with pytest.raises(InputError, match=r'skeleton coco18: expected .* coco17'):
        skeletons.get('coco18')


@pytest.mark.slow
def test_the_command_lists_shows_and_draws(capsys, tmp_path):
    main([])
    lines = capsys.readouterr().out.splitlines()
    assert tuple(line.split(':')[0] for line in lines) == skeletons.names()
    main([str(EXAMPLES / 'chair.json'), '--out', str(tmp_path / 'drawn.png')])
    assert (tmp_path / 'drawn.png').read_bytes()[:4] == b'\x89PNG'
    shown = capsys.readouterr().out
    assert 'root, mean of LSeatFront and RSeatFront' in shown
    assert 'angle loss: none' in shown
