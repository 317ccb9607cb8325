"""The JSON that detectors and annotators of keypoints write.

Files differ in where frames and people stand, and in how a person's joints are listed. Both are
recognised by their keys, the tables below.
"""

import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainer_pose.datasets.keypoints.people import Table, natural, values_a_joint
from chainer_pose.datasets.readers.shared import Progress, silent
from chainer_pose.errors import InputError
from chainer_pose.skeletons import Skeleton
from chainer_pose.utils.files import read_json

# What formats call the same thing; of several keys the first counts.
_FRAMES = ('instance_info', 'data', 'frames')
_PEOPLE = ('people', 'bodies', 'instances', 'predictions', 'poses', 'persons', 'skeleton')
_JOINTS = ('pose_keypoints_2d', 'pose_keypoints', 'keypoints', 'joints', 'pose',
           'landmarks', 'pose_landmarks', 'poseLandmarks')  # fmt: skip
_SCORES = ('keypoint_scores', 'joints_vis', 'score')
_FRAME = ('frame_id', 'image_id', 'frame', 'frame_index', 'image_name', 'image')
_PERSON = ('person_id', 'idx', 'track_id', 'tracking_id', 'instance_id')
_SCORE = ('score', 'bbox_score', 'confidence')
_CONFIDENCE = ('score', 'visibility', 'confidence', 'c')
# Formats by a key of theirs.
_KINDS = {
    'people': 'openpose', 'bodies': 'alphapose', 'skeleton': 'st-gcn', 'joints_vis': 'mpii',
    'keypoint_scores': 'mmpose',
}  # fmt: skip
FORMATS = ('openpose', 'coco', 'coco-results', 'alphapose', 'mmpose', 'ultralytics', 'posenet',
           'mediapipe', 'st-gcn', 'mpii')  # fmt: skip


class _Entry(NamedTuple):
    """What may be a person: its place in the file, the format, frame and names if known."""

    where: str
    kind: str
    frame: Any
    value: Any
    names: list[str] | None = None


def read(path: Path, counts: Collection[int], progress: Progress = silent) -> Table:
    """Read everyone in a JSON file, or in those of a folder, which has a file a frame; `counts` are
    the numbers of joints that tell x y from x y c in a list of numbers."""
    paths = [path]
    if path.is_dir():
        paths = list(path.glob('*_keypoints.json')) or list(path.glob('*.json'))
        paths.sort(key=lambda file: natural(file.name))
        if not paths:
            raise InputError(
                f'{path}: expected a folder of .json files, or of .txt files of YOLO, found '
                f'neither; a file of another format is given by its own path'
            )
    people: list[tuple] = []
    notes: list[str] = []
    of: dict[int | str, Path] = {}
    for done, file in enumerate(paths, start=1):
        data = read_json(file, 'keypoints (JSON)')
        if path.is_dir() and is_skeleton(data):
            notes.append(f'{file.name} describes a skeleton and is not read as keypoints')
            continue
        entry = _Entry('file', '', '', data)
        try:
            for entry in _entries(data, re.sub(r'_keypoints$', '', file.stem), path.is_dir()):
                if (person := _person(entry, counts)) is not None:
                    people.append(person)
                    (joints, frame, _, names, *_), first = person, people[0]
                    if joints.shape != first[0].shape or names != first[3]:
                        raise ValueError('other joints than before')
                    if of.setdefault(frame, file) != file:
                        raise ValueError(f'the frame {frame} of {of[frame].name}, too')
        except Exception as error:  # whatever a value of another kind than expected leads to
            raise InputError(
                f'{file}: {entry.where or "file"}: expected keypoints as a detector writes them, '
                f'found {entry.value!r:.60} ({error!s:.80})'
            ) from error
        progress(done, len(paths), str(path))
    if not people:
        raise InputError(
            f'{path}: expected people with keypoints, found none in {len(paths)} JSON files'
        )
    poses, frames, persons, _, scores, kinds = zip(*people)
    return Table(
        np.stack(poses), list(frames), list(persons), people[0][3], np.array(scores), kinds[0],
        notes=notes,
    )  # fmt: skip


def is_skeleton(data: Any) -> bool:
    """Whether the content of a JSON file describes a skeleton."""
    try:
        return isinstance(data, dict) and 'name' in data and bool(Skeleton.from_dict(data))
    except InputError:
        return False


def _entries(data: Any, stem: str, one_frame: bool) -> Iterator[_Entry]:
    """Everything in a file that may be a person."""
    if isinstance(data, dict) and 'annotations' in data:
        images = {image['id']: image.get('file_name') for image in data.get('images', [])}
        names = {c.get('id'): c.get('keypoints') or None for c in data.get('categories') or []}
        for i, value in enumerate(data['annotations']):
            image = _identity(value.get('image_id', i))
            known = names.get(value.get('category_id'))
            yield _Entry(f'annotations[{i}]', 'coco', images.get(image) or image, value, known)
        return
    if key := _first(data, _FRAMES):
        data = data[key]
    if _first(data, _PEOPLE) or _first(data, _JOINTS) or _are_points(data):
        yield from _within('', '', stem, data)
    elif (
        isinstance(data, dict) and data and all(isinstance(v, (dict, list)) for v in data.values())
    ):
        for name, value in data.items():  # a frame a key, as AlphaPose's
            yield from _within(name, 'alphapose' if _first(value, _PEOPLE) else '', name, value)
    elif isinstance(data, list):
        # People of an image, or one of each frame; frames.
        for i, value in enumerate(data):
            joints = _first(value, _JOINTS)
            image = joints and not (
                _first(value, _PEOPLE) or _are_points(value[joints]) or _are_people(value[joints])
            )
            frame = stem if image or (one_frame and len(data) == 1) else i
            yield from _within(
                f'[{i}]', '', f'{stem}/{i}' if one_frame and frame == i else frame, value
            )
    else:
        raise ValueError('no people')


