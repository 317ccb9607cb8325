"""Every format from the small files in tests/data, and each of them broken."""

import copy
import json
import random
import shutil

import numpy as np
import pytest

from chainer_pose import skeletons
from chainer_pose.datasets import pose_file
from chainer_pose.datasets.keypoints import json as keypoint_json
from chainer_pose.datasets.keypoints import reader as keypoints
from chainer_pose.errors import InputError
from tests.conftest import ROOT

DATA = ROOT / 'tests' / 'data'
COCO = skeletons.named('coco17')
# The joints that all of them have, of the first person of the first frame.
FIRST = {
    'Nose': (402, 118, 0.97), 'LEye': (410, 109, 0.95), 'RWrist': (352, 335, 0.81),
    'LHip': (426, 338, 0.79), 'RAnkle': (360, 560, 0.8),
}  # fmt: skip


def everything(source):
    """All batches of an input as one."""
    parts = list(source.batches())
    return keypoints.Batch(
        np.concatenate([part.pose2d for part in parts]),
        np.concatenate([part.confidence for part in parts]),
        [frame for part in parts for frame in part.frame],
        [person for part in parts for person in part.person],
        parts[-1].done,
    )


FILES = {
    'openpose': ('openpose', 'openpose_body25',
                 ['walk_000000000000', 'walk_000000000000', 'walk_000000000001'], [0, 1, 0]),
    'openpose18.json': ('openpose', 'openpose18', ['openpose18'] * 2, [0, 1]),
    'coco.json': ('coco', 'coco17', ['a.jpg', 'a.jpg', 'b.jpg'], [100, 101, 110]),
    'coco_results.json': ('coco-results', 'coco17', [7, 7, 9], [0, 1, 0]),
    'alphapose.json': ('alphapose', 'coco17', ['0.jpg', '0.jpg', '1.jpg'], [1, 2, 1]),
    'mmpose_image.json': ('mmpose', 'coco17', ['mmpose_image'] * 2, [0, 1]),
    'mmpose_video.json': ('mmpose', 'coco17', [1, 1, 2], [0, 1, 0]),
    'mmpose_list.json': ('mmpose', 'coco17', [1, 1, 2], [0, 1, 0]),
    'poses.csv': ('csv', 'coco17', [0, 0, 1], [0, 1, 0]),
}  # fmt: skip


@pytest.mark.parametrize('name', FILES)
def test_each_format_is_recognised_and_read(name):
    kind, joints, frames, persons = FILES[name]
    source = keypoints.open_input(DATA / name)
    assert (source.format, source.skeleton.name) == (kind, joints)
    found = everything(source)
    assert (found.frame, found.person) == (frames, persons)
    assert source.total - 3 < found.done <= source.total  # but for the end of a list
    index = source.skeleton.index
    for joint, (x, y, confidence) in FIRST.items():
        assert found.pose2d[0, index(joint)].tolist() == [x, y]
        expected = 1 if kind == 'coco' else confidence
        assert found.confidence[0, index(joint)] == pytest.approx(expected)
    # The second person's left ear was not found.
    missing = np.flatnonzero(~found.visible(0.3)[1]).tolist()
    assert missing == [index('LEar')]
    assert not found.visible(0.98)[0].any() or kind == 'coco'
    # Reading again gives the same.
    np.testing.assert_array_equal(everything(source).pose2d, found.pose2d)


def test_csv_without_a_header_needs_the_joints():
    with pytest.raises(InputError, match=r'plain\.csv: expected --skeleton for its 25 joints'):
        keypoints.open_input(DATA / 'plain.csv')
    for given in ({'skeleton': COCO}, {'default': COCO}):
        source = keypoints.open_input(DATA / 'plain.csv', **given)
        assert source.assumed == ('default' in given)
        found = everything(source)
        reference = everything(keypoints.open_input(DATA / 'poses.csv'))
        visible = reference.confidence > 0
        np.testing.assert_array_equal(found.pose2d[visible], reference.pose2d[visible])
        np.testing.assert_array_equal(found.confidence, reference.confidence)
        assert found.frame == [0, 1, 2]


