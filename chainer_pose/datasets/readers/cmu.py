"""CMU motion capture: ASF skeletons and AMC motion, as on mocap.cs.cmu.edu.

In the files' world y points up and z forward, in a unit of their own; this
module returns z up and x forward, in mm.
"""

import contextlib
import csv
import dataclasses
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from chainer_pose import skeletons
from chainer_pose.datasets.pose_data import PoseData
from chainer_pose.datasets.readers import rig, shared
from chainer_pose.errors import InputError
from chainer_pose.utils import files
from chainer_pose.utils.files import StrPath

NAME = 'cmu'
SKELETON = skeletons.get('cmu17')
FPS = 120.0
INCH = 25.4  # mm; "length 0.45" in :units means that 0.45 file units are an inch
ROOM = 2000.0  # mm; frames whose root is further from the middle are left out

# The bone whose end is a joint; the hip is the root's own position.
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
    """One bone of an ASF skeleton."""

    parent: str  # name of its parent bone, 'root' at the top
    offset: np.ndarray  # (3,), from the parent's end to its own in the bind pose, mm
    axis: np.ndarray  # (3, 3), the frame in which its angles turn
    dof: str  # the axes, of 'xyz', about which an AMC file turns it


def rotation(degrees: np.ndarray) -> np.ndarray:
    """Make Rz Ry Rx of angles about x, y and z: (..., 3) degrees to (..., 3, 3)."""
    x, y, z = np.moveaxis(np.radians(degrees), -1, 0)
    cx, sx, cy, sy, cz, sz = np.cos(x), np.sin(x), np.cos(y), np.sin(y), np.cos(z), np.sin(z)
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def read_asf(path: StrPath) -> tuple[dict[str, Bone], float]:
    """Read the skeleton of an .asf file with angles in degrees.

    Returns:
        (bones, unit): dict from name to `Bone`, parents before children, and
        mm per unit of the motion files.
    Raises:
        InputError: if the file is damaged or lacks a bone.
    """
    with files.reading(path, 'an ASF skeleton of CMU'):
        sections: dict[str, list[list[str]]] = defaultdict(list)
        current = ''
        for words in _lines(path):
            if words[0].startswith(':'):
                current = words[0][1:].lower()
            else:
                sections[current].append(words)
        units = {words[0]: words[1:] for words in sections['units']}
        if units.get('angle', ['deg']) != ['deg']:
            raise ValueError(f'angles in {units["angle"]}, not in deg')
        unit = INCH / _numbers(':units length', units.get('length', ['1']), 1)[0]
        if not unit > 0:
            raise ValueError(f'a unit length of {units["length"]}')
        bones = _bones(sections['bonedata'], sections['hierarchy'], unit)
        missing = {*_BONE_OF_JOINT.values(), _NOSE_BASE, _NOSE_FRAME} - set(bones)
        if missing:
            raise ValueError(f'no bone {min(missing)}')
    return bones, unit


def _lines(path: StrPath) -> list[list[str]]:
    """Words of the lines of a file, without comments and empty lines."""
    text = Path(path).read_text(encoding='ascii', errors='replace')
    return [line.split() for line in text.splitlines() if line.strip() and line[0] != '#']


def _numbers(where: str, words: Sequence[str], n: int) -> list[float]:
    with contextlib.suppress(ValueError):
        numbers = [float(word) for word in words]
        if len(numbers) == n and all(map(math.isfinite, numbers)):
            return numbers
    raise InputError(f'{where}: expected {n} finite number(s), found {" ".join(words) or "none"}')


