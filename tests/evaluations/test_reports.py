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


@pytest.mark.parametrize('number', [1, 2])
def test_published_rows_add_up_as_by_hand(number):
    rows = reports.published(number)
    assert [row['method'] for row in rows] == list(BY_HAND[number])
    for row in rows:
        n, total, average, is_mean = BY_HAND[number][row['method']]
        known = [value for value in row['actions'].values() if value is not None]
        assert len(known) == n
        assert sum(known) == pytest.approx(total, abs=1e-9)
        assert row['average'] == average
        assert (abs(total / n - average) <= 0.05) == is_mean
        assert tuple(row['actions']) == h36m.ACTIONS
        is_ours = row['method'] == 'Ours (paper)'
        assert row['supervision'] == ('w/o 3D dataset' if is_ours else 'w/ 3D dataset')
        assert f'Table {number}' in row['source']
        assert (row['dataset'], row['unit']) == (h36m.NAME, 'mm')


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


def test_the_supplements_pck():
    rows = reports.published('supplement 2')
    assert [(row['method'], row['average']) for row in rows] == [
        ('Mehta et al. [4]', 84.1), ('Ours (paper)', 89.3),
    ]  # fmt: skip
    assert {row['dataset'] for row in rows} == {mpi_inf_3dhp.NAME}
    assert reports.PCK_SCENE in mpi_inf_3dhp.SCENES


CONTEXT = reports.Context(
    'h36m', 'test', 'gt', 'gen_50.npz', 'here', 'Ours', 'w/o 3D dataset', 'Ours (paper)',
    trained_on='data h36m', n_whole=110_129,
)  # fmt: skip
OTHER = dataclasses.replace(CONTEXT, dataset='cmu_rig')


def result_of(values, n_poses=109_000, protocol='kudo'):
    score = Score(values, float(np.mean(list(values.values()))), 1.0)
    return Result(n_poses, 0, 0.1, {protocol: score})


MEASURED = result_of({action: 100.0 + i for i, action in enumerate(h36m.ACTIONS)})
MEASURED_CELLS = (*(100.0 + i for i in range(15)), 107.0)
ZERO_DEPTH = result_of(dict.fromkeys(h36m.ACTIONS, 170.0))
OTHERS = result_of({'walking': 80.0, 'jumping': 90.0})


def rows_of(report):
    return {row.label: row for row in report.table.rows}


def test_errors_stand_above_the_baselines():
    report = reports.errors(OTHER, OTHERS, OTHERS)
    assert report.table.header == ('mm', 'walking', 'jumping', 'Average', 'Frames')
    assert [(row.label, row.cells) for row in report.table.rows] == [
        ('kudo (paper)', (80.0, 90.0, 85.0, 1.0)),
        ('kudo (paper), zero depth', (80.0, 90.0, 85.0, 1.0)),
    ]
    assert "Average: mean over the actions, as in the paper's tables" in report.notes[0]
    assert report.notes[-1].startswith('depth flip rate: 10.0%')


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
        ('Ours, other options', 'w/o 3D dataset', 'Ours (paper)'),
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
    method = {'label': label, 'supervision': group, 'options': '--ema 0.9'}
    assert report.data['method'] == method
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


@pytest.mark.parametrize('fault', ['actions', 'poses'])
def test_a_part_of_human36m_is_not_compared_on_average(fault):
    values = dict(MEASURED.scores['kudo'].actions)
    if fault == 'actions':
        del values['Sitting']
    measured = result_of(values, 109_000 if fault == 'actions' else 500)
    report = reports.paper_table(1, CONTEXT, measured, ZERO_DEPTH)
    difference = rows_of(report)['measured - paper'].cells
    assert difference[-1] is None
    assert difference[0] == pytest.approx(-25.0)
    assert any('not comparable with the paper' in note for note in report.notes)
    column = h36m.ACTIONS.index('Sitting')
    cells = rows_of(report)['Ours (measured)'].cells
    assert (cells[column] is None) == (fault == 'actions')


def test_tables_ask_for_their_keypoints():
    def check(number, keypoints, trained, split='test'):
        context = dataclasses.replace(CONTEXT, keypoints=keypoints, split=split)
        reports.check_table(number, context, trained)

    for number, keypoints, trained in (
        (1, 'sh', 'sh'), (1, 'gt', 'sh'), (2, 'gt', 'gt'), (2, 'sh', 'gt'), (2, 'cpn_ft', None),
    ):  # fmt: skip
        with pytest.raises(InputError, match=f'table {number}: expected a run trained'):
            check(number, keypoints, trained)
    with pytest.raises(InputError, match='expected the test split'):
        check(1, 'gt', 'gt', split='train')
    for number, keypoints, trained in ((1, 'gt', 'gt'), (1, 'gt', None), (2, 'sh_ft', 'sh_ft')):
        check(number, keypoints, trained)


def test_another_protocol_is_named():
    result = result_of(MEASURED.scores['kudo'].actions, protocol='p-mpjpe')
    report = reports.paper_table(1, CONTEXT, result, result)
    assert 'protocol p-mpjpe' in report.head[0]
    assert any('by the protocol kudo, ours by p-mpjpe' in note for note in report.notes)


def test_json_and_csv_of_a_table():
    report = reports.paper_table(1, CONTEXT, MEASURED, ZERO_DEPTH)
    found = json.loads(reports.FORMATS['json'](report))
    assert (found['table'], found['n_poses'], found['protocol']) == (1, 109_000, 'kudo')
    assert found['published'][-1]['actions']['Directions'] == 125.0
    assert found['measured']['actions']['Directions'] == 100.0
    assert found['difference']['Directions'] == -25.0
    rows = list(csv.DictReader(reports.FORMATS['csv'](report).splitlines()))
    assert rows[0]['group'] == 'w/ 3D dataset'
    assert rows[0]['WalkD'] == ''
    assert {row['mm'] for row in rows} >= {'Ours (paper)', 'Ours (measured)'}


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


def test_bars_have_the_published_rows_of_human36m_only():
    bars = reports.action_bars(CONTEXT, MEASURED, ZERO_DEPTH)
    assert bars['names'] == [*h36m.ACTIONS, 'Average']
    assert bars['measured']['Ours (paper)'][-1] == 130.9
    assert len(bars['references']) == 2
    bars = reports.action_bars(OTHER, MEASURED, ZERO_DEPTH)
    assert list(bars['measured']) == ['Ours (measured)', 'zero depth']
    assert bars['references'] == {}