@pytest.mark.parametrize('form', ['npy', 'npy with confidence', 'npz', 'npz with confidence'])
def test_arrays(tmp_path, form):
    reference = everything(keypoints.open_input(DATA / 'poses.csv'))
    pose2d, confidence = reference.pose2d, reference.confidence
    triples = np.concatenate([np.nan_to_num(pose2d), confidence[:, :, None]], axis=2)
    path = tmp_path / f'poses.{form[:3]}'
    if form == 'npy':
        np.save(path, np.nan_to_num(pose2d))
    elif form == 'npy with confidence':
        np.save(path, triples)
    elif form == 'npz':
        np.savez(path, triples)
    else:
        np.savez(path, keypoints=np.nan_to_num(pose2d), confidence=confidence,
                 frame=['a', 'a', 'b'], person=[0, 1, 0])  # fmt: skip
    found = everything(keypoints.open_input(path, default=COCO))
    visible = np.ones_like(confidence, bool) if form == 'npy' else confidence > 0
    np.testing.assert_array_equal(found.confidence > 0, visible)
    np.testing.assert_array_equal(found.pose2d[confidence > 0], pose2d[confidence > 0])
    if form == 'npz with confidence':
        assert (found.frame, found.person) == (['a', 'a', 'b'], [0, 1, 0])


@pytest.fixture
def h5(tmp_path):
    """The first two poses as a pose file, the second with a joint missing and one filled."""
    reference = everything(keypoints.open_input(DATA / 'poses.csv'))
    pose2d, visible = COCO.add_virtual_joints(reference.pose2d, reference.visible(0))
    imputed = np.zeros_like(visible)
    imputed[1, COCO.index('REar')], visible[1, COCO.index('REar')] = True, False
    data = pose_file.PoseData('x', COCO, pose2d, valid=visible, imputed=imputed, fps=12.0)
    data.columns = {'frame': np.array([4, 4, 5], 'i'), 'clip': np.array([0, 1, 0], 'i')}
    path = tmp_path / 'poses.h5'
    pose_file.write(path, {'train': data.select([0, 1]), 'test': data.select([2])})
    return path


def test_a_pose_file(h5):
    source = keypoints.open_input(h5)
    assert (source.format, source.skeleton, source.fps, source.total) == ('pose-file', COCO, 12, 3)
    found = everything(source)
    assert (found.frame, found.person) == ([4, 4, 5], [0, 1, 0])
    assert [COCO.names[j] for j in np.flatnonzero(~found.visible(0.3)[1])] == ['LEar']
    assert len(everything(keypoints.open_input(h5, split='test')).frame) == 1
    data = pose_file.read(h5, 'train')
    data.columns['camera'], data.names['camera'] = np.array([1, 0], 'i'), ['left', 'right']
    pose_file.write(h5, {'train': data})
    assert everything(keypoints.open_input(h5)).person == ['0@right', '1@left']
    with pytest.raises(InputError, match=r'expected the joints of .* in order, found'):
        keypoints.open_input(h5, skeleton=skeletons.named('openpose18'))


def damage(text, how):
    """A JSON or CSV text with what is asked for done to it."""
    if how == 'truncated':
        return text[: int(len(text) * 0.7)]
    if how == 'NaN':
        return text.replace('118', 'NaN', 1)
    nose = ('402, 118, 0.97, ', '402, 118, 2, ', '402,118,0.97,', '[402, 118], ')
    found = next(written for written in nose if written in text)
    text = text.replace(found, '', 1)
    return text.replace('"keypoint_scores": [0.97, ', '"keypoint_scores": [', 1)


DAMAGE = {
    'truncated': 'expected (JSON|.* columns|.* numbers)',
    'joint count': r'expected (the (17|18|25) joints|\d+ columns|numbers x y c|34 or 51 numbers)',
    'NaN': 'expected finite numbers, found .*nan',
}


