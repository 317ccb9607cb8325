"""Keypoints as text: CSV with a header or without, DeepLabCut's, SLEAP's; YOLO's labels."""

import csv
import re
from collections.abc import Collection
from pathlib import Path

import numpy as np

from chainer_pose.datasets.keypoints.people import Table, natural, values_a_joint
from chainer_pose.errors import InputError
from chainer_pose.utils import files

# Columns by the names that tools give them.
_FRAME = ('frame', 'frame_id', 'frame_idx', 'frame_index', 'image', 'image_id')
_PERSON = ('person', 'person_id', 'track', 'track_id', 'individual', 'idx', 'id')
_JOINT = ('joint', 'landmark', 'landmark_id', 'keypoint', 'bodypart', 'part')
_CONFIDENCE = ('c', 'v', 'score', 'conf', 'confidence', 'likelihood', 'visibility', 'visible')
_AXES = {'x': 'x', 'y': 'y'} | dict.fromkeys(_CONFIDENCE, 'c')
_COLUMN = (
    r'(?P<joint>.+)[_. ](?P<axis>[A-Za-z]+)',
    r'(?P<axis>[A-Za-z]+)([_. ]|(?=\d))(?P<joint>.+)',
)
_MISSING = ('', 'na', 'n/a', 'none', 'null')
_Lines = list[tuple[int, list[str]]]  # number and cells


def read(path: Path, counts: Collection[int]) -> Table:
    """Read a CSV file, with commas, semicolons (and decimal commas) or tabs.

    A header names the columns NAME_x, NAME_y and NAME_c (confidence, by any of its names; may be
    absent) of each joint, frame and person, in any order; or joint, x, y and c, a joint a row; or
    it is DeepLabCut's, of three or four rows. Without one a row has x y or x y c of one joint
    after the other; `counts` are the numbers of joints that tell them apart.
    """
    with files.reading(path, 'CSV in UTF-8'):
        text = path.read_text(encoding='utf-8-sig')
        delimiter = max(',;\t', key=text.partition('\n')[0].count)
        text = text.replace(',', '.') if delimiter == ';' else text
        reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    lines = [line for line in lines if any(line[1])]
    head: list[list[str]] = []
    if lines and _numbers(lines[0][1]) is None:
        last = 4 if lines[0][1][0] == 'scorer' else 1
        while lines and len(head) < last and (head or lines)[-1][0] != 'coords':
            head.append(lines.pop(0)[1])
    if not lines:
        raise InputError(f'{path}: expected rows of numbers, found none')
    width = len(head[0] if head else lines[0][1])
    for number, cells in [*enumerate(head, 1), *lines]:
        if len(cells) != width:
            raise InputError(f'{path}: line {number}: expected {width} columns, found {len(cells)}')
    if not head:
        per = values_a_joint(width, counts)
        columns = np.arange(width - width % per).reshape(-1, per)
        return Table(_array(path, lines, columns), kind='csv')
    kind = 'csv' if len(head) == 1 else 'deeplabcut'
    with files.reading(path, f'a table ({kind})'):
        names, lines = _deeplabcut(head, lines) if len(head) > 1 else _wide(head[0], lines)
    at = {name.lower(): i for i, name in reversed([*enumerate(names)])}
    ids = [next((at[name] for name in of if name in at), None) for of in (_FRAME, _PERSON)]
    joints: dict[str, dict[str, int]] = {}
    for i, name in enumerate(names):
        joint, axis = _joint_and_axis(name)
        if axis and i not in ids:
            joints.setdefault(joint, {}).setdefault(axis, i)
    joints = {joint: axes for joint, axes in joints.items() if 'x' in axes}
    missing = [joint + '_y' for joint, axes in joints.items() if 'y' not in axes]
    if missing or not joints or len(set(names)) < len(names):
        raise InputError(
            f'{path}: line 1: expected columns NAME_x and NAME_y of each joint, each column once, '
            f'found {f"no {missing[0]} among " if missing else ""}{", ".join(names):.80}'
        )
    if len({re.sub(r'\d+', '', joint) for joint in joints}) == 1 < len(joints):
        joints = {str(i): joints[j] for i, j in enumerate(sorted(joints, key=natural))}  # no names
    chosen = 'xyc' if all('c' in axes for axes in joints.values()) else 'xy'
    pose = _array(path, lines, np.array([[axes[a] for a in chosen] for axes in joints.values()]))
    frame, person = (
        None if i is None else [_identity(cells[i]) for _, cells in lines] for i in ids
    )
    numbered = ids[1] is not None and names[ids[1]].lower() == 'id'
    if person and numbered and len({*person}) == len(person):
        person = None  # the number of the row
    return Table(pose, frame, person, None if '0' in joints else list(joints), kind=kind)


