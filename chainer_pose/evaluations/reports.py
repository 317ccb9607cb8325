"""What evaluate.py prints: measured errors, the paper's tables, PCK.

A report is a head (what was measured, on what), a table, and notes on how to
read it; `render` brings it to text, Markdown, LaTeX, CSV or JSON.
"""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainer_pose.datasets.readers import h36m, mpi_inf_3dhp
from chainer_pose.errors import InputError
from chainer_pose.evaluations import protocols, tables
from chainer_pose.evaluations.pck import NOT_AMONG_14
from chainer_pose.evaluations.tables import Row, Table
from chainer_pose.training import methods

if TYPE_CHECKING:
    from chainer_pose.datasets import PoseData
    from chainer_pose.evaluations.pck import PCKResult
    from chainer_pose.evaluations.protocols import Result


PUBLISHED = Path(__file__).parent / 'published_results.csv'
FLAT = 'z = 0 (measured)'
_OF_METHOD = 'label', 'supervision', 'options'
_WORDS = ('method', 'supervision', 'source', 'remark', 'unit')
# The 2D joints that each of the paper's tables is about.
TABLE_KEYPOINTS = {1: ('gt',), 2: ('sh', 'sh_ft')}
SHORT_ACTIONS = (
    'Direct.', 'Discuss', 'Eating', 'Greet', 'Phone', 'Photo', 'Pose', 'Purch.', 'Sitting',
    'SittingD', 'Smoke', 'Wait', 'WalkD', 'Walk', 'WalkT',
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Context:
    """What was measured.

    Attributes:
        dataset, split, keypoints: names of what was lifted.
        snapshot: the generator's file.
        source: the pose file's word on where its poses came from.
        chosen_here: whether the weights were chosen by their error on this split.
        method: the `methods.Method` that the run learned by.
        trained_on: what the run learned from, '' if not known.
        truth: what the errors are measured against, where there are several.
    """

    dataset: str
    split: str
    keypoints: str
    snapshot: str
    source: str
    chosen_here: bool
    method: methods.Method
    trained_on: str = ''
    truth: str = ''

    @property
    def label(self) -> str:
        """Name of the row of what was measured."""
        return f'{self.method.label} (measured)'


@dataclasses.dataclass(frozen=True)
class Report:
    """Lines before a table, the table, lines after it, and the same as a dict for JSON."""

    head: list
    table: Table
    notes: list
    data: dict


def _head(context, result):
    left_out = ''
    if result.n_left_out:
        left_out = f' ({result.n_left_out} left out: joints missing, or all at one place)'
    lines = [
        f'{context.dataset}, {context.split} split, keypoints {context.keypoints}: '
        f'{result.n_poses} poses{left_out}',
        f'source: {context.source or "not stated"}',
        f'weights: {context.snapshot}',
    ]
    if context.trained_on:
        lines.append(f'trained on: {context.trained_on}')
    lines.append(f'trained with: {context.method.options or "the options of the paper"}')
    if context.truth:
        lines.append(f'truth: {context.truth}')
    if context.chosen_here:
        lines.append(
            'gen_best.npz was chosen by its error on this split, which flatters it; '
            'gen_N.npz was not'
        )
    return lines


def _data(context, result):
    return {
        'dataset': context.dataset,
        'split': context.split,
        'snapshot': context.snapshot,
        'method': {key: getattr(context.method, key) for key in _OF_METHOD},
        'n_poses': result.n_poses,
    }


def errors(context: Context, result: Result, flat: Result) -> Report:
    """Errors by action, for each protocol beside those of z = 0.

    Args:
        context: `Context`.
        result, flat: `evaluation.Result` of the generator and of z = 0.
    Returns:
        `Report`; README.md describes its JSON.
    """
    rows = []
    for name in result.scores:
        for label, score in ((name, result.scores[name]), (f'{name}, z = 0', flat.scores[name])):
            rows.append(Row(label, (*score.actions.values(), score.average, score.frame_average)))
    actions = next(iter(result.scores.values())).actions
    notes = [
        'Average: mean over the actions. Frames: mean over the poses.',
        *(f'{name}: {protocols.PROTOCOL_NOTES[name]}' for name in result.scores),
        f'inverted in depth, {result.depth_flip_rate:.1%} of the poses would be better (kudo)',
    ]
    data = _data(context, result) | {
        'inverted_better': result.depth_flip_rate,
        'protocols': {name: dataclasses.asdict(s) for name, s in result.scores.items()},
        'flat': {name: dataclasses.asdict(s) for name, s in flat.scores.items()},
    }
    table = Table(('mm', *actions, 'Average', 'Frames'), tuple(rows))
    return Report(_head(context, result), table, notes, data)


def published(number: int | str) -> list[dict[str, Any]]:
    """The rows of a table as published.

    Args:
        number: 1 or 2 for the paper's tables, 'supplement 2' for PCK.
    Returns:
        list of dicts: 'method', 'supervision', 'source', 'remark', 'unit', 'actions'
        (dict from action to a number, None where the paper has a dash) and 'average'.
    """
    rows = []
    with open(PUBLISHED, newline='', encoding='utf-8') as file:
        for row in csv.DictReader(file):
            if row['table'] == str(number):
                numbers = {
                    name: float(row[name]) if row[name] else None
                    for name in (*h36m.ACTIONS, 'Average')
                }
                average = numbers.pop('Average')
                words = {key: row[key] for key in _WORDS}
                rows.append({**words, 'actions': numbers, 'average': average})
    return rows


def is_human36m(data: PoseData) -> bool:
    """Whether poses are Human3.6M's, by the file's own word: its name and its actions."""
    return data.name == h36m.NAME and set(data.names.get('action', ())) == set(h36m.ACTIONS)


def check_table(
    number: int, data: PoseData, split: str, keypoints: str, trained_keypoints: str | None
) -> None:
    """Refuse a table that would say what it does not hold.

    Args:
        number: 1 or 2.
        data: `datasets.PoseData`.
        split, keypoints: what is to be measured.
        trained_keypoints: those of the run, None if not known.
    Raises:
        InputError: for other keypoints than the table's, or the training split.
    """
    wanted = TABLE_KEYPOINTS[number]
    if keypoints not in wanted or trained_keypoints not in (None, keypoints):
        raise InputError(
            f'expected a run trained and measured with --keypoints '
            f'{" or ".join(wanted)}, found {trained_keypoints or keypoints} and {keypoints}',
            table=number,
        )
    if is_human36m(data) and split != 'test':
        raise InputError(f'expected the test split, found {split}', table=number)


def paper_table(
    number: int, context: Context, data: PoseData, result: Result, flat: Result
) -> Report:
    """One of the paper's tables with our row beside the paper's of the same method.

    A data set that is not Human3.6M gets a table of its own, without the
    published rows: they are of other people and other cameras.

    Args:
        number: 1 or 2.
        context: `Context`.
        data: `datasets.PoseData` that was measured.
        result, flat: `evaluation.Result` with one protocol.
    Returns:
        `Report`.
    """
    ((protocol, score),) = result.scores.items()
    (flat_score,) = flat.scores.values()
    comparable = is_human36m(data)
    rows, rows_published, notes = [], [], []
    is_whole = False
    if comparable:
        rows_published = published(number)
        actions = list(rows_published[0]['actions'])
        header = ('mm', *SHORT_ACTIONS, 'Avg')
        for row in rows_published:
            cells = (*row['actions'].values(), row['average'])
            rows.append(Row(row['method'], cells, row['supervision']))
        notes = _published_notes(number, rows_published)
        # The file's rate tells how many poses the whole test set has.
        n_whole = h36m.PUBLISHED_FRAMES['test'] * data.fps / h36m.FPS
        is_whole = set(score.actions) == set(actions) and result.n_poses > 0.95 * n_whole
        if not is_whole:
            notes.append(
                f'measured on a part only, {len(score.actions)} of the {len(actions)} actions and '
                f'{result.n_poses} poses of about {n_whole:.0f} at {data.fps:g} Hz: the average is '
                f"not comparable with the paper's"
            )
        if protocol != 'kudo':
            notes.append(f"the paper's rows are by the protocol kudo, ours by {protocol}")
        title = f'Table {number} of the paper'
    else:
        actions = list(score.actions)
        header = ('mm', *actions, 'Avg')
        title = (
            f"Not the paper's Table {number}: {context.dataset} is not Human3.6M, so the "
            f'published rows are left out'
        )
    group, differences = context.method.supervision, {}
    cells = (*(score.actions.get(action) for action in actions), score.average)
    rows.append(Row(context.label, cells, group))
    for row in rows_published:
        if row['method'] == context.method.published:
            differences = {a: x - row['actions'][a] for a, x in score.actions.items()}
            average = score.average - row['average'] if is_whole else None
            cells = (*(differences.get(action) for action in actions), average)
            rows.append(Row('measured - paper', cells, group, is_difference=True))
    cells = (*(flat_score.actions.get(action) for action in actions), flat_score.average)
    rows.append(Row(FLAT, cells, methods.WITHOUT_3D))
    rows.sort(key=lambda row: methods.SUPERVISIONS.index(row.group))
    head = [f'{title}: mean error in mm, protocol {protocol}', *_head(context, result)]
    notes = [f'{protocol}: {protocols.PROTOCOL_NOTES[protocol]}', *notes]
    values = _data(context, result) | {
        'table': number,
        'title': title,
        'is_human36m': comparable,
        'keypoints': context.keypoints,
        'protocol': protocol,
        'published': rows_published,
        'measured': dataclasses.asdict(score),
        'flat': dataclasses.asdict(flat_score),
        'difference': differences,
    }
    return Report(head, Table(header, tuple(rows)), notes, values)


def _published_notes(number, rows):
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


def pck(context: Context, result: PCKResult, flat: PCKResult) -> Report:
    """PCK at 150 mm and AUC, over all, by activity, by camera and by joint.

    Args:
        context: `Context`.
        result, flat: `evaluation.PCKResult` of the generator and of z = 0.
    Returns:
        `Report`.
    """
    supplement = {row['method']: row for row in published('supplement 2')}
    ours = supplement[methods.OURS]
    comparable = context.dataset == mpi_inf_3dhp.NAME and context.split == 'test'
    header: tuple = ('%', 'poses', 'PCK 14', 'AUC 14', 'PCK 17', 'AUC 17')
    if comparable:
        header += (methods.OURS,)
    flat_all = dataclasses.replace(flat.scores[0], name=f'{flat.scores[0].name}, z = 0')
    rows = []
    for score in [result.scores[0], flat_all, *result.scores[1:]]:
        cells: tuple = (score.n_poses, score.pck14, score.auc14, score.pck17, score.auc17)
        if comparable:
            is_theirs = (score.by, score.name) == ('camera', mpi_inf_3dhp.SCENES[0])
            cells += (ours['average'] if is_theirs else None,)
        rows.append(Row(score.name, cells, '' if score.by == 'all' else f'by {score.by}'))
    notes = [
        f'PCK: share of joints nearer than 150 mm; AUC: its mean over 0, 5, ..., 150 mm; both '
        f'relative to the root. 14: without {", ".join(NOT_AMONG_14)}, as is usual; '
        f'17: all.',
        "scale: the truth's own on the xy-plane, as the method has none; x and y are the input's",
    ]
    if comparable:
        notes.append(
            f'{ours["average"]} ({ours["source"]}) is beside the two '
            f'sequences filmed before the green screen, {ours["remark"]}; the paper '
            f'does not say which joints and which truth it is of'
        )
    data = _data(context, result) | {
        'protocol': 'pck',
        'keypoints': context.keypoints,
        'truth': context.truth,
        'scores': [dataclasses.asdict(score) for score in result.scores],
        'flat': [dataclasses.asdict(score) for score in flat.scores],
        'published': list(supplement.values()) if comparable else [],
    }
    return Report(_head(context, result), Table(header, tuple(rows)), notes, data)


def action_bars(context: Context, data: PoseData, result: Result, flat: Result) -> dict[str, Any]:
    """What `visualizations.action_bars` draws of errors, as its keyword arguments."""
    protocol, score = next(iter(result.scores.items()))
    flat_score = flat.scores[protocol]
    table = next((n for n, keys in TABLE_KEYPOINTS.items() if context.keypoints in keys), None)
    rows = published(table) if table and is_human36m(data) and context.split == 'test' else []
    actions = list(rows[0]['actions'] if rows else score.actions)
    measured, references = {}, {}
    for row in rows:
        numbers = [*(row['actions'][action] for action in actions), row['average']]
        if row['method'] == context.method.published:
            measured[row['method']] = numbers
        else:
            references[f'{row["method"]}, {row["supervision"]}'] = numbers
    for label, found in ((context.label, score), ('z = 0', flat_score)):
        measured[label] = [*(found.actions.get(action) for action in actions), found.average]
    return {
        'names': [*actions, 'Average'],
        'measured': measured,
        'references': references,
        'unit': f'error ({protocol}), mm',
        'title': f'{context.dataset}, {context.split} split, keypoints {context.keypoints}',
    }


def pck_bars(context: Context, result: PCKResult, flat: PCKResult) -> dict[str, Any]:
    """What `visualizations.action_bars` draws of PCK, as its keyword arguments."""
    figures = [
        {score.name: score.pck14 for score in found.scores if score.by in ('action', 'all')}
        for found in (result, flat)
    ]
    names = [name for name in figures[0] if name != 'all']
    return {
        'names': [*names, 'all poses'],
        'measured': {
            label: [*(found[name] for name in names), found['all']]
            for label, found in zip((context.label, 'z = 0'), figures)
        },
        'references': {},
        'unit': 'PCK at 150 mm, 14 joints, %',
        'title': f'{context.dataset}, {context.split} split, {context.truth or "pose3d"}',
    }


def _as_text(report):
    return '\n'.join([*report.head, '', tables.text(report.table), '', *report.notes])


def _as_markdown(report):
    head, notes = ([f'- {line}' for line in lines] for lines in (report.head, report.notes))
    return '\n'.join([*head, '', tables.markdown(report.table), '', *notes])


def _as_latex(report):
    head, notes = ([f'% {line}' for line in lines] for lines in (report.head, report.notes))
    return '\n'.join([*head, tables.latex(report.table), *notes])


FORMATS = {
    'text': _as_text,
    'markdown': _as_markdown,
    'latex': _as_latex,
    'csv': lambda report: tables.to_csv(report.table),
    'json': lambda report: json.dumps(report.data, indent=2),
}
