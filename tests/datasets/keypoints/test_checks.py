import numpy as np
import pytest

from chainer_pose import skeletons
from chainer_pose.datasets import keypoints
from chainer_pose.datasets.keypoints import find_faults as warnings
from chainer_pose.skeletons import H36M17
from tests.conftest import ROOT

COCO = skeletons.get('coco17')


@pytest.fixture
def people():
    """Two people who face the camera, as COCO's joints, px."""
    return keypoints.read(ROOT / 'tests' / 'data' / 'coco.json').poses(0.3)


def test_nothing_is_wrong_with_people(people):
    pose, visible = people
    assert warnings(COCO, pose, visible) == []
    missing = np.where(visible[:, :, None], pose, -1e6)
    assert warnings(COCO, missing, visible) == []


@pytest.mark.parametrize(
    ('x', 'y', 'expected'),
    [
        ((1, 0), (0, -1), 'y seems to point up: 3 of 3 people'),
        ((-1, 0), (0, -1), 'people look upside down: 3 of 3 people'),  # a handstand
        ((0, -1), (1, 0), 'turned by 90 degrees: 3 of 3 people'),
        ((0, 1), (-1, 0), 'turned by 90 degrees: 3 of 3 people'),
        ((1 / 640, 0), (0, 1 / 640), 'coordinates look normalized'),
    ],
)
def test_a_picture_turned_or_mirrored(people, x, y, expected):
    pose, visible = people
    (found,) = warnings(COCO, pose @ np.array([x, y]).T, visible)
    assert expected in found


def test_left_and_right_swapped(people):
    mirror = dict(COCO.pairs) | {right: left for left, right in COCO.pairs}
    order = [COCO.index(mirror.get(name, name)) for name in COCO.names]
    (found,) = warnings(COCO, *(array[:, order] for array in people))
    assert 'left and right look swapped: 3 of 3 people' in found


def test_without_eyes_many_people_tell(rng):
    pose = rng.normal(300, 10, (30, 17, 2))
    pose[:, H36M17.index('Thorax'), 1], pose[:, H36M17.root, 1] = 200, 300
    pose[:, H36M17.index('LShoulder')], pose[:, H36M17.index('RShoulder')] = (280, 205), (320, 205)
    visible = np.ones((30, 17), bool)
    assert 'or everyone is seen from behind: 30 of 30' in warnings(H36M17, pose, visible)[0]
    assert warnings(H36M17, pose[:9], visible[:9]) == []  # who walks away is no fault


def test_animals_stand_as_they_like(rng):
    quadruped = skeletons.get(ROOT / 'examples' / 'skeletons' / 'quadruped.json')
    pose = rng.normal(300, 90, (40, len(quadruped), 2))
    assert warnings(quadruped, pose, np.ones(pose.shape[:2], bool)) == []