@pytest.mark.parametrize('how', DAMAGE)
@pytest.mark.parametrize('name', [*FILES, 'plain.csv'])
def test_a_broken_file_is_refused_in_one_line(tmp_path, name, how):
    path = tmp_path / name
    if name == 'openpose':
        shutil.copytree(DATA / name, path)
        broken = sorted(path.iterdir())[0]
    else:
        broken = path
        shutil.copy(DATA / name, path)
    text = broken.read_text()
    assert damage(text, how) != text
    broken.write_text(damage(text, how))
    given = skeletons.named(FILES[name][1]) if name in FILES else COCO
    with pytest.raises(InputError, match=DAMAGE[how]) as caught:
        everything(keypoints.open_input(path, skeleton=given))
    assert str(broken) in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('a.npy', b'\x93NUMPY truncated', 'expected an array of numbers'),
        ('a.npz', b'PK truncated', 'expected an npz file'),
        ('a.h5', b'\x89HDF truncated', 'expected a pose file'),
        ('a.npy', np.zeros((3, 16, 2)), 'the 17 joints of coco17, found 16'),
        ('a.npy', np.zeros((3, 17, 4)), r'shape \(N, J, 2\) or \(N, J, 3\)'),
        ('a.npy', np.zeros((0, 17, 2)), 'found none'),
        ('a.npy', np.array([[['x', 'y']]]), 'expected numbers'),
        ('a.npy', np.full((3, 17, 2), np.nan), 'pose 0: expected finite numbers'),
        ('a.npz', {'keypoints': np.full((3, 17, 2), np.nan)}, 'expected finite numbers'),
        ('a.npz', {'keypoints': np.ones((3, 16, 2))}, 'the 17 joints of coco17, found 16'),
        ('a.npz', {'a': np.ones(3), 'b': np.ones(3)}, 'an array called keypoints, found a, b'),
        ('a.npz', {'keypoints': np.ones((3, 17, 2)), 'confidence': np.ones(3)}, 'confidence'),
        ('a.npz', {'keypoints': np.ones((3, 17, 2)), 'confidence': np.full((3, 17), 'x')}, 'num'),
        ('a.npz', {'keypoints': np.ones((3, 17, 2)), 'joint_names': np.array('x')}, 'known skel'),
        ('a.npy', np.full((3, 17, 2), 1e300), 'expected finite numbers, found .inf'),
        ('a.json', '[]', 'an empty list'),
        ('a.json', '{"people": []}', 'expected people with keypoints, found none'),
        ('a.json', '{"people": 3}', 'people: expected a list, found 3'),
        ('a.json', '{"persons": []}', 'expected keypoints of OpenPose'),
        ('a.json', '[{"keypoints": [1, 2]}]', 'expected keypoints of OpenPose'),
        ('a.json', '[{"image_id": 1, "keypoints": [1, 2]}]', 'numbers x y c for each joint'),
        ('a.json', '[{"image_id": 1, "keypoints": "none"}]', r'\[0\]: expected numbers x y c'),
        ('a.json', '[{"image_id": 1, "keypoints": %s}] 7' % ([1] * 51), 'the end after a JSON'),
        ('a.json', '[{"image_id": 1, "keypoints": %s} {}]' % ([1] * 51), "expected ',' or ']'"),
        ('a.json', '[{"keypoints": [[1, 2]], "keypoint_scores": [1, 1]}]', 'expected 1 keypoint'),
        ('a.json', '[{"keypoints": [[1, 2, 3]], "keypoint_scores": [1]}]', r'keypoints \[K\]\[2\]'),
        ('a.json', b'\xff\xfe', 'expected JSON'),
        ('a.csv', '', 'expected rows of numbers, found none'),
        ('a.csv', 'a_x,a_y\n', 'joints of a known skeleton'),
        ('a.csv', 'a_x,a_x\n1,2\n', 'each column once'),
        ('a.csv', 'frame,x\n1,2\n', 'none called NAME_x'),
        ('a.csv', 'a_x\n1\n', 'none called a_y'),
        ('a.csv', '1,2,3\n', 'line 1: expected 34 or 51 numbers'),
    ],
)  # fmt: skip
def test_what_is_no_keypoints_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content)
    elif isinstance(content, dict):
        np.savez(path, **content)
    else:
        np.save(path, content)
    with pytest.raises(InputError, match=message) as caught:
        everything(keypoints.open_input(path, default=COCO))
    assert str(path) in str(caught.value)


