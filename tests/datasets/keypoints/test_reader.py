"""Every format from the small files in tests/data, damaged ones, and what users do."""

import itertools
import json
import random
import re

import numpy as np
import pytest

from chainer_pose import skeletons
from chainer_pose.datasets import keypoints, pose_file
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17
from tests.conftest import ROOT

DATA = ROOT / 'tests' / 'data'
COCO = skeletons.get('coco17')
NAMES = [COCO.names[j] for j in COCO.detected]
# The joints that all of them have, of the first person of the first frame.
FIRST = {
    'Nose': (402, 118, 0.97), 'LEye': (410, 109, 0.95), 'RWrist': (352, 335, 0.81),
    'LHip': (426, 338, 0.79), 'RAnkle': (360, 560, 0.8),
}  # fmt: skip
FILES = {
    'openpose': ('openpose', 'openpose_body25',
                 ['walk_000000000000', 'walk_000000000000', 'walk_000000000001'], [0, 1, 0]),
    'openpose18.json': ('openpose', 'openpose18', ['openpose18'] * 2, [0, 1]),
    'coco.json': ('coco', 'coco17', ['a.jpg', 'a.jpg', 'b.jpg'], [0, 1, 0]),
    'coco_results.json': ('coco-results', 'coco17', [7, 7, 9], [0, 1, 0]),
    'alphapose.json': ('alphapose', 'coco17', ['0.jpg', '0.jpg', '1.jpg'], [1, 2, 1]),
    'mmpose_image.json': ('mmpose', 'coco17', ['mmpose_image'] * 2, [0, 1]),
    'mmpose_video.json': ('mmpose', 'coco17', [1, 1, 2], [0, 1, 0]),
    'mmpose_list.json': ('mmpose', 'coco17', [1, 1, 2], [0, 1, 0]),
    'poses.csv': ('csv', 'coco17', [0, 0, 1], [0, 1, 0]),
}  # fmt: skip


@pytest.fixture
def people():
    """(3, 17, 2) px and (3, 17) confidences."""
    found = keypoints.read(DATA / 'poses.csv')
    return np.nan_to_num(found.pose2d), found.confidence


