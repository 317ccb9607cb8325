"""CMU motion capture: ASF skeletons and AMC motion, as mocap.cs.cmu.edu has them.

World coordinates of the clips have y up and z forward, in the file's own unit;
they leave this module with z up and x forward, in mm.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose.datasets.pose_data import PoseData
from chainer_pose.datasets.readers import rig, shared
from chainer_pose.errors import InputError
from chainer_pose.skeletons import named

if TYPE_CHECKING:
    from chainer_pose.utils.files import StrPath


SKELETON = named('cmu17')
FPS = 120.0
INCH = 25.4  # mm; "length 0.45" in :units means that 0.45 file units are an inch
ROOM = 2000.0  # mm; a root further from the middle than this is left out
_AXES = 'xyz'

# The end of which bone is which joint; the hip is the root's own position.
_BONE_OF_JOINT = {
    'RHip': 'rhipjoint', 'RKnee': 'rfemur', 'RFoot': 'rtibia',
    'LHip': 'lhipjoint', 'LKnee': 'lfemur', 'LFoot': 'ltibia',
    'Spine': 'upperback', 'Thorax': 'thorax', 'Head': 'head',
    'LShoulder': 'lclavicle', 'LElbow': 'lhumerus', 'LWrist': 'lradius',
    'RShoulder': 'rclavicle', 'RElbow': 'rhumerus', 'RWrist': 'rradius',
}  # fmt: skip
# Neck/Nose is not captured: the head's base, moved in the head's frame.
_NOSE_BASE, _NOSE_FRAME, _NOSE_OFFSET = 'upperneck', 'head', (0.0, 50.0, 100.0)  # mm


@dataclasses.dataclass(frozen=True)
class Bone:
    """One bone of an ASF skeleton.

    Attributes:
        parent: name of the bone that it hangs on, 'root' at the top.
        offset: (3,), from the parent's end to its own in the bind pose, mm.
        axis: (3, 3), the frame in which its angles turn.
        dof: the axes, of 'xyz', about which an AMC file turns it.
    """

    parent: str
    offset: np.ndarray
    axis: np.ndarray
    dof: str


def rotation(degrees: np.ndarray) -> np.ndarray:
    """Rz Ry Rx of angles about x, y and z: (..., 3) degrees to (..., 3, 3)."""
    x, y, z = np.moveaxis(np.radians(degrees), -1, 0)
    cx, sx, cy, sy, cz, sz = np.cos(x), np.sin(x), np.cos(y), np.sin(y), np.cos(z), np.sin(z)
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def read_asf(path: StrPath) -> tuple[dict[str, Bone], float]:
    """Read a skeleton.

    Args:
        path: an .asf file with angles in degrees.
    Returns:
        (bones, unit): dict from name to `Bone`, parents before children, and
        mm per unit of the motion files.
    Raises:
        InputError: naming the file, what was expected and what was found.
    """
    sections = _asf_sections(path)
    for key in ('units', 'bonedata', 'hierarchy'):
        if key not in sections:
            raise InputError(f'{path}: expected a section :{key}, found {sorted(sections)}')
    units = {words[0]: words[1] for words in sections['units'] if len(words) > 1}
    if units.get('angle', 'deg') != 'deg':
        raise InputError(f'{path}: expected angles in deg, found {units["angle"]}')
    length = _numbers(path, 'unit length', [units.get('length', '1')], 1)[0]
    if not length > 0:
        raise InputError(f'{path}: expected a unit length above 0, found {length}')
    unit = INCH / length

    parents = {}
    for words in sections['hierarchy']:
        if words[0] not in ('begin', 'end'):
            parents.update(dict.fromkeys(words[1:], words[0]))
    data = {}
    for words in sections['bonedata']:
        if words[0] == 'begin':
            fields: dict[str, list[str]] = {}
        elif words[0] == 'end':
            if 'name' not in fields:
                raise InputError(f'{path}: expected a name for every bone, found {sorted(fields)}')
            data[fields['name'][0]] = fields
        else:
            fields[words[0]] = words[1:]

    bones = {}
    for name in parents:
        if name not in data or (parents[name] != 'root' and parents[name] not in bones):
            raise InputError(
                f'{path}: expected the hierarchy to name known bones, parents first, found {name}'
            )
        fields = data[name]
        numbers = {
            key: _numbers(path, f'{name} {key}', fields.get(key, [])[:n], n)
            for key, n in (('direction', 3), ('length', 1), ('axis', 3))
        }
        if fields['axis'][3:] not in ([], ['XYZ']):
            raise InputError(f'{path}: {name} axis: expected order XYZ, found {fields["axis"][3]}')
        dof = fields.get('dof', [])
        if not all(len(d) == 2 and d[0] == 'r' and d[1] in _AXES for d in dof):
            raise InputError(f'{path}: {name} dof: expected some of rx ry rz, found {dof}')
        bones[name] = Bone(
            parents[name],
            numbers['direction'] * numbers['length'] * unit,
            rotation(numbers['axis']),
            ''.join(d[1] for d in dof),
        )
    wanted = {*_BONE_OF_JOINT.values(), _NOSE_BASE, _NOSE_FRAME}
    if not wanted <= set(bones):
        raise InputError(f'{path}: expected the bones of CMU, found none of {wanted - set(bones)}')
    return bones, unit


def _asf_sections(path):
    sections, current = {}, []
    for line in _lines(path):
        words = line.split()
        if line.startswith(':'):
            current = sections.setdefault(words[0][1:].lower(), [])
        elif words:
            current.append(words)
    return sections


def _lines(path):
    try:
        text = Path(path).read_text(encoding='ascii', errors='replace')
    except OSError as error:
        raise InputError(f'{path}: expected a readable file, found: {error.strerror}') from error
    return [line for line in text.splitlines() if not line.startswith('#')]


def _numbers(path, where, words, n):
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError:
        numbers = np.empty(0)
    if len(numbers) != n or not np.isfinite(numbers).all():
        raise InputError(f'{path}: {where}: expected {n} finite numbers, found {words}')
    return numbers


def read_amc(path: StrPath, bones: Mapping[str, Bone], step: int = 1) -> dict[str, np.ndarray]:
    """Read a motion.

    Args:
        path: an .amc file, :FULLY-SPECIFIED and :DEGREES.
        bones: from `read_asf` of its subject.
        step: keep every step-th frame, from the first.
    Returns:
        dict from bone to (F, 3) angles about x, y, z, degrees, for 'root' and
        the bones that turn, and from 'position' to (F, 3), file units.
    Raises:
        InputError: naming the file, the frame, what was expected and found.
    """
    width = {'root': 6, **{name: len(bone.dof) for name, bone in bones.items() if bone.dof}}
    frames: list[dict[str, np.ndarray]] = []
    for line in _lines(path):
        words = line.split()
        if not words or words[0].startswith(':'):
            if words and words[0].upper() == ':RADIANS':
                raise InputError(f'{path}: expected :DEGREES, found :RADIANS')
            continue
        if len(words) == 1 and words[0].isdigit():
            frames.append({})
        elif not frames or words[0] not in width:
            raise InputError(
                f'{path}: frame {len(frames)}: expected a bone that turns, found {words[0]!r:.40}'
            )
        else:
            frames[-1][words[0]] = words[1:]
    kept = frames[::step]
    if not kept:
        raise InputError(f'{path}: expected frames, found none')
    motion = {}
    for name, n in width.items():
        table = np.empty((len(kept), n))
        for i, frame in enumerate(kept):
            where = f'frame {i * step + 1}, {name}'
            table[i] = _numbers(path, where, frame.get(name, []), n)
        if name == 'root':
            motion['position'], motion['root'] = table[:, :3], table[:, 3:]
        else:
            motion[name] = np.zeros((len(kept), 3))
            motion[name][:, [_AXES.index(axis) for axis in bones[name].dof]] = table
    return motion


def forward_kinematics(
    bones: Mapping[str, Bone], unit: float, motion: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Where every bone ends.

    A bone turns by L = C M C^-1 relative to its parent, C from its axis and M
    from its angles, and ends at its parent's end plus R L offset.

    Args:
        bones, unit: from `read_asf`.
        motion: from `read_amc`.
    Returns:
        (ends, turns): dicts from bone, 'root' included, to (F, 3) mm in CMU's
        world and to (F, 3, 3) rotations from the bind pose.
    """
    ends = {'root': motion['position'] * unit}
    turns = {'root': rotation(motion['root'])}
    for name, bone in bones.items():
        turn = turns[bone.parent]
        if name in motion:
            turn = turn @ bone.axis @ rotation(motion[name]) @ bone.axis.T
        turns[name] = turn
        ends[name] = ends[bone.parent] + turn @ bone.offset
    return ends, turns


