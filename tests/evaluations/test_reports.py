"""The paper's tables, as published and beside what was measured."""

import csv
import dataclasses
import json
import re

import numpy as np
import pytest

from chainer_pose.datasets.readers import h36m, mpi_inf_3dhp
from chainer_pose.errors import InputError
from chainer_pose.evaluations import PCKResult, PCKScore, Result, Score, reports

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
    assert (mpi_inf_3dhp.NAME, mpi_inf_3dhp.SCENES[0]) == ('mpi_inf_3dhp', reports.PCK_SCENE)


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


CONTEXT = reports.Context(
    'h36m', 'test', 'gt', 'gen_50.npz', 'here', 'Ours', 'w/o 3D dataset', 'Ours (paper)',
    trained_on='data h36m', n_whole=110_129,
)  # fmt: skip
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
    report = reports.paper_table(number, context, MEASURED, ZERO_DEPTH)
    rows = rows_of(report)
    assert list(rows) == [
        *BY_HAND[number], 'Ours (measured)', 'measured - paper', 'zero depth (measured)',
    ]  # fmt: skip
    assert rows['Ours (measured)'].cells == MEASURED_CELLS
    difference = rows['measured - paper'].cells
    np.testing.assert_allclose(difference, np.subtract(MEASURED_CELLS, rows['Ours (paper)'].cells))
    assert difference[0] == pytest.approx({1: -25.0, 2: -61.3}[number])
    assert len(report.table.header) == 17
    assert report.head[0] == f'Table {number} of the paper: mean error in mm, protocol kudo (paper)'
    assert re.search('test split.* 109000 poses', report.head[1])
    assert 'trained with: the options of the paper' in report.head
    notes = '\n'.join(report.notes)
    assert 'not comparable' not in notes
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
    context = dataclasses.replace(
        CONTEXT, label=label, supervision=group, published=beside, options='--ema 0.9'
    )
    report = reports.paper_table(1, context, MEASURED, ZERO_DEPTH)
    rows = rows_of(report)
    assert rows[f'{label} (measured)'].group == group
    assert rows['zero depth (measured)'].group == 'w/o 3D dataset'
    groups = [row.group for row in report.table.rows]
    assert groups == sorted(groups, key=reports.SUPERVISIONS.index)  # each group once
    assert ('measured - paper' in rows) == bool(beside) == bool(report.data['difference'])
    if beside:
        expected = np.subtract(MEASURED_CELLS, rows[beside].cells)
        np.testing.assert_allclose(rows['measured - paper'].cells, expected)
    assert 'trained with: --ema 0.9' in report.head
    assert report.data['method'] == {
        'label': label, 'supervision': group, 'options': '--ema 0.9',
    }  # fmt: skip
    bars = reports.action_bars(context, MEASURED, ZERO_DEPTH)['measured']
    assert list(bars) == [*([beside] if beside else []), f'{label} (measured)', 'zero depth']


def test_another_data_set_never_stands_beside_the_paper():
    report = reports.paper_table(1, OTHER, OTHERS, OTHERS)
    assert report.head[0].startswith("Not the paper's Table 1: cmu_rig is not Human3.6M")
    for form in reports.FORMATS.values():
        text = form(report)
        for method in ('Martinez', 'Ours (paper)', '130.9'):
            assert method not in text
    # Nor does one that has only the name, or only the actions.
    for context, result in ((CONTEXT, OTHERS), (OTHER, MEASURED)):
        assert not reports.paper_table(1, context, result, result).data['is_human36m']


@pytest.mark.parametrize(('left_out', 'n_poses'), [('Sitting', 109_000), (None, 500)])
def test_a_part_of_human36m_is_not_compared_on_average(left_out, n_poses):
    values = {name: x for name, x in MEASURED.scores['kudo'].actions.items() if name != left_out}
    report = reports.paper_table(1, CONTEXT, result_of(values, n_poses), ZERO_DEPTH)
    difference = rows_of(report)['measured - paper'].cells
    assert difference[-1] is None
    assert difference[0] == pytest.approx(-25.0)
    assert 'not comparable with the paper' in '\n'.join(report.notes)
    missing = [name for name, x in zip(h36m.ACTIONS, difference) if x is None]
    assert missing == ([left_out] if left_out else [])


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


def test_json_and_csv_of_a_table():
    report = reports.paper_table(1, CONTEXT, MEASURED, ZERO_DEPTH)
    found = json.loads(reports.FORMATS['json'](report))
    assert (found['table'], found['n_poses'], found['protocol']) == (1, 109_000, 'kudo')
    parts = found['published'][-1]['actions'], found['measured']['actions'], found['difference']
    assert [part['Directions'] for part in parts] == [125.0, 100.0, -25.0]
    rows = list(csv.DictReader(reports.FORMATS['csv'](report).splitlines()))
    assert (rows[0]['group'], rows[0]['WalkD']) == ('w/ 3D dataset', '')


def test_pck_has_the_supplements_figure_beside_its_scenes_only():
    scores = [
        PCKScore('all', 'all', 9, 80.0, 50.0, 82.0, 51.0),
        PCKScore('action', 'Sports', 4, 70.0, 40.0, 71.0, 41.0),
        PCKScore('camera', 'green screen', 5, 85.0, 52.0, 86.0, 53.0),
        PCKScore('camera', 'outdoor', 4, 75.0, 42.0, 76.0, 43.0),
        PCKScore('joint', 'Hip', 9, None, None, 100.0, 97.0),
    ]
    result = PCKResult(9, 0, scores)
    context = dataclasses.replace(CONTEXT, dataset='mpi_inf_3dhp', target='annot3: real scale')
    report = reports.pck(context, result, result)
    beside = {row.label: row.cells[-1] for row in report.table.rows}
    assert beside.pop('green screen') == 89.3
    assert set(beside.values()) == {None}
    assert [row.label for row in report.table.rows][:2] == ['all', 'all, zero depth']
    assert 'target: annot3: real scale' in report.head
    assert '14: without Hip, Spine, Neck/Nose' in reports.FORMATS['text'](report)
    other = reports.pck(OTHER, result, result)
    assert '89.3' not in reports.FORMATS['text'](other) + reports.FORMATS['json'](other)
    bars = reports.pck_bars(context, result, result)
    assert bars['names'] == ['Sports', 'all poses']
    assert bars['measured']['Ours (measured)'] == [70.0, 80.0]