@pytest.fixture
def write(tmp_path):
    """Write a value as the file that its name says."""

    def save(content, name='a.json'):
        path = tmp_path / name
        if path.suffix == '.npy':
            np.save(path, content)
        elif path.suffix == '.npz':
            np.savez(path, **content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return save


def openpose(poses):
    """OpenPose's JSON of a frame, without confidences."""
    return {'people': [{'pose_keypoints_2d': flat(pose)} for pose in poses]}


def flat(pose, confidence=None):
    joints = pose if confidence is None else np.column_stack([pose, confidence])
    return joints.reshape(-1).tolist()


@pytest.mark.parametrize('name', FILES)
def test_each_format_is_recognised_and_read(name):
    kind, joints, frames, persons = FILES[name]
    found = keypoints.read(DATA / name)
    assert (found.format, found.skeleton.name) == (kind, joints)
    assert (found.frame, found.person) == (frames, persons)
    index = found.skeleton.index
    for joint, (x, y, confidence) in FIRST.items():
        assert found.pose2d[0, index(joint)].tolist() == [x, y]
        expected = 1 if kind == 'coco' else confidence
        assert found.confidence[0, index(joint)] == pytest.approx(expected)
    pose2d, visible = found.poses(0.3)
    # The second person's left ear was not found.
    assert [found.skeleton.names[j] for j in np.flatnonzero(~visible[1])] == ['LEar']
    assert pose2d.shape == (len(frames), len(found.skeleton), 2)
    assert not found.poses(0.98)[1][0].any() or kind == 'coco'


def test_arrays(write, people):
    pose2d, confidence = people
    named = {
        'keypoints': pose2d,
        'scores': confidence,
        'frame': list('aab'),
        'person': [0, 1, 0],
    }
    both = np.dstack(people)
    for name, content in (('npy', pose2d), ('npy', both), ('npz', {'x': both}), ('npz', named)):
        found = keypoints.read(write(content, f'a.{name}'), skeleton=COCO)
        np.testing.assert_array_equal(found.confidence > 0, confidence > 0)
        np.testing.assert_array_equal(found.pose2d[confidence > 0], pose2d[confidence > 0])
    assert (found.frame, found.person) == (['a', 'a', 'b'], [0, 1, 0])
    named |= {'frame': np.array([11.0, 11.0, 12.0]), 'confidence': 0.5 * confidence}
    found = keypoints.read(write(named, 'a.npz'), skeleton=COCO)
    assert [type(frame) for frame in found.frame] == [int] * 3
    np.testing.assert_allclose(found.confidence, 0.5 * confidence)  # goes before scores
    found = keypoints.read(write(named | {'frames': np.arange(3)}, 'a.npz'), skeleton=COCO)
    assert 'not read: frames' in found.notes
    with pytest.raises(InputError, match=r'a.npz: .* found: person of shape \(2,\) for 3 poses'):
        keypoints.read(write(named | {'person': [1, 2]}, 'a.npz'), skeleton=COCO)


def test_a_pose_file(tmp_path, people):
    pose2d, visible = COCO.add_virtual_joints(people[0], people[1] > 0)
    imputed = np.zeros_like(visible)
    imputed[1, COCO.index('REar')], visible[1, COCO.index('REar')] = True, False
    data = pose_file.PoseData('x', COCO, pose2d, valid=visible, imputed=imputed, fps=12.0)
    data.columns = {'frame': np.array([4, 4, 5], 'i'), 'clip': np.array([0, 1, 0], 'i')}
    path = tmp_path / 'poses.h5'
    pose_file.write(path, {'train': data.select([0, 1]), 'test': data.select([2])})
    found = keypoints.read(path)
    assert (found.format, found.skeleton, found.fps) == ('pose-file', COCO, 12)
    assert (found.frame, found.person) == ([4, 4, 5], [0, 1, 0])
    assert [COCO.names[j] for j in np.flatnonzero(found.confidence[1] == 0)] == ['LEar']
    assert len(keypoints.read(path, split='test')) == 1
    data.columns['camera'], data.names['camera'] = np.array([1, 0, 0], 'i'), ['left', 'right']
    pose_file.write(path, {'train': data})
    assert keypoints.read(path).person == ['0@right', '1@left', '0@left']
    del data.columns['camera'], data.names['camera']
    pose_file.write(path, {'train': data, 'test': data})  # clips and frames from 0 in each
    assert keypoints.read(path).person[1::3] == ['1 of train', '1 of test']
    with pytest.raises(InputError, match='expected the joints of openpose18 in order'):
        keypoints.read(path, skeleton=skeletons.get('openpose18'))


def test_the_joints_are_told_by_how_the_bones_lie(write, people, synthetic_splits):
    pose2d, _ = people
    pose2d[1, 3] = pose2d[1, 4]  # the ear that was not found
    found = keypoints.read(write(pose2d, 'a.npy'), default=H36M17)
    assert found.skeleton == COCO
    assert 'nothing names the 17 joints' in found.notes[0]
    human36m = synthetic_splits['test'].pose2d[:5]
    assert keypoints.read(write(human36m, 'a.npy'), default=H36M17).skeleton == H36M17
    with pytest.raises(InputError, match=r'skeleton to be given for its 17 joints.*h36m17'):
        keypoints.read(write(human36m, 'a.npy'))
    # OpenPose's two models of 25 joints.
    other = skeletons.get('body_25b')
    whole = dict(zip((COCO.names[j] for j in COCO.detected), pose2d.swapaxes(0, 1)))
    whole['UpperNeck'] = (whole['LShoulder'] + whole['RShoulder']) / 2
    whole['HeadTop'] = whole['Nose'] - [0, 30]
    for side, part in itertools.product('LR', ('BigToe', 'SmallToe', 'Heel')):
        whole[side + part] = whole[side + 'Ankle'] + 5
    pose = np.stack([whole[other.names[j]] for j in other.detected], axis=1)
    assert keypoints.read(write(openpose(pose))).skeleton == other


@pytest.mark.parametrize(
    'content',
    [
        openpose,
        lambda pose: [
            {'people': [{'pose_keypoints_2d': flat(p, np.ones(17))}, None]} for p in pose
        ],
        lambda pose: [
            {'people': [{'pose_keypoints_2d': None}, *openpose([p])['people']]} for p in pose
        ],
        lambda pose: {f'{i}.jpg': {'bodies': [{'joints': flat(p)}]} for i, p in enumerate(pose)},
        lambda pose: [[{'keypoints': p.tolist()}] for p in pose],
        lambda pose: [{'name': 'person', 'keypoints': dict(zip('xy', p.T.tolist()))} for p in pose],
    ],
)
def test_the_kin_of_these_formats(write, people, content):
    found = keypoints.read(write(content(people[0])))
    assert found.skeleton == COCO
    np.testing.assert_array_equal(found.pose2d[0], people[0][0])
    assert len(found) == 3


@pytest.mark.parametrize(('left', 'right'), [('left_', 'right_'), ('left', 'right'), ('L', 'R')])
def test_joints_that_have_names_come_in_any_order(write, people, left, right):
    """As MoveNet and as PoseNet write them."""
    sides = {'L': left, 'R': right, 'N': 'N'}
    names = [sides[name[0]] + name[1:] for name in map(COCO.names.__getitem__, COCO.detected)]
    first, *rest = [list(zip(names, pose.tolist()))[::-1] for pose in people[0]]
    poses = [[{'name': n, 'x': x, 'y': y, 'score': 1} for n, (x, y) in first]]
    poses += [[{'part': n, 'position': {'x': x, 'y': y}} for n, (x, y) in pose] for pose in rest]
    found = keypoints.read(write([{'keypoints': pose} for pose in poses]))
    assert (found.format, found.skeleton, found.frame) == ('posenet', COCO, [0, 1, 2])
    np.testing.assert_array_equal(found.pose2d, people[0])


@pytest.mark.parametrize('one', [1, 1.0, [1.0], [[1.0], [1.0]]])
def test_ids_of_any_form_and_frames_in_order_of_their_numbers(write, people, one):
    entries = [
        {'image_id': f'{frame}.jpg', 'keypoints': flat(people[0][0]), 'idx': idx}
        for frame in (10, 9, 1)
        for idx in (one, 2)
    ]
    found = keypoints.read(write(entries))
    assert found.frame == ['1.jpg', '1.jpg', '9.jpg', '9.jpg', '10.jpg', '10.jpg']
    assert found.person == [1, 2] * 3
    for bad in ([1, 2], {}, 1.5):
        entries[3]['idx'] = bad
        with pytest.raises(InputError, match=r'a.json: \[3\].* id'):
            keypoints.read(write(entries))


def test_frames_below_zero_and_fractions_are_in_order(write, people):
    rows = [f'{t},{",".join(map(str, flat(people[0][0])))}' for t in (1, -1, -2, 0, 0.5, 0.04)]
    head = ','.join(['frame', *(f'{name}_{axis}' for name in NAMES for axis in 'xy')])
    found = keypoints.read(write('\n'.join([head, *rows]), 'a.csv'))
    assert found.frame == [-2, -1, 0, 0.04, 0.5, 1]


@pytest.mark.parametrize(
    ('more', 'person'),
    [
        ('1 0.9', [0, 1]),  # confidences, though one is a whole number
        ('1 1', [0, 1]),
        ('1 2', [1, 2]),  # people
        ('3', [3]),
        ('inf', [0]),
    ],
)
def test_the_number_behind_yolos_joints(write, people, more, person):
    row = ' '.join(map(str, [0, 0.5, 0.5, 0.1, 0.2, *flat(people[0][0] / 700)]))
    lines = '\n'.join(f'{row} {number}' for number in more.split())
    found = keypoints.read(write(lines, 'a.txt'), skeleton=COCO, image_size=(700, 700))
    assert found.person == person


def test_labels_without_people_are_named(write):
    with pytest.raises(InputError, match=r'a\.txt: expected people with keypoints, found none'):
        keypoints.read(write('', 'a.txt'), skeleton=COCO)


def test_files_of_a_folder_in_order_of_their_numbers(write, tmp_path, people):
    for number in (10, 9):
        write([{'keypoints': people[0][0].tolist()}], f'{number}.json')
    assert keypoints.read(tmp_path).frame == ['9', '10']


def test_of_a_person_given_twice_the_better_is_kept(write, people):
    entries = [
        {'image_id': 1, 'keypoints': flat(people[0][i]), 'idx': 5, 'score': score}
        for i, score in ((0, 0.2), (1, 0.9), (2, 0.1))
    ]
    found = keypoints.read(write(entries))
    np.testing.assert_array_equal(found.pose2d[0], people[0][1])
    assert len(found) == 1
    assert any('2 poses are of a frame and person given twice' in n for n in found.notes)


def test_people_are_followed_where_nobody_is_named(write, people):
    """They change places in the list, one is out of sight for a while, one comes later."""
    here, there = people[0][0], people[0][0] + [300, 0]
    frames = [[here, there], [there + 5, here + 5], [there + 9], [there + 9, here + 9],
              [here + [900, 0], here + 12]]  # fmt: skip
    found = keypoints.read(write([openpose(frame) for frame in frames]))
    assert found.person == [0, 1, 1, 0, 1, 1, 0, 2, 0]
    assert any('followed' in note for note in found.notes)


@pytest.mark.parametrize('missing', [0.0, np.nan])
@pytest.mark.parametrize('name', ['a.npy', 'a.csv', 'a.json'])
def test_what_is_not_there(write, people, name, missing):
    """0, 0 and NaN are missing joints in every format."""
    pose2d = people[0][:1]
    pose2d[0, 9:11] = missing
    if name == 'a.csv':
        content = ','.join(map(str, flat(pose2d)))
    else:
        content = pose2d if name == 'a.npy' else [{'keypoints': pose2d[0].tolist()}]
    found = keypoints.read(write(content, name), skeleton=COCO)
    assert [COCO.names[j] for j in np.flatnonzero(found.confidence[0] == 0)] == ['LWrist', 'RWrist']
    assert any('2 joints at exactly 0, 0' in note for note in found.notes) == (missing == 0)
    kept = keypoints.read(write(content, name), skeleton=COCO, zeros_are_coordinates=True)
    assert (kept.confidence[0] > 0).sum() == (17 if missing == 0 else 15)


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('a.npy', np.zeros((3, 16, 2)), 'the 17 joints of coco17, found 16'),
        ('a.npy', np.zeros((3, 17, 4)), r'\(N, J, 2\) or \(N, J, 3\).* shape'),
        ('a.npy', np.array([{}], object), r'a\.npy: expected an array of numbers'),
        ('a.npz', {'a': np.ones(3), 'b': np.ones(3)}, 'found: a, b'),
        ('a.npz', {'keypoints': np.ones((3, 17, 2)), 'confidence': np.ones(3)}, 'for each of'),
        ('a.npy', np.full((3, 17, 2), 1e300), 'expected finite numbers, found .inf'),
        ('a.json', '{"people": []}', 'people with keypoints, found none'),
        ('a.json', '{"persons": 7}', 'expected keypoints as a detector'),
        ('a.json', '[{"image_id": 1, "keypoints": [1, 2, 3, 4, 5]}]', 'a detector writes them'),
        ('a.csv', '', 'expected rows of numbers, found none'),
        ('a.csv', 'a_x,a_y\n1,2\n', 'the joints of coco17, found no Nose'),
        ('a.csv', 'a_x,a_x\n1,2\n', 'each column once'),
        ('a.csv', 'a_x\n1\n', 'found no a_y'),
    ],
)
def test_what_is_no_keypoints(write, name, content, message):
    path = write(content, name)
    with pytest.raises(InputError, match=message) as caught:
        keypoints.read(path, skeleton=COCO)
    assert str(path) in str(caught.value)


