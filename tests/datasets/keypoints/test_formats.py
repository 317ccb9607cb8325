"""The same two people in the format of each tool: the same joints come out."""

import csv
import json
import pickle

import h5py
import numpy as np
import pytest

from chainer_pose import skeletons
from chainer_pose.datasets import keypoints
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17, convert
from tests.conftest import ROOT

SIZE = 1280, 640


def words(text, *parts):
    """Words, then those of left and right."""
    return text.split() + [f'{side}_{part}' for part in parts for side in ('left', 'right')]


LIMBS = 'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle'
COCO = words('nose', 'eye', 'ear', *LIMBS)
BLAZE = words(
    'nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer '
    'left_ear right_ear mouth_left mouth_right',
    *(*LIMBS[:3], 'pinky', 'index', 'thumb', *LIMBS[3:], 'heel', 'foot_index'),
)
KINECT = words(
    'SpineBase SpineMid Neck Head ShoulderLeft ElbowLeft WristLeft HandLeft ShoulderRight '
    'ElbowRight WristRight HandRight HipLeft KneeLeft AnkleLeft FootLeft HipRight KneeRight '
    'AnkleRight FootRight SpineShoulder HandTipLeft ThumbLeft HandTipRight ThumbRight'
)
AP10K = words(
    'left_eye right_eye nose neck root_of_tail left_shoulder left_elbow left_front_paw '
    'right_shoulder right_elbow right_front_paw left_hip left_knee left_back_paw right_hip '
    'right_knee right_back_paw'
)


def joints(name):
    """(4, 2, K, 2) px of two people in four frames, the K joints of a skeleton: what COCO does
    not have is put between its joints, or beside its parent."""
    known, coco = skeletons.get(name), skeletons.get('coco17')
    pose = keypoints.read(ROOT / 'examples' / 'keypoints.json').pose2d[:8].reshape(4, 2, 17, 2)
    at = dict(zip(coco.names, np.moveaxis(pose, 2, 0)))
    hips, neck = (at['LHip'] + at['RHip']) / 2, (at['LShoulder'] + at['RShoulder']) / 2
    top = neck + 1.6 * (at['Nose'] - neck)
    at |= dict.fromkeys(('Hip', 'Pelvis', 'MidHip'), hips)
    at |= dict.fromkeys(('Neck', 'Thorax'), neck)
    at |= dict.fromkeys(('Spine', 'Belly', 'Chest'), (hips + neck) / 2)
    at |= {'HeadTop': top, 'Head': top, 'UpperNeck': neck + 0.3 * (at['Nose'] - neck)}
    at |= {'LFoot': at['LAnkle'], 'RFoot': at['RAnkle'], 'Neck/Nose': at['Nose']}
    for child, parent in known.bones:
        at.setdefault(known.names[child], at.get(known.names[parent], top) + [2, 3])
    return np.stack([at[known.names[j]] for j in known.detected], axis=2)


def flat(pose, confidence=0.9):
    if confidence:
        pose = np.concatenate([pose, np.full_like(pose[..., :1], confidence)], axis=-1)
    return pose.reshape(-1).tolist()


def write_json(path, content):
    path.write_text(json.dumps(content))


def write_csv(path, rows):
    with open(path, 'w', newline='') as file:
        csv.writer(file).writerows(rows)


def frames(poses, person):
    """A value for each person of each frame."""
    return [[person(one, i) for i, one in enumerate(frame)] for frame in poses]


def coco_annotations(path, poses, names):
    shuffled = np.random.default_rng(0).permutation(len(names))
    annotations = [
        {'image_id': t, 'category_id': 1, 'track_id': i, 'keypoints': flat(one[shuffled], 2)}
        for t, frame in enumerate(poses)
        for i, one in enumerate(frame)
    ]
    category = {'id': 1, 'keypoints': [names[j] for j in shuffled]}
    write_json(path, {'annotations': annotations, 'categories': [category]})


def alphapose(path, poses, *more):
    wide = [[np.concatenate([one, *more]) for one in frame] for frame in poses]
    people = frames(wide, lambda one, i: {'keypoints': flat(one), 'idx': [i + 1.0]})
    write_json(path, [{**p, 'image_id': f'{t}.jpg'} for t, both in enumerate(people) for p in both])


def ultralytics(path, poses):
    path.mkdir()
    for t, frame in enumerate(poses / SIZE):
        columns = [dict(zip('xy', one.T.tolist())) for one in frame]
        write_json(path / f'a_{t + 8}.json', [{'name': 'person', 'keypoints': c} for c in columns])


