"""Tables of errors per action: text, Markdown and CSV."""

import csv
import io


def action_table(scores):
    """Header and rows of a table with one column for each action.

    Args:
        scores: dict from a row's label to its `evaluation.Score`; all have the
            same actions.
    Returns:
        (header, rows): lists of str and of [label, numbers...]; the last two
        columns are the mean over actions and the mean over frames, mm.
    """
    actions = list(next(iter(scores.values())).actions)
    header = ['mm', *actions, 'Average', 'Frames']
    rows = [
        [label, *score.actions.values(), score.average, score.frame_average]
        for label, score in scores.items()
    ]
    return header, rows


def _cells(rows):
    return [[str(row[0]), *(f'{value:.1f}' for value in row[1:])] for row in rows]


def text(header, rows):
    """The table in columns of equal width, for a terminal."""
    lines = [header, *_cells(rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return '\n'.join(
        '  '.join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    )


def markdown(header, rows):
    """The table as Markdown."""
    rule = ['---', *['---:'] * (len(header) - 1)]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in [header, rule, *_cells(rows)])


def to_csv(header, rows):
    """The table as CSV, numbers unrounded."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator='\n')
    writer.writerows([header, *rows])
    return buffer.getvalue().rstrip('\n')
