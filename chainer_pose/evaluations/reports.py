"""What evaluate.py prints: measured errors, the paper's tables, PCK.

A report is a head (what was measured), a table, notes on how to read it, and the same
as a dict for JSON; `FORMATS` writes it. The functions take a `Context` and the results
of a network and of the zero-depth baseline.
"""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
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
OURS_PUBLISHED = 'Ours (paper)'
SUPERVISIONS = WITH_3D, PARTLY, WITHOUT_3D, NOT_KNOWN
# The 2D joints that each of the paper's tables is about.
TABLE_KEYPOINTS = {1: ('gt',), 2: ('sh', 'sh_ft')}
SHORT_ACTIONS = (
    'Direct.', 'Discuss', 'Eating', 'Greet', 'Phone', 'Photo', 'Pose', 'Purch.', 'Sitting',
    'SittingD', 'Smoke', 'Wait', 'WalkD', 'Walk', 'WalkT',
)  # fmt: skip
ZERO_DEPTH, DEVIATION = 'zero depth', 'standard deviation over runs'
_ZERO_DEPTH_NOTE = f'{ZERO_DEPTH}: the baseline, every joint at the depth of the root'


@dataclasses.dataclass(frozen=True)
class Method:
    """How weights were trained, and where that and what is measured are not the paper's.

    Attributes:
        name: of the method.
        supervision: the group of its row, one of SUPERVISIONS.
        published: the published row to compare it with, '' for none.
        options: training options that differ from the paper's, as typed.
        departures: all that differs from the paper, in words.
        trained: JSON values: 'iterations' of each run, 'length' in words, 'data', 'poses',
            'subjects', 'lacks', 'fps', 'keypoints', 'seeds', 'chosen_by'; None where not known.
        part: what the measured data lack of the whole, in words, '' for nothing.
        excused: what every copy of the data lacks.
    """

    name: str
    supervision: str
    published: str = ''
    options: str = ''
    departures: tuple[str, ...] = ()
    trained: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    part: str = ''
    excused: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Its name, and what differs from the paper."""
        return ': '.join(filter(None, [self.name, ', '.join(self.departures)]))

    def describe(self) -> list[str]:
        """Lines for the head of a report, some empty."""
        known = self.trained
        subjects, fps, seeds = (known.get(key) or () for key in ('subjects', 'fps', 'seeds'))
        words = {
            'data': known.get('data'),
            'poses': known.get('poses'),
            'subjects': ' '.join(subjects),
            'rate': f'{fps:g} Hz' if fps else None,
            'keypoints': known.get('keypoints'),
            'seed': ' '.join(map(str, seeds)),
        }
        lacks = f'; they lack {known["lacks"]}' if known.get('lacks') else ''
        return [
            f'trained for: {known.get("length", "iterations not known")}',
            'trained on: ' + ', '.join(f'{k} {v or "not known"}' for k, v in words.items()) + lacks,
            f'trained with: {", ".join(self.departures) or "the options of the paper"}',
            f'weights chosen by: {known.get("chosen_by", "not known")}',
            self.part,
            *(f'excused: {text}' for text in self.excused),
        ]


@dataclasses.dataclass(frozen=True)
class Context:
    """What was measured, and how it was trained, in words."""

    dataset: str
    split: str
    keypoints: str  # name of the 2D joints
    snapshots: tuple[str, ...]  # the generators' files, of several runs whose mean is reported
    source: str  # where the data come from
    method: Method
    target: str = ''  # what the errors are measured against, where a file has several
    other_data: str = ''  # says that the data are not those of the run, if they are not
    in_mm: bool = False  # whether the network's poses are in mm

    @property
    def remark(self) -> str:
        """What the head says of the row, for a CSV file, which has no head."""
        return '; '.join(filter(None, [*self.method.describe()[1:], self.other_data]))

    def protocol_note(self, protocol: str) -> str:
        """How a protocol compares poses."""
        note = protocols.NOTES_IN_MM.get(protocol) if self.in_mm else None
        return f'{protocols.LABELS[protocol]}: {note or protocols.PROTOCOL_NOTES[protocol]}'


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
        f'weights: {", ".join(context.snapshots)}',
        *context.method.describe(),
        context.other_data,
        f'target: {context.target}' if context.target else '',
    ]  # fmt: skip
    return [line for line in lines if line]


def _data(context: Context, result: Result | PCKResult, deviation: Any) -> dict[str, Any]:
    method = context.method
    data = {
        'dataset': context.dataset,
        'split': context.split,
        'snapshot': context.snapshots[0],
        'method': {
            'label': method.name,
            'supervision': method.supervision,
            'options': method.options,
            'departures': list(method.departures),
            'trained': dict(method.trained),
        },
        'other_data': context.other_data,
        'part': method.part,
        'excused': list(method.excused),
        'n_poses': result.n_poses,
    }
    more = {'runs': list(context.snapshots), 'deviation': deviation}
    return data | (more if deviation else {})


def errors(
    context: Context, result: Result, zero_depth: Result, deviation: Result | None = None
) -> Report:
    """Report errors by action, a network's above the baseline's for each protocol.

    Of several runs these are means, and `deviation` is what `protocols.over_runs` gives with them.
    """
    rows = []
    for name, score in result.scores.items():
        label = protocols.LABELS[name]
        of_rows = [(label, score, context.remark)]
        if deviation:
            of_rows.append((f'{label}, {DEVIATION}', deviation.scores[name], ''))
        of_rows.append((f'{label}, {ZERO_DEPTH}', zero_depth.scores[name], ''))
        for text, found, remark in of_rows:
            cells = (*found.actions.values(), found.average, found.frame_average)
            rows.append(Row(text, cells, remark=remark))
    notes = [
        "Average: mean over the actions, as in the paper's tables. Frames: mean over the poses.",
        *map(context.protocol_note, result.scores),
        _ZERO_DEPTH_NOTE,
        f'depth flip rate: {result.depth_flip_rate:.1%} of the poses have the lower error (kudo) '
        f'with their depth inverted',
    ]
    scores, zero_scores, deviations = (
        {name: dataclasses.asdict(score) for name, score in found.scores.items()} if found else {}
        for found in (result, zero_depth, deviation)
    )
    data = _data(context, result, deviations) | {
        'depth_flip_rate': result.depth_flip_rate,
        'protocols': scores,
        'zero_depth': zero_scores,
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


def paper_table(
    number: int,
    context: Context,
    result: Result,
    zero_depth: Result,
    deviation: Result | None = None,
) -> Report:
    """Fill the paper's Table 1 or 2 with one protocol's errors, beside the published rows.

    Without these, which are of other people and cameras, for data that are not Human3.6M.
    `deviation` is as of `errors`.
    """
    ((protocol, score),) = result.scores.items()
    zero_score, label = zero_depth.scores[protocol], protocols.LABELS[protocol]
    spread = deviation.scores[protocol] if deviation else None
    notes = [context.protocol_note(protocol), _ZERO_DEPTH_NOTE]
    theirs = _beside(number, context, score.actions)
    actions = list(theirs[0]['actions'] if theirs else score.actions)
    title = f'Table {number} of the paper'
    if not theirs:
        title = (
            f"Not the paper's Table {number}: {context.dataset} is not Human3.6M, so the "
            f'published rows are left out'
        )
    else:
        notes += _published_notes(number, theirs)
        if protocol != 'kudo':
            notes.append(f"the paper's rows are by the protocol kudo, ours by {protocol}")
    rows = [
        Row(row['method'], (*row['actions'].values(), row['average']), row['supervision'])
        for row in theirs
    ]
    group, differences = context.method.supervision, {}
    cells = _cells(score, actions)
    measured = '(measured)' if protocol == 'kudo' else f'(measured by {protocol})'
    rows.append(Row(f'{context.method.label} {measured}', cells, group, remark=context.remark))
    if spread:
        rows.append(Row(DEVIATION, _cells(spread, actions), group))
    for row in theirs:
        if row['method'] == context.method.published and protocol == 'kudo':
            differences = {a: x - row['actions'][a] for a, x in score.actions.items()}
            cells = (*map(differences.get, actions), score.average - row['average'])
            rows.append(Row('measured - paper', cells, group, is_difference=True))
    rows.append(Row(f'{ZERO_DEPTH} {measured}', _cells(zero_score, actions), WITHOUT_3D))
    rows.sort(key=lambda row: SUPERVISIONS.index(row.group))
    head = [f'{title}: mean error in mm, protocol {label}', *_head(context, result)]
    data = _data(context, result, dataclasses.asdict(spread) if spread else None) | {
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


def pck(
    context: Context, result: PCKResult, zero_depth: PCKResult, deviation: PCKResult | None = None
) -> Report:
    """Report PCK at 150 mm and AUC, over all poses, by activity, by camera and by joint.

    `deviation` is as of `errors`. The published figure, which counts the depth only, stands beside
    results that do, of any split of its data set.
    """
    theirs = [row for row in published('supplement 2') if row['method'] == OURS_PUBLISHED]
    if not result.depth_only or context.dataset != theirs[0]['dataset']:
        theirs = []
    unit = '% by depth' if result.depth_only else '%'
    header: tuple[str, ...] = (unit, 'poses', 'PCK 14', 'AUC 14', 'PCK 17', 'AUC 17')
    header += tuple(row['method'] for row in theirs)
    rows: list[Row] = []
    every = [
        ('all', result.scores[0]),
        *([(f'all, {DEVIATION}', deviation.scores[0])] if deviation else []),
        (f'all, {ZERO_DEPTH}', zero_depth.scores[0]),
        *((score.name, score) for score in result.scores[1:]),
    ]
    for name, score in every:
        is_ours = not rows
        cells = (score.n_poses, score.pck14, score.auc14, score.pck17, score.auc17)
        cells += tuple(row['average'] if is_ours else None for row in theirs)
        group = '' if score.by == 'all' else f'by {score.by}'
        rows.append(Row(name, cells, group, remark=context.remark if is_ours else ''))
    error = 'depth is wrong' if result.depth_only else 'place relative to the root is wrong'
    scale = "the target's own on the xy-plane, as the method has none; x and y are the input's"
    notes = [
        f'PCK: share of joints whose {error} by less than 150 mm; AUC: its mean over 0, 5, ..., '
        f'150 mm. 14: without {", ".join(NOT_AMONG_14)}, as is usual; 17: all.',
        f'scale: {"in mm as predicted" if context.in_mm else scale}',
        _ZERO_DEPTH_NOTE,
    ]
    if result.depth_only:
        notes.append(
            f"the authors' bin/eval_pck.py counts the depth only, over the 14 joints of all poses "
            f'of training sequences; measured here: the {context.split} split'
        )
    notes += [
        f'{row["average"]} ({row["source"]}) is of that program, so it is no PCK in 3D'
        for row in theirs
    ]
    scores = [
        [dataclasses.asdict(score) for score in found.scores] if found else []
        for found in (result, zero_depth, deviation)
    ]
    data = _data(context, result, scores[2]) | {
        'protocol': 'pck-authors' if result.depth_only else 'pck',
        'keypoints': context.keypoints,
        'target': context.target,
        'scores': scores[0],
        'zero_depth': scores[1],
        'published': theirs,
    }
    return Report(_head(context, result), Table(header, tuple(rows)), notes, data)


def action_bars(context: Context, result: Result, zero_depth: Result) -> dict[str, Any]:
    """Errors by action as keyword arguments of `visualizations.action_bars`."""
    protocol, score = next(iter(result.scores.items()))
    of_2d = [n for n, keypoints in TABLE_KEYPOINTS.items() if context.keypoints in keypoints]
    of_2d = of_2d if protocol == 'kudo' else []  # as the published rows are
    theirs = [row for number in of_2d for row in _beside(number, context, score.actions)]
    actions = list(theirs[0]['actions'] if theirs else score.actions)
    numbers = {row['method']: (*row['actions'].values(), row['average']) for row in theirs}
    beside = context.method.published
    measured = {name: x for name, x in numbers.items() if name == beside}
    measured[f'{context.method.name} (measured)'] = _cells(score, actions)
    measured[ZERO_DEPTH] = _cells(zero_depth.scores[protocol], actions)
    return {
        'names': [*actions, 'Average'],
        'measured': measured,
        'references': {
            f'{row["method"]}, {row["supervision"]}': numbers[row['method']]
            for row in theirs
            if row['method'] != beside
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
        'measured': {
            f'{context.method.name} (measured)': list(ours.values()),
            ZERO_DEPTH: list(zero.values()),
        },
        'references': {},
        'unit': f'PCK at 150 mm{" by depth" if result.depth_only else ""}, 14 joints, %',
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