def yolo(path, poses, confidence, more):
    path.mkdir()
    (path / 'classes.txt').write_text('person\n')
    for t, frame in enumerate(poses / SIZE):
        rows = [
            [0, 0.5, 0.5, 0.1, 0.2, *flat(one, confidence), *more(i)] for i, one in enumerate(frame)
        ]
        (path / f'a_{t + 8}.txt').write_text('\n'.join(' '.join(map(str, row)) for row in rows))


def landmarks(poses):
    keys = 'x', 'y', 'z', 'visibility'
    return frames(
        poses / SIZE, lambda one, _: [dict(zip(keys, (*j, -0.1, 0.9))) for j in one.tolist()]
    )


def wide_csv(path, poses, names, columns=('{}_x', '{}_y', '{}_visibility')):
    head = ['frame', 'person', *(c.format(name) for name in names for c in columns)]
    rows = [[f'{t}.0', i, *flat(one)] for t, both in enumerate(poses) for i, one in enumerate(both)]
    write_csv(path, [head, *rows])


def long_csv(path, poses, names):
    rows = [
        [t, i, name, *joint]
        for t, both in enumerate(poses.tolist())
        for i, one in enumerate(both)
        for name, joint in zip(names, one)
    ]
    write_csv(path, [['frame', 'person', 'landmark', 'x', 'y'], *rows])


def deeplabcut(path, poses, names, people=True):
    poses = poses if people else poses[:, :1]
    who = [
        'individuals',
        *(f'mouse{i}' for i in range(poses.shape[1]) for _ in range(3 * len(names))),
    ]
    head = [
        ['scorer', *['me'] * (len(who) - 1)],
        *([who] if people else []),
        ['bodyparts', *(name for _ in poses[0] for name in names for _ in range(3))],
        ['coords', *['x', 'y', 'likelihood'] * (poses.shape[1] * len(names))],
    ]
    write_csv(path, [*head, *([t, *flat(frame)] for t, frame in enumerate(poses))])


def sleap(path, poses, names, matlab):
    arrays = {'tracks': poses.transpose(1, 3, 2, 0)}
    arrays['point_scores'] = np.full_like(arrays['tracks'][:, 0], 0.9)
    arrays['tracks'][0, :, :, 0] = np.nan  # not there in the first frame
    with h5py.File(path, 'w') as file:
        file['node_names'], file['track_names'] = np.array(names, 'S'), np.array(['a', 'b'], 'S')
        for name, array in arrays.items():
            file[name] = array.T if matlab else array


def st_gcn(path, poses):
    people = frames(poses / SIZE, lambda one, _: {'pose': flat(one, 0), 'score': [0.9] * len(one)})
    data = [{'frame_index': t, 'skeleton': both} for t, both in enumerate(people)]
    write_json(path, {'data': [*data, {'frame_index': 9, 'skeleton': []}], 'label': 'x'})


def videopose3d(path, poses):
    videos = {name: {'custom': [poses[:, i]]} for i, name in enumerate(('a.mp4', 'b.mp4'))}
    np.savez(path, positions_2d=videos, metadata={'layout_name': 'coco', 'num_joints': 17})


def mmaction(path, poses):
    padded = np.concatenate([poses, 0 * poses], axis=1).swapaxes(0, 1)
    video = {'frame_dir': 'a', 'keypoint': padded, 'keypoint_score': np.ones(padded.shape[:3])}
    path.write_bytes(pickle.dumps({'split': {}, 'annotations': [video]}))


def motionbert(path, poses):
    source = np.repeat(['a', 'b'], len(poses)).tolist()
    part = {'joint_2d': np.concatenate([poses[:, 0], poses[:, 1]]), 'source': source}
    path.write_bytes(
        pickle.dumps({'train': {**part, 'confidence': np.ones((2 * len(poses), 17, 1))}})
    )


