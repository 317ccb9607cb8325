"""What the benchmarks share: the machine, made-up data, errors of limbs."""

import platform
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from chainer_pose import geometry, skeletons  # noqa: E402
from chainer_pose.datasets import pose_file  # noqa: E402
from chainer_pose.datasets.readers import synthetic  # noqa: E402
from chainer_pose.evaluations import metrics, rescale  # noqa: E402

LIMBS = skeletons.get(ROOT / 'examples' / 'skeletons' / 'limbs12.json')
_BONES = (('Hip', 'Knee'), ('Knee', 'Foot'), ('Shoulder', 'Elbow'), ('Elbow', 'Wrist'))


def where():
    """Machine, versions, date and commit, on one line."""
    commit = subprocess.run(
        ['git', '-C', str(ROOT), 'describe', '--always', '--dirty'], capture_output=True, text=True
    ).stdout.strip()
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line for line in lines if line.startswith('model name')]
    cpu = names[0].split(':')[1].strip() if names else platform.processor()
    return (
        f'{len(names)} cores of {cpu}, CPython {platform.python_version()}, '
        f'NumPy {np.__version__}, {time.strftime("%Y-%m-%d")}, commit {commit or "unknown"}'
    )


def write_poses(path, seed=0, **poses):
    """Write a pose file of synthetic poses, repeated with noise.

    Args:
        path: of the file.
        seed: of the noise.
        **poses: how many in each split: train=, test=.
    """
    rng = np.random.default_rng(seed)
    made, splits = synthetic.make(), {}
    for split, n in poses.items():
        data = made[split].select(np.resize(np.arange(len(made[split])), n))
        data.pose2d[:] += rng.normal(0, 1, data.pose2d.shape)
        data.pose3d[:] += rng.normal(0, 5, data.pose3d.shape)
        splits[split] = data
    pose_file.write(path, splits)


def limbs(pose, skeleton):
    """The 12 limb joints, with the middles of the hips and of the shoulders: (N, 14, D)."""
    index = [skeleton.index(LIMBS.names[j]) for j in LIMBS.detected]
    return LIMBS.add_virtual_joints(pose[:, index], np.ones((len(pose), len(index)), bool))[0]


def limb_errors(predicted, target):
    """Errors over the 12 limb joints, mm, for poses of any scale.

    Both are moved to the middle of the hips, and the prediction gets the
    target's mean distance from it on the xy-plane, as in section 4.1.

    Args:
        predicted, target: (N, 14, 3) arrays of `limbs`; target in mm.
    Returns:
        dict of (N,) arrays: MPJPE, the same of the copy with z inverted, and
        P-MPJPE (which forbids reflections).
    """
    predicted, target = geometry.center(predicted, LIMBS.root), geometry.center(target, LIMBS.root)
    size = geometry.scale(target[:, :, :2], LIMBS.root)[:, None, None]
    predicted = rescale(predicted, LIMBS.root, size)
    joints = list(LIMBS.detected)
    predicted, target = predicted[:, joints], target[:, joints]
    return {
        'mpjpe': metrics.mpjpe(predicted, target),
        'inverted': metrics.mpjpe(predicted * np.array([1, 1, -1]), target),
        'p-mpjpe': metrics.p_mpjpe(predicted, target),
    }


def side_spread(pose3d, skeleton):
    """How far left and right limbs differ in length: 0 for people.

    The deviation over the poses of ln(left / right) of a bone's length, mean
    over thighs, shanks, upper arms and forearms.
    """
    spreads = []
    for start, end in _BONES:
        ends = ([skeleton.index(side + joint) for joint in (start, end)] for side in 'LR')
        left, right = (np.linalg.norm(pose3d[:, a] - pose3d[:, b], axis=1) for a, b in ends)
        visible = (left > 0) & (right > 0)  # flat, a limb may point at the camera
        spreads.append(np.std(np.log(left[visible] / right[visible])))
    return float(np.mean(spreads))


def depth_correlation(predicted, target):
    """Pearson's correlation of each pose's depths: (N, J, 3) twice to (N,)."""
    a, b = predicted[:, :, 2], target[:, :, 2]
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    power = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return (a * b).sum(axis=1) / np.where(power > 0, power, 1)
