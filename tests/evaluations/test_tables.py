from chainer_pose.evaluations import tables
from chainer_pose.evaluations.tables import Row, Table

PLAIN = Table(
    ('mm', 'Walking', 'Sitting', 'Avg'),
    (Row('kudo', (80.04, 120.06, 100.05)), Row('zero depth', (100.0, None, 7))),
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
        'mm          Walking  Sitting    Avg',
        'kudo           80.0    120.1  100.0',
        'zero depth    100.0        -      7',
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
        '| zero depth | 100.0 | – | 7 |',  # noqa: RUF001
    ]
    assert '| **w/ 3D** |  |' in tables.markdown(GROUPED).splitlines()


def test_latex_escapes_and_rules():
    expected = r"""
\begin{tabular}{lr}
\toprule
\% & A\_1 \\
\midrule
\multicolumn{2}{l}{\textbf{w/ 3D}} \\
theirs & 45.5 \\
\midrule
\multicolumn{2}{l}{\textbf{w/o 3D}} \\
ours & 41.2 \\
ours - theirs & $-$4.2 \\
more & $+$3.0 \\
\bottomrule
\end{tabular}"""
    assert tables.latex(GROUPED) == expected.strip()
