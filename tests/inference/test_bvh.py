import matplotlib
import numpy as np
import pytest

from chainer_pose.inference import bvh
from chainer_pose.skeletons import H36M17, Skeleton

with matplotlib.rc_context():  # which it changes
    bvhsdk = pytest.importorskip('bvhsdk')

CHAIN = Skeleton('arm', ('Shoulder', 'Elbow/1', 'Wrist', 'Finger'), (-1, 0, 1, 2))


def play(path):
    """Names, (F, J, 3) places, frame time, by a reader of PyPI."""
    read = bvhsdk.ReadFile(str(path))
    joints = list(read.getlistofjoints())
    places = [[joint.getPosition(frame) for joint in joints] for frame in range(read.frames)]
    return [joint.name for joint in joints], np.array(places), read.frametime


def test_a_chain_is_played_back_exactly(tmp_path, rng):
    bones = rng.normal(size=(6, 3, 3))
    bones *= np.array([30, 20, 5])[:, None] / np.linalg.norm(bones, axis=2, keepdims=True)
    bones[3, 1] = -bones[3, 0] * 2 / 3  # folded back on itself
    pose = np.concatenate([np.zeros((6, 1, 3)), np.cumsum(bones, axis=1)], axis=1)
    bvh.write(tmp_path / 'a.bvh', pose + [100, 50, 7], CHAIN, fps=20)
    names, places, frame_time = play(tmp_path / 'a.bvh')
    assert names == ['Shoulder', 'Elbow_1', 'Wrist', 'Finger']
    assert frame_time == pytest.approx(0.05)
    # y up and towards the viewer, the root where it is.
    np.testing.assert_allclose(places, pose * [1, -1, -1], atol=0.02)


def test_still_poses_and_single_frames_are_fine(tmp_path):
    pose = np.zeros((1, 4, 3))
    pose[0, :, 1] = [0, 1, 1, 2]  # a bone without length
    bvh.write(tmp_path / 'a.bvh', pose, CHAIN, fps=25)
    _, places, _ = play(tmp_path / 'a.bvh')
    np.testing.assert_allclose(places, pose * [1, -1, -1], atol=1e-6)
    bvh.write(tmp_path / 'b.bvh', pose[:, :2], Skeleton('leg', ('Hüfte', '膝'), (-1, 0)), fps=25)
    assert 'JOINT 膝' in (tmp_path / 'b.bvh').read_text('utf-8')


def test_a_person_stands_upright_and_joints_are_as_far_off_as_reported(tmp_path, synthetic_splits):
    """Bones fitted to constant lengths come nearer to the poses."""
    pose = synthetic_splits['test'].pose3d[:40:4]
    pose = (pose - pose[:, :1]) * np.linspace(0.9, 1.1, 10)[:, None, None]
    fitted = bvh.constant_bones(pose, H36M17)
    for child, parent in H36M17.bones:
        bone, before = (p[:, child] - p[:, parent] for p in (fitted, pose))
        length = np.linalg.norm(bone, axis=1)
        np.testing.assert_allclose(length, np.median(np.linalg.norm(before, axis=1)), rtol=1e-5)
        np.testing.assert_allclose(np.cross(bone, before), 0, atol=1)  # mm^2: directions stay
    moved = [bvh.write(tmp_path / 'a.bvh', p, H36M17, fps=10) for p in (pose, fitted)]
    assert moved[1].mean() < min(15, 0.7 * moved[0].mean())  # mm
    names, places, _ = play(tmp_path / 'a.bvh')
    order = [[name.replace('/', '_') for name in H36M17.names].index(name) for name in names]
    expected = (fitted * [1, -1, -1])[:, order]
    found = np.linalg.norm(places - expected, axis=2)
    np.testing.assert_allclose(found, moved[1][:, order], atol=0.05)
    assert (places[:, names.index('Head'), 1] > places[:, names.index('LFoot'), 1]).all()
    for child, parent in (('LFoot', 'LKnee'), ('RWrist', 'RElbow'), ('LKnee', 'LHip')):
        child, parent = names.index(child), names.index(parent)
        bone, wanted = (p[:, child] - p[:, parent] for p in (places, expected))
        lengths = np.linalg.norm(bone, axis=1) * np.linalg.norm(wanted, axis=1)
        assert ((bone * wanted).sum(axis=1) > 0.9999 * lengths).all()
