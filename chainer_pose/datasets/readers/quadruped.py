"""A made-up four-legged animal, to try the method on a body that is no person's.

It walks, trots, grazes and looks about at every heading. Shape and motion are
made up to look like an animal; they were fitted to no data. Four cameras see it
level and from afar, as the method assumes (section 3.1: it turns about the
image's vertical and projects in parallel): seen from above or nearby, a body as
long as it is high shows how it stands, and its turned copies give themselves away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose.datasets.readers import rig
from chainer_pose.datasets.readers.synthetic import chain, turn

if TYPE_CHECKING:
    from chainer_pose.datasets.pose_data import PoseData
    from chainer_pose.skeletons import Skeleton


NAME = 'quadruped'
ACTIONS = ('walk', 'trot', 'graze', 'look')
FPS = 10.0
FRAMES = 8  # a take
CAMERA_HEIGHT, CAMERA_AWAY = 800.0, 4.0  # mm; times the laboratory's distance
TAKES = {'train': 120, 'test': 50}  # of each subject in each action
TRAIN_LENGTHS = (1050, 1150, 1250, 1350)  # mm from pelvis to withers, a subject each
TEST_LENGTHS = (1100, 1300)

# As shares of the length from pelvis to withers; the withers are over the shoulders.
PROPORTIONS = {
    'shoulder_down': 0.30, 'shoulder_out': 0.14, 'hip_down': 0.18, 'hip_out': 0.13,
    'forearm': 0.36, 'fore_cannon': 0.32, 'thigh': 0.44, 'hind_cannon': 0.40,
    'neck': 0.55, 'head': 0.36, 'tail': 0.45,
}  # fmt: skip

# Degrees that each action is drawn around: mean, spread between takes, swing within one.
_NECK_UP = {'walk': (35, 10, 6), 'trot': (45, 8, 4), 'graze': (-35, 12, 12), 'look': (50, 15, 12)}
_NECK_SIDE = {'walk': (0, 8, 6), 'trot': (0, 5, 3), 'graze': (0, 20, 15), 'look': (0, 25, 25)}
_STRIDE = {'walk': 20, 'trot': 28, 'graze': 6, 'look': 4}  # swing of the legs
# When each leg swings forward, in cycles: lateral sequence, diagonal pairs.
_PHASES = {
    'walk': {'LHip': 0.0, 'LShoulder': 0.25, 'RHip': 0.5, 'RShoulder': 0.75},
    'trot': {'LHip': 0.0, 'RShoulder': 0.0, 'RHip': 0.5, 'LShoulder': 0.5},
}


def make(skeleton: Skeleton, seed: int = 0) -> dict[str, PoseData]:
    """Make the data set.

    Args:
        skeleton: `skeletons.Skeleton` with the joints of
            examples/skeletons/quadruped.json.
        seed: the same seed gives the same poses.
    Returns:
        dict from 'train' and 'test' to `datasets.PoseData`.
    """
    rng = np.random.default_rng(seed)
    subjects = [f'{length / 10:.0f} cm' for length in TRAIN_LENGTHS + TEST_LENGTHS]
    splits, first = {}, 0
    for split, lengths in (('train', TRAIN_LENGTHS), ('test', TEST_LENGTHS)):
        takes = []
        for subject, length in enumerate(lengths, start=first):
            sizes = {
                name: share * length * (1 + 0.03 * np.clip(rng.standard_normal(), -2, 2))
                for name, share in PROPORTIONS.items()
            }
            sizes['trunk'] = float(length)
            for action, name in enumerate(ACTIONS):
                for _ in range(TAKES[split]):
                    at = draw_take(name, sizes, rng)
                    world = np.stack([at[joint] for joint in skeleton.names], axis=1)
                    takes.append(rig.Take(world, action, subject))
        first += len(lengths)
        splits[split] = rig.film(
            takes,
            name=NAME,
            skeleton=skeleton,
            names={'action': list(ACTIONS), 'subject': subjects},
            cameras=rig.four_cameras(CAMERA_HEIGHT, CAMERA_AWAY),
            fps=FPS,
            source='synthetic: a made-up four-legged animal',
            licence=rig.LICENCE,
        )
    return splits


def _wander(mean, spread, swing, rng):
    """A slow swing about an angle of the take's own: (FRAMES,) radians."""
    phase, cycles = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.5)
    time = np.arange(FRAMES) / FPS
    degrees = mean + spread * rng.standard_normal()
    return np.radians(degrees + swing * np.sin(2 * np.pi * cycles * time + phase))


