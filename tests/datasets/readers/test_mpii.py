import json
import shutil

import numpy as np
import pytest
import trees

from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import mpii
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17, MPII16

IMAGES = trees.mpii_people(20)
WHOLE = [p for people in IMAGES for p in people if len(p['joints']) == 16]
ALL = [p for people in IMAGES for p in people]


@pytest.fixture
def roots(tmp_path):
    for name in ('mat', 'v73', 'json'):
        (tmp_path / name).mkdir()
    trees.write_mpii_mat(tmp_path / 'mat' / mpii.MAT, IMAGES)
    trees.write_mpii_mat(tmp_path / 'v73' / mpii.MAT, IMAGES, v73=True)
    trees.write_mpii_json(tmp_path / 'json' / 'train.json', IMAGES[:15])
    trees.write_mpii_json(tmp_path / 'json' / 'valid.json', IMAGES[15:], start=15)
    return tmp_path


def people_of(root):
    found = mpii.find(root)
    if 'mat' in found:
        return mpii.read_mat(found['mat'])
    return [person for path in found.values() for person in mpii.read_json(path)]


@pytest.mark.parametrize('layout', ['mat', 'v73', 'json'])
def test_joints_by_id_counted_from_0(roots, layout):
    """Points in any order, pixels from 1, annorect and is_visible absent here and there."""
    people = people_of(roots / layout)
    expected = np.full((len(ALL), 16, 2), np.nan)
    for joints, person in zip(expected, ALL):
        joints[list(person['joints'])] = np.array(list(person['joints'].values())) - 1
    np.testing.assert_allclose([person.joints for person in people], expected)
    np.testing.assert_allclose([p.center for p in people], [p['center'] for p in ALL])
    assert people[0].image == '000000000.jpg'


def convert(people, tmp_path, **options):
    path = tmp_path / 'mpii.h5'
    counts = mpii.convert({'train': people, 'test': people[:2]}, path, **options)
    return pose_file.read(path, 'train'), counts


def test_people_with_all_joints_by_default_the_rest_marked_on_demand(roots, tmp_path):
    people = people_of(roots / 'json')
    data, counts = convert(people, tmp_path)
    assert counts['train'][0] == len(data) == len(WHOLE)
    assert data.skeleton.names == MPII16.names
    assert data.pose3d is None
    assert data.valid.all()
    expected = np.array([[p['joints'][k] for k in range(16)] for p in WHOLE]) - 1
    np.testing.assert_allclose(data.pose2d, expected, atol=1e-4)
    data, _ = convert(people, tmp_path, partial=True)
    seen = [set(np.flatnonzero(valid)) for valid in data.valid]
    assert seen == [set(person['joints']) for person in ALL]
    assert np.isnan(data.pose2d[~data.valid]).all()


def test_as_17_joints(roots, tmp_path):
    people = people_of(roots / 'v73')
    data, _ = convert(people, tmp_path, joints='h36m17', partial=True)
    assert data.skeleton.names == H36M17.names
    index, joints = H36M17.index, np.array([person.joints for person in people])
    for name, k in (('Hip', 6), ('RFoot', 0), ('LKnee', 4), ('Spine', 7), ('Thorax', 8),
                    ('Head', 9), ('LWrist', 15), ('RShoulder', 12)):  # fmt: skip
        np.testing.assert_allclose(data.pose2d[:, index(name)], joints[:, k], atol=1e-4)
    nose, middle = index('Neck/Nose'), joints[:, [8, 9]].mean(axis=1)
    np.testing.assert_allclose(data.pose2d[:, nose], middle, atol=1e-4)
    assert not data.valid[:, nose].any()
    np.testing.assert_array_equal(data.imputed[:, nose], np.isfinite(middle[:, 0]))
    assert len(convert(people, tmp_path, joints='h36m17')[0]) == len(WHOLE)


def test_detections_find_their_people_in_any_order(roots, tmp_path):
    trees.write_mpii_json(tmp_path / 'det.json', IMAGES, shift=3.0)
    entries = json.loads((tmp_path / 'det.json').read_text())[::-1]
    (tmp_path / 'det.json').write_text(json.dumps(entries[2:]))  # the first image's are lost
    detections = mpii.read_json(tmp_path / 'det.json')
    people = people_of(roots / 'mat')
    _, counts = convert(people, tmp_path, detections=detections, detector='hrnet')
    target = pose_file.read(tmp_path / 'mpii.h5', 'train')
    data = pose_file.read(tmp_path / 'mpii.h5', 'train', 'hrnet')
    found = data.valid.all(axis=1)
    np.testing.assert_allclose(data.pose2d[found], target.pose2d[found] + 3, atol=1e-3)
    assert counts['train'] == (len(WHOLE), found.sum())
    assert found.sum() < len(WHOLE)
    assert np.isnan(data.pose2d[~found]).all()
    strangers = [person._replace(image='other') for person in detections]
    (tmp_path / 'mpii.h5').unlink()
    with pytest.raises(InputError, match='detections: expected those of the images'):
        convert(people, tmp_path, detections=strangers)
    assert not (tmp_path / 'mpii.h5').exists()


def test_detections_without_positions_go_by_their_order(tmp_path):
    joints = np.arange(32.0).reshape(16, 2)
    nowhere = (np.nan, np.nan)
    people = [mpii.Person('a', 0, i, (5.0, 5.0), joints + i) for i in range(2)]
    detections = [mpii.Person('a', 0, i, nowhere, joints + 10 + i) for i in range(2)]
    convert(people, tmp_path, detections=detections)
    data = pose_file.read(tmp_path / 'mpii.h5', 'train', 'sh')
    np.testing.assert_allclose(data.pose2d[1], joints + 11)


def test_images_are_split_whole_and_the_same_each_time(roots):
    people = people_of(roots / 'mat')
    splits = mpii.split_people(people, 0.3, seed=1)
    images = {split: {p.image for p in part} for split, part in splits.items()}
    assert not images['train'] & images['test']
    assert len(images['test']) == 6
    assert sum(map(len, splits.values())) == len(people)
    assert [p.image for p in mpii.split_people(people, 0.3, 1)['test']] == [
        p.image for p in splits['test']
    ]


def test_what_is_missing_or_wrong_is_named(roots, tmp_path):
    (roots / 'json' / 'valid.json').unlink()
    with pytest.raises(InputError, match=r'valid\.json: expected JSON, found no such file'):
        people_of(roots / 'json')
    shutil.copy(next(roots.glob('mat/*.mat')), roots / 'json')  # beside another's train.json
    assert [*mpii.find(roots / 'json')] == ['mat']
    (tmp_path / 'empty').mkdir()
    with pytest.raises(InputError, match=r'found neither; the \.mat is at human-pose'):
        mpii.find(tmp_path / 'empty')
    for text, message in (
        ('{}', 'expected a list of people, found a dict'),
        ('[{"image": "a"}]', r"entry 0: expected people with image.*found: no 'joints'"),
        ('[' * 100_000, 'expected JSON'),
    ):
        (tmp_path / 'bad.json').write_text(text)
        with pytest.raises(InputError, match=message):
            mpii.read_json(tmp_path / 'bad.json')
    broken = trees.mpii_people(2)
    broken[0][0]['joints'][19] = (1.0, 2.0)
    trees.write_mpii_mat(tmp_path / 'bad.mat', broken)
    with pytest.raises(InputError, match=r'\(1\): expected joint ids from 0 to 15, found 19'):
        mpii.read_mat(tmp_path / 'bad.mat')
