import csv

from chainer_pose import tables
from chainer_pose.evaluation import Score

SCORES = {
    'kudo': Score({'Walking': 80.04, 'Sitting': 120.06}, 100.05, 95.5),
    'kudo, z = 0': Score({'Walking': 100.0, 'Sitting': 200.0}, 150.0, 140.0),
}


def test_text():
    assert tables.text(*tables.action_table(SCORES)).splitlines() == [
        'mm           Walking  Sitting  Average  Frames',
        'kudo            80.0    120.1    100.0    95.5',
        'kudo, z = 0    100.0    200.0    150.0   140.0',
    ]


def test_markdown():
    assert tables.markdown(*tables.action_table(SCORES)).splitlines() == [
        '| mm | Walking | Sitting | Average | Frames |',
        '| --- | ---: | ---: | ---: | ---: |',
        '| kudo | 80.0 | 120.1 | 100.0 | 95.5 |',
        '| kudo, z = 0 | 100.0 | 200.0 | 150.0 | 140.0 |',
    ]


def test_csv_keeps_every_digit():
    rows = list(csv.reader(tables.to_csv(*tables.action_table(SCORES)).splitlines()))
    assert rows[0] == ['mm', 'Walking', 'Sitting', 'Average', 'Frames']
    assert rows[1] == ['kudo', '80.04', '120.06', '100.05', '95.5']
    assert rows[2][0] == 'kudo, z = 0'
