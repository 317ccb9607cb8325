"""The paper's tables, as published and beside what was measured."""

import csv
import dataclasses
import json
import re

import numpy as np
import pytest

from chainer_pose.datasets.readers import h36m, mpi_inf_3dhp
from chainer_pose.errors import InputError
from chainer_pose.evaluations import PCKResult, PCKScore, Result, Score, over_runs, reports

# Added up by hand from the paper's text: sum of each row, published average, and
# whether that is the mean of the row (it is not in five rows of ten).
BY_HAND = {
    1: {
        'Tang et al. [32]': (13, 1034.9, 79.0, False),  # mean 79.6; WalkD and WalkT are dashes
        'Martinez et al. [15]': (15, 682.6, 45.5, True),
        'Ours (paper)': (15, 1963.3, 130.9, True),
    },
    2: {
        'Ionescu et al. [13]': (15, 2431.9, 162.1, True),
        'Tung et al. [32]': (13, 1280.8, 97.2, False),  # mean 98.5
        'Tome et al. [16]': (15, 1328.1, 88.4, False),  # mean 88.5
        'Pavlakos et al. [18]': (15, 1072.4, 71.9, False),  # mean 71.5
        'Martinez et al. [15]': (15, 943.3, 62.9, True),
        'Zhou et al. [30]': (15, 969.0, 64.9, False),  # mean 64.6
        'Ours (paper)': (15, 2598.5, 173.2, True),
    },
}


def test_published_rows_add_up_as_by_hand():
    for number, by_hand in BY_HAND.items():
        rows = reports.published(number)
        assert [row['method'] for row in rows] == list(by_hand)
        for row, (n, total, average, _) in zip(rows, by_hand.values()):
            known = [value for value in row['actions'].values() if value is not None]
            assert (len(known), row['average']) == (n, average)
            assert sum(known) == pytest.approx(total, abs=1e-9)
            assert tuple(row['actions']) == h36m.ACTIONS
            kind = 'w/o' if row['method'] == 'Ours (paper)' else 'w/'
            assert row['supervision'] == f'{kind} 3D dataset'
            assert (row['dataset'], row['unit']) == (h36m.NAME, 'mm')
    rows = reports.published('supplement 2')
    assert [(row['dataset'], row['average']) for row in rows] == [
        ('mpi_inf_3dhp', 84.1),
        ('mpi_inf_3dhp', 89.3),
    ]
    assert mpi_inf_3dhp.NAME == 'mpi_inf_3dhp'


@pytest.mark.parametrize('number', [1, 2])
def test_published_rows_equal_the_papers_text_to_the_digit(number, shared_data):
    text = (shared_data.parent / 'notes' / 'paper.txt').read_text()
    blocks = re.findall(r'\nMethod\tDirect\..*?\*\*Table (\d)\.', text, re.DOTALL)
    assert blocks == ['1', '2']
    block = re.split(r'\nMethod\tDirect\.', text)[number].split('**Table')[0]
    printed = [line.split('\t') for line in block.splitlines() if re.search(r'\d\.\d', line)]
    found = []
    with open(reports.PUBLISHED, newline='', encoding='utf-8') as file:
        for row in csv.reader(file):
            if row[0] == str(number):
                label = row[4].replace('Ours (paper)', 'Ours')
                found.append([label, *(value or '—' for value in row[7:])])
    assert found == printed


TRAINED = {'length': '9 of 9 iterations', 'poses': 3, 'fps': 10.0, 'chosen_by': 'the last'}
CONTEXT = reports.Context(
    'h36m', 'test', 'gt', ['gen_50.npz'], 'Ours', 'w/o 3D dataset', 'Ours (paper)', trained=TRAINED
)
OTHER = dataclasses.replace(CONTEXT, dataset='cmu_rig')


def result_of(values, n_poses=109_000):
    score = Score(values, float(np.mean(list(values.values()))), 1.0)
    return Result(n_poses, 0, 0.1, {'kudo': score})


MEASURED = result_of({action: 100.0 + i for i, action in enumerate(h36m.ACTIONS)})
MEASURED_CELLS = (*(100.0 + i for i in range(15)), 107.0)
ZERO_DEPTH = result_of(dict.fromkeys(h36m.ACTIONS, 170.0))
OTHERS = result_of({'walking': 80.0, 'jumping': 90.0})


def rows_of(report):
    return {row.label: row for row in report.table.rows}