FAR = np.array([[2000.0, 3000.0]] * 110)
# name of the file, its skeleton, how to write it, the format; joints x / width, y / height: 'n'
FORMATS = {
    'coco': ('a.json', 'coco17', lambda path, p: coco_annotations(path, p, COCO), 'coco', ''),
    'posetrack': ('a.json', 'posetrack17', alphapose, 'alphapose', ''),
    'aic': ('a.json', 'aic14', alphapose, 'alphapose', ''),
    'crowdpose': ('a.json', 'crowdpose14', alphapose, 'alphapose', ''),
    'jhmdb': ('a.json', 'jhmdb15', alphapose, 'alphapose', ''),
    'halpe26': ('a.json', 'halpe26', alphapose, 'alphapose', ''),
    'halpe136': ('a.json', 'halpe136', lambda path, p: alphapose(path, p, FAR), 'alphapose', ''),
    'wholebody': (
        'a.json', 'coco_wholebody133', lambda path, p: alphapose(path, p, FAR), 'alphapose', '',
    ),
    'ultralytics': ('a', 'coco17', ultralytics, 'ultralytics', 'n'),
    'yolo v': ('a', 'coco17', lambda path, p: yolo(path, p, 0.9, lambda i: []), 'yolo', 'n'),
    'yolo conf': ('a', 'coco17', lambda path, p: yolo(path, p, 0, lambda i: [0.7]), 'yolo', 'n'),
    'yolo id': ('a', 'coco17', lambda path, p: yolo(path, p, 2, lambda i: [0.7, i]), 'yolo', 'n'),
    'mediapipe': (
        'a.json', 'blazepose33',
        lambda path, p: write_json(path, [{'pose_landmarks': f} for f in landmarks(p)]),
        'mediapipe', 'n',
    ),
    'mediapipe frames': (
        'a.json', 'blazepose33', lambda path, p: write_json(path, landmarks(p)), 'mediapipe', 'n',
    ),
    'blazepose csv': (
        'a.csv', 'blazepose33', lambda path, p: wide_csv(path, p / SIZE, BLAZE), 'csv', 'n',
    ),
    'numbered csv': (
        'a.csv', 'blazepose33',
        lambda path, p: wide_csv(path, p / SIZE, range(33), ('x{}', 'y{}', 'v{}')), 'csv', 'n',
    ),
    'long csv': (
        'a.csv', 'blazepose33', lambda path, p: long_csv(path, p / SIZE, BLAZE), 'csv', 'n',
    ),
    'kinect': ('a.csv', 'kinect25', lambda path, p: wide_csv(path, p, KINECT), 'csv', ''),
    'deeplabcut': (
        'a.csv', 'coco17', lambda path, p: deeplabcut(path, p, COCO), 'deeplabcut', '',
    ),
    'deeplabcut of one': (
        'a.csv', 'coco17', lambda path, p: deeplabcut(path, p, COCO, people=False),
        'deeplabcut', '',
    ),
    'sleap': ('a.h5', 'coco17', lambda path, p: sleap(path, p, COCO, False), 'sleap', ''),
    'sleap matlab': ('a.h5', 'coco17', lambda path, p: sleap(path, p, COCO, True), 'sleap', ''),
    'st-gcn': ('a.json', 'openpose18', st_gcn, 'st-gcn', 'n'),
    'videopose3d': ('a.npz', 'coco17', videopose3d, 'videopose3d', ''),
    'mmaction': ('a.pkl', 'coco17', mmaction, 'mmaction', ''),
    'motionbert': ('a.pkl', 'h36m17', motionbert, 'motionbert', ''),
    'plain csv': (
        'a.csv', 'coco17', lambda path, p: write_csv(path, map(flat, p[:, 0])), 'csv', '',
    ),
    'flat': (
        'a.npy', 'coco17', lambda path, p: np.save(path, p[:, 0].reshape(len(p), -1)), 'numpy', '',
    ),
}  # fmt: skip


@pytest.mark.parametrize('name', FORMATS)
def test_the_same_people_in_each_format(tmp_path, name):
    file, known, write, kind, normalized = FORMATS[name]
    path = tmp_path / file
    write(path, joints(known))
    found = keypoints.read(path, **({'image_size': SIZE} if normalized else {}))
    assert (found.format, found.skeleton.name) == (kind, known)
    pose, visible = convert(*found.poses(0.3), found.skeleton, H36M17)
    limbs = [H36M17.index(name) for name in H36M17.names if name[0] in 'LR']
    assert visible[:, limbs].all()
    expected = joints('h36m17')[:, :, limbs]
    who = dict(zip(dict.fromkeys(found.person), range(2)))
    if name.startswith('sleap'):
        who = {'b': 1, 'a': 0}  # a comes later
    for frame, person, limb in zip(keypoints.ranks(found.frame), found.person, pose[:, limbs]):
        np.testing.assert_allclose(limb, expected[frame, who[person]], atol=0.01)
    assert len(found) == {
        'sleap': 7,
        'sleap matlab': 7,
        'deeplabcut of one': 4,
        'plain csv': 4,
        'flat': 4,
    }.get(name, 8)


