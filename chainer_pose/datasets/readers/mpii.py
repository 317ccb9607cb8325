"""MPII Human Pose: people in the wild, 2D only, from the .mat file or its JSON form."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainer_pose import skeletons
from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import matlab, shared
from chainer_pose.errors import InputError
from chainer_pose.skeletons import MPII16
from chainer_pose.utils import files
from chainer_pose.utils.files import StrPath

NAME = 'mpii'
SKELETONS = {'mpii16': MPII16, 'h36m17': skeletons.get('mpii17')}
MAT = 'mpii_human_pose_v1_u12_1.mat'
JSON_SPLITS = {'train': 'train.json', 'test': 'valid.json'}
HOW_TO_GET = 'the .mat is at human-pose.mpi-inf.mpg.de, the JSON with human-pose-estimation.pytorch'
# The joints of MPII that stand for Human3.6M's, as in the Stacked Hourglass's detections.
_H36M17_FROM = {
    'Hip': 'Pelvis', 'RHip': 'RHip', 'RKnee': 'RKnee', 'RFoot': 'RAnkle', 'LHip': 'LHip',
    'LKnee': 'LKnee', 'LFoot': 'LAnkle', 'Spine': 'Thorax', 'Thorax': 'UpperNeck',
    'Head': 'HeadTop', 'LShoulder': 'LShoulder', 'LElbow': 'LElbow', 'LWrist': 'LWrist',
    'RShoulder': 'RShoulder', 'RElbow': 'RElbow', 'RWrist': 'RWrist',
}  # fmt: skip


class Person(NamedTuple):
    """One annotated person."""

    image: str  # file name
    number: int  # index of the image
    person: int  # index within the image
    center: tuple  # (x, y), rough position, px as in the file; NaN if not given
    joints: np.ndarray  # (16, 2) px, 0-based, NaN where not labelled


def find(root: StrPath) -> dict[str, Path]:
    """Find the files of a folder, or of one below: {'mat': path} or {'train': ..., 'test': ...}."""
    root = shared.root_folder(root)
    for place in [root, *sorted(p for p in root.glob('*') if p.is_dir())]:
        json_files = {split: place / name for split, name in JSON_SPLITS.items()}
        found = [path.is_file() for path in json_files.values()]
        if (place / MAT).is_file() and not all(found):  # another data set's train.json
            return {'mat': place / MAT}
        if any(found):
            return json_files
    message = f'expected {MAT} or train.json and valid.json, found neither; {HOW_TO_GET}'
    raise InputError(message, root=root)


def read_mat(path: StrPath) -> list[Person]:
    """Read the labelled people of the official file, one at least."""
    release = matlab.read(path, ['RELEASE'])['RELEASE']
    people = []
    for number, entry in enumerate(matlab.as_list(_field(release, 'annolist'))):
        image = _field(entry, 'image', 'name')
        for person, rect in enumerate(matlab.as_list(_field(entry, 'annorect'))):
            joints = np.full((len(MPII16), 2), np.nan)
            for point in matlab.as_list(_field(rect, 'annopoints', 'point')):
                joint, x, y = (matlab.number(_field(point, key)) for key in ('id', 'x', 'y'))
                if joint not in range(len(MPII16)):
                    raise InputError(
                        f'{path}: annolist({number + 1}): expected joint ids from 0 to 15, '
                        f'found {joint:g}'
                    )
                joints[int(joint)] = (x - 1, y - 1) if np.isfinite(x + y) else np.nan  # from 1
            if np.isfinite(joints).any():
                center = tuple(matlab.number(_field(rect, 'objpos', axis)) for axis in 'xy')
                people.append(Person(str(image or ''), number, person, center, joints))
    if not people:
        raise InputError(f'{path}: expected RELEASE.annolist with people labelled, found none')
    return people


def _field(value: Any, *names: str) -> Any:
    """A field of nested structs; None where one is absent or empty."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def read_json(path: StrPath) -> list[Person]:
    """Read the people of the JSON form, or of detections in the same layout."""
    entries = files.read_json(path)
    if not isinstance(entries, list):
        raise InputError(f'{path}: expected a list of people, found a {type(entries).__name__}')
    numbers: dict[str, int] = {}
    seen: dict[str, int] = {}
    people = []
    for i, entry in enumerate(entries):
        expected = 'people with image, joints [16][2] and joints_vis [16]'
        with files.reading(f'{path}: entry {i}', expected):
            joints = np.array(entry['joints'], float).reshape(16, 2) - 1  # MATLAB's pixels
            labelled = np.array(entry['joints_vis'], float).reshape(16) > 0
            image = str(entry['image'])
            x, y = (float(value) for value in entry.get('center', (np.nan, np.nan)))
        joints[~labelled | ~np.isfinite(joints).all(axis=1)] = np.nan
        seen[image] = seen.get(image, -1) + 1
        number = numbers.setdefault(image, len(numbers))
        people.append(Person(image, number, seen[image], (x, y), joints))
    return people


