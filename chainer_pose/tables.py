"""Errors per action as tables and reports: text, Markdown, CSV and JSON."""

import csv
import dataclasses
import io
import json

from chainer_pose import evaluation


@dataclasses.dataclass(frozen=True)
class Context:
    """What was measured, for a report's head.

    Attributes:
        dataset, split, keypoints: names of what was lifted.
        snapshot: the generator's file.
        source: the pose file's word on where its poses came from.
        chosen_here: whether the weights were chosen by their error on this split.
    """

    dataset: str
    split: str
    keypoints: str
    snapshot: str
    source: str
    chosen_here: bool


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


def describe(context, result):
    """What was measured, on what."""
    left_out = f' ({result.n_left_out} left out: joints missing)' if result.n_left_out else ''
    lines = [
        f'{context.dataset}, {context.split} split, keypoints {context.keypoints}: '
        f'{result.n_poses} poses{left_out}',
        f'source: {context.source or "not stated"}',
        f'weights: {context.snapshot}',
    ]
    if context.chosen_here:
        lines.append(
            'gen_best.npz was chosen by its error on this split, which flatters it; '
            'gen_N.npz was not'
        )
    return lines


def explain(result):
    """How to read the table."""
    return [
        'Average: mean over the actions. Frames: mean over the poses.',
        *(f'{name}: {evaluation.PROTOCOL_NOTES[name]}' for name in result.scores),
        f'inverted in depth, {result.inverted_better:.1%} of the poses would be better (kudo)',
    ]


def report_text(context, result, flat):
    """The text form: what was measured, the table, and how to read it."""
    table = text(*action_table(_labelled(result, flat)))
    return '\n'.join([*describe(context, result), '', table, '', *explain(result)])


def report_markdown(context, result, flat):
    """The Markdown form, with what the text form says as lists."""
    table = markdown(*action_table(_labelled(result, flat)))
    before, after = (
        [f'- {line}' for line in lines] for lines in (describe(context, result), explain(result))
    )
    return '\n'.join([*before, '', table, '', *after])


def report_csv(_, result, flat):
    """The CSV form: the table alone, numbers unrounded."""
    return to_csv(*action_table(_labelled(result, flat)))


def report_json(context, result, flat):
    """The JSON form; README.md describes it."""
    return json.dumps(
        {
            'dataset': context.dataset,
            'split': context.split,
            'snapshot': context.snapshot,
            'n_poses': result.n_poses,
            'inverted_better': result.inverted_better,
            'protocols': {name: dataclasses.asdict(s) for name, s in result.scores.items()},
            'flat': {name: dataclasses.asdict(s) for name, s in flat.scores.items()},
        },
        indent=2,
    )


def _labelled(result, flat):
    labelled = {}
    for name in result.scores:
        labelled[name] = result.scores[name]
        labelled[f'{name}, z = 0'] = flat.scores[name]
    return labelled


# Each takes (Context, evaluation.Result, that of z = 0) and gives the report's text.
REPORTS = {
    'text': report_text,
    'markdown': report_markdown,
    'csv': report_csv,
    'json': report_json,
}
