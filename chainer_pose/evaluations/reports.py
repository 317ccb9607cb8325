"""What evaluate.py prints: measured errors, the paper's tables, PCK.

A report is a head (what was measured), a table, notes on how to read it, and the same
as a dict for JSON; `FORMATS` writes it. The functions take a `Context` and the results
of a network and of the zero-depth baseline.
"""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from chainer_pose.errors import InputError
from chainer_pose.evaluations import protocols, tables
from chainer_pose.evaluations.pck import NOT_AMONG_14, PCKResult
from chainer_pose.evaluations.protocols import Result, Score
from chainer_pose.evaluations.tables import Row, Table

PUBLISHED = Path(__file__).parent / 'published_results.csv'
# Groups of rows, in the order of the paper's tables.
WITH_3D, PARTLY, WITHOUT_3D = 'w/ 3D dataset', 'w/ part of a 3D dataset', 'w/o 3D dataset'
NOT_KNOWN = 'not known whether w/ 3D dataset'
SUPERVISIONS = WITH_3D, PARTLY, WITHOUT_3D, NOT_KNOWN
# The 2D joints that each of the paper's tables is about.
TABLE_KEYPOINTS = {1: ('gt',), 2: ('sh', 'sh_ft')}
SHORT_ACTIONS = (
    'Direct.', 'Discuss', 'Eating', 'Greet', 'Phone', 'Photo', 'Pose', 'Purch.', 'Sitting',
    'SittingD', 'Smoke', 'Wait', 'WalkD', 'Walk', 'WalkT',
)  # fmt: skip
PCK_SCENE = 'green screen'  # the cameras that the published PCK is of
ZERO_DEPTH = 'zero depth'
_ZERO_DEPTH_NOTE = f'{ZERO_DEPTH}: the baseline, every joint at the depth of the root'


@dataclasses.dataclass(frozen=True)
class Context:
    """What was measured, and how it was trained, in words."""

    dataset: str
    split: str
    keypoints: str  # name of the 2D joints
    snapshot: str  # the generator's file
    source: str  # where the data come from
    label: str  # name of the method
    supervision: str  # the group of its row, one of SUPERVISIONS
    published: str  # the published row of the same method, '' for none
    options: str = ''  # training options that differ from the paper's, as typed
    trained_on: str = ''  # data, keypoints and seed of the run, '' if not known
    target: str = ''  # what the errors are measured against, where a file has several
    chosen_here: bool = False  # whether the weights were chosen by their error on this split
    n_whole: float = 0  # poses of Human3.6M's whole test split at the data's frame rate

    @property
    def row_label(self) -> str:
        """Name of the row of what was measured."""
        return f'{self.label} (measured)'


@dataclasses.dataclass(frozen=True)
class Report:
    """Lines before a table, the table, lines after it, and the same as a dict for JSON."""

    head: list[str]
    table: Table
    notes: list[str]
    data: dict[str, Any]


def _head(context: Context, result: Result | PCKResult) -> list[str]:
    left_out = f' ({result.n_left_out} left out: joints missing, or all at one place)'
    lines = [
        f'{context.dataset}, {context.split} split, keypoints {context.keypoints}: '
        f'{result.n_poses} poses{left_out if result.n_left_out else ""}',
        f'source: {context.source or "not stated"}',
        f'weights: {context.snapshot}',
        f'trained on: {context.trained_on}' if context.trained_on else '',
        f'trained with: {context.options or "the options of the paper"}',
        f'target: {context.target}' if context.target else '',
        'gen_best.npz was chosen by its error on this split, which flatters it; '
        'gen_N.npz was not' if context.chosen_here else '',
    ]  # fmt: skip
    return [line for line in lines if line]


def _data(context: Context, result: Result | PCKResult) -> dict[str, Any]:
    return {
        'dataset': context.dataset,
        'split': context.split,
        'snapshot': context.snapshot,
        'method': {key: getattr(context, key) for key in ('label', 'supervision', 'options')},
        'n_poses': result.n_poses,
    }


def errors(context: Context, result: Result, zero_depth: Result) -> Report:
    """Report errors by action, a network's above the baseline's for each protocol."""
    rows = []
    for name, score in result.scores.items():
        label = protocols.LABELS[name]
        for text, found in ((label, score), (f'{label}, {ZERO_DEPTH}', zero_depth.scores[name])):
            rows.append(Row(text, (*found.actions.values(), found.average, found.frame_average)))
    notes = [
        "Average: mean over the actions, as in the paper's tables. Frames: mean over the poses.",
        *(f'{protocols.LABELS[name]}: {protocols.PROTOCOL_NOTES[name]}' for name in result.scores),
        _ZERO_DEPTH_NOTE,
        f'depth flip rate: {result.depth_flip_rate:.1%} of the poses have the lower error (kudo) '
        f'with their depth inverted',
    ]
    data = _data(context, result) | {
        'depth_flip_rate': result.depth_flip_rate,
        'protocols': {name: dataclasses.asdict(s) for name, s in result.scores.items()},
        'zero_depth': {name: dataclasses.asdict(s) for name, s in zero_depth.scores.items()},
    }
    header = ('mm', *score.actions, 'Average', 'Frames')
    return Report(_head(context, result), Table(header, tuple(rows)), notes, data)