def read_yolo(path: Path, counts: Collection[int]) -> Table:
    """Read YOLO's label files of a folder, one a frame, or one of them.

    A line is a person: class, box (4), then x y or x y v of each joint, and in predictions the
    box's confidence, the person's number, or both.
    """
    paths = sorted(path.glob('*.txt'), key=lambda p: natural(p.name)) if path.is_dir() else [path]
    found: list[tuple[str, list[float]]] = []
    for file in (file for file in paths if file.name != 'classes.txt'):
        with files.reading(file, 'YOLO labels, numbers'):
            lines = filter(None, map(str.split, file.read_text().splitlines()))
            found += ((file.stem, list(map(float, line))) for line in lines)
    if not found:
        raise InputError(f'{path}: expected people with keypoints, found none')
    least, most = (limit((len(row) for _, row in found)) for limit in (min, max))
    # What follows the joints is of one or two numbers, or missing, as in frames without a track.
    fits = ((per, n) for per in (3, 2) for n in (least - 5, least - 6, least - 7))
    per, n = next((f for f in fits if f[1] % f[0] == 0 and f[1] // f[0] in counts), (0, 0))
    if not n or most > n + 7:
        raise InputError(
            f'{path}: expected class, box and x y or x y v of the joints of a skeleton, found '
            f'{least} to {most} numbers a line',
            skeleton=None,
        )
    pose = np.array([row[5 : n + 5] for _, row in found]).reshape(len(found), -1, per)
    rest = [row[n + 5 :] for _, row in found]
    # One number a line is the person's, if it may be; a confidence may be 1, too.
    ids = [(frame, more[0]) for (frame, _), more in zip(found, rest) if more]
    numbered = most < n + 7 and all(one % 1 == 0 for _, one in ids) and len({*ids}) == len(ids)
    person = [
        int(more[-1]) if (len(more) == 2 or (more and numbered)) and more[-1] % 1 == 0 else None
        for more in rest
    ]
    score = np.array([more[0] if more and not numbered else np.nan for more in rest])
    return Table(pose, [frame for frame, _ in found], person, score=score, kind='yolo')


def _wide(head: list[str], lines: _Lines) -> tuple[list[str], _Lines]:
    """A table of a joint a row as one of a person a row; others as they are."""
    at = {name.lower(): i for i, name in enumerate(head)}
    joint = next((at[name] for name in _JOINT if name in at), None)
    if joint is None or not {'x', 'y'} <= at.keys():
        return head, lines
    axes = [i for name, i in at.items() if name in _AXES]
    ids = [i for name, i in at.items() if name in (*_FRAME, *_PERSON)]
    names = list(dict.fromkeys(cells[joint] for _, cells in lines))
    rows: dict[tuple, dict[str, list[str]]] = {}
    for _, cells in lines:
        who = tuple(cells[i] for i in ids)
        if cells[joint] in rows.setdefault(who, {}):
            named = ', '.join(f'{head[i]} {cells[i]}' for i in ids)
            raise ValueError(f'{cells[joint]} twice for {named}')
        rows[who][cells[joint]] = [cells[i] for i in axes]
    none = [''] * len(axes)
    wide = [[*who, *(c for n in names for c in row.get(n, none))] for who, row in rows.items()]
    columns = [f'{name}_{head[i]}' for name in names for i in axes]
    return [*(head[i] for i in ids), *columns], list(enumerate(wide, 1))


def _deeplabcut(head: list[list[str]], lines: _Lines) -> tuple[list[str], _Lines]:
    """A row for each individual of each frame; those with other parts are left out."""
    rows = {row[0]: row for row in head}
    parts, axes = rows['bodyparts'], rows['coords']
    people = rows.get('individuals', ['0'] * len(parts))
    index = [i for i, axis in enumerate(axes) if axis not in _AXES]
    columns: dict[str, dict[str, int]] = {}
    for i in sorted({*range(len(axes))} - {*index}):
        columns.setdefault(people[i], {})[f'{parts[i]}_{axes[i]}'] = i
    names = next(iter(columns.values()))
    wide = [
        (number, [next(filter(None, (cells[i] for i in index[::-1])), ''), who, *found])
        for number, cells in lines
        for who, at in columns.items()
        if at.keys() == names.keys() and any(found := [cells[at[name]] for name in names])
    ]
    return ['frame', 'person', *names], wide


def _joint_and_axis(name: str) -> tuple[str, str]:
    """Of the name of a column: left_eye_x, left_eye.score, x12, x_left_eye."""
    for pattern in _COLUMN:
        match = re.fullmatch(pattern, name)
        if match and (axis := _AXES.get(match['axis'].lower())):
            return match['joint'], axis
    return '', ''


def _array(path: Path, lines: _Lines, columns: np.ndarray) -> np.ndarray:
    flat, joints = columns.reshape(-1).tolist(), []
    for number, cells in lines:
        chosen = [cells[i] for i in flat]
        joints.append(_numbers(chosen))
        if joints[-1] is None:
            raise InputError(f'{path}: line {number}: expected numbers, found: {chosen!r:.60}')
    return np.array(joints).reshape(-1, *columns.shape)


def _numbers(cells: list[str]) -> list[float] | None:
    """None if a cell is no number; NaN for one of `_MISSING`."""
    try:
        return [float('nan' if cell.lower() in _MISSING else cell) for cell in cells]
    except ValueError:
        return None


def _identity(text: str) -> int | float | str | None:
    if whole := re.fullmatch(r'(-?\d{1,18})(\.0*)?', text):
        return int(whole[1])
    return float(text) if re.fullmatch(r'-?\d*\.\d+', text) else text or None
