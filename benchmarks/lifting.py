"""What the benchmarks measure of lifted poses, beside the package's own metrics."""

import platform
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from chainer_pose import (  # noqa: E402
    geometry,
    skeletons,
)
from chainer_pose.evaluations import metrics  # noqa: E402

LIMBS = skeletons.get(ROOT / 'examples' / 'skeletons' / 'limbs12.json')
_BONES = (('Hip', 'Knee'), ('Knee', 'Foot'), ('Shoulder', 'Elbow'), ('Elbow', 'Wrist'))


def where():
    """Machine, versions, date and commit, on one line."""
    commit = subprocess.run(
        ['git', '-C', str(ROOT), 'describe', '--always', '--dirty'], capture_output=True, text=True
    ).stdout.strip()
    names = [line for line in _cpuinfo() if line.startswith('model name')]
    cpu = names[0].split(':')[1].strip() if names else platform.processor()
    return (
        f'{len(names)} cores of {cpu}, CPython {platform.python_version()}, '
        f'NumPy {np.__version__}, {time.strftime("%Y-%m-%d")}, commit {commit or "unknown"}'
    )


def _cpuinfo():
    path = Path('/proc/cpuinfo')
    return path.read_text().splitlines() if path.exists() else []


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
    size = geometry.scale(target[:, :, :2], LIMBS.root) / geometry.scale(
        predicted[:, :, :2], LIMBS.root
    )
    predicted = predicted * size[:, None, None]
    joints = list(LIMBS.detected)
    predicted, target = predicted[:, joints], target[:, joints]
    return {
        'mpjpe': metrics.mpjpe(predicted, target),
        'inverted': metrics.mpjpe(predicted * np.array([1, 1, -1]), target),
        'p-mpjpe': metrics.p_mpjpe(predicted, target),
    }


def side_spread(pose3d, skeleton):
    """How unlike left and right limbs come out: 0 for people.

    The deviation over the poses of ln(left / right) of a bone's length, mean
    over thighs, shanks, upper arms and forearms.
    """
    spreads = []
    for start, end in _BONES:
        left, right = (
            np.linalg.norm(
                pose3d[:, skeleton.index(side + start)] - pose3d[:, skeleton.index(side + end)],
                axis=1,
            )
            for side in 'LR'
        )
        visible = (left > 0) & (right > 0)  # flat, a limb may point at the camera
        spreads.append(np.std(np.log(left[visible] / right[visible])))
    return float(np.mean(spreads))


def depth_correlation(predicted, target):
    """Pearson's correlation of each pose's depths: (N, J, 3) twice to (N,)."""
    a, b = predicted[:, :, 2], target[:, :, 2]
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    power = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return (a * b).sum(axis=1) / np.where(power > 0, power, 1)
