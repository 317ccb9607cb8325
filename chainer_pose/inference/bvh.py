"""Motion of one person as BVH, for animation software.

Limits: a BVH has bones of one length, so each takes its median over the frames; joints of
several bones (hips, thorax) get the rotation that fits them best, and their bones are then a
little off; the turn of a bone about itself is not visible in joints and is the smallest
possible; the root stays where it is, since its way through the room is not known. The rest
pose is that of the first frame. y points up and z towards the camera, as in BVH.
"""

import re
import warnings

import numpy as np
from scipy.spatial.transform import Rotation

from chainer_pose import geometry
from chainer_pose.skeletons import Skeleton
from chainer_pose.utils.files import StrPath

_UP = np.array([1.0, -1.0, -1.0])  # from y down, z away: half a turn about x


def write(path: StrPath, pose3d: np.ndarray, skeleton: Skeleton, fps: float) -> np.ndarray:
    """Write (F, J, 3) poses in the camera frame, in any unit, as `fps` frames a second.

    Returns:
        (F, J), how far the joints of the file are from those of the poses, in their unit.
    """
    pose = geometry.center(np.asarray(pose3d, np.float64), skeleton.root) * _UP
    offsets = np.zeros(pose.shape[1:])  # from the parent: first frame's direction, median length
    for child, parent in skeleton.bones:
        bone = pose[:, child] - pose[:, parent]
        length = np.linalg.norm(bone, axis=1)
        first = bone[0] / length[0] if length[0] > 0 else np.array([0.0, 1.0, 0.0])
        offsets[child] = first * np.median(length)
    rotations, world = _rotations(pose, offsets, skeleton)
    order = _order(skeleton, skeleton.root)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of gimbal lock, where one angle of two is free
        angles = Rotation.from_matrix(rotations[:, order].reshape(-1, 3, 3)).as_euler('ZXY', True)
    lines = ['HIERARCHY', *_joint(skeleton, offsets, skeleton.root, 0)]
    lines += ['MOTION', f'Frames: {len(pose)}', f'Frame Time: {1 / fps:.6f}']
    for numbers in angles.reshape(len(pose), -1):
        lines.append(' '.join(f'{number:.4f}' for number in (0.0, 0.0, 0.0, *numbers)))
    with open(path, 'w', encoding='utf-8') as file:
        file.write('\n'.join(lines) + '\n')
    place = np.zeros_like(pose)
    for joint in order[1:]:
        parent = skeleton.parents[joint]
        place[:, joint] = place[:, parent] + world[:, parent] @ offsets[joint]
    return np.linalg.norm(place - pose, axis=2)


def constant_bones(pose3d: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Give the bones of one person's poses, (F, J, 3), their median lengths; directions stay."""
    fitted = np.array(pose3d)
    for joint in _order(skeleton, skeleton.root)[1:]:
        parent = skeleton.parents[joint]
        bone = pose3d[:, joint] - pose3d[:, parent]
        length = np.linalg.norm(bone, axis=1, keepdims=True)
        scaled = bone * (np.median(length) / np.where(length > 0, length, 1))
        fitted[:, joint] = fitted[:, parent] + scaled
    return fitted


def _order(skeleton: Skeleton, joint: int) -> list[int]:
    """Joints as the hierarchy lists them."""
    return [joint] + [j for child in skeleton.children(joint) for j in _order(skeleton, child)]


def _rotations(
    pose: np.ndarray, offsets: np.ndarray, skeleton: Skeleton
) -> tuple[np.ndarray, np.ndarray]:
    """Each joint's rotation relative to its parent's, and in the world: (F, J, 3, 3)."""
    world = np.tile(np.eye(3), (*pose.shape[:2], 1, 1))
    local = world.copy()
    for joint in _order(skeleton, skeleton.root):
        parent, children = skeleton.parents[joint], skeleton.children(joint)
        above = world[:, parent] if parent >= 0 else local[:, joint]
        bones = pose[:, children] - pose[:, [joint]]
        world[:, joint] = above
        if len(children) > 1:
            # The rotation, no reflection, that brings the rest offsets nearest to the bones.
            u, _, vt = np.linalg.svd(np.swapaxes(bones, 1, 2) @ offsets[children])
            u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
            world[:, joint] = u @ vt
        elif children:
            world[:, joint] = _swing(above @ offsets[children[0]], bones[:, 0]) @ above
        local[:, joint] = np.swapaxes(above, 1, 2) @ world[:, joint]
    return local, world


def _swing(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotations from directions (F, 3) to directions (F, 3)."""
    axis = np.cross(start, end)
    sine = np.linalg.norm(axis, axis=1, keepdims=True)
    cosine = (start * end).sum(axis=1, keepdims=True)
    # Opposite directions have no smallest rotation: half a turn about any normal.
    normal = np.cross(start, np.eye(3)[np.abs(start).argmin(axis=1)])
    straight = sine <= 1e-9 * np.abs(cosine)
    axis = np.where(straight & (cosine < 0), normal, axis)
    axis /= np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-300)
    return Rotation.from_rotvec(axis * np.arctan2(sine, cosine)).as_matrix()


def _joint(skeleton: Skeleton, offsets: np.ndarray, joint: int, depth: int) -> list[str]:
    name = re.sub(r'\W', '_', skeleton.names[joint])
    indent = '  ' * depth
    offset = ' '.join(f'{x:.6f}' for x in offsets[joint])
    place = '' if depth else 'Xposition Yposition Zposition '
    lines = [
        f'{"JOINT" if depth else "ROOT"} {name}',
        '{',
        f'  OFFSET {offset}',
        f'  CHANNELS {3 if depth else 6} {place}Zrotation Xrotation Yrotation',
    ]
    if not skeleton.children(joint):  # the joint itself is the end of its bone
        lines += ['  End Site', '  {', '    OFFSET 0 0 0', '  }']
    lines = [indent + line for line in lines]
    for child in skeleton.children(joint):
        lines += _joint(skeleton, offsets, child, depth + 1)
    return [*lines, indent + '}']
