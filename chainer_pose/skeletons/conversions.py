"""Bring the joints of one skeleton to those of another.

Weights trained on the 17 joints of Human3.6M's order lift what any detector of
people gives: limbs by their names, trunk and head by the rules below. The same
17 names mean different places to those who recorded them, so each arrangement
(h36m17, mpii17, cmu17) has rules of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainer_pose.errors import InputError
from chainer_pose.skeletons.proportions import HEIGHT
from chainer_pose.skeletons.skeleton import H36M17

if TYPE_CHECKING:
    from chainer_pose.skeletons import Skeleton


# Two names for one joint.
_ALIAS = {'RFoot': 'RAnkle', 'LFoot': 'LAnkle', 'RAnkle': 'RFoot', 'LAnkle': 'LFoot'}

# The ears are at the height of the eyes.
_FACE = HEIGHT['eye'] - HEIGHT['shoulder']
_TOP_OVER_FACE = (HEIGHT['top'] - HEIGHT['shoulder']) / _FACE
# Medians over the training poses of the shared data, along the line from the
# middle of the shoulders to the head top (mpii.h5) and from the middle of the
# hips to that of the shoulders (cmu_rig.h5): 0.174; 0.273, 0.574, 0.874.
_NECK_TO_TOP = 0.174
_CMU_HIP, _CMU_SPINE, _CMU_THORAX = 0.273, 0.574, 0.874
# CMU's head ends 0.545 trunks above the shoulders.
_CMU_HEAD_OVER_FACE = 0.545 * (HEIGHT['shoulder'] - HEIGHT['hip']) / _FACE


class _Points:
    """The joints of some poses by name: arrays (N, D), NaN where not seen."""

    def __init__(self, skeleton, pose):
        self._at = {name: pose[:, j] for j, name in enumerate(skeleton.names)}
        self.nowhere = np.full_like(pose[:, 0], np.nan)

    def __call__(self, *names):
        """The first of these that the skeleton has; NaN without."""
        return next((self._at[name] for name in names if name in self._at), self.nowhere)

    def has(self, *names):
        return any(name in self._at for name in names)

    def middle(self, name):
        """The middle of a left and a right joint."""
        return (self('L' + name) + self('R' + name)) / 2


def _first(*candidates):
    """Pose by pose the first candidate that was seen."""
    found = candidates[0]
    for candidate in candidates[1:]:
        found = np.where(np.isfinite(found), found, candidate)
    return found


def _between(start, end, share):
    return start + share * (end - start)


def _landmarks(at):
    """hips, shoulders, face, neck, top and nose of people, from whatever there is."""
    hips, shoulders = at.middle('Hip'), at.middle('Shoulder')
    face = _first(at.middle('Ear'), at.middle('Eye'), at('Nose'))
    top = _first(at('HeadTop', 'Head'), _between(shoulders, face, _TOP_OVER_FACE))
    neck = _first(at('UpperNeck'), _between(shoulders, top, _NECK_TO_TOP))
    # MPI-INF-3DHP has the head's middle beside its top.
    middle = at('Head') if at.has('HeadTop') else at.nowhere
    nose = _first(at('Neck/Nose', 'Nose'), middle, _between(neck, top, 0.5))
    return hips, shoulders, face, neck, top, nose


def _h36m17(at):
    hips, shoulders, _, _, top, nose = _landmarks(at)
    spine = _between(hips, shoulders, 0.5)
    return {'Hip': hips, 'Spine': spine, 'Thorax': shoulders, 'Neck/Nose': nose, 'Head': top}


def _mpii17(at):
    hips, shoulders, _, neck, top, _ = _landmarks(at)
    middle = _between(neck, top, 0.5)
    return {'Hip': hips, 'Spine': shoulders, 'Thorax': neck, 'Neck/Nose': middle, 'Head': top}


def _cmu17(at):
    hips, shoulders, face, _, top, nose = _landmarks(at)
    return {
        'Hip': _between(hips, shoulders, _CMU_HIP),
        'Spine': _between(hips, shoulders, _CMU_SPINE),
        'Thorax': _between(hips, shoulders, _CMU_THORAX),
        'Neck/Nose': nose,
        'Head': _first(_between(shoulders, face, _CMU_HEAD_OVER_FACE), top),
    }


_RULES = {'h36m17': _h36m17, 'mpii17': _mpii17, 'cmu17': _cmu17}


def convert(
    pose: np.ndarray, visible: np.ndarray, source: Skeleton, target: Skeleton
) -> tuple[np.ndarray, np.ndarray]:
    """Poses of one skeleton as poses of another.

    Skeletons of the same joints are taken as they are, unless they are two
    arrangements of Human3.6M's 17. Else limbs are found by name, and trunk and
    head of such an arrangement by the rules above. Means are taken anew.

    Args:
        pose: (N, J, D) float array of the source's joints.
        visible: (N, J) bool array, which of them were seen.
        source, target: `skeletons.Skeleton`.
    Returns:
        (pose, visible) of the target's joints; NaN where one cannot be told.
    Raises:
        InputError: if fewer than half of the target's joints can be told.
    """
    arrangements = source.name in _RULES and target.name in _RULES
    if source.names == target.names and not (arrangements and source.name != target.name):
        return pose, visible
    at = _Points(source, np.where(visible[:, :, None], pose, np.nan))
    # A run on Human3.6M's joints from an older pose file may call them otherwise.
    like_h36m = _RULES['h36m17'] if target.names == H36M17.names else lambda at: {}
    rules = _RULES.get(target.name, like_h36m)(at)
    known = [name for name in target.names if name in rules or at.has(name, _ALIAS.get(name))]
    limbs = [name for name in known if name not in rules]
    if 2 * len(known) < len(target) or (rules and len(limbs) < 6):
        missing = [name for name in target.names if name not in known or name in rules]
        raise InputError(
            f'{source.name}: expected joints that tell those of {target.name}, found none for '
            f'{", ".join(missing[:5])}{", ..." if len(missing) > 5 else ""}'
        )
    columns = [
        rules[name] if name in rules else at(name, _ALIAS.get(name)) for name in target.names
    ]
    pose = np.stack(columns, axis=1)
    visible = np.isfinite(pose).all(axis=2)
    if target.virtual_joints:
        detected = list(target.detected)
        return target.add_virtual_joints(pose[:, detected], visible[:, detected])
    return pose, visible
