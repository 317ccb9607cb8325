"""The JSON that detectors and annotators of keypoints write: one person at a time.

OpenPose, COCO annotations and results, AlphaPose and MMPose; the layouts are
told apart by their keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainer_pose.errors import InputError
from chainer_pose.utils.files import read_json

if TYPE_CHECKING:
    from chainer_pose.utils.files import StrPath


FORMATS = ('openpose', 'coco', 'coco-results', 'alphapose', 'mmpose')
_CHUNK = 1 << 20
_SPACE = re.compile(r'[ \t\r\n]*')


class Person(NamedTuple):
    """One person of one frame.

    Attributes:
        path: the file; where: the place in it, for messages.
        frame, person: ids.
        joints: (K, 3) array of x, y and confidence; 0 where a joint is missing.
        done: bytes of the file, or files of the folder, read.
    """

    path: Path
    where: str
    frame: object
    person: object
    joints: np.ndarray
    done: int


def recognise(path: StrPath) -> str:
    """The format of a JSON file, or of the first one in a folder.

    Raises:
        InputError: if it is none that is known.
    """
    file = _files(Path(path))[0]
    outer, first = _peek(file)
    found = _kind(outer, first)
    if found is None:
        keys = sorted(first) if isinstance(first, dict) else type(first).__name__
        raise InputError(
            f'{file}: expected keypoints of OpenPose, COCO, AlphaPose or MMPose, found '
            f'{outer} with {keys!s:.80}; name its --format'
        )
    return found


def _kind(outer, first):
    if not isinstance(first, dict):
        return None
    if outer == 'an object':
        keys = {'people': 'openpose', 'annotations': 'coco', 'instance_info': 'mmpose'}
        return next((kind for key, kind in keys.items() if key in first), None)
    if 'instances' in first or 'keypoint_scores' in first:
        return 'mmpose'
    if 'keypoints' in first and 'image_id' in first:
        return 'alphapose' if isinstance(first['image_id'], str) else 'coco-results'
    return None


def total(path: StrPath) -> int:
    """How much there is to read: bytes of a file, files of a folder."""
    path = Path(path)
    return len(_files(path)) if path.is_dir() else path.stat().st_size


def people(path: StrPath, kind: str) -> Iterator[Person]:
    """Everyone in a file, or in the files of a folder, in order of their names.

    Args:
        path: file or folder.
        kind: one of `FORMATS`.
    Yields:
        `Person`.
    Raises:
        InputError: naming the file, the place in it, what was expected and found.
    """
    path = Path(path)
    read = _READERS[kind]
    for number, file in enumerate(_files(path), start=1):
        for person in read(file):
            yield person._replace(done=number) if path.is_dir() else person


def _files(path):
    if not path.is_dir():
        return [path]
    files = sorted(path.glob('*_keypoints.json')) or sorted(path.glob('*.json'))
    if not files:
        raise InputError(f'{path}: expected a folder of JSON files, found none in it')
    return files


def _peek(path):
    if _is_list(path):
        first = next(_elements(path), (None, 0))[0]
        if first is None:
            raise InputError(f'{path}: expected people with keypoints, found an empty list')
        return 'a list', first
    return 'an object', read_json(path)


def _elements(path):
    """The elements of a JSON list one by one, each with the characters read so far."""
    decoder, text, at, read = json.JSONDecoder(), '', 0, 0
    with open(path, encoding='utf-8-sig') as file:

        def more():
            nonlocal text, at, read
            chunk = _read(path, file, max(_CHUNK, len(text)))
            text, at, read = text[at:] + chunk, 0, read + len(chunk)
            return bool(chunk)

        def next_character():
            nonlocal at
            while True:
                at = _SPACE.match(text, at).end()
                if at < len(text):
                    return text[at]
                if not more():
                    raise InputError(f'{path}: expected JSON, found a list that breaks off')

        if next_character() != '[':
            raise InputError(f'{path}: expected a JSON list, found {text[at]!r}')
        at += 1
        closed = next_character() == ']'
        at += closed
        while not closed:
            while True:
                try:
                    value, end = decoder.raw_decode(text, at)
                    # A number at the end of the text might go on.
                    if end < len(text) or not more():
                        break
                except (ValueError, RecursionError) as error:
                    if not more():
                        raise InputError(f'{path}: expected JSON, found: {error!s:.80}') from error
            at = end
            yield value, read - len(text) + at
            mark = next_character()
            if mark not in ',]':
                raise InputError(f"{path}: expected ',' or ']' in a JSON list, found {mark!r}")
            at += 1
            closed = mark == ']'
            if not closed:
                next_character()
        while (rest := text[_SPACE.match(text, at).end() :]) or more():
            if rest:
                raise InputError(f'{path}: expected the end after a JSON list, found {rest:.10}')


def _is_list(path):
    with open(path, encoding='utf-8-sig') as file:
        return _read(path, file, _CHUNK).lstrip().startswith('[')


def _read(path, file, size):
    try:
        return file.read(size)
    except UnicodeDecodeError as error:
        raise InputError(f'{path}: expected JSON, found: {error!s:.80}') from error


def _listed(path, value, where):
    if not isinstance(value, list):
        raise InputError(f'{path}: {where}: expected a list, found {value!r:.40}')
    return value


def _get(path, where, entry, *keys):
    """The first of these keys that an object has."""
    if isinstance(entry, dict):
        for key in keys:
            if key in entry:
                return entry[key]
    found = sorted(entry) if isinstance(entry, dict) else repr(entry)
    raise InputError(f'{path}: {where}: expected the key {keys[0]}, found {found!s:.60}')


def _numbers(path, where, value, expected):
    try:
        return np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f'{path}: {where}: expected {expected}, found {value!r:.60}') from error


def _identity(path, where, value):
    """A frame's or person's id: a whole number or a text."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, (int, str)):
        return value
    raise InputError(f'{path}: {where}: expected a number or a text, found {value!r:.40}')


