"""The JSON that detectors and annotators of keypoints write.

OpenPose and its kin, COCO annotations and results, AlphaPose, MMPose, PoseNet and MoveNet:
files differ in where people stand and in how a person's joints are listed, and are recognised
by their keys.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainer_pose.datasets.keypoints.csv import values_a_joint
from chainer_pose.datasets.keypoints.people import Table, natural
from chainer_pose.datasets.readers.shared import Progress, silent
from chainer_pose.errors import InputError
from chainer_pose.utils.files import read_json

FORMATS = ('openpose', 'coco', 'coco-results', 'alphapose', 'mmpose', 'posenet')
_PEOPLE = ('people', 'bodies', 'instances', 'predictions', 'poses')
_FRAME = ('frame_id', 'image_id', 'frame', 'frame_index', 'image_name')
_PERSON = ('person_id', 'idx', 'track_id')
_JOINTS = ('pose_keypoints_2d', 'pose_keypoints', 'keypoints', 'joints')
_Entry = tuple[str, str, Any, Any]  # place in the file, kind, frame, value


class _Person(NamedTuple):
    """A row of a `Table`."""

    joints: np.ndarray
    frame: int | str
    person: int | str | None
    names: list[str] | None
    score: float
    kind: str


def read(path: Path, counts: Collection[int], progress: Progress = silent) -> Table:
    """Read everyone in a JSON file, or in those of a folder, which has a file a frame.

    Args:
        path: the file or folder.
        counts: numbers of joints that tell x y from x y c in a list of numbers.
        progress: called with (done, total, what).
    Raises:
        InputError: naming the file, the place in it, what was expected and what was found.
    """
    paths = [path]
    if path.is_dir():
        paths = list(path.glob('*_keypoints.json')) or list(path.glob('*.json'))
        paths.sort(key=lambda file: natural(file.name))
        if not paths:
            raise InputError(f'{path}: expected a folder of JSON files, found none in it')
    people: list[_Person] = []
    for done, file in enumerate(paths, start=1):
        data = read_json(file, 'keypoints (JSON)')
        entry: _Entry = ('file', '', '', data)
        try:
            for entry in _entries(file, data, path.is_dir()):
                person = _person(*entry[1:], counts)
                if person is not None:
                    people.append(person)
                    first = people[0]
                    if person.joints.shape != first.joints.shape or person.names != first.names:
                        raise ValueError('other joints than before')
        except Exception as error:  # whatever a value of another kind than expected leads to
            raise InputError(
                f'{file}: {entry[0]}: expected keypoints of OpenPose, COCO, AlphaPose, MMPose or '
                f'PoseNet, found {entry[-1]!r:.60} ({error!s:.80})'
            ) from error
        progress(done, len(paths), str(path))
    if not people:
        raise InputError(f'{path}: expected people with keypoints, found none')
    joints, frames, persons, names, scores, kinds = zip(*people)
    return Table(
        np.stack(joints), list(frames), list(persons), names[0], np.array(scores), kinds[0]
    )


def _entries(path: Path, data: Any, one_frame: bool) -> Iterator[_Entry]:
    """Everything in a file that may be a person."""
    stem = re.sub(r'_keypoints$', '', path.stem)
    if isinstance(data, dict):
        data = data.get('instance_info', data)  # MMPose's, wrapped
    if isinstance(data, dict) and 'annotations' in data:
        images = {image['id']: image.get('file_name') for image in data.get('images', [])}
        for i, value in enumerate(data['annotations']):
            image = _identity(value.get('image_id', i))
            yield f'annotations[{i}]', 'coco', images.get(image) or image, value
    elif isinstance(data, dict) and (key := _first(data, _PEOPLE)):
        yield from _crowd(key, key, stem, data[key])
    elif (
        isinstance(data, dict) and data and all(isinstance(v, (dict, list)) for v in data.values())
    ):
        for name, value in data.items():  # AlphaPose's, a frame a key
            key = _first(value, _PEOPLE)
            yield from _crowd(f'{name}.{key}', 'alphapose', name, value[key] if key else value)
    elif isinstance(data, list):
        for i, value in enumerate(data):
            key = _first(value, _PEOPLE)
            if key:
                frame = value.get(_first(value, _FRAME), i)
                yield from _crowd(f'[{i}].{key}', key, frame, value[key])
            elif isinstance(value, list):
                yield from _crowd(f'[{i}]', 'instances', i, value)
            elif value is not None:
                poses = not one_frame and _kind('', value) == 'posenet'
                yield f'[{i}]', '', i if poses else stem, value
    else:
        raise ValueError('no people')


def _crowd(where: str, key: str, frame: Any, people: Any) -> Iterator[_Entry]:
    """Everyone in a list, or in an object by number."""
    if isinstance(people, dict):
        people = list(people.values())
    if not isinstance(people, list):
        raise ValueError(f'{where}: expected a list of people, found {people!r:.40}')
    kind = {'people': 'openpose', 'bodies': 'alphapose'}.get(key, key)
    for i, value in enumerate(people):
        yield f'{where}[{i}]', kind, frame, value


def _first(value: Any, keys: tuple[str, ...]) -> Any:
    return next((key for key in keys if key in value), None) if isinstance(value, dict) else None


def _kind(kind: str, value: dict[str, Any]) -> str:
    """The format of a person, where its place in the file does not say."""
    if kind in FORMATS:
        return kind
    joints = value[_first(value, _JOINTS)]
    if isinstance(joints, list) and joints and isinstance(joints[0], dict):
        return 'posenet'
    if 'keypoint_scores' in value or 'image_id' not in value:
        return 'mmpose'
    return 'alphapose' if isinstance(value['image_id'], str) else 'coco-results'


def _person(kind: str, frame: Any, value: Any, counts: Collection[int]) -> _Person | None:
    if value is None:
        return None
    key = _first(value, _JOINTS)
    if key is None:
        raise ValueError('no joints')
    joints = value[key]
    if not joints or value.get('num_keypoints') == 0:
        return None  # a box without joints
    kind, names = _kind(kind, value), None
    if kind == 'posenet':
        names = [str(joint[_first(joint, ('name', 'part'))]) for joint in joints]
        places = [joint.get('position', joint) for joint in joints]
        joints = [[at['x'], at['y'], j.get('score', 1)] for at, j in zip(places, joints)]
    elif isinstance(joints, dict):  # Ultralytics' columns
        joints = [joints[axis] for axis in ('x', 'y', 'visible') if joints.get(axis)]
        joints = list(zip(*joints, strict=True))
    array = np.array(joints, np.float64)
    if array.ndim == 3 and len(array) == 1:  # some versions of MMPose wrap each once more
        array = array[0]
    scores = value.get('keypoint_scores')
    if scores is not None:
        array = np.column_stack([array[:, :2], np.array(scores, np.float64).reshape(-1)])
    if array.ndim == 1:
        per = 3 if kind == 'coco' else values_a_joint(len(array), counts)
        if len(array) % per:
            raise ValueError(f'expected x y or x y c of each joint, found {len(array)} numbers')
        array = array.reshape(-1, per)
    if array.ndim > 2 or array.shape[1] not in (2, 3):
        raise ValueError(f'joints of shape {array.shape}')
    if kind == 'coco':  # 1 is hidden, 2 seen: of both the place is known
        array[:, 2] = np.minimum(array[:, 2], 1)
    else:
        frame = value.get(_first(value, _FRAME), frame)
    person = value.get(_first(value, _PERSON))
    if person is None and kind in ('coco', 'posenet'):
        person = value.get('id')
    person = None if person in (None, []) else _identity(person)
    score = value.get('score', value.get('bbox_score'))
    return _Person(
        array,
        _identity(frame),
        None if person == -1 else person,
        names,
        math.nan if score is None else float(np.ravel(score)[0]),
        kind,
    )


def _identity(value: Any) -> int | str:
    """An id: a whole number or a text, or a list, nested or not, that repeats one."""
    if isinstance(value, list):
        every = set(np.array(value).reshape(-1).tolist())
        if len(every) != 1:
            raise ValueError(f'expected one id, found {value!r:.40}')
        value = every.pop()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        return value
    raise ValueError(f'expected a whole number or a text as id, found {value!r:.40}')
