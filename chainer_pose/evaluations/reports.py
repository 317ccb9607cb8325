"""What evaluate.py prints: measured errors, the paper's tables, PCK.

A report is a head (what was measured), a table, notes on how to read it, and the same
as a dict for JSON; `FORMATS` writes it. The functions take a `Context` and the results
of a network and of the zero-depth baseline.
"""

import csv
import dataclasses
import json
import statistics
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
class Context:
    """What was measured, how it was trained, and where either is not the paper's, in words.

    Attributes:
        dataset, split: what was measured.
        keypoints: name of its 2D joints.
        snapshots: the generators' files, of several runs whose mean is reported.
        label: name of the method.
        supervision: the group of its row, one of SUPERVISIONS.
        published: the published row to compare it with, '' for none.
        options: training options that differ from the paper's, as typed.
        departures: all that differs from the paper.
        trained: JSON values: 'iterations' of each run, 'length' in words, 'data', 'poses',
            'subjects', 'lacks', 'fps', 'keypoints', 'seeds', 'chosen_by'; None where not known.
        source: where the data come from.
        target: what the errors are measured against, where a file has several.
        part: what the measured data lack of the whole, '' for nothing.
        excused: what every copy of the data lacks.
        other_data: says that the data are not those of the run, if they are not.
        in_mm: whether the network's poses are in mm.
    """

    dataset: str
    split: str
    keypoints: str
    snapshots: Sequence[str]
    label: str
    supervision: str
    published: str = ''
    options: str = ''
    departures: Sequence[str] = ()
    trained: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    source: str = ''
    target: str = ''
    part: str = ''
    excused: Sequence[str] = ()
    other_data: str = ''
    in_mm: bool = False

    def describe(self) -> list[str]:
        """Say how the network was trained, and on what else than it is measured."""
        known = {
            key: ' '.join(map(str, value)) if isinstance(value, list) else value
            for key, value in self.trained.items()
        }
        data = [
            f'{key} {known.get(key) or "not known"}'
            for key in ('data', 'poses', 'subjects', 'fps', 'keypoints', 'seeds')
        ]
        lacks = f'; they lack {known["lacks"]}' if known.get('lacks') else ''
        lines = [
            f'trained on: {", ".join(data)}{lacks}',
            f'trained with: {", ".join(self.departures) or "the options of the paper"}',
            f'weights chosen by: {known.get("chosen_by", "not known")}',
            self.part,
            *(f'excused: {text}' for text in self.excused),
            self.other_data,
        ]
        return list(filter(None, lines))

    @property
    def remark(self) -> str:
        """`describe` for a CSV file, which has no head."""
        return '; '.join(self.describe())

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


def _report(
    context: Context, table: Table, notes: list[str], result: Any, data: dict, title: str = ''
) -> Report:
    """A report with the head and the JSON values that all have, before its own."""
    left_out = f' ({result.n_left_out} left out: joints missing, or all at one place)'
    head = [
        title,
        f'{context.dataset}, {context.split} split, keypoints {context.keypoints}: '
        f'{result.n_poses} poses{left_out if result.n_left_out else ""}',
        f'source: {context.source or "not stated"}',
        f'weights: {", ".join(context.snapshots)}',
        f'trained for: {context.trained.get("length", "iterations not known")}',
        *context.describe(),
        f'target: {context.target}' if context.target else '',
    ]
    of_data = 'dataset', 'split', 'keypoints', 'target', 'other_data', 'part', 'excused'
    of_method = 'label', 'supervision', 'options', 'departures', 'trained'
    common = {
        **{name: getattr(context, name) for name in of_data},
        'snapshot': context.snapshots[0],
        'method': {name: getattr(context, name) for name in of_method},
        'runs': context.snapshots,
        'n_poses': result.n_poses,
    }
    return Report(list(filter(None, head)), table, notes, common | data)


def _beside_zero_depth(label: str, results: Sequence[Any], zero_depth: Any) -> list[tuple]:
    """Labels of rows, and what was measured: mean, deviation if there is one, z = 0."""
    mean, deviation = protocols.over_runs(results)
    spread = [] if deviation is None else [(f'{label}, {DEVIATION}', deviation)]
    return [(label, mean), *spread, (f'{label}, {ZERO_DEPTH}', zero_depth)]


def _scores(found: Result | PCKResult | None) -> Any:
    return dataclasses.asdict(found)['scores'] if found else None


