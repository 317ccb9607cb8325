"""Keypoints as CSV: a row for each person of each frame, with a header or without."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose.datasets.keypoints.people import Table
from chainer_pose.errors import InputError
from chainer_pose.utils import files

if TYPE_CHECKING:
    from chainer_pose.utils.files import StrPath


def read(path: StrPath, counts: Sequence[int]) -> Table:
    """Read a CSV file.

    A header names the columns NAME_x, NAME_y and NAME_c (confidence; may be absent) of each
    joint, `frame` and `person`, in any order. Without one a row has x y or x y c of one joint
    after the other.

    Args:
        path: the file.
        counts: numbers of joints that tell x y from x y c without a header.
    Raises:
        InputError: if it is no such table.
    """
    rows = _rows(path)
    width = len(rows[0][1])
    wrong = next((row for row in rows if len(row[1]) != width), None)
    if wrong:
        raise InputError(
            f'{path}: line {wrong[0]}: expected {width} columns, found {len(wrong[1])}'
        )
    header = rows.pop(0)[1] if not all(map(_is_number, rows[0][1])) else None
    if not rows:
        raise InputError(f'{path}: expected rows of numbers, found none')
    names, columns, at = None, None, {}
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
    frame, person = _ids(rows, at.get('frame')), _ids(rows, at.get('person'))
    return Table(_numbers(path, rows, columns), frame, person, names, kind='csv')


def values_a_joint(n: int, counts: Sequence[int]) -> int:
    """Whether n numbers are x y c (3) or x y (2) of each joint: as one of these counts fits."""
    fits = [per for per in (3, 2) if n % per == 0]
    return next((per for per in fits if n // per in counts), fits[0] if fits else 2)


def _rows(path: StrPath) -> list[tuple[int, list[str]]]:
    """Rows that are not empty, each with its line."""
    with files.reading(path, 'CSV'), open(path, newline='', encoding='utf-8-sig') as file:
        reader = csv.reader(file)
        rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    rows = [row for row in rows if any(row[1])]
    if not rows:
        raise InputError(f'{path}: expected rows of numbers, found none')
    return rows


def _numbers(path: StrPath, rows: list[tuple[int, list[str]]], columns: np.ndarray) -> np.ndarray:
    flat = columns.reshape(-1).tolist()
    values = []
    for line, cells in rows:
        try:
            values.append([float(cells[i] or 'nan') for i in flat])
        except ValueError as error:
            raise InputError(f'{path}: line {line}: expected numbers, found: {error}') from error
    return np.array(values).reshape(len(rows), *columns.shape)


def _is_number(text: str) -> bool:
    try:
        float(text or 'nan')
    except ValueError:
        return False
    return True


def _ids(rows: list[tuple[int, list[str]]], column: int | None) -> list[int | str] | None:
    if column is None:
        return None
    texts = [cells[column] for _, cells in rows]
    return [int(text) if text.isdecimal() else text for text in texts]