def test_a_file_may_lack_joints_and_have_others(tmp_path):
    names = [name for name in COCO if 'ear' not in name]
    pose = joints('coco17')[:, :, [COCO.index(name) for name in names]]
    wide_csv(tmp_path / 'a.csv', np.concatenate([pose, pose[:, :, :1]], axis=2), [*names, 'hat'])
    found = keypoints.read(tmp_path / 'a.csv')
    assert found.skeleton.name == 'coco17'
    unseen = np.flatnonzero(~(found.confidence > 0).any(axis=0))
    assert [found.skeleton.names[j] for j in unseen] == ['LEar', 'REar']
    assert any('not among the names: LEar, REar; unused: hat' in note for note in found.notes)


def test_a_skeleton_that_is_given_is_doubted(tmp_path):
    np.save(tmp_path / 'a.npy', joints('coco17')[:, 0])
    found = keypoints.read(tmp_path / 'a.npy', skeleton=H36M17)
    assert found.skeleton == H36M17
    assert 'the bones do not lie as in h36m17 (tangle: coco17 1.' in found.notes[0]
    assert not keypoints.read(tmp_path / 'a.npy', skeleton=skeletons.get('coco17')).notes


def test_animals_are_not_lifted_as_people(tmp_path):
    """Seventeen joints as COCO, by name or by how the bones lie."""
    side = {'Neck': (45, -10), 'RootOfTail': (-45, -8), 'Nose': (80, -30), 'Eye': (70, -38)}
    side |= {'Shoulder': (40, 5), 'Elbow': (38, 25), 'FrontPaw': (38, 55)}
    side |= {'Hip': (-40, 5), 'Knee': (-33, 28), 'BackPaw': (-42, 56)}
    known = skeletons.get('ap10k17')
    pose = np.array([side[n] if n in side else side[n[1:]] for n in known.names]) * 4.0
    pose += [300, 200] + 9 * np.array([s == 'left' for s in known.sides])[:, None]
    write_json(tmp_path / 'unnamed.json', [{'keypoints': pose.tolist()}])
    coco_annotations(tmp_path / 'named.json', pose[None, None], AP10K)
    for name in ('unnamed', 'named'):
        found = keypoints.read(tmp_path / f'{name}.json')
        with pytest.raises(InputError, match=r'joints of a person, as h36m17 are.*RootOfTail'):
            convert(*found.poses(0.3), found.skeleton, H36M17)


@pytest.mark.parametrize(
    ('name', 'write', 'message'),
    [
        ('a.csv', lambda p, c: deeplabcut(p, c, [*COCO[:-1], 'tail_tip']), "an animal's .tail_tip"),
        ('a.csv', lambda p, c: deeplabcut(p, c[:, :, :3], ['a', 'b', 'c']), 'found no .* a, b, c'),
        ('a.h5', lambda p, c: h5py.File(p, 'w').create_group('df').attrs.create('pandas_type', 'a'),
         'expected the CSV that DeepLabCut writes'),
        ('a.h5', lambda p, c: sleap(p, c, COCO[:5], False), 'for 5 nodes'),
        ('a', lambda p, c: yolo(p, c, 0.9, lambda i: []), 'image_size: .*width and height'),
        ('a', lambda p, c: yolo(p, c[:, :, :9], 0.9, lambda i: []), 'found 32 to 32 numbers'),
        ('a.json', lambda p, c: write_json(p, landmarks(c)), 'for its 17 joints|width and height'),
        ('a.json', lambda p, c: alphapose(p, c[:, :, ::-1]), 'none whose bones lie as in a body'),
        ('a.npy', lambda p, c: np.save(p, np.dstack([c[0], np.full_like(c[0, :, :, :1], 256)])),
         'expected x, y and a confidence, found .*256.* at joint 0 of person 0'),
        ('a.pkl', lambda p, c: p.write_bytes(pickle.dumps(csv.writer)), 'none of it was run'),
    ],
)  # fmt: skip
def test_what_each_reader_refuses(tmp_path, name, write, message):
    write(tmp_path / name, joints('coco17'))
    with pytest.raises(InputError, match=message) as caught:
        keypoints.read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_two_files_of_one_frame_are_an_error(tmp_path):
    for name in 'ab':
        alphapose(tmp_path / f'{name}.json', joints('coco17'))
    with pytest.raises(InputError, match=r'b.json: \[0\].*the frame 0.jpg of a.json, too'):
        keypoints.read(tmp_path)


def test_the_image_size_is_for_normalized_coordinates(tmp_path):
    alphapose(tmp_path / 'a.json', joints('coco17'))
    with pytest.raises(InputError, match=r'image_size 1280 640: .*a.json: .*found pixels'):
        keypoints.read(tmp_path / 'a.json', image_size=SIZE)