def _bones(bonedata: list[list[str]], hierarchy: list[list[str]], unit: float) -> dict[str, Bone]:
    data: dict[str, dict[str, list[str]]] = {}
    fields: dict[str, list[str]] = {}
    for words in bonedata:
        if words[0] == 'begin':
            fields = {}
        elif words[0] == 'end':
            data[fields['name'][0]] = fields
        else:
            fields[words[0]] = words[1:]
    bones: dict[str, Bone] = {}
    for parent, *children in hierarchy:
        for name in children:
            if name not in data or (parent != 'root' and parent not in bones):
                raise ValueError(f'bone {name} in the hierarchy before its parent or its data')
            fields = data[name]
            direction, length, axis = (
                np.array(_numbers(f'bone {name}', fields[key][:n], n))
                for key, n in (('direction', 3), ('length', 1), ('axis', 3))
            )
            dof = fields.get('dof', [])
            if fields['axis'][3:] not in ([], ['XYZ']) or not set(dof) <= {'rx', 'ry', 'rz'}:
                raise ValueError(f'bone {name} with axis {fields["axis"]} and dof {dof}')
            turns = ''.join(word[1] for word in dof)
            bones[name] = Bone(parent, direction * length * unit, rotation(axis), turns)
    return bones


def read_amc(path: StrPath, bones: Mapping[str, Bone], step: int = 1) -> dict[str, np.ndarray]:
    """Read every step-th frame of an .amc file, :FULLY-SPECIFIED and :DEGREES.

    Returns:
        dict from bone to (F, 3) angles about x, y, z, degrees, for 'root' and
        the bones that turn, and from 'position' to (F, 3), file units.
    Raises:
        InputError: if the file is damaged or of another skeleton.
    """
    width = {'root': 6, **{name: len(bone.dof) for name, bone in bones.items() if bone.dof}}
    frames: list[dict[str, list[str]]] = []
    motion = {}
    with files.reading(path, 'an AMC motion of this skeleton'):
        for words in _lines(path):
            if len(words) == 1 and words[0].isdigit():
                frames.append({})
            elif words[0].upper() == ':RADIANS':
                raise ValueError(':RADIANS, not :DEGREES')
            elif not words[0].startswith(':'):
                if not frames or words[0] not in width:
                    raise ValueError(f'frame {len(frames)} with a bone {words[0]}')
                frames[-1][words[0]] = words[1:]
        if not frames:
            raise ValueError('no frames')
        kept = list(enumerate(frames, start=1))[::step]
        for name, n in width.items():
            table = np.array([_numbers(f'frame {i}: {name}', f.get(name, []), n) for i, f in kept])
            if name == 'root':
                motion['position'], motion['root'] = table[:, :3], table[:, 3:]
            else:
                motion[name] = np.zeros((len(kept), 3))
                motion[name][:, ['xyz'.index(axis) for axis in bones[name].dof]] = table
    return motion