def h36m_joints(ends: Mapping[str, np.ndarray], turns: Mapping[str, np.ndarray]) -> np.ndarray:
    """The 17 Human3.6M joints of a clip.

    Args:
        ends, turns: from `forward_kinematics`.
    Returns:
        (F, 17, 3) array, mm, z up, x forward.
    """
    at = {joint: ends[bone] for joint, bone in _BONE_OF_JOINT.items()}
    at['Hip'] = ends['root']
    at['Neck/Nose'] = ends[_NOSE_BASE] + turns[_NOSE_FRAME] @ np.array(_NOSE_OFFSET)
    joints = np.stack([at[name] for name in SKELETON.names], axis=1)
    return joints[:, :, [2, 0, 1]]


def find_clips(root: StrPath) -> dict[str, tuple[Path, list[Path]]]:
    """The clips of a folder, as CMU arranges them: NN/NN.asf beside NN/NN_MM.amc.

    Args:
        root: a folder; the subjects may lie some folders down.
    Returns:
        dict from subject, e.g. '02', to (path of .asf, sorted paths of .amc).
    Raises:
        InputError: if there are none, or a subject has no motion.
    """
    root = shared.root_folder(root)
    clips = {}
    for asf in sorted(root.rglob('*.asf')):
        motions = sorted(asf.parent.glob(f'{asf.stem}_*.amc'))
        if not motions:
            raise InputError(f'{asf.parent}: expected motions {asf.stem}_MM.amc, found none')
        clips[asf.stem] = (asf, motions)
    if not clips:
        raise InputError(
            'expected CMU subjects, NN/NN.asf with NN/NN_MM.amc, found no .asf; '
            'they are at mocap.cs.cmu.edu',
            root=root,
        )
    return clips


