"""Motion of one person as BVH, for animation software.

Limits: a BVH has bones of one length, so each takes its median over the
frames; joints of several bones (hips, thorax) get the rotation that fits them
best, and their bones are then a little off; what cannot be seen in joints, the
turn of a bone about itself, is the smallest possible; the root stays where it
is, since its way through the room is not known. The pose of rest is that of
the first frame. y points up and z towards the camera, as BVH has it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose import geometry

if TYPE_CHECKING:
    from chainer_pose.skeletons import Skeleton
    from chainer_pose.utils.files import StrPath


_UP = np.array([1.0, -1.0, -1.0])  # from y down, z away: half a turn about x


def write(path: StrPath, pose3d: np.ndarray, skeleton: Skeleton, fps: float) -> None:
    """Write a BVH file.

    Args:
        path: where to.
        pose3d: (F, J, 3) array in the camera frame, in any unit.
        skeleton: `skeletons.Skeleton`.
        fps: frames a second.
    """
    pose = geometry.center(np.asarray(pose3d, np.float64), skeleton.root) * _UP
    offsets = _rest(pose, skeleton)
    angles = _euler(_local_rotations(pose, offsets, skeleton))
    lines = ['HIERARCHY', *_joint(skeleton, offsets, skeleton.root, 0)]
    lines += ['MOTION', f'Frames: {len(pose)}', f'Frame Time: {1 / fps:.6f}']
    order = _order(skeleton, skeleton.root)
    for frame in range(len(pose)):
        numbers = [0.0, 0.0, 0.0, *np.degrees(angles[frame, order]).reshape(-1)]
        lines.append(' '.join(f'{number:.4f}' for number in numbers))
    with open(path, 'w', encoding='ascii') as file:
        file.write('\n'.join(lines) + '\n')


def _order(skeleton, joint):
    """Joints as the hierarchy lists them."""
    return [joint] + [j for child in skeleton.children(joint) for j in _order(skeleton, child)]


def _rest(pose, skeleton):
    """Each joint's offset from its parent: first frame's direction, median length."""
    offsets = np.zeros(pose.shape[1:])
    for child, parent in skeleton.bones:
        bone = pose[:, child] - pose[:, parent]
        length = np.linalg.norm(bone, axis=1)
        first = bone[0] / length[0] if length[0] > 0 else np.array([0.0, 1.0, 0.0])
        offsets[child] = first * np.median(length)
    return offsets


def _local_rotations(pose, offsets, skeleton):
    """Each joint's rotation relative to its parent's: (F, J, 3, 3)."""
    frames, joints = pose.shape[:2]
    world = np.tile(np.eye(3), (frames, joints, 1, 1))
    local = world.copy()
    for joint in _order(skeleton, skeleton.root):
        parent = skeleton.parents[joint]
        above = world[:, parent] if parent >= 0 else np.tile(np.eye(3), (frames, 1, 1))
        children = skeleton.children(joint)
        bones = pose[:, children] - pose[:, [joint]]
        if len(children) > 1:
            world[:, joint] = _best_rotation(offsets[children], bones)
        elif children:
            start = (above @ offsets[children[0]])[:, :, None]
            world[:, joint] = _swing(start[:, :, 0], bones[:, 0]) @ above
        else:
            world[:, joint] = above
        local[:, joint] = np.swapaxes(above, 1, 2) @ world[:, joint]
    return local


def _best_rotation(rest, bones):
    """Rotations that bring (K, 3) rest offsets nearest to (F, K, 3) bones."""
    u, _, vt = np.linalg.svd(np.swapaxes(bones, 1, 2) @ rest)
    u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
    return u @ vt


def _swing(start, end):
    """The smallest rotations from directions (F, 3) to directions (F, 3)."""
    start = start / np.maximum(np.linalg.norm(start, axis=1, keepdims=True), 1e-12)
    end = end / np.maximum(np.linalg.norm(end, axis=1, keepdims=True), 1e-12)
    # Two reflections: one maps start to the middle, one the middle to the end.
    middle = start + end
    size = np.linalg.norm(middle, axis=1, keepdims=True)
    # Opposite directions have no smallest rotation: half a turn about any normal.
    other = np.cross(start, np.where(np.abs(start[:, :1]) < 0.9, [[1.0, 0, 0]], [[0, 1.0, 0]]))
    opposite = 2 * _outer(_unit(other)) - np.eye(3)
    middle = _unit(np.where(size > 1e-9, middle, start))
    swing = (2 * _outer(middle) - np.eye(3)) @ (2 * _outer(start) - np.eye(3))
    return np.where(size[:, :, None] > 1e-9, swing, opposite)


def _unit(vector):
    return vector / np.maximum(np.linalg.norm(vector, axis=1, keepdims=True), 1e-12)


def _outer(vector):
    return vector[:, :, None] * vector[:, None, :]


def _euler(rotation):
    """Angles z, x, y of R = Rz Rx Ry: (..., 3, 3) to (..., 3), radians."""
    x = np.arcsin(np.clip(rotation[..., 2, 1], -1, 1))
    z = np.arctan2(-rotation[..., 0, 1], rotation[..., 1, 1])
    y = np.arctan2(-rotation[..., 2, 0], rotation[..., 2, 2])
    # Looking straight along an axis, z and y turn about the same one: y is 0.
    locked = np.abs(rotation[..., 2, 1]) > 1 - 1e-9
    z = np.where(locked, np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0]), z)
    return np.stack([z, x, np.where(locked, 0, y)], axis=-1)


def _joint(skeleton, offsets, joint, depth):
    name = re.sub(r'\W', '_', skeleton.names[joint])
    indent = '  ' * depth
    offset = ' '.join(f'{x:.6f}' for x in offsets[joint])
    children = skeleton.children(joint)
    place = 'Xposition Yposition Zposition ' if depth == 0 else ''
    lines = [
        f'{indent}{"ROOT" if depth == 0 else "JOINT"} {name}',
        indent + '{',
        f'{indent}  OFFSET {offset}',
        f'{indent}  CHANNELS {6 if depth == 0 else 3} {place}Zrotation Xrotation Yrotation',
    ]
    for child in children:
        lines += _joint(skeleton, offsets, child, depth + 1)
    if not children:  # the joint itself is the end of its bone
        lines += [
            f'{indent}  End Site',
            indent + '  {',
            f'{indent}    OFFSET 0 0 0',
            indent + '  }',
        ]
    return [*lines, indent + '}']
