#!/usr/bin/env python
"""Write the pose file of a made-up four-legged animal, to try a skeleton that is no person's.

It walks, trots, grazes and looks about at every heading; shape and motion were fitted to no
data. Four cameras see it level and from afar, as the method assumes (section 3.1): from above
or nearby, a body that is longer than high shows its heading, which gives the fakes away.
"""

import argparse
from pathlib import Path

import numpy as np

from chainer_pose import skeletons
from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import rig
from chainer_pose.datasets.readers.synthetic import chain, turn

SKELETON = skeletons.get(Path(__file__).resolve().parent / 'skeletons' / 'quadruped.json')
ACTIONS = ('walk', 'trot', 'graze', 'look')
FPS, FRAMES = 10.0, 8  # of a take
TAKES = {'train': 120, 'test': 50}  # of each subject in each action
LENGTHS = {'train': (1050, 1150, 1250, 1350), 'test': (1100, 1300)}  # mm, pelvis to withers

# As shares of the length from pelvis to withers; the withers are over the shoulders.
PROPORTIONS = {
    'shoulder_down': 0.30, 'shoulder_out': 0.14, 'hip_down': 0.18, 'hip_out': 0.13,
    'forearm': 0.36, 'fore_cannon': 0.32, 'thigh': 0.44, 'hind_cannon': 0.40,
    'neck': 0.55, 'head': 0.36, 'tail': 0.45,
}  # fmt: skip
# Degrees: mean, spread between takes, swing within one.
NECK_UP = {'walk': (35, 10, 6), 'trot': (45, 8, 4), 'graze': (-35, 12, 12), 'look': (50, 15, 12)}
NECK_SIDE = {'walk': (0, 8, 6), 'trot': (0, 5, 3), 'graze': (0, 20, 15), 'look': (0, 25, 25)}
STRIDE = {'walk': 20, 'trot': 28, 'graze': 6, 'look': 4}  # swing of the legs
# When each leg swings forward, in cycles: lateral sequence, diagonal pairs.
WALK = {'LHip': 0.0, 'LShoulder': 0.25, 'RHip': 0.5, 'RShoulder': 0.75}
TROT = {'LHip': 0.0, 'RShoulder': 0.0, 'RHip': 0.5, 'LShoulder': 0.5}
LEGS = (
    ('Shoulder', 'Carpus', 'ForeHoof', 'Withers', 'forearm', 'fore_cannon', 1, 8),
    ('Hip', 'Hock', 'HindHoof', 'Pelvis', 'thigh', 'hind_cannon', -1, 25),
)


def make(seed=0):
    """Make the data set: dict from 'train' and 'test' to PoseData."""
    rng = np.random.default_rng(seed)
    subjects = [f'{length / 10:.0f} cm' for lengths in LENGTHS.values() for length in lengths]
    splits = {}
    for split, lengths in LENGTHS.items():
        takes = []
        for length in lengths:
            sizes = {
                name: share * length * (1 + 0.03 * np.clip(rng.standard_normal(), -2, 2))
                for name, share in PROPORTIONS.items()
            } | {'trunk': float(length)}
            subject = subjects.index(f'{length / 10:.0f} cm')
            for action in np.repeat(range(len(ACTIONS)), TAKES[split]):
                at = draw_take(ACTIONS[action], sizes, rng)
                world = np.stack([at[joint] for joint in SKELETON.names], axis=1)
                columns = {'action': action, 'subject': subject, 'clip': len(takes)}
                takes.append(rig.Take(world, columns))
        splits[split] = rig.film(
            takes, {'action': list(ACTIONS), 'subject': subjects},
            rig.four_cameras(level_at=800.0, away=4.0), name='quadruped', skeleton=SKELETON,
            fps=FPS, source='synthetic: a made-up four-legged animal', licence=rig.LICENCE,
        )  # fmt: skip
    return splits


def wander(mean, spread, swing, rng):
    """A slow swing about a random angle: (FRAMES,) radians."""
    phase, cycles = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.5)
    degrees = mean + spread * rng.standard_normal()
    return np.radians(
        degrees + swing * np.sin(2 * np.pi * cycles * np.arange(FRAMES) / FPS + phase)
    )


def draw_take(action, sizes, rng):
    """One take: dict from joint names to (FRAMES, 3), mm, z up, the lowest hoof at 0."""
    heading = rng.uniform(-np.pi, np.pi) + wander(0, 0, 10, rng)
    bend, pitch = wander(0, 8, 6, rng), wander(0, 4, 2, rng)
    hind = chain([(2, heading), (1, pitch)])
    middle, fore = hind @ turn(2, bend / 2), hind @ turn(2, bend)
    side, up = wander(*NECK_SIDE[action], rng), wander(*NECK_UP[action], rng)
    neck = fore @ chain([(2, side), (1, -up)])
    head = neck @ turn(1, wander(65, 10, 8, rng))
    tail = hind @ chain([(2, wander(0, 10, 20, rng)), (1, -wander(60, 12, 8, rng))])
    at = {'Pelvis': np.zeros((FRAMES, 3)), 'Spine': hind @ [sizes['trunk'] / 2, 0, 0]}
    at['Withers'] = at['Spine'] + middle @ [sizes['trunk'] / 2, 0, 0]
    at['Poll'] = at['Withers'] + neck @ [sizes['neck'], 0, 0]
    at['Muzzle'] = at['Poll'] + head @ [sizes['head'], 0, 0]
    at['TailTip'] = tail @ [-sizes['tail'], 0, 0]
    cycle = rng.uniform(0.7, 1.3) * np.arange(FRAMES) / FPS + rng.uniform()
    for side, sign in (('L', 1), ('R', -1)):
        for upper, lower, end, origin, bone, cannon, knee, rest in LEGS:
            phase = 2 * np.pi * (cycle + (TROT if action == 'trot' else WALK)[side + upper])
            swing = np.radians(STRIDE[action]) * np.sin(phase) + wander(0, 4, 1, rng)
            # Bent while it swings forward; the hock bends the other way.
            lift = np.radians(STRIDE[action] * 1.6) * np.clip(np.cos(phase), 0, None)
            body, rest = fore if origin == 'Withers' else hind, np.radians(rest)
            thigh = body @ turn(1, -swing - knee * rest / 2)
            shank = thigh @ turn(1, knee * (rest + lift))
            start = upper.lower()
            place = [0, sign * sizes[f'{start}_out'], -sizes[f'{start}_down']]
            at[side + upper] = at[origin] + body @ place
            at[side + lower] = at[side + upper] + thigh @ [0, 0, -sizes[bone]]
            at[side + end] = at[side + lower] + shank @ [0, 0, -sizes[cannon]]
    everything = np.stack(list(at.values()), axis=1)
    move = np.tile(-everything.mean(axis=(0, 1)), (FRAMES, 1))
    move[:, 2] = -everything[:, :, 2].min(axis=1)
    return {name: place + move for name, place in at.items()}


if __name__ == '__main__':
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--out', default='quadruped.h5', metavar='FILE.h5')
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args()
    pose_file.write(options.out, make(options.seed))
    print(pose_file.describe(options.out))
