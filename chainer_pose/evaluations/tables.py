"""Tables of numbers as text, Markdown, LaTeX and CSV."""

import csv
import dataclasses
import io
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a `Table`."""

    label: str  # text of the first column
    cells: tuple[Any, ...]  # numbers, texts or None; floats are shown with one decimal
    group: str = ''  # rows of one group stand together under its name; '' for none
    is_difference: bool = False  # show numbers with their sign
    remark: str = ''  # in CSV, which has nothing around the table, the last column


@dataclasses.dataclass(frozen=True)
class Table:
    """A header (its first entry stands over the labels) and its rows."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]


def _lines(table: Table, missing: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (group, []) for the name of a group and ('', cells) for a row."""
    for group, rows in itertools.groupby(table.rows, key=lambda row: row.group):
        if group:
            yield group, []
        for row in rows:
            cells = [missing if x is None else x for x in row.cells]
            number = '{:+.1f}' if row.is_difference else '{:.1f}'
            shown = (number.format(x) if isinstance(x, float) else str(x) for x in cells)
            yield '', [row.label, *shown]


def text(table: Table) -> str:
    """Write a table in aligned columns, for a terminal."""
    lines = [('', list(table.header)), *_lines(table, '-')]
    widths = [max(map(len, column)) for column in zip(*(cells for _, cells in lines if cells))]
    return '\n'.join(
        group
        or '  '.join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(cells, widths))
        ).rstrip()
        for group, cells in lines
    )


def markdown(table: Table) -> str:
    """Write a table as Markdown."""
    n = len(table.header) - 1
    lines = [list(table.header), ['---', *['---:'] * n]]
    for group, cells in _lines(table, '–'):  # noqa: RUF001
        lines.append(cells or [f'**{group}**', *[''] * n])
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def latex(table: Table) -> str:
    r"""Write a table as a LaTeX tabular; it needs \usepackage{booktabs}."""
    n = len(table.header)
    first = rf'\begin{{tabular}}{{l{"r" * (n - 1)}}}'
    lines = [first, r'\toprule', _latex_line(table.header), r'\midrule']
    for i, (group, cells) in enumerate(_lines(table, '--')):
        if group and i:
            lines.append(r'\midrule')
        title = rf'\multicolumn{{{n}}}{{l}}{{\textbf{{{_escape(group)}}}}} \\'
        lines.append(title if group else _latex_line(cells))
    return '\n'.join([*lines, r'\bottomrule', r'\end{tabular}'])


def _latex_line(cells: Iterable[str]) -> str:
    return ' & '.join(map(_escape, cells)) + r' \\'


def _escape(cell: str) -> str:
    cell = re.sub(r'([&%$#_{}])', r'\\\1', cell).replace('°', r'\textdegree{}')
    return re.sub(r'^[+-](?=\d)', lambda sign: f'${sign[0]}$', cell)


def to_csv(table: Table) -> str:
    """Write a table as CSV, numbers unrounded; groups and remarks, if any, stand outermost."""
    rows = table.rows
    lines = [
        ('group', *table.header, 'remark'),
        *((r.group, r.label, *r.cells, r.remark) for r in rows),
    ]
    shown = slice(not any(r.group for r in rows), None if any(r.remark for r in rows) else -1)
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator='\n').writerows(line[shown] for line in lines)
    return buffer.getvalue().rstrip('\n')
