"""Whose joints they are: by their names, else by their number and how the bones lie."""

import re
from pathlib import Path

import numpy as np

from chainer_pose import skeletons
from chainer_pose.datasets.keypoints.checks import tangle
from chainer_pose.datasets.keypoints.people import Table
from chainer_pose.errors import InputError
from chainer_pose.skeletons import Skeleton, animal

# Joints that detectors write, of which the skeleton's are the first.
_WRITTEN = {'halpe136': (136,), 'coco_wholebody133': (133, 23)}
_USUAL = ('coco17', 'openpose18', 'openpose_body25')  # what detectors give
_TANGLED, _MORE = 2.0, 1.1  # of the score: no body; more than another's, for certain
# Names of one joint, without sides.
_SYNONYMS = (
    {'ankle', 'foot'},
    {'foottip', 'foot'},
    {'hip', 'midhip', 'pelvis', 'root', 'spinebase', 'centerhip', 'hipcenter'},
    {'spine', 'spinemid', 'spinenavel', 'spinenaval', 'belly'},
    {'thorax', 'spineshoulder'},
    {'chest', 'spinechest'},
    {'headtop', 'head', 'tophead'},
    {'face', 'head'},
    {'upperneck', 'headbottom'},
    {'necknose', 'neckbase'},
    {'rootoftail', 'tailbase'},
    {'frontpaw', 'fpaw'},
    {'backpaw', 'bpaw'},
)


def counts(known: list[Skeleton]) -> set[int]:
    """Numbers of joints that poses of these skeletons may have."""
    return {n for s in known for n in _WRITTEN.get(s.name, (len(s), len(s.detected)))}


def candidates(skeleton: Skeleton | None, default: Skeleton | None) -> list[Skeleton]:
    """Skeletons that the joints may be of: the default before the one given, or before all."""
    every = [skeleton] if skeleton else map(skeletons.get, ('h36m17', *skeletons.names()))
    return [*([default] if default else []), *every]


def choose(
    path: Path,
    raw: Table,
    pose2d: np.ndarray,
    visible: np.ndarray,
    skeleton: Skeleton | None,
    default: Skeleton | None,
) -> tuple[Skeleton, list[int], list[str]]:
    """Tell whose the K joints are of (N, K, 2) px poses, (N, K) visible.

    Return the skeleton; for each of its joints, or of those that detectors give, which of the K it
    is, -1 for none; and lines on the choice. The user may give the skeleton; a default comes first
    where several fit. Raise InputError if none is certain.
    """
    skeleton = skeleton or (skeletons.get(raw.skeleton) if raw.skeleton else None)
    if raw.names is not None:
        return _by_name(path, raw.names, skeleton, default)
    n = pose2d.shape[1]
    if skeleton and n not in counts([skeleton]):
        expected = _WRITTEN.get(skeleton.name, (len(skeleton.detected),))[0]
        raise InputError(f'{path}: expected the {expected} joints of {skeleton.name}, found {n}')
    skeleton, notes = _by_shape(path, raw, pose2d, visible, skeleton, default)
    used = n if n == len(skeleton) else len(skeleton.detected)
    if used < n:
        notes += [f'the first {used} of {n} joints are those of {skeleton.name}; others are unused']
    return skeleton, list(range(used)), notes


def _plain(name: str) -> str:
    """A joint's name without its spelling: left_eye, EyeLeft and LEye are one."""
    words = [word.lower() for word in re.findall(r'[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+', name)]
    sides = [word for word in words if word in ('left', 'right', 'l', 'r')]
    rest = ''.join(word for word in words if word not in sides[:1])
    if not sides and (match := re.fullmatch(r'(left|right)(.+)|(.+)(left|right)', rest)):
        sides, rest = [match[1] or match[4]], match[2] or match[3]
    return ''.join(sides[:1])[:1] + rest