def _triples(path, where, value):
    """Flat x y c x y c ... as (K, 3)."""
    array = _numbers(path, where, value, 'numbers x y c for each joint')
    if array.ndim != 1 or len(array) % 3 or not len(array):
        raise InputError(
            f'{path}: {where}: expected numbers x y c for each joint, found {array.shape} numbers'
        )
    return array.reshape(-1, 3)


def _openpose(path):
    data = read_json(path)
    frame = re.sub(r'_keypoints$', '', path.stem)
    for i, person in enumerate(_listed(path, _get(path, 'file', data, 'people'), 'people')):
        where = f'people[{i}]'
        flat = _get(path, where, person, 'pose_keypoints_2d', 'pose_keypoints')
        joints = _triples(path, where, flat)
        joints[(joints[:, :2] == 0).all(axis=1), 2] = 0  # a missing joint is 0, 0, 0
        ids = person.get('person_id')
        number = ids[0] if isinstance(ids, list) and ids and ids[0] != -1 else i
        number = _identity(path, f'{where}.person_id', number)
        yield Person(path, where, frame, number, joints, path.stat().st_size)


def _coco(path):
    data = read_json(path)
    annotations = _listed(path, _get(path, 'file', data, 'annotations'), 'annotations')
    images = {}
    for i, image in enumerate(_listed(path, data.get('images', []), 'images')):
        where = f'images[{i}]'
        number = _identity(path, f'{where}.id', _get(path, where, image, 'id'))
        images[number] = _identity(path, f'{where}.file_name', image.get('file_name', number))
    for i, entry in enumerate(annotations):
        where = f'annotations[{i}]'
        if isinstance(entry, dict) and not entry.get('num_keypoints', 1):
            continue  # a box or a crowd, without joints
        joints = _triples(path, where, _get(path, where, entry, 'keypoints'))
        visible = joints[:, 2]
        if not np.isin(visible[np.isfinite(visible)], (0, 1, 2)).all():
            raise InputError(
                f'{path}: {where}: expected visibilities 0, 1 or 2, found {visible.max():g}'
            )
        joints[:, 2] = np.where(visible > 0, 1, visible)  # seen or hidden, its place is known
        number = _identity(path, f'{where}.image_id', entry.get('image_id', i))
        frame = images.get(number, number)
        person = _identity(path, f'{where}.id', entry.get('id', i))
        yield Person(path, where, frame, person, joints, path.stat().st_size)


def _results(path):
    """COCO results, and AlphaPose's, whose image_id is a file's name."""
    count = {}
    for i, (entry, done) in enumerate(_elements(path)):
        where = f'[{i}]'
        joints = _triples(path, where, _get(path, where, entry, 'keypoints'))
        image = _identity(path, f'{where}.image_id', entry.get('image_id', i))
        count[image] = count.get(image, -1) + 1
        person = entry.get('idx')  # AlphaPose, when it tracks
        person = person if isinstance(person, (int, str)) else count[image]
        yield Person(path, where, image, person, joints, done)


def _mmpose(path):
    if _is_list(path):
        entries = _elements(path)
    else:
        data = read_json(path)
        listed = _listed(path, _get(path, 'file', data, 'instance_info'), 'instance_info')
        entries = ((entry, path.stat().st_size) for entry in listed)
    alone = 0
    for i, (entry, done) in enumerate(entries):
        if isinstance(entry, dict) and 'instances' in entry:  # a frame of a video
            frame = _identity(path, f'[{i}].frame_id', entry.get('frame_id', i))
            instances = _listed(path, entry['instances'], f'[{i}].instances')
            for j, instance in enumerate(instances):
                where = f'[{i}].instances[{j}]'
                yield _instance(path, where, frame, j, instance, done)
        else:
            yield _instance(path, f'[{i}]', path.stem, alone, entry, done)
            alone += 1


def _instance(path, where, frame, number, entry, done):
    xy = _numbers(path, where, _get(path, where, entry, 'keypoints'), 'keypoints [K][2]')
    if xy.ndim == 3 and len(xy) == 1:  # some versions wrap each instance once more
        xy = xy[0]
    if xy.ndim != 2 or xy.shape[1] != 2:
        raise InputError(f'{path}: {where}: expected keypoints [K][2], found shape {xy.shape}')
    scores = entry.get('keypoint_scores')
    scores = np.ones(len(xy)) if scores is None else _numbers(path, where, scores, 'scores')
    scores = scores[0] if scores.ndim == 2 and len(scores) == 1 else scores
    if scores.shape != (len(xy),):
        raise InputError(
            f'{path}: {where}: expected {len(xy)} keypoint_scores, found shape {scores.shape}'
        )
    person = _identity(path, f'{where}.track_id', entry.get('track_id', number))
    return Person(path, where, frame, person, np.column_stack([xy, scores]), done)


_READERS = {
    'openpose': _openpose,
    'coco': _coco,
    'coco-results': _results,
    'alphapose': _results,
    'mmpose': _mmpose,
}