def published(number: int | str) -> list[dict[str, Any]]:
    """Read the published rows of Table 1 or 2, or of 'supplement 2' (PCK).

    Each is a dict of the columns of words, of 'actions' (a dict from action to a number, None
    where the paper has a dash) and of 'average'.
    """
    with open(PUBLISHED, newline='', encoding='utf-8') as file:
        rows = [row for row in csv.DictReader(file) if row.pop('table') == str(number)]
    found = []
    for row in rows:
        average = float(row.pop('Average'))
        names = list(row)[list(row).index('remark') + 1 :]
        actions = {name: float(x) if (x := row.pop(name)) else None for name in names}
        found.append({**row, 'actions': actions, 'average': average})
    return found


def _beside(number: int | str, context: Context, actions: Iterable[str] = ()) -> list[dict]:
    """The published rows, if they are of the same data set, its test split and these actions."""
    rows = published(number)
    same = (context.dataset, context.split) == (rows[0]['dataset'], 'test')
    return rows if same and set(actions) <= set(rows[0]['actions']) else []


def check_table(number: int, context: Context, trained_keypoints: str | None) -> None:
    """Raise an InputError if Table 1 or 2 asks for other keypoints (None: not known) or split."""
    wanted, keypoints = TABLE_KEYPOINTS[number], context.keypoints
    if keypoints not in wanted or trained_keypoints not in (None, keypoints):
        raise InputError(
            f'expected a run trained and measured on keypoints {" or ".join(wanted)}, found '
            f'{trained_keypoints or keypoints} and {keypoints}',
            table=number,
        )
    if context.dataset == published(number)[0]['dataset'] and context.split != 'test':
        raise InputError(f'expected the test split, found {context.split}', table=number)


def paper_table(number: int, context: Context, result: Result, zero_depth: Result) -> Report:
    """Fill the paper's Table 1 or 2 with one protocol's errors, beside the published rows.

    Without these, which are of other people and cameras, for data that are not Human3.6M.
    """
    ((protocol, score),) = result.scores.items()
    zero_score, label = zero_depth.scores[protocol], protocols.LABELS[protocol]
    notes = [f'{label}: {protocols.PROTOCOL_NOTES[protocol]}', _ZERO_DEPTH_NOTE]
    theirs = _beside(number, context, score.actions)
    actions = list(theirs[0]['actions'] if theirs else score.actions)
    is_whole = len(score.actions) == len(actions) and result.n_poses > 0.95 * context.n_whole
    title = f'Table {number} of the paper'
    if not theirs:
        title = (
            f"Not the paper's Table {number}: {context.dataset} is not Human3.6M, so the "
            f'published rows are left out'
        )
    else:
        notes += _published_notes(number, theirs)
        if not is_whole:
            notes.append(
                f'measured on a part only, {len(score.actions)} of the {len(actions)} actions and '
                f'{result.n_poses} poses of about {context.n_whole:.0f}: the average is not '
                f"comparable with the paper's"
            )
        if protocol != 'kudo':
            notes.append(f"the paper's rows are by the protocol kudo, ours by {protocol}")
    rows = [
        Row(row['method'], (*row['actions'].values(), row['average']), row['supervision'])
        for row in theirs
    ]
    group, differences = context.supervision, {}
    rows.append(Row(context.row_label, _cells(score, actions), group))
    for row in theirs:
        if row['method'] == context.published:
            differences = {a: x - row['actions'][a] for a, x in score.actions.items()}
            average = score.average - row['average'] if is_whole else None
            cells = (*map(differences.get, actions), average)
            rows.append(Row('measured - paper', cells, group, is_difference=True))
    rows.append(Row(f'{ZERO_DEPTH} (measured)', _cells(zero_score, actions), WITHOUT_3D))
    rows.sort(key=lambda row: SUPERVISIONS.index(row.group))
    head = [f'{title}: mean error in mm, protocol {label}', *_head(context, result)]
    data = _data(context, result) | {
        'table': number,
        'title': title,
        'is_human36m': bool(theirs),
        'keypoints': context.keypoints,
        'protocol': protocol,
        'published': theirs,
        'measured': dataclasses.asdict(score),
        'zero_depth': dataclasses.asdict(zero_score),
        'difference': differences,
    }
    header = ('mm', *(SHORT_ACTIONS if theirs else actions), 'Avg')
    return Report(head, Table(header, tuple(rows)), notes, data)


def _cells(score: Score, actions: Sequence[str]) -> tuple[float | None, ...]:
    return (*map(score.actions.get, actions), score.average)


