import csv

from chainer_pose.evaluations import tables
from chainer_pose.evaluations.tables import Row, Table

PLAIN = Table(
    ('mm', 'Walking', 'Sitting', 'Avg'),
    (
        Row('kudo', (80.04, 120.06, 100.05)),
        Row('kudo, z = 0', (100.0, None, 7)),
    ),
)
GROUPED = Table(
    ('%', 'A_1'),
    (
        Row('theirs', (45.5,), 'w/ 3D'),
        Row('ours', (41.25,), 'w/o 3D'),
        Row('ours - theirs', (-4.25,), 'w/o 3D', is_difference=True),
        Row('more', (3.0,), 'w/o 3D', is_difference=True),
    ),
)


def test_text():
    assert tables.text(PLAIN).splitlines() == [
        'mm           Walking  Sitting    Avg',
        'kudo            80.0    120.1  100.0',
        'kudo, z = 0    100.0        -      7',
    ]
    assert tables.text(GROUPED).splitlines() == [
        '%               A_1',
        'w/ 3D',
        'theirs         45.5',
        'w/o 3D',
        'ours           41.2',
        'ours - theirs  -4.2',
        'more           +3.0',
    ]


def test_markdown():
    assert tables.markdown(PLAIN).splitlines() == [
        '| mm | Walking | Sitting | Avg |',
        '| --- | ---: | ---: | ---: |',
        '| kudo | 80.0 | 120.1 | 100.0 |',
        '| kudo, z = 0 | 100.0 | – | 7 |',  # noqa: RUF001
    ]
    assert '| **w/ 3D** |  |' in tables.markdown(GROUPED).splitlines()


def test_latex_escapes_and_rules():
    assert tables.latex(GROUPED).splitlines() == [
        r'\begin{tabular}{lr}',
        r'\toprule',
        r'\% & A\_1 \\',
        r'\midrule',
        r'\multicolumn{2}{l}{\textbf{w/ 3D}} \\',
        r'theirs & 45.5 \\',
        r'\midrule',
        r'\multicolumn{2}{l}{\textbf{w/o 3D}} \\',
        r'ours & 41.2 \\',
        r'ours - theirs & $-$4.2 \\',
        r'more & $+$3.0 \\',
        r'\bottomrule',
        r'\end{tabular}',
    ]


def test_csv_keeps_every_digit():
    rows = list(csv.reader(tables.to_csv(PLAIN).splitlines()))
    assert rows == [
        ['mm', 'Walking', 'Sitting', 'Avg'],
        ['kudo', '80.04', '120.06', '100.05'],
        ['kudo, z = 0', '100.0', '', '7'],
    ]
    assert next(csv.reader(tables.to_csv(GROUPED).splitlines())) == ['group', '%', 'A_1']