def _within(where: str, kind: str, frame: Any, value: Any) -> Iterator[_Entry]:
    """Everyone of a frame: in a list, in an object by number, or one."""
    if key := _first(value, _PEOPLE):
        frame = value.get(_first(value, _FRAME), frame)
        where, kind, value = f'{where}.{key}'.lstrip('.'), kind or _KINDS.get(key, ''), value[key]
        value = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(value, list):
            raise ValueError(f'{where}: expected a list of people, found {value!r:.40}')
    elif (key := _first(value, _JOINTS)) and _are_people(value[key]):  # MediaPipe's
        frame, value = value.get(_first(value, _FRAME), frame), value[key]
    if isinstance(value, list) and not _are_points(value):
        for i, one in enumerate(value):
            yield from _within(f'{where}[{i}]', kind, frame, one)
    elif value is not None:
        yield _Entry(where, kind, frame, {'keypoints': value} if _are_points(value) else value)


def _first(value: Any, keys: tuple[str, ...]) -> Any:
    return next((key for key in keys if key in value), None) if isinstance(value, dict) else None


def _are_points(value: Any) -> bool:
    """Whether these are joints {x, y} or {position: {x, y}}, in a list or by name."""
    every = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    points = [point for point in every if point is not None]
    return bool(points) and all(
        isinstance(point, dict) and ('position' in point or {'x', 'y'} <= point.keys())
        for point in points
    )


def _are_people(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_are_points, value))


def _kind(entry: _Entry, joints: Any) -> str:
    """The format of a person, where its place in the file does not say."""
    if entry.kind:
        return entry.kind
    if _are_points(joints):
        named = isinstance(joints, dict) or any(_first(joint, ('name', 'part')) for joint in joints)
        return 'posenet' if named else 'mediapipe'
    if isinstance(joints, dict):
        return 'ultralytics' if 'x' in joints else 'posenet'
    keyed = next((kind for key, kind in _KINDS.items() if key in entry.value), None)
    if keyed or 'image_id' not in entry.value:
        return keyed or 'mmpose'
    return 'alphapose' if isinstance(entry.value['image_id'], str) else 'coco-results'


def _person(entry: _Entry, counts: Collection[int]) -> tuple | None:
    """A row of a `Table`, up to its kind; None for nobody."""
    value, names = entry.value, entry.names and [str(name) for name in entry.names]
    key = _first(value, _JOINTS)
    if key is None:
        raise ValueError('no joints')
    joints = value[key]
    if not joints or value.get('num_keypoints') == 0:
        return None  # a box without joints
    kind = _kind(entry, joints)
    if kind == 'ultralytics':
        joints = [joints[axis] for axis in ('x', 'y', 'visible') if joints.get(axis)]
        joints = list(zip(*joints, strict=True))
    elif isinstance(joints, dict):
        names, joints = list(joints), list(joints.values())
    if _are_points(joints):
        if kind == 'posenet' and names is None:
            names = [str(joint[_first(joint, ('name', 'part'))]) for joint in joints]
        joints = [_point(joint) for joint in joints]
    array = np.array(joints, np.float64)
    if array.ndim == 3 and len(array) == 1:  # some versions of MMPose wrap each once more
        array = array[0]
    scores = next((value[k] for k in _SCORES if isinstance(value.get(k), list)), None)
    if scores is not None:
        pairs = array.reshape(-1, 2) if array.ndim == 1 else array[:, :2]
        array = np.column_stack([pairs, np.array(scores, np.float64).reshape(len(pairs), -1)[:, 0]])
    if array.ndim == 1:
        array = array.reshape(-1, 3 if kind == 'coco' else values_a_joint(len(array), counts))
    if array.ndim > 2 or array.shape[1] not in (2, 3) or len(names or array) != len(array):
        raise ValueError(f'joints of shape {array.shape}{f", {len(names)} names" if names else ""}')
    frame = entry.frame
    if kind == 'coco':  # 1 is hidden, 2 seen: of both the place is known
        array[:, 2] = np.minimum(array[:, 2], 1)
    else:
        frame = value.get(_first(value, _FRAME), frame)
    # The id of a COCO annotation is its own, not the person's.
    keys = (*_PERSON, 'id') if kind == 'posenet' else _PERSON
    ids = (_identity(value[k]) for k in keys if value.get(k) not in (None, []))
    score = next((value[k] for k in _SCORE if value.get(k) is not None), math.nan)
    return (
        array, _identity(frame), next((one for one in ids if one != -1), None), names,
        np.array(score, np.float64).mean(), kind,
    )  # fmt: skip


def _point(joint: dict[str, Any] | None) -> list[float]:
    if joint is None:
        return [math.nan] * 3
    at = joint.get('position', joint)
    return [at['x'], at['y'], joint.get(_first(joint, _CONFIDENCE), 1)]


def _identity(value: Any) -> int | str:
    """An id: a whole number or a text, or a list, nested or not, that repeats one."""
    if isinstance(value, list):
        every = set(np.array(value).reshape(-1).tolist())
        value = every.pop() if len(every) == 1 else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        return value
    raise ValueError(f'expected a whole number or a text as id, found {value!r:.40}')