def errors(context: Context, results: Sequence[Result], zero_depth: Result) -> Report:
    """Report errors by action, a network's above the baseline's for each protocol.

    Of several results, of networks that differ in their seeds, mean and deviation.
    """
    result, deviation = protocols.over_runs(results)
    rows = []
    for name, score in result.scores.items():
        remark = context.remark
        for label, found in _beside_zero_depth(protocols.LABELS[name], results, zero_depth):
            cells = _cells(found.scores[name], score.actions)
            rows.append(Row(label, (*cells, found.scores[name].frame_average), remark=remark))
            remark = ''
    notes = [
        "Average: mean over the actions, as in the paper's tables. Frames: mean over the poses.",
        *map(context.protocol_note, result.scores),
        _ZERO_DEPTH_NOTE,
        f'depth flip rate: {result.depth_flip_rate:.1%} of the poses have the lower error (kudo) '
        f'with their depth inverted',
    ]
    data = {
        'depth_flip_rate': result.depth_flip_rate,
        'protocols': _scores(result),
        'zero_depth': _scores(zero_depth),
        'deviation': _scores(deviation),
    }
    table = Table(('mm', *score.actions, 'Average', 'Frames'), tuple(rows))
    return _report(context, table, notes, result, data)


def published(number: int | str) -> list[dict[str, Any]]:
    """Read the published rows of Table 1 or 2, or of 'supplement 2' (PCK).

    Each is a dict of the columns of words, of 'actions' (a dict from action to a number, None
    where the paper has a dash) and of 'average'.
    """
    with open(PUBLISHED, newline='', encoding='utf-8') as file:
        header, *rows = csv.reader(file)
    found, first = [], header.index('remark') + 1
    for row in rows:
        if row[0] == str(number):
            *numbers, average = [float(x) if x else None for x in row[first:]]
            words, actions = dict(zip(header[1:first], row[1:])), dict(zip(header[first:], numbers))
            found.append({**words, 'actions': actions, 'average': average})
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
    number: int, context: Context, results: Sequence[Result], zero_depth: Result
) -> Report:
    """Fill the paper's Table 1 or 2 with one protocol's errors, beside the published rows.

    Without these, which are of other people and cameras, for data that are not Human3.6M.
    `results` are as of `errors`.
    """
    result, deviation = protocols.over_runs(results)
    ((protocol, score),) = result.scores.items()
    theirs = _beside(number, context, score.actions)
    actions = list(theirs[0]['actions'] if theirs else score.actions)
    measured = '(measured)' if protocol == 'kudo' else f'(measured by {protocol})'
    group, differences = context.supervision, dict[str, float]()
    rows = [
        Row(row['method'], (*row['actions'].values(), row['average']), row['supervision'])
        for row in theirs
    ]
    cells = _cells(score, actions)
    label = ': '.join(filter(None, [context.label, ', '.join(context.departures)]))
    rows.append(Row(f'{label} {measured}', cells, group, remark=context.remark))
    if deviation:
        rows.append(Row(DEVIATION, _cells(deviation.scores[protocol], actions), group))
    for row in theirs:
        if row['method'] == context.published and protocol == 'kudo':
            differences = {a: x - row['actions'][a] for a, x in score.actions.items()}
            cells = (*map(differences.get, actions), score.average - row['average'])
            rows.append(Row('measured - paper', cells, group, is_difference=True))
    cells = _cells(zero_depth.scores[protocol], actions)
    rows.append(Row(f'{ZERO_DEPTH} {measured}', cells, WITHOUT_3D))
    rows.sort(key=lambda row: SUPERVISIONS.index(row.group))

    title = f'Table {number} of the paper'
    notes = [context.protocol_note(protocol), _ZERO_DEPTH_NOTE]
    if theirs:
        notes += _published_notes(number, theirs)
        if protocol != 'kudo':
            notes.append(f"the paper's rows are by the protocol kudo, ours by {protocol}")
    else:
        title = (
            f"Not the paper's Table {number}: {context.dataset} is not Human3.6M, so the "
            f'published rows are left out'
        )
    data = {
        'table': number,
        'title': title,
        'is_human36m': bool(theirs),
        'protocol': protocol,
        'published': theirs,
        'measured': _scores(result)[protocol],
        'zero_depth': _scores(zero_depth)[protocol],
        'deviation': deviation and _scores(deviation)[protocol],
        'difference': differences,
    }
    table = Table(('mm', *(SHORT_ACTIONS if theirs else actions), 'Avg'), tuple(rows))
    title = f'{title}: mean error in mm, protocol {protocols.LABELS[protocol]}'
    return _report(context, table, notes, result, data, title)


