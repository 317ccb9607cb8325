"""Keypoints as CSV: a row for each person of each frame, with a header or without."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainer_pose.errors import InputError

if TYPE_CHECKING:
    from chainer_pose.skeletons import Skeleton
    from chainer_pose.utils.files import StrPath


class Row(NamedTuple):
    """A row that is not empty: its number in the file, its cells, bytes read so far."""

    line: int
    cells: list
    done: int


class Layout(NamedTuple):
    """Where things stand in a row.

    Attributes:
        width: number of columns.
        columns: (J, 2 or 3) array, the columns of x, y and confidence.
        names: of the J joints, None without a header.
        frame, person: columns of the ids, None without.
    """

    width: int
    columns: np.ndarray
    names: list | None = None
    frame: int | None = None
    person: int | None = None


@contextlib.contextmanager
def rows(path: StrPath) -> Iterator[Iterator[Row]]:
    """Open a file; gives an iterator of its `Row`s."""
    with open(path, newline='', encoding='utf-8-sig') as file:
        yield _rows(path, file)


def _rows(path, file):
    done = 0

    def lines():
        nonlocal done
        for line in file:
            done += len(line)
            yield line

    try:
        reader = csv.reader(lines())
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield Row(reader.line_num, cells, done)
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f'{path}: expected CSV, found: {error!s:.80}') from error


def is_number(text: str) -> bool:
    """Whether a cell is a number, or empty."""
    try:
        float(text.strip() or 'nan')
    except ValueError:
        return False
    return True


def identity(text: str) -> int | str:
    """An id as a whole number, where it is one."""
    text = text.strip()
    return int(text) if text.isdecimal() else text


def header(path: StrPath, cells: Sequence[str], skeleton: Skeleton | None) -> Layout:
    """The layout that a header names: NAME_x, NAME_y, NAME_c, frame and person.

    Args:
        path: the file, for messages.
        cells: of the first row.
        skeleton: `skeletons.Skeleton` whose joints to take; None for all there are.
    Returns:
        `Layout`.
    Raises:
        InputError: if a column is missing or stands twice.
    """
    cells = [cell.strip() for cell in cells]
    place = {name: i for i, name in enumerate(cells)}
    if len(place) < len(cells):
        raise InputError(f'{path}: line 1: expected each column once, found one twice')
    names = [name[:-2] for name in cells if name.endswith('_x')]
    if skeleton is not None:
        whole = set(skeleton.names) <= set(names)
        names = [skeleton.names[j] for j in (range(len(skeleton)) if whole else skeleton.detected)]
    wanted = [f'{name}_{axis}' for name in names for axis in 'xy'] or ['NAME_x']
    missing = next((name for name in wanted if name not in place), None)
    if missing is not None:
        raise InputError(
            f'{path}: line 1: expected columns NAME_x and NAME_y of each joint, found none '
            f'called {missing}'
        )
    axes = 'xyc' if all(f'{name}_c' in place for name in names) else 'xy'
    columns = np.array([[place[f'{name}_{axis}'] for axis in axes] for name in names])
    return Layout(len(cells), columns, names, place.get('frame'), place.get('person'))


def plain(path: StrPath, width: int, skeleton: Skeleton | None) -> Layout:
    """The layout of rows of numbers only: x y or x y c of one joint after the other.

    Args:
        path: the file, for messages.
        width: number of columns.
        skeleton: `skeletons.Skeleton`; None if it is not known.
    Returns:
        `Layout`.
    Raises:
        InputError: if the number does not fit the skeleton.
    """
    per = 2
    if skeleton is not None:
        counts = {n * k: k for n in (len(skeleton), len(skeleton.detected)) for k in (2, 3)}
        if width not in counts:
            n = len(skeleton.detected)
            raise InputError(
                f'{path}: line 1: expected {2 * n} or {3 * n} numbers, for the joints of '
                f'{skeleton.name}, found {width}'
            )
        per = counts[width]
    return Layout(width, np.arange(width - width % per).reshape(-1, per))


def joints(path: StrPath, layout: Layout, group: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    """The joints of some rows.

    Args:
        path: the file, for messages.
        layout: `Layout`.
        group: list of N `Row`s.
    Returns:
        (pose2d, confidence) of shapes (N, J, 2) and (N, J), float64; an empty
        cell is a joint that is missing.
    Raises:
        InputError: if a row is too short or long, or a cell is no number.
    """
    flat = layout.columns.reshape(-1).tolist()
    values = []
    for row in group:
        if len(row.cells) != layout.width:
            raise InputError(
                f'{path}: line {row.line}: expected {layout.width} columns, found {len(row.cells)}'
            )
        try:
            values.append([float(row.cells[i]) if row.cells[i].strip() else None for i in flat])
        except ValueError as error:
            raise InputError(
                f'{path}: line {row.line}: expected numbers, found: {error}'
            ) from error
    missing = np.array([[value is None for value in row] for row in values])
    numbers = np.array(values, np.float64).reshape(len(group), *layout.columns.shape)
    empty = missing.reshape(numbers.shape).any(axis=2)
    confidence = numbers[:, :, 2].copy() if numbers.shape[2] == 3 else np.ones(empty.shape)
    confidence[empty] = 0
    return numbers[:, :, :2], confidence
