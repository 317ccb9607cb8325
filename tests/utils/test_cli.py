import argparse
import subprocess
import sys

import pytest

from chainer_pose.errors import InputError, NonFiniteError
from chainer_pose.utils import cli


@pytest.mark.parametrize(
    ('text', 'kind', 'bounds', 'expected'),
    [
        ('3', int, {'low': 1}, 3),
        ('0.5', float, {'low': 0.5, 'high': 1}, 0.5),
        ('1e-3', float, {'above': 0}, 1e-3),
        ('-1', int, {'low': -1}, -1),
    ],
)
def test_numbers(text, kind, bounds, expected):
    assert cli.number(kind, **bounds)(text) == expected


@pytest.mark.parametrize(
    ('text', 'kind', 'bounds', 'wanted'),
    [
        ('x', int, {}, 'a whole number'),
        ('1.5', int, {}, 'a whole number'),
        ('0', int, {'low': 1}, 'a whole number and 1 or more'),
        ('0', float, {'above': 0}, 'a number and more than 0'),
        ('2', float, {'low': 0, 'high': 1}, 'a number and 0 or more and at most 1'),
        ('inf', float, {}, 'a number'),
        ('nan', float, {}, 'a number'),
    ],
)
def test_numbers_that_are_refused(text, kind, bounds, wanted):
    with pytest.raises(argparse.ArgumentTypeError, match=f"expected {wanted}, found '{text}'"):
        cli.number(kind, **bounds)(text)


@pytest.mark.parametrize(
    ('error', 'status', 'line'),
    [
        (InputError('a file:\n  expected this'), 2, 'a file: expected this'),
        (
            OSError(28, 'No space left on device', 'log'),
            2,
            "[Errno 28] No space left on device: 'log'",
        ),
        (NonFiniteError('gen/loss is nan'), 1, 'gen/loss is nan'),
    ],
)
def test_errors_end_on_one_line(error, status, line, capsys, monkeypatch):
    def main():
        raise error

    monkeypatch.setattr(sys, 'argv', ['/some/where/train.py'])
    with pytest.raises(SystemExit) as caught:
        cli.run(main)
    assert caught.value.code == status
    assert capsys.readouterr().err == f'train.py: {line}\n'


def test_ctrl_c():
    def main():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        cli.run(main)
    assert caught.value.code == 130


def test_a_reader_that_has_seen_enough():
    code = 'from chainer_pose.utils import cli; cli.run(lambda: print("line\\n" * 100000))'
    finished = subprocess.run(
        ['bash', '-c', f"{sys.executable} -c '{code}' | head -n 1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 141
    assert finished.stdout == 'line\n'
    assert finished.stderr == ''