@pytest.mark.parametrize('number', [1, 2])
def test_our_row_stands_beside_the_papers(number):
    context = dataclasses.replace(CONTEXT, keypoints={1: 'gt', 2: 'sh'}[number])
    report = reports.paper_table(number, context, [MEASURED], ZERO_DEPTH)
    rows = rows_of(report)
    assert list(rows) == [
        *BY_HAND[number], 'Ours (measured)', 'measured - paper', 'zero depth (measured)',
    ]  # fmt: skip
    assert rows['Ours (measured)'].cells == MEASURED_CELLS
    difference = rows['measured - paper'].cells
    np.testing.assert_allclose(difference, np.subtract(MEASURED_CELLS, rows['Ours (paper)'].cells))
    assert difference[0] == pytest.approx({1: -25.0, 2: -61.3}[number])
    assert len(report.table.header) == 17
    found = json.loads(reports.FORMATS['json'](report))
    assert found['difference']['Directions'] == difference[0]
    assert report.head[0] == f'Table {number} of the paper: mean error in mm, protocol kudo (paper)'
    assert re.search('test split.* 109000 poses', report.head[1])
    for line in (
        'trained for: 9 of 9 iterations', 'trained with: the options of the paper',
        'trained on: data not known, poses 3, subjects not known, fps 10.0, keypoints not known, '
        'seeds not known', 'weights chosen by: the last',
    ):  # fmt: skip
        assert line in report.head
    notes = '\n'.join(report.notes)
    assert 'part' not in notes
    for method, (n, total, average, is_mean) in BY_HAND[number].items():
        line = f'average of {method}, {average:.1f}, is not the mean of its row, {total / n:.1f}'
        assert (line in notes) == (not is_mean)


@pytest.mark.parametrize(
    ('label', 'group', 'beside'),
    [
        ('Ours, semi-supervised', 'w/ part of a 3D dataset', ''),
        ('Martinez et al.', 'w/ 3D dataset', 'Martinez et al. [15]'),
        ('Ours', 'not known whether w/ 3D dataset', 'Ours (paper)'),
    ],
)
def test_a_run_stands_in_its_group(label, group, beside):
    """Neither labels nor additions pass for the paper's method."""
    departures = ['9 iterations', '--ema 0.9']
    context = dataclasses.replace(
        CONTEXT, label=label, supervision=group, published=beside, departures=departures
    )
    report = reports.paper_table(1, context, [MEASURED], ZERO_DEPTH)
    rows = rows_of(report)
    assert rows[f'{label}: 9 iterations, --ema 0.9 (measured)'].group == group
    assert rows['zero depth (measured)'].group == 'w/o 3D dataset'
    groups = [row.group for row in report.table.rows]
    assert groups == sorted(groups, key=reports.SUPERVISIONS.index)  # each group once
    assert ('measured - paper' in rows) == bool(beside) == bool(report.data['difference'])
    if beside:
        expected = np.subtract(MEASURED_CELLS, rows[beside].cells)
        np.testing.assert_allclose(rows['measured - paper'].cells, expected)
    assert 'trained with: 9 iterations, --ema 0.9' in report.head
    assert report.data['method'] == {
        'label': label, 'supervision': group, 'options': '',
        'departures': departures, 'trained': TRAINED,
    }  # fmt: skip
    bars = reports.bars(context, [MEASURED], ZERO_DEPTH)['measured']
    assert list(bars) == [*([beside] if beside else []), f'{label} (measured)', 'zero depth']


def test_another_data_set_never_stands_beside_the_paper():
    report = reports.paper_table(1, OTHER, [OTHERS], OTHERS)
    assert report.head[0].startswith("Not the paper's Table 1: cmu_rig is not Human3.6M")
    for form in reports.FORMATS.values():
        text = form(report)
        for method in ('Martinez', 'Ours (paper)', '130.9'):
            assert method not in text
    # Nor does one that has only the name, or only the actions.
    for context, result in ((CONTEXT, OTHERS), (OTHER, MEASURED)):
        assert not reports.paper_table(1, context, [result], result).data['is_human36m']


def test_notes_and_csv_say_what_the_head_cannot():
    context = dataclasses.replace(
        CONTEXT, trained={**TRAINED, 'lacks': 'S6'}, part='lacks S9 Walking', excused=['a take'],
        other_data='others', in_mm=True,
    )  # fmt: skip
    table = reports.paper_table(1, context, [MEASURED], ZERO_DEPTH)
    in_mm = 'kudo (paper): in mm as predicted, root depth as predicted, all joints'
    assert in_mm in table.notes
    for report, name in (
        (table, 'Ours (measured)'),
        (reports.errors(context, [MEASURED], ZERO_DEPTH), 'kudo (paper)'),
    ):
        said = next(line for line in report.head if line.startswith('trained on'))
        assert said.endswith('; they lack S6')
        said = [
            said, 'trained with: the options of the paper', 'weights chosen by: the last',
            'lacks S9 Walking', 'excused: a take', 'others',
        ]  # fmt: skip
        assert set(said) <= set(report.head)
        assert report.data['part'] == 'lacks S9 Walking'
        rows = list(csv.DictReader(reports.FORMATS['csv'](report).splitlines()))
        assert report is not table or (rows[0]['group'], rows[0]['WalkD']) == ('w/ 3D dataset', '')
        remarks = {row['mm']: row['remark'] for row in rows if row['remark']}
        assert remarks == {name: '; '.join(said)}


