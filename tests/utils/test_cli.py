import argparse
import signal
import subprocess
import sys

import pytest

from chainer_pose.errors import InputError, NonFiniteError, Stopped
from chainer_pose.training.extensions.stop_on_signal import StopOnSignal
from chainer_pose.utils import cli


@pytest.mark.parametrize(
    ('kind', 'bounds', 'expected', 'good', 'bad'),
    [
        (int, {}, 'a whole number', '-3', ('x', '1.5', 'inf')),
        (float, {'above': 0}, 'a number and more than 0', '1e-3', ('0', 'x', 'inf', 'nan')),
        (float, {'low': 0, 'high': 1}, 'a number and 0 or more and at most 1', '1', ('2', '-1')),
    ],
)
def test_numbers_within_bounds(kind, bounds, expected, good, bad):
    parse = cli.number(kind, **bounds)
    assert parse(good) == kind(good)
    for text in bad:
        with pytest.raises(
            argparse.ArgumentTypeError, match=f"expected {expected}, found '{text}'"
        ):
            parse(text)


@pytest.mark.parametrize(
    ('error', 'status', 'line'),
    [
        (InputError('a file:\n  expected this'), 2, 'a file: expected this'),
        (InputError('expected this', n_unit=3), 2, '--n-unit 3: expected this'),
        (OSError(28, 'No space left', 'log'), 2, "[Errno 28] No space left: 'log'"),
        (NonFiniteError('gen/loss is nan'), 1, 'gen/loss is nan'),
        (Stopped(signal.SIGTERM, 5), 143, 'stopped by SIGTERM after iteration 5, with a'),
        (KeyboardInterrupt(), 130, ''),
    ],
)
def test_errors_end_on_one_line(error, status, line, capsys, monkeypatch):
    def main():
        raise error

    monkeypatch.setattr(sys, 'argv', ['/some/where/train.py'])
    with pytest.raises(SystemExit) as caught:
        cli.run(main)
    assert caught.value.code == status
    err = capsys.readouterr().err
    assert err.startswith(f'train.py: {line}' if line else '')
    assert err.count('\n') == bool(line)


@pytest.mark.slow
def test_a_closed_pipe():
    code = 'from chainer_pose.utils import cli; cli.run(lambda: print("line\\n" * 100000))'
    finished = subprocess.run(
        ['bash', '-c', f"{sys.executable} -c '{code}' | head -n 1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert (finished.returncode, finished.stdout, finished.stderr) == (141, 'line\n', '')


def test_without_sighup(monkeypatch):
    """As on Windows."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    monkeypatch.delattr(signal, 'SIGHUP')
    try:
        with pytest.raises(SystemExit) as ended:
            cli.run(lambda: 0)
        stop = StopOnSignal()
        stop.initialize(None)
        stop.finalize()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert ended.value.code == 0


def test_duration():
    assert [*map(cli.duration, (12.4, 336, 29_520))] == ['12 s', '6 minutes', '8.2 hours']
