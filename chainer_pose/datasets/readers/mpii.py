"""MPII Human Pose: people in the wild, 2D only, from the .mat file or its JSON form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import matlab, shared
from chainer_pose.errors import InputError
from chainer_pose.skeletons import MPII16, named
from chainer_pose.utils import files

if TYPE_CHECKING:
    from chainer_pose.utils.files import StrPath


NAME = 'mpii'
SKELETONS = {'mpii16': MPII16, 'h36m17': named('mpii17')}  # --joints
MAT = 'mpii_human_pose_v1_u12_1.mat'
JSON_SPLITS = {'train': 'train.json', 'test': 'valid.json'}
HOW_TO_GET = 'the .mat is at human-pose.mpi-inf.mpg.de, the JSON with human-pose-estimation.pytorch'
# Which of MPII's joints stands for which of Human3.6M's, as in the Stacked
# Hourglass's detections; Neck/Nose is filled, see `to_h36m17`.
_H36M17_FROM = {
    'Hip': 'Pelvis', 'RHip': 'RHip', 'RKnee': 'RKnee', 'RFoot': 'RAnkle', 'LHip': 'LHip',
    'LKnee': 'LKnee', 'LFoot': 'LAnkle', 'Spine': 'Thorax', 'Thorax': 'UpperNeck',
    'Head': 'HeadTop', 'LShoulder': 'LShoulder', 'LElbow': 'LElbow', 'LWrist': 'LWrist',
    'RShoulder': 'RShoulder', 'RElbow': 'RElbow', 'RWrist': 'RWrist',
}  # fmt: skip


class Person(NamedTuple):
    """One annotated person.

    Attributes:
        image: file name; number: index of the image; person: index within it.
        center: (2,), rough position, px as in the file; NaN if not given.
        joints: (16, 2) px, 0-based, NaN where not labelled.
    """

    image: str
    number: int
    person: int
    center: tuple
    joints: np.ndarray


def find(root: StrPath) -> dict[str, Path]:
    """The files of a folder.

    Args:
        root: the folder, or one above it.
    Returns:
        dict: {'mat': path}, or {'train': path, 'test': path} of JSON files.
    Raises:
        InputError: if neither is there, or one JSON file is missing.
    """
    root = shared.root_folder(root)
    places = [root, *sorted(p for p in root.glob('*') if p.is_dir())]
    for place in places:
        json_files = {split: place / name for split, name in JSON_SPLITS.items()}
        missing = [path for path in json_files.values() if not path.is_file()]
        if len(missing) == 1:
            raise InputError(f'{missing[0]}: expected it beside the other, found none')
        if not missing:
            return json_files
        if (place / MAT).is_file():
            return {'mat': place / MAT}
    raise InputError(
        f'expected {MAT} or train.json and valid.json, found neither; {HOW_TO_GET}', root=root
    )


def read_mat(path: StrPath) -> list[Person]:
    """The people of the official file whose joints are labelled.

    Returns:
        list of `Person`.
    Raises:
        InputError: if the file is not MPII's.
    """
    release = matlab.read(path, ['RELEASE'])['RELEASE']
    if not isinstance(release, dict) or 'annolist' not in release:
        raise InputError(f'{path}: RELEASE: expected a struct with annolist, found none')
    people = []
    for number, entry in enumerate(matlab.as_list(release['annolist'])):
        image = entry['image'].get('name', '') if isinstance(entry.get('image'), dict) else ''
        for person, rect in enumerate(matlab.as_list(entry.get('annorect'))):
            points = rect.get('annopoints') if isinstance(rect, dict) else None
            joints = _joints_by_id(path, number, points)
            if np.isfinite(joints).any():
                position = rect.get('objpos')
                position = position if isinstance(position, dict) else {}
                center = tuple(matlab.number(position.get(axis)) for axis in 'xy')
                people.append(Person(str(image), number, person, center, joints))
    if not people:
        raise InputError(f'{path}: expected people with annopoints, found none')
    return people


def _joints_by_id(path, number, annopoints):
    joints = np.full((len(MPII16), 2), np.nan)
    points = annopoints.get('point') if isinstance(annopoints, dict) else None
    for point in matlab.as_list(points):
        joint = matlab.number(point.get('id'))
        if joint not in range(len(MPII16)):
            raise InputError(
                f'{path}: annolist({number + 1}): expected joint ids from 0 to 15, found {joint:g}'
            )
        # MATLAB counts pixels from 1.
        joints[int(joint)] = matlab.number(point.get('x')) - 1, matlab.number(point.get('y')) - 1
    joints[~np.isfinite(joints).all(axis=1)] = np.nan
    return joints


def read_json(path: StrPath) -> list[Person]:
    """The people of the JSON form, or of detections in the same layout.

    Returns:
        list of `Person`.
    Raises:
        InputError: naming the file, the entry, what was expected and found.
    """
    entries = files.read_json(path)
    if not isinstance(entries, list):
        raise InputError(f'{path}: expected a list of people, found a {type(entries).__name__}')
    numbers: dict[str, int] = {}
    seen: dict[str, int] = {}
    people = []
    for i, entry in enumerate(entries):
        try:
            joints = np.array(entry['joints'], float)
            labelled = np.array(entry['joints_vis'], float)
            image = str(entry['image'])
            center = tuple(float(x) for x in entry.get('center', (np.nan, np.nan)))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f'{path}: entry {i}: expected image, joints and joints_vis, found: {error!r:.60}'
            ) from error
        if joints.shape != (16, 2) or labelled.shape != (16,) or len(center) != 2:
            raise InputError(
                f'{path}: entry {i}: expected joints [16][2] and joints_vis [16], found '
                f'{joints.shape} and {labelled.shape}'
            )
        joints -= 1  # still MATLAB's pixels
        joints[~(labelled > 0) | ~np.isfinite(joints).all(axis=1)] = np.nan
        seen[image] = seen.get(image, -1) + 1
        number = numbers.setdefault(image, len(numbers))
        people.append(Person(image, number, seen[image], center, joints))
    return people


def to_h36m17(joints: np.ndarray) -> np.ndarray:
    """MPII's 16 joints as Human3.6M's 17.

    Spine is MPII's thorax, Thorax its upper neck, Head its head top, as in the
    Stacked Hourglass's detections; Neck/Nose is filled, see `shared.to_h36m17`.

    Args:
        joints: (N, 16, 2) array, px.
    Returns:
        (N, 17, 2) array, px.
    """
    index = {name: MPII16.names.index(of) for name, of in _H36M17_FROM.items()}
    return shared.to_h36m17(joints, index)


def split_people(people: Sequence[Person], test_share: float, seed: int) -> dict[str, list[Person]]:
    """Split by image, so that no image is in both.

    Args:
        people: list of `Person`.
        test_share: share of the images that test, 0 to 1.
        seed: of the choice.
    Returns:
        dict from 'train' and 'test' to lists of `Person`.
    """
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
    detections: Sequence = (),
    detector: str = 'sh',
) -> dict[str, tuple[int, int]]:
    """Write a pose file.

    Args:
        splits: dict from 'train' and 'test' to lists of `Person`.
        path: of the pose file.
        joints: 'mpii16' or 'h36m17'.
        partial: keep people with some of the joints, the others marked in `valid`.
        detections: list of `Person`, for pose2d_<detector>; matched by image
            and position.
        detector: its name.
    Returns:
        dict from split to (people written, people with detections).
    Raises:
        InputError: if no detection matches a person.
    """
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
            found = [_match(person, detected.get(person.image, ())) for person in kept]
            counts[split] = len(kept), sum(np.isfinite(pose).any() for pose in found)
            frames = {
                'frame': np.array([p.number for p in kept], int),
                'clip': np.array([p.person for p in kept], int),
            }
            _append(writer, split, 'gt', joints, [p.joints for p in kept], frames)
            if detections:
                _append(writer, split, detector, joints, found, {})
        if detections and not any(n for _, n in counts.values()):
            raise InputError('expected the images of --root, found none of them', detections=None)
    return counts


def _match(person, candidates):
    """The detection nearest to a person, or NaNs: they may be listed in any order."""
    best, pose = np.inf, np.full((len(MPII16), 2), np.nan)
    for candidate in candidates:
        distance = np.hypot(*np.subtract(candidate.center, person.center))
        if not np.isfinite(distance):  # without positions: the n-th person of the image
            distance = 0.0 if candidate.person == person.person else np.inf
        if distance < min(best, 2):  # px; the same person, up to rounding
            best, pose = distance, candidate.joints
    return pose


def _append(writer, split, keypoints, joints, poses, columns):
    poses = np.array(poses, np.float32).reshape(-1, len(MPII16), 2)
    imputed = None
    if joints == 'h36m17':
        poses = to_h36m17(poses)
        imputed = np.zeros(poses.shape[:2], bool)
        imputed[:, shared.NOSE] = np.isfinite(poses[:, shared.NOSE]).all(axis=1)
    valid = np.isfinite(poses).all(axis=2)
    if imputed is not None:
        valid &= ~imputed
    columns[pose_file.array_name('pose2d', keypoints)] = poses
    writer.append(split, valid, imputed, keypoints, **columns)
