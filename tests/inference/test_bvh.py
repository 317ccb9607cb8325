import re

import matplotlib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from chainer_pose.inference import bvh
from chainer_pose.skeletons import H36M17, Skeleton

CHAIN = Skeleton('arm', ('Shoulder', 'Elbow/1', 'Wrist', 'Finger'), (-1, 0, 1, 2))


def play(path):
    """A BVH reader written apart: names, (F, J, 3) places, frame time."""
    hierarchy, motion = path.read_text().split('MOTION\n')
    names, parents, offsets, channels, stack = [], [], [], [], []
    for word, rest in re.findall(r'(ROOT|JOINT|End|OFFSET|CHANNELS|}) ?(.*)', hierarchy):
        if word == '}':
            stack.pop()
        elif word == 'OFFSET':
            offsets.append([float(x) for x in rest.split()])
        elif word == 'CHANNELS':
            channels.append(rest)
        else:
            parents.append(stack[-1] if stack else -1)
            stack.append(len(names))
            names.append(rest)
    turns = ' Zrotation Xrotation Yrotation'
    assert channels[0] == '6 Xposition Yposition Zposition' + turns
    assert set(channels[1:]) == {'3' + turns}
    _, time, *rows = motion.splitlines()
    places, world = np.zeros((len(rows), len(names), 3)), [None] * len(names)
    for pose, row in zip(places, rows):
        numbers = np.array(row.split(), float).reshape(-1, 3)
        turning = iter(numbers[1:])
        for joint, (name, parent) in enumerate(zip(names, parents)):
            above = world[parent] if joint else Rotation.identity()
            pose[joint] = (pose[parent] if joint else numbers[0]) + above.apply(offsets[joint])
            if name != 'Site':
                z, x, y = (Rotation.from_euler(*a, True) for a in zip('zxy', next(turning)))
                world[joint] = above * z * x * y
    joints = [joint for joint, name in enumerate(names) if name != 'Site']
    return [names[joint] for joint in joints], places[:, joints], float(time.split()[-1])


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


def test_a_person_stands_upright_and_bones_keep_their_directions(tmp_path, synthetic_splits):
    data = synthetic_splits['test']
    pose = data.pose3d[:30] - data.pose3d[:30, :1]
    bvh.write(tmp_path / 'a.bvh', pose, H36M17, fps=10)
    names, places, _ = play(tmp_path / 'a.bvh')
    order = [[name.replace('/', '_') for name in H36M17.names].index(name) for name in names]
    expected = (pose * [1, -1, -1])[:, order]
    # These bones have one length, so but for the joints of several bones all is met.
    error = np.linalg.norm(places - expected, axis=2)
    assert error.mean() < 15  # mm
    assert (places[:, names.index('Head'), 1] > places[:, names.index('LFoot'), 1]).all()
    for child, parent in (('LFoot', 'LKnee'), ('RWrist', 'RElbow'), ('LKnee', 'LHip')):
        found = places[:, names.index(child)] - places[:, names.index(parent)]
        wanted = expected[:, names.index(child)] - expected[:, names.index(parent)]
        cosine = (found * wanted).sum(axis=1) / (
            np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1)
        )
        assert cosine.min() > 0.9999


def test_still_poses_and_single_frames_are_fine(tmp_path):
    pose = np.zeros((1, 4, 3))
    pose[0, :, 1] = [0, 1, 1, 2]  # a bone without length
    bvh.write(tmp_path / 'a.bvh', pose, CHAIN, fps=25)
    _, places, _ = play(tmp_path / 'a.bvh')
    np.testing.assert_allclose(places, pose * [1, -1, -1], atol=1e-6)


def test_another_reader_finds_the_joints_where_they_were_written(tmp_path, synthetic_splits):
    """bvhsdk, of PyPI, reads the file; bones fitted to constant lengths come nearer to it."""
    with matplotlib.rc_context():  # which it changes
        reader = pytest.importorskip('bvhsdk')
    pose = synthetic_splits['test'].pose3d[:40:4]
    pose = (pose - pose[:, :1]) * np.linspace(0.9, 1.1, 10)[:, None, None]
    fitted = bvh.constant_bones(pose, H36M17)
    for child, parent in H36M17.bones:
        bone, before = (p[:, child] - p[:, parent] for p in (fitted, pose))
        length = np.linalg.norm(bone, axis=1)
        np.testing.assert_allclose(length, np.median(np.linalg.norm(before, axis=1)), rtol=1e-5)
        np.testing.assert_allclose(np.cross(bone, before), 0, atol=1)  # mm^2: directions stay
    moved = [bvh.write(tmp_path / 'a.bvh', p, H36M17, fps=10) for p in (pose, fitted)]
    assert moved[1].mean() < 0.7 * moved[0].mean()
    animation = reader.ReadFile(str(tmp_path / 'a.bvh'))
    assert (animation.frames, animation.frametime) == (10, 0.1)
    for joint in animation.getlistofjoints():
        j = [name.replace('/', '_') for name in H36M17.names].index(joint.name)
        places = np.array([joint.getPosition(frame) for frame in range(10)])
        found = np.linalg.norm(places - fitted[:, j] * [1, -1, -1], axis=1)
        np.testing.assert_allclose(found, moved[1][:, j], atol=0.05)