def test_missing_places_and_other_formats(tmp_path):
    for place, kind, message in (
        (tmp_path / 'absent', None, 'absent: expected keypoints, found no such'),
        (
            tmp_path,
            None,
            'expected a folder of .json files, or of .txt files of YOLO, found neither',
        ),
        (tmp_path, 'csv', 'expected a file of the format csv, found a folder'),
        (DATA / 'coco.json', 'openpose', 'expected the format openpose, found coco'),
    ):
        with pytest.raises(InputError, match=message):
            keypoints.read(place, kind)


JUNK = [None, True, -1, 1e400, 10**400, 2.5, '', 'x', [], [[]], [1], {}, {'id': 1}, [None] * 51]


def places(value):
    """Everything within a JSON value, as its container and key."""
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


@pytest.mark.parametrize('name', [name for name in FILES if name.endswith('.json')])
def test_whatever_stands_in_a_file_it_is_read_or_an_error(write, name):
    """Any part of a file replaced by something else: never another exception."""
    draw, outcomes = random.Random(5), set()
    for _ in range(40):
        value = json.loads((DATA / name).read_text())
        inner, key = draw.choice([*places(value)])
        inner[key] = draw.choice(JUNK)
        try:
            keypoints.read(write(value)).poses(0.3)
            outcomes.add('read')
        except InputError:
            outcomes.add('error')
    assert outcomes == {'read', 'error'}


