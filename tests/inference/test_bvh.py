import numpy as np
import pytest

from chainer_pose.inference import bvh
from chainer_pose.skeletons import H36M17, Skeleton

CHAIN = Skeleton('arm', ('Shoulder', 'Elbow/1', 'Wrist', 'Finger'), (-1, 0, 1, 2))


def turn(axis, angle):
    i, j = {'X': (1, 2), 'Y': (2, 0), 'Z': (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[[i, j], [i, j]] = np.cos(angle)
    matrix[i, j], matrix[j, i] = -np.sin(angle), np.sin(angle)
    return matrix


def play(path):
    """A BVH reader written apart: names, (F, J, 3) places, frame time."""
    words = path.read_text().split()
    names, parents, offsets, channels, stack = [], [], [], [], []
    i = 1
    while words[i] != 'MOTION':
        word = words[i]
        if word in ('ROOT', 'JOINT'):
            parents.append(stack[-1] if stack else -1)
            names.append(words[i + 1])
            joint = len(names) - 1
            i += 1
        elif word == 'End':
            joint = None
            i += 1
        elif word == '{':
            stack.append(joint)
        elif word == '}':
            stack.pop()
        elif word == 'OFFSET':
            if joint is not None:
                offsets.append([float(x) for x in words[i + 1 : i + 4]])
            i += 3
        elif word == 'CHANNELS':
            n = int(words[i + 1])
            channels.append(words[i + 2 : i + 2 + n])
            i += 1 + n
        i += 1
    n_frames, frame_time = int(words[i + 2]), float(words[i + 5])
    numbers = np.array(words[i + 6 :], float).reshape(n_frames, -1)
    places = np.zeros((n_frames, len(names), 3))
    for frame, row in enumerate(numbers):
        row, world = list(row), []
        for joint, parent in enumerate(parents):
            rotation, shift = np.eye(3), np.zeros(3)
            for channel in channels[joint]:
                value = row.pop(0)
                if channel.endswith('position'):
                    shift['XYZ'.index(channel[0])] = value
                else:
                    rotation = rotation @ turn(channel[0], np.radians(value))
            above = world[parent] if parent >= 0 else np.eye(3)
            start = places[frame, parent] if parent >= 0 else np.zeros(3)
            places[frame, joint] = start + above @ np.array(offsets[joint]) + shift
            world.append(above @ rotation)
    return names, places, frame_time


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