def split_people(people: Sequence[Person], test_share: float, seed: int) -> dict[str, list[Person]]:
    """Split into 'train' and 'test' by image: a share of the images, 0 to 1, tests."""
    images = sorted({person.image for person in people})
    order = np.random.default_rng(seed).permutation(len(images))
    test = {images[i] for i in order[: round(test_share * len(images))]}
    return {
        'train': [person for person in people if person.image not in test],
        'test': [person for person in people if person.image in test],
    }


def convert(
    splits: Mapping[str, Sequence[Person]],
    path: StrPath,
    joints: str = 'mpii16',
    partial: bool = False,
    detections: Sequence[Person] = (),
    detector: str = 'sh',
) -> dict[str, tuple[int, int]]:
    """Write a pose file.

    Args:
        joints: a key of `SKELETONS`.
        partial: keep people with joints missing, which `valid` marks.
        detections: for pose2d_<detector>; matched by image and position.
    Returns:
        dict from split to (people written, people with detections).
    Raises:
        InputError: if no detection matches a person.
    """
    if not re.fullmatch(r'(?!gt$)[a-z0-9_]+', detector):
        raise InputError('expected a name of a-z, 0-9 and _, and not gt', detector=detector)
    skeleton = SKELETONS[joints]
    header = pose_file.Header(
        NAME,
        skeleton,
        source=f'MPII Human Pose (Andriluka et al. 2014), {len(skeleton)} joints',
        licence='Simplified BSD annotations, research use',
    )
    detected: dict[str, list[Person]] = {}
    for person in detections:
        detected.setdefault(person.image, []).append(person)
    counts = {}
    with pose_file.writing(path, header) as writer:
        for split, people in splits.items():
            kept = [p for p in people if partial or np.isfinite(p.joints).all()]
            frame, clip = (np.array([p[i] for p in kept], int) for i in (1, 2))
            _append(writer, split, 'gt', joints, [p.joints for p in kept], frame=frame, clip=clip)
            found = [_match(person, detected.get(person.image, ())) for person in kept]
            if detections:
                _append(writer, split, detector, joints, found)
            counts[split] = len(kept), sum(bool(np.isfinite(pose).any()) for pose in found)
        if detections and not any(n for _, n in counts.values()):
            raise InputError('expected those of the images labelled, found others', detections=None)
    return counts


def _match(person: Person, candidates: Sequence[Person]) -> np.ndarray:
    """The detection nearest to a person, or NaNs: their order may differ."""
    best, pose = np.inf, np.full((len(MPII16), 2), np.nan)
    for candidate in candidates:
        distance = np.hypot(*np.subtract(candidate.center, person.center))
        if not np.isfinite(distance):  # without positions: the n-th person of the image
            distance = 0.0 if candidate.person == person.person else np.inf
        if distance < min(best, 2):  # px; the same person, up to rounding
            best, pose = distance, candidate.joints
    return pose


def _append(
    writer: pose_file.Writer,
    split: str,
    keypoints: str,
    joints: str,
    poses: list[np.ndarray],
    **columns: np.ndarray,
) -> None:
    pose2d = np.array(poses, np.float32).reshape(-1, len(MPII16), 2)
    imputed, index = None, {name: MPII16.names.index(of) for name, of in _H36M17_FROM.items()}
    if joints == 'h36m17':
        pose2d = shared.to_h36m17(pose2d, index)
    valid = np.asarray(np.isfinite(pose2d).all(axis=2))
    if joints == 'h36m17':
        imputed = np.zeros_like(valid)
        imputed[:, shared.NOSE] = valid[:, shared.NOSE]
        valid[:, shared.NOSE] = False
    arrays = {pose_file.array_name('pose2d', keypoints): pose2d, **columns}
    writer.append(split, valid, imputed, keypoints, **arrays)
