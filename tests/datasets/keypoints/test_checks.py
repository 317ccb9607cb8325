import numpy as np
import pytest

from chainer_pose import skeletons
from chainer_pose.datasets.keypoints import reader as keypoints
from chainer_pose.datasets.keypoints.checks import Checks
from chainer_pose.skeletons import H36M17
from tests.conftest import ROOT

COCO = skeletons.named('coco17')


@pytest.fixture
def people():
    """Two people who face the camera, as COCO's joints, px."""
    batch = next(keypoints.open_input(ROOT / 'tests' / 'data' / 'coco.json').batches())
    return COCO.add_virtual_joints(batch.pose2d, batch.visible(0.3))


def warnings(known, pose, visible):
    doubts = Checks(known)
    doubts.add(pose, visible)
    return doubts.warnings()


def test_nothing_is_wrong_with_people(people):
    assert warnings(COCO, *people) == []


def test_left_and_right_swapped(people):
    pose, visible = people
    order = list(range(len(COCO)))
    for left, right in COCO.pairs:
        i, j = COCO.index(left), COCO.index(right)
        order[i], order[j] = j, i
    (found,) = warnings(COCO, pose[:, order], visible[:, order])
    assert 'left and right look swapped: 3 of 3 people' in found


def test_without_eyes_many_people_tell(rng):
    pose = rng.normal(300, 40, (30, 17, 2))
    pose[:, H36M17.index('Thorax'), 1], pose[:, H36M17.root, 1] = 200, 300
    pose[:, H36M17.index('LShoulder'), 0], pose[:, H36M17.index('RShoulder'), 0] = 280, 320
    visible = np.ones((30, 17), bool)
    assert 'or everyone is seen from behind: 30 of 30' in warnings(H36M17, pose, visible)[0]
    assert warnings(H36M17, pose[:9], visible[:9]) == []  # who walks away is no fault


def test_y_that_points_up(people):
    pose, visible = people
    (found,) = warnings(COCO, pose * [1, -1], visible)
    assert 'y seems to point up: 3 of 3 people' in found


def test_normalised_coordinates(people):
    pose, visible = people
    (found,) = warnings(COCO, pose / 640, visible)
    assert 'look normalised' in found


def test_missing_joints_are_not_looked_at(people):
    pose, visible = people
    pose = np.where(visible[:, :, None], pose, -1e6)
    assert warnings(COCO, pose, visible) == []


def test_animals_stand_as_they_like(rng):
    quadruped = skeletons.get(ROOT / 'examples' / 'skeletons' / 'quadruped.json')
    pose = rng.normal(300, 90, (40, len(quadruped), 2))
    assert warnings(quadruped, pose, np.ones(pose.shape[:2], bool)) == []
