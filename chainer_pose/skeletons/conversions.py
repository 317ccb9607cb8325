"""Convert poses from the joints of one skeleton to those of another.

So weights trained on Human3.6M's 17 joints lift the output of any detector of people: limbs
are matched by name, trunk and head by the rules below. Data sets place the same 17 names
differently, so h36m17, mpii17 and cmu17 have rules of their own.
"""

import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from chainer_pose.errors import InputError
from chainer_pose.skeletons.proportions import HEIGHT
from chainer_pose.skeletons.skeleton import H36M17, Skeleton

# Two names of one joint.
_ALIAS = {'RFoot': 'RAnkle', 'LFoot': 'LAnkle', 'RAnkle': 'RFoot', 'LAnkle': 'LFoot'}

# The ears are at the height of the eyes.
_FACE = HEIGHT['eye'] - HEIGHT['shoulder']
_TOP_OVER_FACE = (HEIGHT['top'] - HEIGHT['shoulder']) / _FACE
# Medians over training poses: along the line from the middle of the shoulders to the head
# top (mpii.h5), and from the middle of the hips to that of the shoulders (cmu_rig.h5).
_NECK_TO_TOP = 0.174
_CMU_HIP, _CMU_SPINE, _CMU_THORAX = 0.273, 0.574, 0.874
# CMU's head ends 0.545 trunks above the shoulders.
_CMU_HEAD_OVER_FACE = 0.545 * (HEIGHT['shoulder'] - HEIGHT['hip']) / _FACE


def _first(*candidates: np.ndarray) -> np.ndarray:
    """The first visible candidate of each pose."""
    found = candidates[0]
    for candidate in candidates[1:]:
        found = np.where(np.isfinite(found), found, candidate)
    return found


def _between(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    return start + share * (end - start)


def _landmarks(at: Callable[..., np.ndarray], names: Sequence[str]) -> dict[str, np.ndarray]:
    """What `_RULES` place joints by."""
    hips, shoulders, ears, eyes = (
        (at('L' + name) + at('R' + name)) / 2 for name in ('Hip', 'Shoulder', 'Ear', 'Eye')
    )
    face = _first(ears, eyes, at('Nose'), at('Face'))
    top = _first(at('HeadTop', 'Head'), _between(shoulders, face, _TOP_OVER_FACE))
    neck = _first(at('UpperNeck'), _between(shoulders, top, _NECK_TO_TOP))
    # MPI-INF-3DHP has the head's middle beside its top.
    nose = _first(at('Neck/Nose', 'Nose', 'Face'), at('Head' if 'HeadTop' in names else None))
    return {
        'hips': hips, 'shoulders': shoulders, 'face': face, 'top': top, 'neck': neck, 'nose': nose,
    }  # fmt: skip


# Joints of a target between two landmarks, and the share of the way; the first that is known.
_NOSE = [('nose', 'nose', 0.0)]
_RULES: dict[str, dict[str, list[tuple[str, str, float]]]] = {
    'h36m17': {
        'Hip': [('hips', 'hips', 0)],
        'Spine': [('hips', 'shoulders', 0.5)],
        'Thorax': [('shoulders', 'shoulders', 0)],
        'Neck/Nose': _NOSE,
        'Head': [('top', 'top', 0)],
    },
    'mpii17': {
        'Hip': [('hips', 'hips', 0)],
        'Spine': [('shoulders', 'shoulders', 0)],
        'Thorax': [('neck', 'neck', 0)],
        'Neck/Nose': [('neck', 'top', 0.5)],
        'Head': [('top', 'top', 0)],
    },
    'cmu17': {
        'Hip': [('hips', 'shoulders', _CMU_HIP)],
        'Spine': [('hips', 'shoulders', _CMU_SPINE)],
        'Thorax': [('hips', 'shoulders', _CMU_THORAX)],
        'Neck/Nose': _NOSE,
        'Head': [('shoulders', 'face', _CMU_HEAD_OVER_FACE), ('top', 'top', 0)],
    },
}

_ANIMAL = re.compile('tail(?!bone)|paw|hoof|hock|withers|snout|muzzle|beak|wing|antenna', re.I)


def animal(names: Iterable[str]) -> str:
    """Return the first of some joints' names that no person has (a tail, a paw), or ''."""
    return next((name for name in names if _ANIMAL.search(name)), '')


def convert(
    pose: np.ndarray, visible: np.ndarray, source: Skeleton, target: Skeleton
) -> tuple[np.ndarray, np.ndarray]:
    """Convert poses of one skeleton to another.

    Skeletons of the same joints need no conversion, unless both are among h36m17, mpii17
    and cmu17. Virtual joints are computed again.

    Args:
        pose: (N, J, D) float array of the source's joints.
        visible: (N, J) bool array.
        source, target: `skeletons.Skeleton`.
    Returns:
        (pose, visible) of the target's joints; NaN where not visible, but for a nose that
        nobody saw, which is put on the line from neck to head top.
    Raises:
        InputError: if the source has fewer than half of the target's joints, or is an animal
            and the target a person.
    """
    arrangements = source.name in _RULES and target.name in _RULES
    if source.names == target.names and not (arrangements and source.name != target.name):
        return pose, visible
    if (beast := animal(source.names)) and target.angle and not animal(target.names):
        raise InputError(
            f'{source.name}: expected the joints of a person, as {target.name} are, found an '
            f"animal's ({beast})"
        )
    columns = dict(
        zip(source.names, np.moveaxis(np.where(visible[:, :, None], pose, np.nan), 1, 0))
    )
    nowhere = np.full_like(pose[:, 0], np.nan)

    def at(*names: str | None) -> np.ndarray:
        return next((columns[name] for name in names if name in columns), nowhere)

    # Older pose files of Human3.6M's joints have other skeleton names.
    other = _RULES['h36m17'] if target.names == H36M17.names else {}
    of, rules = _landmarks(at, source.names), _RULES.get(target.name, other)
    placed = {
        name: _first(*(_between(of[start], of[end], share) for start, end, share in ways))
        for name, ways in rules.items()
    }
    limbs = [
        name for name in target.names
        if name not in rules and at(name, _ALIAS.get(name)) is not nowhere
    ]  # fmt: skip
    if 2 * len(rules) + 2 * len(limbs) < len(target) or (rules and len(limbs) < 6):
        raise InputError(
            f'{source.name}: expected at least half of the joints of {target.name}, '
            f'found {", ".join(limbs) or "none"}'
        )
    found = [placed[n] if n in rules else at(n, _ALIAS.get(n)) for n in target.names]
    pose = np.stack(found, axis=1)
    visible = np.isfinite(pose).all(axis=2)
    if rules:  # a nose that nobody saw: it says which way the person looks
        j = target.index('Neck/Nose')
        pose[:, j] = _first(pose[:, j], _between(of['neck'], of['top'], 0.5))
    if target.virtual_joints:
        detected = list(target.detected)
        return target.add_virtual_joints(pose[:, detected], visible[:, detected])
    return pose, visible