def test_csv_header_alone_has_no_people(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_text((DATA / 'poses.csv').read_text().splitlines()[0] + '\n')
    with pytest.raises(InputError, match='expected rows of numbers, found none'):
        everything(keypoints.open_input(path))


def test_no_pickle_is_loaded(tmp_path):
    path = tmp_path / 'a.npz'
    np.savez(path, keypoints=np.array([{}], object))
    with pytest.raises(InputError, match=r'a\.npz: expected an npz file of plain arrays'):
        keypoints.open_input(path)
    np.save(tmp_path / 'a.npy', np.array([{}], object))
    with pytest.raises(InputError, match=r'a\.npy: expected an array of numbers'):
        keypoints.open_input(tmp_path / 'a.npy')


def test_missing_places_and_folders_are_named(tmp_path):
    with pytest.raises(InputError, match='absent: expected keypoints, found no such'):
        keypoints.open_input(tmp_path / 'absent')
    with pytest.raises(InputError, match='expected a folder of JSON files'):
        keypoints.open_input(tmp_path)
    with pytest.raises(InputError, match='expected a file of the format csv, found a folder'):
        keypoints.open_input(tmp_path, 'csv')


def test_a_list_is_read_piece_by_piece(tmp_path, monkeypatch):
    """However the pieces fall, the elements are the same."""
    path = tmp_path / 'a.json'
    values = [{'a': [1.5, -2e3], 'b': 'x]}"\\'}, {}, {'c': None}, 12, 'é']
    path.write_text(' \n' + json.dumps(values, ensure_ascii=False) + '\n ', encoding='utf-8')
    for size in (1, 2, 7, 1000):
        monkeypatch.setattr(keypoint_json, '_CHUNK', size)
        assert [value for value, _ in keypoint_json._elements(path)] == values


def test_mmpose_tracks_and_openpose_ids_are_kept(tmp_path):
    text = (DATA / 'mmpose_list.json').read_text()
    text = text.replace('"bbox_score"', '"track_id": 31, "bbox_score"')
    (tmp_path / 'a.json').write_text(text)
    assert everything(keypoints.open_input(tmp_path / 'a.json')).person == [31] * 3
    text = (DATA / 'openpose18.json').read_text().replace(
        '"pose_keypoints_2d"', '"person_id": [5], "pose_keypoints_2d"'
    )  # fmt: skip
    (tmp_path / 'b.json').write_text(text)
    assert everything(keypoints.open_input(tmp_path / 'b.json')).person == [5, 5]


def test_a_folder_of_image_results(tmp_path):
    for name in ('b', 'a'):
        shutil.copy(DATA / 'mmpose_image.json', tmp_path / f'{name}.json')
    source = keypoints.open_input(tmp_path)
    assert everything(source).frame == ['a', 'a', 'b', 'b']
    assert source.total == 2


JUNK = [None, True, -1, 1e400, 10**400, 2.5, '', 'x', [], [[]], [1], {}, {'id': 1}, [None] * 51]


def places(value, at=()):
    """Paths to everything within a JSON value."""
    yield at
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*at, key))


@pytest.mark.parametrize('name', [name for name in FILES if name.endswith('.json')])
def test_whatever_stands_in_a_file_it_is_read_or_refused(tmp_path, name):
    """Any part of a file replaced by something else, or gone: never another error."""
    draw = random.Random(5)
    whole = json.loads((DATA / name).read_text())
    everywhere = [at for at in places(whole) if at]
    read = refused = 0
    for _ in range(120):
        value = copy.deepcopy(whole)
        *way, last = draw.choice(everywhere)
        inner = value
        for key in way:
            inner = inner[key]
        if draw.random() < 0.2:
            del inner[last]
        else:
            inner[last] = draw.choice(JUNK)
        (tmp_path / 'a.json').write_text(json.dumps(value))
        try:
            source = keypoints.open_input(tmp_path / 'a.json')
            found = everything(source)
            source.skeleton.add_virtual_joints(found.pose2d, found.visible(0.3))
            read += 1
        except InputError:
            refused += 1
    assert read > 10
    assert refused > 10


@pytest.mark.parametrize('name', ['coco.json', 'coco_results.json', 'poses.csv'])
def test_the_mark_that_windows_puts_before_a_text_is_no_fault(tmp_path, name):
    (tmp_path / name).write_bytes(b'\xef\xbb\xbf' + (DATA / name).read_bytes())
    found, expected = (
        everything(keypoints.open_input(folder / name)) for folder in (tmp_path, DATA)
    )
    np.testing.assert_array_equal(found.confidence, expected.confidence)