@pytest.mark.parametrize(
    'change',
    [
        lambda text: '\ufeff' + text.replace('\n', '\r\n').upper(),
        lambda text: text.replace(',', ';').replace('.', ','),
        lambda text: text.replace(',', '\t').replace('\t\t', '\tNA\t'),
        lambda text: re.sub(r'(\w+)_([xyc])\b', r'\2_\1', text),
    ],
)
def test_csv_as_spreadsheets_write_it(tmp_path, people, change):
    (tmp_path / 'a.csv').write_bytes(change((DATA / 'poses.csv').read_text()).encode())
    found = keypoints.read(tmp_path / 'a.csv')
    assert (found.skeleton, found.frame, found.person) == (COCO, [0, 0, 1], [0, 1, 0])
    np.testing.assert_array_equal(np.nan_to_num(found.pose2d), people[0])
    np.testing.assert_array_equal(found.confidence, people[1])


def test_a_joint_given_twice_is_an_error(write, people):
    rows = [f'0,{i},{name},{x},{y}' for i in (0, 1) for name, (x, y) in zip(NAMES, people[0][i])]
    text = '\n'.join(['frame,id,joint,x,y', *rows])
    assert keypoints.read(write(text, 'a.csv')).person == [0, 1]
    with pytest.raises(InputError, match='Nose twice for frame 0'):
        keypoints.read(write(text.replace('id', 'who'), 'a.csv'))