def test_the_papers_protocol_alone_is_compared_with_the_paper():
    measured, zero = (
        dataclasses.replace(found, scores={'p-mpjpe': found.scores['kudo']})
        for found in (MEASURED, ZERO_DEPTH)
    )
    report = reports.paper_table(1, CONTEXT, [measured], zero)
    labels = ['Ours (measured by p-mpjpe)', 'zero depth (measured by p-mpjpe)']
    assert list(rows_of(report))[3:] == labels
    assert report.data['difference'] == {}
    bars = reports.bars(CONTEXT, [measured], zero)
    assert (list(bars['measured']), bars['references']) == (['Ours (measured)', 'zero depth'], {})


def test_the_mean_of_runs_has_its_deviation():
    results = [result_of({'walking': x, 'jumping': 2 * x}) for x in (80.0, 90.0, 97.0)]
    mean, deviation = over_runs(results)
    assert over_runs(results[:1]) == (results[0], None)
    assert mean.scores['kudo'].average == pytest.approx(1.5 * 89)
    of_jumping = deviation.scores['kudo'].actions['jumping']
    assert of_jumping == pytest.approx(2 * np.std([80, 90, 97], ddof=1))
    context = dataclasses.replace(OTHER, snapshots=['a', 'b', 'c'])
    report = reports.paper_table(1, context, results, OTHERS)
    spread = rows_of(report)['standard deviation over runs'].cells
    assert spread[0] == pytest.approx(8.544, abs=1e-3)
    assert report.data['deviation']['actions']['walking'] == spread[0]
    assert report.data['runs'] == ['a', 'b', 'c']
    assert report.data['measured']['actions']['walking'] == pytest.approx(89)
    labels = [row.label for row in reports.errors(context, results, OTHERS).table.rows]
    assert labels == [
        'kudo (paper)', 'kudo (paper), standard deviation over runs', 'kudo (paper), zero depth',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ('number', 'keypoints', 'trained', 'fits'),
    [
        (1, 'gt', 'gt', True), (1, 'gt', None, True), (2, 'sh_ft', 'sh_ft', True),
        (1, 'sh', 'sh', False), (1, 'gt', 'sh', False), (2, 'gt', 'gt', False),
        (2, 'sh', 'gt', False), (2, 'cpn_ft', None, False),
    ],
)  # fmt: skip
def test_tables_ask_for_their_keypoints_and_split(number, keypoints, trained, fits):
    context = dataclasses.replace(CONTEXT, keypoints=keypoints)
    if fits:
        reports.check_table(number, context, trained)
        context = dataclasses.replace(context, split='train')
    message = 'expected the test split' if fits else f'table {number}: expected a run trained'
    with pytest.raises(InputError, match=message):
        reports.check_table(number, context, trained)


def test_pck_has_the_supplements_figure_where_the_depth_alone_is_counted():
    scores = [
        PCKScore('all', 'all', 9, 80.0, 50.0, 82.0, 51.0),
        PCKScore('action', 'Sports', 4, 70.0, 40.0, 71.0, 41.0),
        PCKScore('camera', 'green screen', 5, 85.0, 52.0, 86.0, 53.0),
        PCKScore('joint', 'Hip', 9, None, None, 100.0, 97.0),
    ]
    result = PCKResult(9, 0, scores)
    context = dataclasses.replace(CONTEXT, dataset='mpi_inf_3dhp', target='annot3: real scale')
    report = reports.pck(context, [result], result)
    labels = ['all', 'all, zero depth', 'Sports', 'green screen', 'Hip']
    assert [row.label for row in report.table.rows] == labels
    assert 'target: annot3: real scale' in report.head
    assert '14: without Hip, Spine, Neck/Nose' in reports.FORMATS['text'](report)
    of_depth = dataclasses.replace(result, depth_only=True)
    authors = reports.pck(context, [of_depth], of_depth)
    beside = {row.label: row.cells[-1] for row in authors.table.rows}
    assert beside == dict.fromkeys(labels) | {'all': 89.3}
    assert 'training sequences; measured here: the test split' in '\n'.join(authors.notes)
    assert 'no PCK in 3D' in authors.notes[-1]
    for other in (report, reports.pck(OTHER, [of_depth], of_depth)):
        assert '89.3' not in reports.FORMATS['text'](other) + reports.FORMATS['json'](other)
    spread = reports.pck(context, [result, result], result)
    assert spread.table.rows[1].cells == (9, 0.0, 0.0, 0.0, 0.0)
    bars = reports.bars(context, [result], result)
    assert bars['names'] == ['Sports', 'all poses']
    assert bars['measured']['Ours (measured)'] == [70.0, 80.0]
