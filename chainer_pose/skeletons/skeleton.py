"""Skeletons: joints by name, the tree they form, and what stands for what.

Nothing past this module numbers a joint: it asks the skeleton by name. The named
skeletons are JSON files beside this one, in the format that `load` reads.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainer_pose.errors import InputError
from chainer_pose.utils.files import read_json

if TYPE_CHECKING:
    from chainer_pose.utils.files import StrPath


_FOLDER = Path(__file__).parent
_FROM_NAMES: Any = 'from names'


class FaceJoints(NamedTuple):
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
        pairs: (left, right) joint names that mirror each other; read off the
            names ("LHip", "right_ear") if not given.
        angle: dict from the fields of `FaceJoints` to joint names, None for a
            body without them; found by name if not given.
        virtual_joints: dict from joints that no detector gives to the joints they
            are the mean of.

    Raises:
        InputError: if the names repeat, the parents do not form one tree, or
            what is said of a joint is said of none of them or does not mirror.
    """

    name: str
    names: tuple[str, ...]
    parents: tuple[int, ...]
    # Types as they are once made; the defaults stand for what the names tell.
    pairs: tuple[tuple[str, str], ...] = None  # type: ignore[assignment]
    angle: dict[str, str] | None = dataclasses.field(default=_FROM_NAMES, hash=False)
    virtual_joints: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict, hash=False)

    def __post_init__(self):
        def put(field, value):
            object.__setattr__(self, field, value)

        put('name', str(self.name))
        put('names', tuple(str(name) for name in self.names))
        put('parents', tuple(int(parent) for parent in self.parents))
        _check_tree(self)
        put(
            'virtual_joints',
            {str(name): tuple(parts) for name, parts in self.virtual_joints.items()},
        )
        _check_virtual_joints(self)
        if self.angle == _FROM_NAMES:
            put('angle', _angle_from_names(self.names))
        _check_angle(self)
        if self.pairs is None:
            put('pairs', _pairs_from_names(self))
        else:
            put('pairs', tuple(tuple(pair) for pair in self.pairs))
            _check_pairs(self)

    def __len__(self):
        return len(self.names)

    def index(self, name: str) -> int:
        """Index of a joint.

        Raises:
            ValueError: if there is no such joint.
        """
        return self.names.index(name)

    @property
    def root(self) -> int:
        """Index of the root joint, the origin of every pose (section 3.3)."""
        return self.parents.index(-1)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(child, parent) index pairs, one for each joint but the root."""
        return tuple((j, p) for j, p in enumerate(self.parents) if p >= 0)

    def children(self, joint: int) -> list[int]:
        """Indices of the joints whose parent is the one of that index."""
        return [child for child, parent in enumerate(self.parents) if parent == joint]

    @property
    def sides(self) -> tuple[str, ...]:
        """'left', 'right' or 'centre' for each joint: by its pair, else by its name."""
        sides = {name: _side_and_rest(name)[0] for name in self.names}
        for left, right in self.pairs:
            sides[left], sides[right] = 'left', 'right'
        return tuple(sides.values())

    @property
    def face_joints(self) -> FaceJoints | None:
        """The joints of the angle loss as `FaceJoints`, or None for a body without them."""
        if self.angle is None:
            return None
        return FaceJoints(*(self.index(self.angle[field]) for field in FaceJoints._fields))

    @property
    def detected(self) -> tuple[int, ...]:
        """Indices of the joints that a detector gives: all but the means of others."""
        return tuple(j for j, name in enumerate(self.names) if name not in self.virtual_joints)

    def add_virtual_joints(
        self, pose: np.ndarray, visible: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Add the joints that are the mean of others.

        Args:
            pose: (N, K, D) float array of the K `detected` joints, or of all J.
            visible: (N, K) bool array, which of them were seen.
        Returns:
            (pose, visible) of shapes (N, J, D) and (N, J). A mean is there where
            all its joints are, else NaN; so is what is not there.
        Raises:
            ValueError: if there are neither K nor J joints.
        """
        joints = {len(self): range(len(self)), len(self.detected): self.detected}
        if pose.shape[1] not in joints:
            raise ValueError(
                f'expected the {len(self.detected)} joints of {self.name}, got {pose.shape[1]}'
            )
        given = list(joints[pose.shape[1]])
        whole = np.full((len(pose), len(self), pose.shape[2]), np.nan, pose.dtype)
        seen = np.zeros(whole.shape[:2], bool)
        whole[:, given] = np.where(visible[:, :, None], pose, np.nan)
        seen[:, given] = visible
        if len(given) < len(self):
            for name, parts in self.virtual_joints.items():
                joint, of = self.index(name), [self.index(part) for part in parts]
                whole[:, joint] = whole[:, of].mean(axis=1)
                seen[:, joint] = seen[:, of].all(axis=1)
        return whole, seen

    def to_dict(self) -> dict[str, Any]:
        """What JSON stores of the skeleton; `from_dict` is its inverse."""
        return {
            'name': self.name,
            'names': list(self.names),
            'parents': list(self.parents),
            'pairs': [list(pair) for pair in self.pairs],
            'angle': self.angle,
            'means': {name: list(parts) for name, parts in self.virtual_joints.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Skeleton:
        """Rebuild a skeleton from `to_dict`, or from what `load` reads.

        Raises:
            InputError: if a key is missing or unknown, or the joints do not
                form a tree.
        """
        expected = 'a name and joints, each with its parent'
        if not isinstance(values, dict):
            raise InputError(f'skeleton: expected {expected}, found {values!r:.80}')
        unknown = sorted(set(values) - _KEYS)
        if unknown:
            raise InputError(
                f'skeleton: expected the keys {", ".join(sorted(_KEYS))}, found {unknown[0]!r}'
            )
        try:
            name = values['name']
            if 'joints' in values:
                names = tuple(values['joints'])
                above = list(values['joints'].values())
                stray = next((p for p in above if p is not None and p not in names), None)
                if stray is not None:
                    raise InputError(
                        f'skeleton {name}: expected joints as parents, found {stray!r}'
                    )
                parents = tuple(-1 if p is None else names.index(p) for p in above)
            else:
                names = tuple(values['names'])
                parents = tuple(int(parent) for parent in values['parents'])
            more = {_OLD.get(key, key): values[key] for key in _OPTIONAL if key in values}
            return cls(name, names, parents, **more)
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f'skeleton: expected {expected}, found {values!r:.80} ({error!r:.60})'
            ) from error


_OLD = {'means': 'virtual_joints'}  # as pose files of version 1 and generators' files have it
_OPTIONAL = ('pairs', 'angle', 'virtual_joints', 'means')
_KEYS = {'name', 'description', 'joints', 'names', 'parents', *_OPTIONAL}


def load(path: StrPath) -> Skeleton:
    """Read a skeleton from a JSON file::

        {"name": "stool",
         "joints": {"Seat": null, "LegA": "Seat", "LegB": "Seat", "LegC": "Seat"},
         "pairs": [["LegA", "LegB"]],
         "virtual_joints": {"Seat": ["LegA", "LegB", "LegC"]},
         "angle": null}

    ``joints`` names each joint's parent, null for the root's; their order is
    that of the detector's, without the ``virtual_joints``. ``pairs`` (left, right),
    ``virtual_joints`` and ``angle`` may be absent: see `Skeleton`. A ``description`` is
    for people.

    Raises:
        InputError: naming the file, what was expected and what was found.
    """
    values = read_json(path, 'a skeleton (JSON)', object_pairs_hook=_once)
    try:
        return Skeleton.from_dict(values)
    except InputError as error:
        raise InputError(f'{path}: {error}') from error


def names() -> tuple[str, ...]:
    """Names of the skeletons that come with the package, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob('*.json')))


@functools.lru_cache
def named(name: str) -> Skeleton:
    """A skeleton that comes with the package."""
    return load(_FOLDER / f'{name}.json')


def get(name_or_path: str) -> Skeleton:
    """A skeleton by its name, or from a file that ends in .json.

    Raises:
        InputError: if there is none, or the file is not one.
    """
    if str(name_or_path).endswith('.json'):
        return load(name_or_path)
    if name_or_path not in names():
        raise InputError(
            f'expected a file that ends in .json, or one of {", ".join(names())}',
            skeleton=name_or_path,
        )
    return named(name_or_path)


def _once(pairs):
    keys = [key for key, _ in pairs]
    repeated = next((key for key in keys if keys.count(key) > 1), None)
    if repeated is not None:
        raise ValueError(f'{repeated!r} twice')
    return dict(pairs)


def _side_and_rest(name):
    match = re.match(r'(left|right|[lr](?=[A-Z]))[ _-]?(.+)', name, re.IGNORECASE)
    # "(?=[A-Z])" under IGNORECASE would let "Root" pass for right-"oot".
    if not match or (len(match[1]) == 1 and not (name[0].isupper() and match[2][0].isupper())):
        return 'centre', name
    return {'l': 'left', 'r': 'right'}[match[1][0].lower()], match[2]


def _pairs_from_names(skeleton):
    """Joints whose names differ in the side only, as far as the tree mirrors too."""
    by_rest = {}
    for name in skeleton.names:
        side, rest = _side_and_rest(name)
        by_rest.setdefault(rest.lower(), {})[side] = name
    pairs = [(two['left'], two['right']) for two in by_rest.values() if {'left', 'right'} <= {*two}]
    while (wrong := _unmirrored(skeleton, pairs)) is not None:
        pairs.remove(wrong)
    return tuple(pairs)


def _unmirrored(skeleton, pairs):
    """The first pair whose parents are neither one joint nor a pair; None for none."""
    other = {a: b for pair in pairs for a, b in (pair, pair[::-1])}
    parent = {
        name: None if above < 0 else skeleton.names[above]
        for name, above in zip(skeleton.names, skeleton.parents)
    }
    for left, right in pairs:
        if other.get(parent[left], parent[left]) != parent[right]:
            return left, right
    return None


def _angle_from_names(names):
    """The joints of the angle loss, where their names are those of a person's.

    The neck is where the shoulders meet: a joint called Neck, else UpperNeck
    (MPII), else Thorax (Human3.6M). Where there is no nose, HeadTop (MPII)
    stands for it: it leans forward of the neck, if less.
    """
    known = {re.sub(r'[^a-z]', '', name.lower()): name for name in names}
    found = {
        field: next((known[alias] for alias in aliases if alias in known), None)
        for field, aliases in zip(
            FaceJoints._fields,
            (
                ('nose', 'necknose', 'headtop'),
                ('neck', 'upperneck', 'thorax'),
                ('lshoulder', 'leftshoulder'),
                ('rshoulder', 'rightshoulder'),
            ),
        )
    }
    return None if None in found.values() else found


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


def _check_virtual_joints(skeleton):
    detected = [name for name in skeleton.names if name not in skeleton.virtual_joints]
    for name, parts in skeleton.virtual_joints.items():
        stray = next((part for part in parts if part not in detected), None)
        if name not in skeleton.names or stray is not None or len(set(parts)) < 2:
            raise InputError(
                f'skeleton {skeleton.name}: expected virtual_joints of two or more joints that a '
                f'detector gives, found {name!r} of {list(parts)}'
            )


def _check_angle(skeleton):
    angle = skeleton.angle
    if angle is None:
        return
    if set(angle) != set(FaceJoints._fields) or not set(angle.values()) <= set(skeleton.names):
        raise InputError(
            f'skeleton {skeleton.name}: expected angle to name joints for '
            f'{", ".join(FaceJoints._fields)}, found {angle}'
        )


def _check_pairs(skeleton):
    paired = [name for pair in skeleton.pairs for name in pair]
    if (
        any(len(pair) != 2 for pair in skeleton.pairs)
        or len(set(paired)) != len(paired)
        or not set(paired) <= set(skeleton.names)
    ):
        raise InputError(
            f'skeleton {skeleton.name}: expected pairs of joints, left and right, each joint '
            f'once, found {[list(pair) for pair in skeleton.pairs]}'
        )
    wrong = _unmirrored(skeleton, skeleton.pairs)
    if wrong is not None:
        raise InputError(
            f'skeleton {skeleton.name}: expected pairs that mirror, found {wrong[0]!r} and '
            f'{wrong[1]!r}, whose parents are neither one joint nor a pair'
        )


H36M17 = named('h36m17')
MPII16 = named('mpii16')
