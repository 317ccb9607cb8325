"""Synthetic poses to try the method on; errors on them say nothing about real motion.

A body of published proportions takes postures of the fifteen Human3.6M actions, within natural
joint limits and at every heading, in front of the four cameras of `rig`.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainer_pose.datasets.pose_data import PoseData
from chainer_pose.datasets.readers import rig
from chainer_pose.skeletons import H36M17, proportions
from chainer_pose.skeletons.proportions import HEIGHT

NAME = 'synthetic'
FPS = 10.0
FRAMES = 30  # a take
TAKES = {'train': 8, 'test': 4}  # of each subject in each action
TRAIN_HEIGHTS = (1580, 1660, 1720, 1790, 1880)  # mm, a subject each
TEST_HEIGHTS = (1640, 1830)

# Lengths as fractions of body height; half a head's length (.056) after NASA-STD-3000.
PROPORTIONS = {
    'hip': proportions.HIP_BREADTH / 2,
    'thigh': HEIGHT['hip'] - HEIGHT['knee'],
    'shank': HEIGHT['knee'] - HEIGHT['ankle'],
    'trunk': HEIGHT['shoulder'] - HEIGHT['hip'],
    'shoulder': proportions.SHOULDER_BREADTH / 2,
    'upper_arm': proportions.UPPER_ARM,
    'forearm': proportions.FOREARM,
    'nose_up': (HEIGHT['chin'] + HEIGHT['eye']) / 2 - HEIGHT['shoulder'],
    'nose_forward': 0.056,
    'head': HEIGHT['top'] - HEIGHT['shoulder'],
}

# Degrees, after the normal ranges of the American Academy of Orthopaedic
# Surgeons (Joint Motion, 1965). Angles of a limb get the prefixes "l_" and "r_".
LIMITS = {
    'lean': (-40, 60), 'sway': (-20, 20),
    'spine_flex': (-25, 75), 'spine_side': (-35, 35), 'spine_twist': (-45, 45),
    'head_nod': (-45, 45), 'head_tilt': (-40, 40), 'head_turn': (-70, 70),
    'shoulder_flex': (-50, 170), 'shoulder_abduct': (-10, 150), 'shoulder_rotate': (-80, 70),
    'elbow': (2, 145),
    'hip_flex': (-25, 115), 'hip_abduct': (-15, 45), 'hip_rotate': (-35, 40),
    'knee': (2, 140),
}  # fmt: skip

# Each action's postures: angle to (mean, spread between takes, swing within a
# take), in degrees; angles not named are those of _STANDING, those of a limb
# without "l_" or "r_" apply to both. The means were chosen to look like the
# action, not fitted to data.
_STANDING = {
    'lean': (2, 3, 2), 'sway': (0, 2, 2),
    'spine_flex': (4, 5, 4), 'spine_side': (0, 3, 4), 'spine_twist': (0, 6, 8),
    'head_nod': (5, 8, 8), 'head_tilt': (0, 4, 4), 'head_turn': (0, 15, 18),
    'shoulder_flex': (4, 8, 10), 'shoulder_abduct': (8, 4, 5), 'shoulder_rotate': (10, 15, 15),
    'elbow': (22, 12, 14),
    'hip_flex': (3, 5, 4), 'hip_abduct': (4, 3, 2), 'hip_rotate': (5, 5, 4),
    'knee': (6, 4, 4),
}  # fmt: skip
_SEATED = {
    'lean': (-4, 6, 4), 'spine_flex': (12, 10, 8),
    'hip_flex': (82, 8, 5), 'hip_abduct': (10, 7, 5), 'knee': (85, 14, 8),
}  # fmt: skip
_WALKING = {'lean': (5, 3, 1), 'gait': 1}
_POSTURES: dict[str, dict[str, Any]] = {
    'Directions': {
        'r_shoulder_flex': (60, 25, 35), 'r_shoulder_abduct': (25, 20, 25),
        'elbow': (40, 20, 30), 'l_shoulder_flex': (20, 20, 25),
    },
    'Discussion': {
        'shoulder_flex': (25, 15, 22), 'shoulder_abduct': (15, 8, 12), 'elbow': (80, 20, 30),
    },
    'Eating': {
        **_SEATED, 'spine_flex': (18, 8, 8), 'r_shoulder_flex': (40, 10, 20),
        'r_elbow': (100, 12, 35), 'l_shoulder_flex': (30, 10, 8), 'l_elbow': (75, 15, 15),
    },
    'Greeting': {
        'r_shoulder_flex': (60, 30, 30), 'r_shoulder_abduct': (60, 25, 30),
        'r_elbow': (60, 25, 35), 'spine_flex': (10, 10, 12), 'l_elbow': (35, 20, 20),
    },
    'Phoning': {
        'r_shoulder_flex': (40, 12, 8), 'r_shoulder_abduct': (35, 12, 8),
        'r_elbow': (125, 10, 8), 'l_elbow': (45, 30, 15), 'spine_twist': (0, 10, 12),
    },
    'Photo': {
        'shoulder_flex': (70, 12, 12), 'shoulder_rotate': (30, 10, 10), 'elbow': (85, 20, 20),
        'hip_flex': (12, 14, 10), 'knee': (18, 18, 12),
    },
    'Posing': {
        'shoulder_abduct': (45, 25, 15), 'shoulder_flex': (10, 30, 20), 'elbow': (75, 35, 20),
        'spine_twist': (0, 15, 12), 'hip_abduct': (10, 8, 5),
    },
    'Purchases': {
        'spine_flex': (28, 15, 25), 'shoulder_flex': (50, 20, 25), 'elbow': (45, 20, 25),
        'hip_flex': (35, 20, 25), 'knee': (35, 25, 25),
    },
    'Sitting': {
        **_SEATED, 'shoulder_flex': (25, 15, 12), 'elbow': (65, 25, 18),
        'hip_rotate': (5, 12, 6),
    },
    'SittingDown': {
        'lean': (-12, 8, 6), 'spine_flex': (30, 12, 10), 'hip_flex': (100, 10, 8),
        'hip_abduct': (20, 10, 6), 'knee': (85, 40, 20), 'shoulder_flex': (35, 20, 15),
        'elbow': (45, 25, 15),
    },
    'Smoking': {
        'r_shoulder_flex': (30, 10, 22), 'r_shoulder_abduct': (18, 8, 8),
        'r_elbow': (85, 15, 45), 'l_elbow': (40, 25, 12), 'hip_flex': (15, 20, 6),
        'knee': (20, 20, 8),
    },
    'Waiting': {'elbow': (50, 35, 15), 'spine_twist': (0, 10, 15), 'hip_abduct': (7, 4, 4)},
    'WalkDog': {
        **_WALKING, 'r_shoulder_flex': (35, 15, 15), 'r_elbow': (30, 15, 12),
        'lean': (9, 5, 3), 'head_nod': (15, 8, 8),
    },
    'Walking': _WALKING,
    'WalkTogether': {**_WALKING, 'head_turn': (25, 20, 25), 'spine_twist': (5, 6, 8)},
}  # fmt: skip
ACTIONS = tuple(_POSTURES)


def make(seed: int = 0) -> dict[str, PoseData]:
    """Make the data set: five subjects to train and two to test, in fifteen actions."""
    rng = np.random.default_rng(seed)
    heights = TRAIN_HEIGHTS + TEST_HEIGHTS
    subjects = [f'{height / 10:.0f} cm' for height in heights]
    takes: dict[str, list[rig.Take]] = {'train': [], 'test': []}
    for subject, height in enumerate(heights):
        split = 'train' if subject < len(TRAIN_HEIGHTS) else 'test'
        lengths = draw_body(height, rng)
        for action, name in enumerate(ACTIONS):
            for _ in range(TAKES[split]):
                columns = {'action': action, 'subject': subject, 'clip': len(takes[split])}
                takes[split].append(rig.Take(draw_take(name, lengths, rng), columns))
    return {
        split: rig.film(
            of_split,
            names={'action': list(ACTIONS), 'subject': subjects},
            cameras=rig.four_cameras(),
            name=NAME,
            skeleton=H36M17,
            fps=FPS,
            source='synthetic: a kinematic body in made-up postures, a stand-in for real motion; '
            'numbers measured on it say nothing about real people',
            licence=rig.LICENCE,
        )
        for split, of_split in takes.items()
    }


def draw_body(height: float, rng: np.random.Generator) -> dict[str, float]:
    """Draw the segment lengths of a person of a height, each within 5 % of its proportion.

    Returns:
        dict from the keys of `PROPORTIONS`, and 'ankle', to mm.
    """
    return {
        name: fraction * height * (1 + 0.025 * np.clip(rng.standard_normal(), -2, 2))
        for name, fraction in PROPORTIONS.items()
    } | {'ankle': HEIGHT['ankle'] * height}


def draw_take(action: str, lengths: Mapping[str, float], rng: np.random.Generator) -> np.ndarray:
    """Draw one take of one person, anywhere in the room, at any heading.

    Returns:
        (FRAMES, 17, 3) float64 array, world mm, z up, the floor at 0.
    """
    angles = draw_angles(action, rng)
    heading = rng.uniform(-np.pi, np.pi) + np.radians(_wander(25, rng))
    path = np.zeros((FRAMES, 2))
    if 'gait' in _POSTURES[action]:
        # In a circle of about 1.2 m radius, to stay in the room.
        circling = rng.choice([-1, 1]) * np.radians(rng.uniform(45, 65)) / FPS
        heading = heading + circling * np.arange(FRAMES)
        speed = rng.uniform(900, 1200) / FPS  # mm a frame
        path = np.cumsum(speed * np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0)
    world = pose_body(lengths, angles, heading)
    world[:, :, :2] += (path - path.mean(axis=0) + rng.uniform(-600, 600, 2))[:, None]
    return world


def draw_angles(action: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw the joint angles of one take of an action.

    Returns:
        dict from the keys of `LIMITS`, limbs with "l_" and "r_", to (FRAMES,)
        radians within the limits.
    """
    posture = _POSTURES[action]
    mirrored = rng.random() < 0.5  # half of the takes are left-handed
    swing = _gait(rng) if 'gait' in posture else {}
    angles = {}
    for name, (low, high) in LIMITS.items():
        limb = name.startswith(('shoulder', 'elbow', 'hip', 'knee'))
        for side in ('l_', 'r_') if limb else ('',):
            drawn_side = {'l_': 'r_', 'r_': 'l_', '': ''}[side] if mirrored else side
            own = posture.get(drawn_side + name) or posture.get(name)
            mean, spread, within = own or _STANDING[name]
            degrees = mean + spread * rng.standard_normal() + _wander(within, rng)
            if mirrored and name.endswith(('turn', 'twist', 'side', 'tilt', 'sway')):
                degrees = -degrees
            degrees = degrees + swing.get(side + name, 0)
            angles[side + name] = np.radians(np.clip(degrees, low, high))
    return angles


