"""Keypoints as CSV: a row for each person of each frame, with a header or without."""

from __future__ import annotations

import csv
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose.datasets.keypoints.people import Table
from chainer_pose.errors import InputError
from chainer_pose.utils import files

if TYPE_CHECKING:
    from chainer_pose.utils.files import StrPath


def read(path: StrPath, counts: Collection[int]) -> Table:
    """Read a CSV file.

    A header names the columns NAME_x, NAME_y and NAME_c (confidence; may be absent) of each
    joint, `frame` and `person`, in any order. Without one a row has x y or x y c of one joint
    after the other; `counts` are the numbers of joints that tell them apart.

    Raises:
        InputError: if it is no such table.
    """
    with files.reading(path, 'CSV'), open(path, newline='', encoding='utf-8-sig') as file:
        reader = csv.reader(file)
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    lines = [line for line in lines if any(line[1])]
    header = None
    if lines and _numbers(lines[0][1]) is None:
        header = lines.pop(0)[1]
    if not lines:
        raise InputError(f'{path}: expected rows of numbers, found none')
    width = len(header or lines[0][1])
    for number, cells in lines:
        if len(cells) != width:
            raise InputError(f'{path}: line {number}: expected {width} columns, found {len(cells)}')
    names, at = None, {}
    if header is None:
        per = values_a_joint(width, counts)
        columns = np.arange(width - width % per).reshape(-1, per)
    else:
        at = {name: i for i, name in enumerate(header)}
        if len(at) < width:
            raise InputError(f'{path}: line 1: expected each column once, found one twice')
        names = [name[:-2] for name in header if name.endswith('_x')]
        axes = 'xyc' if all(f'{name}_c' in at for name in names) else 'xy'
        wanted = [[f'{name}_{axis}' for axis in axes] for name in names or ['NAME']]
        missing = [name for three in wanted for name in three if name not in at]
        if missing:
            raise InputError(
                f'{path}: line 1: expected columns NAME_x and NAME_y of each joint, found no '
                f'{missing[0]}'
            )
        columns = np.array([[at[name] for name in three] for three in wanted])
    flat, joints = columns.reshape(-1).tolist(), []
    for number, cells in lines:
        chosen = [cells[i] for i in flat]
        joints.append(_numbers(chosen))
        if joints[-1] is None:
            raise InputError(f'{path}: line {number}: expected numbers, found: {chosen!r:.60}')
    ids = {
        name: [int(text) if text.isdecimal() else text for text in texts]
        for name in ('frame', 'person')
        if (texts := [cells[at[name]] for _, cells in lines if name in at])
    }
    pose = np.array(joints).reshape(-1, *columns.shape)
    return Table(pose, ids.get('frame'), ids.get('person'), names, kind='csv')


def values_a_joint(n: int, counts: Collection[int]) -> int:
    """Whether n numbers are x y c (3) or x y (2) of each joint: as one of these counts fits."""
    fits = [per for per in (3, 2) if n % per == 0]
    return next((per for per in fits if n // per in counts), fits[0] if fits else 2)


def _numbers(cells: list[str]) -> list[float] | None:
    """None if a cell is no number; an empty one is NaN."""
    try:
        return [float(cell or 'nan') for cell in cells]
    except ValueError:
        return None