def _published_notes(number: int, rows: list[dict[str, Any]]) -> list[str]:
    notes = [f"published rows: Kudo et al. 2018, Table {number}; [n] is the paper's reference n"]
    for row in rows:
        known = [value for value in row['actions'].values() if value is not None]
        mean = sum(known) / len(known)
        if abs(mean - row['average']) > 0.05 + 1e-9:
            notes.append(
                f'the published average of {row["method"]}, {row["average"]:.1f}, is not the mean '
                f'of its row, {mean:.1f}'
            )
        if row['remark']:
            notes.append(f'{row["method"]}: {row["remark"]}')
    return notes


def pck(context: Context, result: PCKResult, zero_depth: PCKResult) -> Report:
    """Report PCK at 150 mm and AUC, over all poses, by activity, by camera and by joint."""
    theirs = _beside('supplement 2', context)
    header: tuple[str, ...] = ('%', 'poses', 'PCK 14', 'AUC 14', 'PCK 17', 'AUC 17')
    baseline = dataclasses.replace(zero_depth.scores[0], name=f'all, {ZERO_DEPTH}')
    rows = []
    for score in [result.scores[0], baseline, *result.scores[1:]]:
        cells: tuple = (score.n_poses, score.pck14, score.auc14, score.pck17, score.auc17)
        for row in theirs[-1:]:
            of_scene = (score.by, score.name) == ('camera', PCK_SCENE)
            cells += (row['average'] if of_scene else None,)
        rows.append(Row(score.name, cells, '' if score.by == 'all' else f'by {score.by}'))
    notes = [
        f'PCK: share of joints nearer than 150 mm; AUC: its mean over 0, 5, ..., 150 mm; both '
        f'relative to the root. 14: without {", ".join(NOT_AMONG_14)}, as is usual; 17: all.',
        "scale: the target's own on the xy-plane, as the method has none; x and y are the input's",
        _ZERO_DEPTH_NOTE,
    ]
    for row in theirs[-1:]:
        header += (row['method'],)
        notes.append(
            f'{row["average"]} ({row["source"]}) is beside the two sequences filmed before the '
            f'green screen, {row["remark"]}; the paper does not state its joints and target'
        )
    data = _data(context, result) | {
        'protocol': 'pck',
        'keypoints': context.keypoints,
        'target': context.target,
        'scores': [dataclasses.asdict(score) for score in result.scores],
        'zero_depth': [dataclasses.asdict(score) for score in zero_depth.scores],
        'published': theirs,
    }
    return Report(_head(context, result), Table(header, tuple(rows)), notes, data)


def action_bars(context: Context, result: Result, zero_depth: Result) -> dict[str, Any]:
    """Errors by action as keyword arguments of `visualizations.action_bars`."""
    protocol, score = next(iter(result.scores.items()))
    of_2d = [n for n, keypoints in TABLE_KEYPOINTS.items() if context.keypoints in keypoints]
    theirs = [row for number in of_2d for row in _beside(number, context, score.actions)]
    actions = list(theirs[0]['actions'] if theirs else score.actions)
    numbers = {row['method']: (*row['actions'].values(), row['average']) for row in theirs}
    measured = {name: x for name, x in numbers.items() if name == context.published}
    measured[context.row_label] = _cells(score, actions)
    measured[ZERO_DEPTH] = _cells(zero_depth.scores[protocol], actions)
    return {
        'names': [*actions, 'Average'],
        'measured': measured,
        'references': {
            f'{row["method"]}, {row["supervision"]}': numbers[row['method']]
            for row in theirs
            if row['method'] != context.published
        },
        'unit': f'{protocols.LABELS[protocol]} error, mm',
        'title': f'{context.dataset}, {context.split} split, keypoints {context.keypoints}',
    }


def pck_bars(context: Context, result: PCKResult, zero_depth: PCKResult) -> dict[str, Any]:
    """PCK by activity as keyword arguments of `visualizations.action_bars`."""
    ours, zero = (
        {score.name: score.pck14 for score in found.scores[1:] if score.by == 'action'}
        | {'all poses': found.scores[0].pck14}
        for found in (result, zero_depth)
    )
    return {
        'names': list(ours),
        'measured': {context.row_label: list(ours.values()), ZERO_DEPTH: list(zero.values())},
        'references': {},
        'unit': 'PCK at 150 mm, 14 joints, %',
        'title': f'{context.dataset}, {context.split} split, {context.target or "pose3d"}',
    }


def _text(report: Report, table: str, prefix: str = '', blank: str = '\n') -> str:
    head, notes = (
        '\n'.join(prefix + line for line in lines) for lines in (report.head, report.notes)
    )
    return f'{head}\n{blank}{table}\n{blank}{notes}'


FORMATS = {
    'text': lambda report: _text(report, tables.text(report.table)),
    'markdown': lambda report: _text(report, tables.markdown(report.table), '- '),
    'latex': lambda report: _text(report, tables.latex(report.table), '% ', blank=''),
    'csv': lambda report: tables.to_csv(report.table),
    'json': lambda report: json.dumps(report.data, indent=2),
}