def _wander(amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """Draw a smooth signal of about an amplitude: three slow sines, (FRAMES,)."""
    seconds = np.arange(FRAMES) / FPS
    frequency, phase = rng.uniform(0.05, 0.7, (3, 1)), rng.uniform(0, 2 * np.pi, (3, 1))
    return amplitude * np.sin(2 * np.pi * frequency * seconds + phase).sum(axis=0) / np.sqrt(3)


def _gait(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw the swings of a gait cycle, degrees; shapes after Winter 2009, chapter 3.

    The hip is flexed most at heel strike (phase 0), the knee in mid-swing, a
    quarter cycle before; arms swing against the legs.
    """
    stride = rng.uniform(0.8, 1.0)  # cycles a second
    phase = 2 * np.pi * stride * np.arange(FRAMES) / FPS + rng.uniform(0, 2 * np.pi)
    reach, arm = rng.uniform(18, 26), rng.uniform(12, 26)
    swings = {}
    for side, p in (('l_', phase), ('r_', phase + np.pi)):
        swings[side + 'hip_flex'] = 6 + reach * np.cos(p)
        swings[side + 'knee'] = 20 + 24 * np.cos(p + 1.7) - 9 * np.cos(2 * p)
        swings[side + 'shoulder_flex'] = -arm * np.cos(p)
        swings[side + 'elbow'] = -0.4 * arm * np.cos(p)
    swings['spine_twist'] = 5 * np.cos(phase)
    return swings


def turn(axis: int, angle: np.ndarray) -> np.ndarray:
    """Make rotation matrices about x, y or z: (F,) radians to (F, 3, 3)."""
    cos, sin = np.cos(angle), np.sin(angle)
    i, j = [k for k in range(3) if k != axis]
    if axis == 1:
        sin = -sin  # y, z, x is the cyclic order
    matrix = np.zeros((*np.shape(angle), 3, 3))
    matrix[..., axis, axis] = 1
    matrix[..., i, i] = matrix[..., j, j] = cos
    matrix[..., i, j], matrix[..., j, i] = -sin, sin
    return matrix


def pose_body(
    lengths: Mapping[str, float], angles: Mapping[str, np.ndarray], heading: np.ndarray
) -> np.ndarray:
    """Compute the forward kinematics of the body.

    At angles zero the person stands upright with arms hanging, facing the
    world's x at heading zero, left towards y. Positive angles: flexion bends
    forward (knees backward), abduction moves a limb away from the body,
    rotation turns a thigh outward and an upper arm inward, the trunk and head
    turn and tilt to the left.

    Args:
        lengths, angles: mm, and (F,) radians each; see `draw_body` and `draw_angles`.
        heading: (F,) radians, from x towards y.
    Returns:
        (F, 17, 3) float64 array, mm, the root above the world's origin and the
        lowest joint at the ankle's height over the floor.
    """
    pelvis = turn(2, heading) @ turn(1, angles['lean']) @ turn(0, -angles['sway'])
    bend = [(2, angles['spine_twist']), (0, -angles['spine_side']), (1, angles['spine_flex'])]
    nod = [(2, angles['head_turn']), (0, -angles['head_tilt']), (1, angles['head_nod'])]
    waist = pelvis @ chain([(axis, angle / 2) for axis, angle in bend])
    chest = pelvis @ chain(bend)
    head = chest @ chain(nod)

    def along(rotation: np.ndarray, *xyz: float) -> np.ndarray:
        return rotation @ np.array(xyz, float)

    at = {'Hip': np.zeros((len(heading), 3))}
    at['Spine'] = at['Hip'] + along(waist, 0, 0, lengths['trunk'] / 2)
    at['Thorax'] = at['Spine'] + along(chest, 0, 0, lengths['trunk'] / 2)
    at['Neck/Nose'] = at['Thorax'] + along(head, lengths['nose_forward'], 0, lengths['nose_up'])
    at['Head'] = at['Thorax'] + along(head, 0, 0, lengths['head'])
    for side, key, sign in (('L', 'l_', 1), ('R', 'r_', -1)):
        upper_arm, thigh = (
            base @ chain([
                (1, -angles[f'{key}{joint}_flex']),
                (0, sign * angles[f'{key}{joint}_abduct']),
                (2, inwards * angles[f'{key}{joint}_rotate']),
            ])
            for base, joint, inwards in ((chest, 'shoulder', -sign), (pelvis, 'hip', sign))
        )  # fmt: skip
        forearm = upper_arm @ turn(1, -angles[key + 'elbow'])
        shank = thigh @ turn(1, angles[key + 'knee'])
        shoulder = at['Thorax'] + along(chest, 0, sign * lengths['shoulder'], 0)
        elbow = shoulder + along(upper_arm, 0, 0, -lengths['upper_arm'])
        hip = along(pelvis, 0, sign * lengths['hip'], 0)
        knee = hip + along(thigh, 0, 0, -lengths['thigh'])
        at[side + 'Shoulder'], at[side + 'Elbow'] = shoulder, elbow
        at[side + 'Wrist'] = elbow + along(forearm, 0, 0, -lengths['forearm'])
        at[side + 'Hip'], at[side + 'Knee'] = hip, knee
        at[side + 'Foot'] = knee + along(shank, 0, 0, -lengths['shank'])
    world = np.stack([at[name] for name in H36M17.names], axis=1)
    world[:, :, 2] += lengths['ankle'] - world[:, :, 2].min(axis=1, keepdims=True)
    return world


def chain(turns: Sequence[tuple[int, np.ndarray]]) -> np.ndarray:
    """Multiply turns, a list of (axis, angle); see `turn`."""
    return functools.reduce(np.matmul, [turn(*each) for each in turns])