def test_a_number_of_an_annotation_is_nobody(write, people):
    """Only what names a person does; who has no joint is nobody; numbers may be texts."""
    both = [flat(people[0][0] + x, [2] * 17) for x in (0, 500)]
    entries = [{'id': i, 'image_id': i // 2, 'keypoints': both[i % 2]} for i in range(6)]
    found = keypoints.read(write({'annotations': entries}))
    assert found.person == [0, 1] * 3
    for i, entry in enumerate(entries):
        entry |= {
            'instance_id': 9 - i % 2,
            'keypoints': [*map(str, entry['keypoints'])],
            'score': '1',
        }
    assert keypoints.read(write({'annotations': entries})).person == [9, 8] * 3
    nobody = [[people[0][0], np.zeros((17, 2))]] * 3
    found = keypoints.read(write([openpose(frame) for frame in nobody]))
    assert found.person == [0] * 3
    assert '3 people without any joint are left out' in found.notes


def test_too_few_joints_to_choose_a_skeleton(write, people):
    pose = people[0][:1]
    pose[:, ::2] = 0
    with pytest.raises(InputError, match=r'too few of them seen to choose \(.*coco17, cmu17'):
        keypoints.read(write(pose, 'a.npy'), default=H36M17)
    assert keypoints.read(write(pose, 'a.npy'), skeleton=COCO).skeleton == COCO