def _columns(names: list[str], skeleton: Skeleton) -> dict[str, int]:
    """The column of each joint that a detector gives, or of all, by a name of it; -1 for none."""
    at = {_plain(name): i for i, name in reversed([*enumerate(names)])}
    wanted = {name: _plain(name) for name in skeleton.names}
    if not set(wanted.values()) <= at.keys():
        wanted = {skeleton.names[j]: wanted[skeleton.names[j]] for j in skeleton.detected}
    found, sides = {}, dict(zip(skeleton.names, skeleton.sides))
    for joint, name in wanted.items():
        side = sides[joint][0].replace('c', '')
        others = {side + s for group in _SYNONYMS if name[len(side) :] in group for s in group}
        # A name means the joint of this name before it means another.
        same = [name, *sorted(others - {*map(_plain, skeleton.names)})]
        found[joint] = next((at[s] for s in same if s in at), -1)
    return found


def _by_name(
    path: Path, names: list[str], skeleton: Skeleton | None, default: Skeleton | None
) -> tuple[Skeleton, list[int], list[str]]:
    """The skeleton that has most of the names, if that is at least half of its joints."""
    known = [skeleton] if skeleton else candidates(None, default)
    found = [(s, _columns(names, s)) for s in known]
    chosen, columns = max(
        found,
        key=lambda f: (
            list(f[0].names) == names,
            sum(c >= 0 for c in f[1].values()),
            -[*f[1].values()].count(-1),
        ),
    )
    missing = [name for name, column in columns.items() if column < 0]
    beast = animal(names)
    if beast and missing and skeleton is None:
        raise InputError(
            f"{path}: expected a person's joints, found an animal's ({beast}); give its skeleton "
            f'and weights trained on it',
            skeleton=None,
        )
    if missing and (skeleton or 2 * len(missing) > len(columns)):
        raise InputError(
            f'{path}: expected the joints of {chosen.name}, found no {", ".join(missing[:5])} '
            f'among {", ".join(names[:4])}, ... ({len(names)})',
            skeleton=None,
        )
    unused = [name for i, name in enumerate(names) if i not in columns.values()]
    parts = {'not among the names': missing, 'unused': unused}
    listed = '; '.join(f'{what}: {", ".join(some)}' for what, some in parts.items() if some)
    notes = [f'the names are those of {chosen.name}; {listed:.300}'] if listed else []
    return chosen, list(columns.values()), notes


def _by_shape(
    path: Path,
    raw: Table,
    pose2d: np.ndarray,
    visible: np.ndarray,
    given: Skeleton | None,
    default: Skeleton | None,
) -> tuple[Skeleton, list[str]]:
    """The skeleton of that number of joints whose bones lie as in a body, or the one given."""
    n, detector = pose2d.shape[1], raw.kind not in ('csv', 'numpy')
    found = {s.name: s for s in candidates(None, given or default)[::-1] if n in counts([s])}
    score = {}
    for name, s in found.items():
        k = n if n == len(s) else len(s.detected)
        whole = s.add_virtual_joints(pose2d[:, :k].astype(np.float64), visible[:, :k])
        score[name] = tangle(s, *whole)
    best = min(score.values(), default=np.inf)
    names = sorted(found, key=score.__getitem__)
    listed = 'tangle: ' + ', '.join(f'{name} {score[name]:.2f}' for name in names[:4])
    if given:
        doubt = score[given.name] > max(_TANGLED, _MORE * best) and best < _TANGLED
        return given, [f'the bones do not lie as in {given.name} ({listed})'] * doubt
    prefer = [default.name] if default and not detector else []  # weights may be of no body
    good = [n for n in names if score[n] <= _MORE * best and (score[n] < _TANGLED or n in prefer)]
    fits = 'several that fit' if good else 'none whose bones lie as in a body'
    if not found:
        fits = 'none of that number (python -m chainer_pose.skeletons lists all)'
    elif np.isinf(best):  # the layouts of detectors are few
        good = names if detector or len(names) == 1 else []
        fits = 'too few of them seen to choose'
        listed = f'too few are seen to compare {", ".join(names)}'
    chosen = next((name for name in (*prefer, *_USUAL) if name in good), None)
    if chosen is None and len(good) == 1:
        chosen = good[0]
    if chosen is None:
        raise InputError(
            f'{path}: expected the skeleton to be given for its {n} joints, found {fits}'
            f'{f" ({listed})" if found else ""}',
            skeleton=None,
        )
    return found[chosen], [
        f'nothing names the {n} joints: they are taken for those of {chosen} ({listed})'
    ]