def draw_take(
    action: str, sizes: Mapping[str, float], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """One take of an action.

    Args:
        action: one of `ACTIONS`.
        sizes: dict from the keys of `PROPORTIONS` and 'trunk' to mm.
        rng: numpy.random.Generator.
    Returns:
        dict from joint names to (FRAMES, 3) arrays in the world, mm, z up; the
        lowest hoof stands on the floor, the middle near the origin.
    """

    def along(rotation, x, y, z):
        return rotation @ np.array([x, y, z], float)

    heading = rng.uniform(-np.pi, np.pi) + _wander(0, 0, 10, rng)
    bend, pitch = _wander(0, 8, 6, rng), _wander(0, 4, 2, rng)
    hind = chain([(2, heading), (1, pitch)])
    middle, fore = hind @ turn(2, bend / 2), hind @ turn(2, bend)
    neck = fore @ chain(
        [(2, _wander(*_NECK_SIDE[action], rng)), (1, -_wander(*_NECK_UP[action], rng))]
    )
    head = neck @ turn(1, _wander(65, 10, 8, rng))
    tail = hind @ chain([(2, _wander(0, 10, 20, rng)), (1, -_wander(60, 12, 8, rng))])

    at = {'Pelvis': np.zeros((FRAMES, 3))}
    at['Spine'] = along(hind, sizes['trunk'] / 2, 0, 0)
    at['Withers'] = at['Spine'] + along(middle, sizes['trunk'] / 2, 0, 0)
    at['Poll'] = at['Withers'] + along(neck, sizes['neck'], 0, 0)
    at['Muzzle'] = at['Poll'] + along(head, sizes['head'], 0, 0)
    at['TailTip'] = along(tail, -sizes['tail'], 0, 0)
    cycle = rng.uniform(0.7, 1.3) * np.arange(FRAMES) / FPS + rng.uniform()
    phases = _PHASES.get(action, _PHASES['walk'])
    for side, sign in (('L', 1), ('R', -1)):
        for upper, lower, end, body, origin, bones, knee in (
            ('Shoulder', 'Carpus', 'ForeHoof', fore, 'Withers', ('forearm', 'fore_cannon'), 1),
            ('Hip', 'Hock', 'HindHoof', hind, 'Pelvis', ('thigh', 'hind_cannon'), -1),
        ):
            phase = 2 * np.pi * (cycle + phases[side + upper])
            swing = np.radians(_STRIDE[action]) * np.sin(phase) + _wander(0, 4, 1, rng)
            # Bent while it swings forward; the hock bends the other way.
            lift = np.radians(_STRIDE[action] * 1.6) * np.clip(np.cos(phase), 0, None)
            rest = np.radians(8 if upper == 'Shoulder' else 25)
            thigh = body @ turn(1, -swing - knee * rest / 2)
            shank = thigh @ turn(1, knee * (rest + lift))
            start = upper.lower()
            at[side + upper] = at[origin] + along(
                body, 0, sign * sizes[f'{start}_out'], -sizes[f'{start}_down']
            )
            at[side + lower] = at[side + upper] + along(thigh, 0, 0, -sizes[bones[0]])
            at[side + end] = at[side + lower] + along(shank, 0, 0, -sizes[bones[1]])
    everything = np.stack(list(at.values()), axis=1)
    shift = -everything.mean(axis=(0, 1))  # the take's middle stands in the room's
    lowest = -everything[:, :, 2].min(axis=1)
    move = np.column_stack([np.tile(shift[:2], (FRAMES, 1)), lowest])
    return {name: place + move for name, place in at.items()}