def _cells(score: Score, actions: Iterable[str]) -> tuple[float | None, ...]:
    return (*map(score.actions.get, actions), score.average)


def _published_notes(number: int, rows: list[dict[str, Any]]) -> list[str]:
    notes = [f"published rows: Kudo et al. 2018, Table {number}; [n] is the paper's reference n"]
    for row in rows:
        name, average = row['method'], row['average']
        mean = statistics.fmean(x for x in row['actions'].values() if x is not None)
        if abs(mean - average) > 0.05 + 1e-9:
            notes.append(
                f'the published average of {name}, {average:.1f}, is not the mean of its row, '
                f'{mean:.1f}'
            )
        if row['remark']:
            notes.append(f'{name}: {row["remark"]}')
    return notes


def pck(context: Context, results: Sequence[PCKResult], zero_depth: PCKResult) -> Report:
    """Report PCK at 150 mm and AUC, over all poses, by activity, by camera and by joint.

    `results` are as of `errors`. The published figure, which counts the depth only, stands beside
    results that do, of any split of its data set.
    """
    result, deviation = protocols.over_runs(results)
    theirs = [row for row in published('supplement 2') if row['method'] == OURS_PUBLISHED]
    if not result.depth_only or context.dataset != theirs[0]['dataset']:
        theirs = []
    unit = '% by depth' if result.depth_only else '%'
    header = (unit, 'poses', 'PCK 14', 'AUC 14', 'PCK 17', 'AUC 17')
    every = [
        (label, found.scores[0]) for label, found in _beside_zero_depth('all', results, zero_depth)
    ]
    rows: list[Row] = []
    for name, score in [*every, *((score.name, score) for score in result.scores[1:])]:
        cells = (score.n_poses, score.pck14, score.auc14, score.pck17, score.auc17)
        cells += tuple(None if rows else row['average'] for row in theirs)
        group = '' if score.by == 'all' else f'by {score.by}'
        rows.append(Row(name, cells, group, remark='' if rows else context.remark))
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
    table = Table((*header, *(row['method'] for row in theirs)), tuple(rows))
    data = {
        'protocol': 'pck-authors' if result.depth_only else 'pck',
        'scores': _scores(result),
        'zero_depth': _scores(zero_depth),
        'deviation': _scores(deviation),
        'published': theirs,
    }
    return _report(context, table, notes, result, data)


def bars(context: Context, results: Sequence[Any], zero_depth: Any) -> dict[str, Any]:
    """Errors or PCK by action as keyword arguments of `visualizations.action_bars`."""
    theirs: list[dict[str, Any]] = []
    if isinstance(zero_depth, PCKResult):
        unit = f'PCK at 150 mm{" by depth" if zero_depth.depth_only else ""}, 14 joints, %'
        ours, zero = (
            {score.name: score.pck14 for score in found.scores[1:] if score.by == 'action'}
            | {'all poses': found.scores[0].pck14}
            for found in (protocols.over_runs(results)[0], zero_depth)
        )
    else:
        protocol = next(iter(zero_depth.scores))
        unit = f'{protocols.LABELS[protocol]} error, mm'
        ours, zero = (
            found.scores[protocol].actions | {'Average': found.scores[protocol].average}
            for found in (protocols.over_runs(results)[0], zero_depth)
        )
        for number, keypoints in TABLE_KEYPOINTS.items():
            if context.keypoints in keypoints and protocol == 'kudo':
                theirs = _beside(number, context, zero_depth.scores[protocol].actions)
    rows = {row['method']: row['actions'] | {'Average': row['average']} for row in theirs}
    names = list(next(iter(rows.values()), ours))
    measured = {name: row for name, row in rows.items() if name == context.published}
    measured |= {f'{context.label} (measured)': ours, ZERO_DEPTH: zero}
    references = {
        f'{row["method"]}, {row["supervision"]}': rows[row['method']]
        for row in theirs
        if row['method'] not in measured
    }
    return {
        'names': names,
        'measured': {label: [row.get(name) for name in names] for label, row in measured.items()},
        'references': {label: list(row.values()) for label, row in references.items()},
        'unit': unit,
        'title': f'{context.dataset}, {context.split} split, keypoints {context.keypoints}',
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
