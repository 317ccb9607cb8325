"""Skeletons: joints by name, the tree they form, and what their names tell.

Nothing past this module numbers a joint: it asks the skeleton by name.
"""

import dataclasses
import re
from typing import NamedTuple

from chainer_pose.errors import InputError


class AngleJoints(NamedTuple):
    """Indices of the four joints of the angle loss (section 3.4, Fig. 4)."""

    nose: int
    neck: int
    left_shoulder: int
    right_shoulder: int


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """Joints that form a tree.

    Args:
        name: what the skeleton is called.
        names: J joint names, each once.
        parents: J indices, each joint's parent; -1 at the root, once.

    Raises:
        InputError: if the names repeat or the parents do not form one tree.
    """

    name: str
    names: tuple
    parents: tuple

    def __post_init__(self):
        object.__setattr__(self, 'names', tuple(str(name) for name in self.names))
        object.__setattr__(self, 'parents', tuple(int(p) for p in self.parents))
        _check_tree(self)

    def __len__(self):
        return len(self.names)

    @property
    def root(self):
        """Index of the root joint, the origin of every pose (section 3.3)."""
        return self.parents.index(-1)

    @property
    def bones(self):
        """(child, parent) index pairs, one for each joint but the root."""
        return tuple((j, p) for j, p in enumerate(self.parents) if p >= 0)

    @property
    def sides(self):
        """'left', 'right' or 'centre' for each joint, read off its name."""
        return tuple(_side_and_rest(name)[0] for name in self.names)

    @property
    def angle_joints(self):
        """The joints of the angle loss as `AngleJoints`, or None without all four.

        The neck is where the shoulders meet: a joint called Neck, else UpperNeck
        (MPII), else Thorax (Human3.6M). Where there is no nose, HeadTop (MPII)
        stands for it: it leans forward of the neck, if less.
        """
        known = {re.sub(r'[^a-z]', '', name.lower()): j for j, name in enumerate(self.names)}
        found = [
            next((known[name] for name in aliases if name in known), None)
            for aliases in (
                ('nose', 'necknose', 'headtop'),
                ('neck', 'upperneck', 'thorax'),
                ('lshoulder', 'leftshoulder'),
                ('rshoulder', 'rightshoulder'),
            )
        ]
        return None if None in found else AngleJoints(*found)

    def to_dict(self):
        """What JSON stores of the skeleton; `from_dict` is its inverse."""
        return {'name': self.name, 'names': list(self.names), 'parents': list(self.parents)}

    @classmethod
    def from_dict(cls, values):
        """Rebuild a skeleton.

        Raises:
            InputError: if a key is missing or the joints do not form a tree.
        """
        try:
            name, names = values['name'], tuple(values['names'])
            parents = tuple(int(parent) for parent in values['parents'])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f'skeleton: expected the keys name, names and parents, found {values!r:.80}'
            ) from error
        return cls(name, names, parents)


def _side_and_rest(name):
    match = re.match(r'(left|right|[lr](?=[A-Z]))[ _-]?(.+)', name, re.IGNORECASE)
    # "(?=[A-Z])" under IGNORECASE would let "Root" pass for right-"oot".
    if not match or (len(match[1]) == 1 and not (name[0].isupper() and match[2][0].isupper())):
        return 'centre', name
    return {'l': 'left', 'r': 'right'}[match[1][0].lower()], match[2]


def _check_tree(skeleton):
    n = len(skeleton.names)
    if n < 2 or len(set(skeleton.names)) != n:
        raise InputError(
            f'skeleton {skeleton.name}: expected two or more joint names, each once, '
            f'found {list(skeleton.names)}'
        )
    if len(skeleton.parents) != n or skeleton.parents.count(-1) != 1:
        raise InputError(
            f'skeleton {skeleton.name}: expected {n} parents with one -1, at the root, '
            f'found {list(skeleton.parents)}'
        )
    for joint in range(n):
        seen = set()
        while joint != -1:
            if joint in seen or not 0 <= joint < n:
                raise InputError(
                    f'skeleton {skeleton.name}: expected parents that form one tree, '
                    f'found {list(skeleton.parents)}'
                )
            seen.add(joint)
            joint = skeleton.parents[joint]


H36M17 = Skeleton(
    'h36m17',
    (
        'Hip', 'RHip', 'RKnee', 'RFoot', 'LHip', 'LKnee', 'LFoot', 'Spine', 'Thorax',
        'Neck/Nose', 'Head', 'LShoulder', 'LElbow', 'LWrist', 'RShoulder', 'RElbow', 'RWrist',
    ),
    (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15),
)  # fmt: skip

MPII16 = Skeleton(
    'mpii16',
    (
        'RAnkle', 'RKnee', 'RHip', 'LHip', 'LKnee', 'LAnkle', 'Pelvis', 'Thorax',
        'UpperNeck', 'HeadTop', 'RWrist', 'RElbow', 'RShoulder', 'LShoulder', 'LElbow', 'LWrist',
    ),
    (1, 2, 6, 6, 3, 4, -1, 6, 7, 8, 11, 12, 7, 7, 13, 14),
)  # fmt: skip