def forward_kinematics(
    bones: Mapping[str, Bone], unit: float, motion: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Compute where every bone ends.

    A bone turns by L = C M C^-1 relative to its parent, C from its axis and M
    from its angles, and ends at its parent's end plus R L offset.

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
    """Take the 17 Human3.6M joints, (F, 17, 3), mm, z up, x forward; see `forward_kinematics`."""
    at = {joint: ends[bone] for joint, bone in _BONE_OF_JOINT.items()}
    at['Hip'] = ends['root']
    at['Neck/Nose'] = ends[_NOSE_BASE] + turns[_NOSE_FRAME] @ np.array(_NOSE_OFFSET)
    joints = np.stack([at[name] for name in SKELETON.names], axis=1)
    return joints[:, :, [2, 0, 1]]


def find_clips(root: StrPath) -> dict[str, tuple[Path, list[Path]]]:
    """Find the clips in a folder, at any depth: NN/NN.asf beside NN/NN_MM.amc, as at CMU.

    Returns:
        dict from subject, e.g. '02', to (path of .asf, sorted paths of .amc), one at least.
    """
    root = shared.root_folder(root)
    clips = {
        asf.stem: (asf, sorted(asf.parent.glob(f'{asf.stem}_*.amc')))
        for asf in sorted(path for path in files.walk(root) if path.suffix.lower() == '.asf')
    }
    for subject, (asf, motions) in clips.items():
        if not motions:
            raise InputError(f'{asf.parent}: expected motions {subject}_MM.amc, found none')
    if not clips:
        raise InputError(
            'expected CMU subjects, NN/NN.asf with NN/NN_MM.amc, found no .asf; '
            'they are at mocap.cs.cmu.edu',
            root=root,
        )
    return clips


def read_actions(path: StrPath) -> dict[str, str]:
    """Read actions by clip, {'02_01': 'walking', ...}, from CSV lines "02_01,walking"."""
    expected = 'CSV lines "02_01,walking"'
    with files.reading(path, expected), open(path, newline='', encoding='utf-8-sig') as file:
        rows = [row for row in csv.reader(file) if row]
        for row in rows:
            if len(row) != 2:
                raise ValueError(','.join(row))
        return {clip.strip(): action.strip() for clip, action in rows}


def convert(
    root: StrPath,
    test_subjects: Sequence[str] | None = None,
    step: int = 12,
    headings: Sequence[float] = (),
    actions: Mapping[str, str] | None = None,
    seed: int = 0,
    progress: shared.Progress = shared.silent,
) -> tuple[dict[str, PoseData], Counter[str]]:
    """Convert CMU clips to poses in front of the four cameras of `rig`.

    Each clip is turned about the vertical and moved so that its mean lies in the middle of the
    room. Frames whose root is more than `ROOM` from the middle are left out: they may be where a
    camera is.

    Args:
        test_subjects: those of the test split; None for the last fifth, at least one of two.
        step: keep every step-th frame of the 120 a second.
        headings: degrees by which to turn each clip, one copy for each; empty
            for one copy turned at random.
        actions: dict from clip, e.g. '02_01', to its action; None for no actions.
    Returns:
        (splits, left_out): dict from 'train' and/or 'test' to `PoseData`, and dict
        from clip to the number of frames left out, where it is not 0.
    Raises:
        InputError: for missing or damaged files or subjects.
    """
    clips = find_clips(root)
    if test_subjects is None:
        test_subjects = list(clips)[len(clips) - max(len(clips) // 5, len(clips) > 1) :]
    unknown = sorted(set(test_subjects) - set(clips))
    if unknown:
        raise InputError(f'expected some of {" ".join(clips)}', test_subjects=' '.join(unknown))
    rng = np.random.default_rng(seed)
    names = {'subject': list(clips)}
    if actions is not None:
        names['action'] = sorted(set(actions.values()))
    takes: dict[str, list[rig.Take]] = {'train': [], 'test': []}
    left_out: Counter[str] = Counter()
    n_motions, done = sum(len(motions) for _, motions in clips.values()), itertools.count(1)
    for subject, (name, (asf, motions)) in enumerate(clips.items()):
        bones, unit = read_asf(asf)
        for path in motions:
            columns = {'subject': subject}
            if actions is not None:
                if path.stem not in actions:
                    raise InputError(f'expected a row for {path.stem}, found none', actions=None)
                columns['action'] = names['action'].index(actions[path.stem])
            motion = read_amc(path, bones, step)
            world = h36m_joints(*forward_kinematics(bones, unit, motion))
            for heading in headings or [rng.uniform(-180, 180)]:
                placed = world @ rotation(np.array([0, 0, -heading]))
                placed[:, :, :2] -= placed[:, :1, :2].mean(axis=0)
                inside = np.hypot(*placed[:, 0, :2].T) <= ROOM
                if inside.any():
                    columns['clip'] = sum(map(len, takes.values()))
                    split = 'test' if name in test_subjects else 'train'
                    frames = {'frame': np.flatnonzero(inside) * step}
                    takes[split].append(rig.Take(placed[inside], columns | frames))
                left_out[path.stem] += int((~inside).sum())
            progress(next(done), n_motions, path.stem)
    splits = {
        split: rig.film(
            of_split,
            names=names,
            cameras=rig.four_cameras(),
            name=NAME,
            skeleton=SKELETON,
            fps=FPS / step,
            source='CMU Graphics Lab Motion Capture Database, mocap.cs.cmu.edu, seen by the '
            'cameras of the Human3.6M laboratory',
            licence='free for research and commercial use; do not resell the data itself; '
            'please credit mocap.cs.cmu.edu',
        )
        for split, of_split in takes.items()
        if of_split
    }
    if not splits:
        raise InputError('expected frames within the room, found none', root=root)
    return splits, +left_out