def convert(
    root: StrPath,
    test_subjects: Sequence[str] | None = None,
    step: int = 12,
    headings: Sequence[float] | None = None,
    actions: Mapping[str, str] | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> dict[str, PoseData]:
    """Turn CMU clips into poses seen by the four cameras of `rig`.

    Each clip is moved so that its mean lies in the middle of the room and is
    turned about the vertical; frames whose root is further from the middle
    than `ROOM` are left out, since a camera might stand there.

    Args:
        root: see `find_clips`.
        test_subjects: names of the subjects of the test split; None for the last
            fifth, at least one of two.
        step: keep every step-th frame of the 120 a second.
        headings: degrees by which to turn each clip, one copy for each; None
            for one copy turned at random.
        actions: dict from clip, e.g. '02_01', to its action; None for no actions.
        seed: of the random headings.
        progress: called with a line of text after each clip.
    Returns:
        dict from 'train' and/or 'test' to `datasets.PoseData`.
    Raises:
        InputError: for files or subjects that are missing or damaged.
    """
    clips = find_clips(root)
    if test_subjects is None:
        test_subjects = list(clips)[len(clips) - max(len(clips) // 5, len(clips) > 1) :]
    unknown = sorted(set(test_subjects) - set(clips))
    if unknown:
        raise InputError(f'expected some of {" ".join(clips)}', test_subjects=' '.join(unknown))
    rng = np.random.default_rng(seed)
    cameras = rig.four_cameras()
    action_names = sorted(set(actions.values())) if actions else []
    parts: dict[str, list] = {'train': [], 'test': []}
    clip = 0
    for subject, (name, (asf, motions)) in enumerate(clips.items()):
        bones, unit = read_asf(asf)
        for path in motions:
            if actions is not None and path.stem not in actions:
                raise InputError(f'expected a row for {path.stem}, found none', actions=None)
            motion = read_amc(path, bones, step)
            world = h36m_joints(*forward_kinematics(bones, unit, motion))
            left_out = 0
            degrees = [rng.uniform(-180, 180)] if headings is None else headings
            for heading in degrees:
                placed, frames = _place(world, np.radians(heading), step)
                left_out += len(world) - len(frames)
                if len(frames):
                    action = action_names.index(actions[path.stem]) if actions else None
                    part = _see_clip(placed, frames, cameras, subject, clip, action)
                    parts['test' if name in test_subjects else 'train'].append(part)
                    clip += 1
            if progress:
                progress(
                    f'{path.stem}: {len(world)} frames, {len(degrees)} heading(s), '
                    f'{left_out} left out as too far from the middle'
                )
    splits = {
        split: _join(rows, list(clips), [c.name for c in cameras], action_names, FPS / step)
        for split, rows in parts.items()
        if rows
    }
    if not splits:
        raise InputError('expected frames within the room, found none', root=root)
    return splits


def _place(world, heading, step):
    cos, sin = np.cos(heading), np.sin(heading)
    turned = world @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    turned[:, :, :2] -= turned[:, :1, :2].mean(axis=0)
    inside = np.hypot(*turned[:, 0, :2].T) <= ROOM
    return turned[inside], np.flatnonzero(inside) * step


def _see_clip(world, frames, cameras, subject, clip, action):
    pose2d, pose3d, camera = rig.see(world, cameras)
    columns = {'subject': subject, 'clip': clip} | ({} if action is None else {'action': action})
    return {
        'pose2d': pose2d,
        'pose3d': pose3d,
        'camera': camera,
        'frame': np.tile(frames, len(cameras)),
        **{key: np.full(len(camera), value) for key, value in columns.items()},
    }


def _join(parts, subjects, cameras, actions, fps):
    arrays = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return PoseData(
        name='cmu',
        skeleton=SKELETON,
        pose2d=arrays.pop('pose2d'),
        pose3d=arrays.pop('pose3d'),
        columns={key: array.astype(np.int32) for key, array in arrays.items()},
        names={
            'subject': subjects,
            'camera': cameras,
            **({'action': actions} if actions else {}),
        },
        fps=fps,
        source='CMU Graphics Lab Motion Capture Database, mocap.cs.cmu.edu, seen by the '
        'cameras of the Human3.6M laboratory',
        licence='free for research and commercial use; do not resell the data itself; '
        'please credit mocap.cs.cmu.edu',
    )
