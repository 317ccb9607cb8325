"""Tables of numbers as text, Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import re


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a `Table`.

    Attributes:
        label: text of the first column.
        cells: numbers, texts or None; floats are shown with one decimal.
        group: rows of one group stand together under its name; '' for none.
        is_difference: show numbers with their sign.
    """

    label: str
    cells: tuple
    group: str = ''
    is_difference: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """A header (its first entry stands over the labels) and its rows."""

    header: tuple
    rows: tuple


def _cell(value, row, nothing):
    if value is None:
        return nothing
    if isinstance(value, float):
        return f'{value:+.1f}' if row.is_difference else f'{value:.1f}'
    return str(value)


def _lines(table, nothing):
    """(group or None, cells as text) of each line; a group's name has a line of its own."""
    for group, rows in itertools.groupby(table.rows, key=lambda row: row.group):
        if group:
            yield group, None
        for row in rows:
            yield None, [row.label, *(_cell(value, row, nothing) for value in row.cells)]


def text(table: Table) -> str:
    """The table in columns of equal width, for a terminal."""
    lines = [(None, list(table.header)), *_lines(table, '-')]
    widths = [max(len(cells[i]) for _, cells in lines if cells) for i in range(len(table.header))]
    return '\n'.join(
        group
        or '  '.join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths))
        ).rstrip()
        for group, cells in lines
    )


def markdown(table: Table) -> str:
    """The table as Markdown."""
    rule = ['---', *['---:'] * (len(table.header) - 1)]
    lines = [list(table.header), rule]
    for group, cells in _lines(table, '–'):  # noqa: RUF001
        lines.append(cells or [f'**{group}**', *[''] * (len(table.header) - 1)])
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def latex(table: Table) -> str:
    r"""The table as a LaTeX tabular; it needs \usepackage{booktabs}."""
    n = len(table.header)
    lines = [rf'\begin{{tabular}}{{l{"r" * (n - 1)}}}', r'\toprule', _latex_line(table.header)]
    lines.append(r'\midrule')
    for i, (group, cells) in enumerate(_lines(table, '--')):
        if group:
            if i:
                lines.append(r'\midrule')
            lines.append(rf'\multicolumn{{{n}}}{{l}}{{\textbf{{{_escape(group)}}}}} \\')
        else:
            lines.append(_latex_line(cells))
    return '\n'.join([*lines, r'\bottomrule', r'\end{tabular}'])


def _latex_line(cells):
    return ' & '.join(map(_escape, cells)) + r' \\'


def _escape(cell):
    cell = re.sub(r'([&%$#_{}])', r'\\\1', cell)
    cell = cell.replace('°', r'\textdegree{}')
    return re.sub(r'^[+-](?=\d)', lambda sign: f'${sign[0]}$', cell)


def to_csv(table: Table) -> str:
    """The table as CSV, numbers unrounded; groups, where there are any, come first."""
    grouped = any(row.group for row in table.rows)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator='\n')
    writer.writerow(['group', *table.header] if grouped else table.header)
    for row in table.rows:
        cells = [row.label, *('' if value is None else value for value in row.cells)]
        writer.writerow([row.group, *cells] if grouped else cells)
    return buffer.getvalue().rstrip('\n')
