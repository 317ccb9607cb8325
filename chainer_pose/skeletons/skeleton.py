"""Skeletons: joints by name, the tree they form, their left-right pairs.

All other modules refer to joints by name. The named skeletons are JSON files beside this one.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainer_pose.errors import InputError
from chainer_pose.utils.files import StrPath, read_json, reading

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
        names: J joint names, each once.
        parents: J indices, each joint's parent; -1 once, at the root.
        pairs: (left, right) names of joints that mirror each other; by default found by
            the names ("LHip", "right_ear").
        angle: dict from the fields of `FaceJoints` to joint names, None for a body
            without them; by default found by the names.
        virtual_joints: dict from joints that no detector gives to the joints whose mean
            they are.

    Raises:
        InputError: if names repeat, parents form no tree, pairs do not mirror, or a name
            is that of no joint.
    """

    name: str
    names: tuple[str, ...]
    parents: tuple[int, ...]
    # Typed as after __post_init__.
    pairs: tuple[tuple[str, str], ...] = None  # type: ignore[assignment]
    angle: dict[str, str] | None = dataclasses.field(default=_FROM_NAMES, hash=False)
    virtual_joints: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        names, parents = tuple(map(str, self.names)), tuple(map(int, self.parents))
        virtual = {str(name): tuple(parts) for name, parts in self.virtual_joints.items()}
        angle = _angle_from_names(names) if self.angle == _FROM_NAMES else self.angle
        given: Any = self.pairs
        self.__dict__.update(
            name=str(self.name), names=names, parents=parents, angle=angle, virtual_joints=virtual
        )
        n = len(names)
        self._require(n > 1 and len(set(names)) == n, 'two or more joint names, each once', names)
        reached = {-1}
        for _ in parents:
            reached |= {joint for joint, parent in enumerate(parents) if parent in reached}
        is_tree = parents.count(-1) == 1 and len(parents) == n == len(reached) - 1
        self._require(is_tree, f'{n} parents that form one tree, -1 at the root', parents)
        detected = set(names) - set(virtual)
        for name, parts in virtual.items():
            self._require(
                name in names and set(parts) <= detected and len(set(parts)) > 1,
                'virtual_joints of two or more joints that a detector gives',
                f'{name!r} of {list(parts)}',
            )
        known = angle is None or (
            set(angle) == set(FaceJoints._fields) and set(angle.values()) <= set(names)
        )
        self._require(known, f'angle to name joints for {", ".join(FaceJoints._fields)}', angle)
        pairs = _pairs_from_names(self) if given is None else tuple(map(tuple, given))
        self.__dict__['pairs'] = pairs
        paired = {name for pair in pairs for name in pair}
        once = all(len(pair) == 2 for pair in pairs) and len(paired) == 2 * len(pairs)
        self._require(
            once and paired <= set(names), 'pairs of joints, left and right, each joint once', pairs
        )
        wrong = _unmirrored(self, pairs)
        self._require(wrong is None, 'pairs that mirror, with parents that do', wrong)

    def _require(self, condition: bool, expected: str, found: object) -> None:
        if not condition:
            raise InputError(f'skeleton {self.name}: expected {expected}, found {found}')

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """Return the index of a joint; ValueError if there is none of this name."""
        return self.names.index(name)

    @property
    def root(self) -> int:
        """Index of the root joint, the origin of every pose (section 3.3)."""
        return self.parents.index(-1)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(child, parent) indices of each joint but the root."""
        return tuple((j, p) for j, p in enumerate(self.parents) if p >= 0)

    @property
    def mirror(self) -> tuple[int, ...]:
        """For each joint the index of its counterpart on the other side, or its own."""
        other = {a: b for pair in self.pairs for a, b in (pair, pair[::-1])}
        return tuple(self.index(other.get(name, name)) for name in self.names)

    def children(self, joint: int) -> list[int]:
        return [child for child, parent in enumerate(self.parents) if parent == joint]

    @property
    def sides(self) -> tuple[str, ...]:
        """'left', 'right' or 'center' for each joint: by its pair, else by its name."""
        sides = {name: _side_and_rest(name)[0] for name in self.names}
        for left, right in self.pairs:
            sides[left], sides[right] = 'left', 'right'
        return tuple(sides.values())

    @property
    def face_joints(self) -> FaceJoints | None:
        """`FaceJoints` of the angle loss; None for a body without them."""
        if self.angle is None:
            return None
        return FaceJoints(*(self.index(self.angle[field]) for field in FaceJoints._fields))

    @property
    def detected(self) -> tuple[int, ...]:
        """Indices of the joints that a detector gives, all but the virtual ones."""
        return tuple(j for j, name in enumerate(self.names) if name not in self.virtual_joints)

    def add_virtual_joints(
        self, pose: np.ndarray, visible: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Add the virtual joints, each the mean of others.

        Args:
            pose: (N, K, D) float array of the K `detected` joints, or of all J.
            visible: (N, K) bool array.
        Returns:
            (pose, visible) of shapes (N, J, D) and (N, J). A virtual joint is visible if
            all its parts are; joints that are not visible are NaN.
        Raises:
            ValueError: if there are neither K nor J joints.
        """
        n, detected = pose.shape[1], self.detected
        if n not in (len(self), len(detected)):
            raise ValueError(f'expected the {len(detected)} joints of {self.name}, found {n}')
        given = list(detected if n == len(detected) else range(n))
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
        """Return what JSON stores of the skeleton; `from_dict` is the inverse."""
        return {
            'name': self.name,
            'names': list(self.names),
            'parents': list(self.parents),
            'pairs': [list(pair) for pair in self.pairs],
            'angle': self.angle,
            'means': {name: list(parts) for name, parts in self.virtual_joints.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> 'Skeleton':
        """Make a skeleton from what `to_dict` returns or `load` reads.

        Raises:
            InputError: if a key is missing or unknown; see `Skeleton`.
        """
        try:
            given = dict(values)
            given.pop('description', None)
            if 'joints' in given:
                joints = given.pop('joints')
                given['names'] = list(joints)
                given['parents'] = [[None, *joints].index(p) - 1 for p in joints.values()]
            if 'means' in given:  # pose files of version 1 and generator files
                given['virtual_joints'] = given.pop('means')
            return cls(**given)
        except InputError:
            raise
        except (TypeError, AttributeError, ValueError) as error:
            raise InputError(
                f'skeleton: expected a name and joints, each with its parent, '
                f'found {values!r:.80} ({error!s:.80})'
            ) from error


def names() -> tuple[str, ...]:
    """Return the names of the skeletons of the package, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob('*.json')))


def get(name_or_path: StrPath) -> Skeleton:
    """Return a skeleton of the package, or read one from a file that ends in .json::

        {"name": "stool",
         "joints": {"Seat": null, "LegA": "Seat", "LegB": "Seat", "LegC": "Seat"},
         "pairs": [["LegA", "LegB"]],
         "virtual_joints": {"Seat": ["LegA", "LegB", "LegC"]},
         "angle": null}

    ``joints`` gives each joint's parent, null for the root's; without the
    ``virtual_joints`` they have the detector's order. ``pairs`` (left, right),
    ``virtual_joints``, ``angle`` and a ``description`` may be absent: see `Skeleton`.

    Raises:
        InputError: if there is none, or the file is wrong.
    """
    path = Path(name_or_path)
    if path.suffix != '.json':
        if name_or_path not in names():
            raise InputError(
                f'expected a file that ends in .json, or one of {", ".join(names())}',
                skeleton=name_or_path,
            )
        path = _FOLDER / f'{name_or_path}.json'
    expected = 'a skeleton (JSON)'
    with reading(path, expected):
        return Skeleton.from_dict(read_json(path, expected, object_pairs_hook=_once))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError(f'a key twice: {max(keys, key=keys.count)!r}')
    return dict(pairs)


def _side_and_rest(name: str) -> tuple[str, str]:
    """Split "LHip" or "right_ear" into its side and the rest."""
    match = re.match(r'[LR](?=[A-Z])|(?i:left|right)[ _-]?(?=.)', name)
    if not match:
        return 'center', name
    return {'l': 'left', 'r': 'right'}[match[0][0].lower()], name[match.end() :]


def _pairs_from_names(skeleton: Skeleton) -> tuple[tuple[str, str], ...]:
    """Joints whose names differ in the side only, as far as the tree mirrors, too."""
    by_rest: dict[str, dict[str, str]] = {}
    for name in skeleton.names:
        side, rest = _side_and_rest(name)
        by_rest.setdefault(rest.lower(), {})[side] = name
    pairs = [(two['left'], two['right']) for two in by_rest.values() if {'left', 'right'} <= {*two}]
    while (wrong := _unmirrored(skeleton, pairs)) is not None:
        pairs.remove(wrong)
    return tuple(pairs)


def _unmirrored(skeleton: Skeleton, pairs: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
    """The first pair whose parents are neither one joint nor a pair."""
    other = {a: b for pair in pairs for a, b in (pair, pair[::-1])}
    parents = ('' if above < 0 else skeleton.names[above] for above in skeleton.parents)
    parent = dict(zip(skeleton.names, parents))
    for left, right in pairs:
        if other.get(parent[left], parent[left]) != parent[right]:
            return left, right
    return None


def _angle_from_names(names: Sequence[str]) -> dict[str, str] | None:
    """Names of the joints of the angle loss; None unless all are found.

    The neck is where the shoulders meet: Neck, else UpperNeck (MPII), else Thorax
    (Human3.6M). Without a nose it is HeadTop (MPII), which leans forward less.
    """
    aliases = {
        'nose': ('nose', 'necknose', 'headtop'),
        'neck': ('neck', 'upperneck', 'thorax'),
        'left_shoulder': ('lshoulder', 'leftshoulder'),
        'right_shoulder': ('rshoulder', 'rightshoulder'),
    }
    known = {re.sub(r'[^a-z]', '', name.lower()): name for name in names}
    found = {
        field: next(known[alias] for alias in choice if alias in known)
        for field, choice in aliases.items()
        if known.keys() & choice
    }
    return found if len(found) == len(aliases) else None


H36M17 = get('h36m17')
MPII16 = get('mpii16')
