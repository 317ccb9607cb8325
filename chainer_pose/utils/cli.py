"""What the scripts share: one-line refusals and option types."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TextIO

from chainer_pose.errors import InputError, NonFiniteError, Stopped


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that refuses on one line and takes no abbreviations."""

    def __init__(self, **options: Any) -> None:
        options['formatter_class'] = argparse.RawDescriptionHelpFormatter
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f'{self.prog}: {message}\n')


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run a script's main() and end the process as its errors ask.

    Refused input, and a file that cannot be read or written, end with one line
    and status 2, diverged training with one line and status 1, Ctrl-C with
    status 130, SIGTERM with 143, a closed pipe with 141.
    """
    # As an exception, so that a file half written is taken away on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, "head" say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141  # 128 + SIGPIPE, as of a tool that the signal ends
    except NonFiniteError as error:
        status = _say(error, 1)
    except Stopped as error:
        status = _say(error, 128 + error.number)
    except (InputError, OSError) as error:
        status = _say(error, 2)
    except KeyboardInterrupt:
        status = 130
    if status:
        _end_other_ranks(status)
    sys.exit(status)


def _end_other_ranks(status):
    # Under mpiexec the others would wait for this one for ever.
    mpi = sys.modules.get('mpi4py.MPI')
    if mpi is not None and mpi.COMM_WORLD.size > 1:
        sys.stderr.flush()
        time.sleep(1)  # mpiexec ends without what it has not yet read of the message
        mpi.COMM_WORLD.Abort(status)


def warn(texts: Iterable[str]) -> None:
    """Print warnings to standard error, a line each, after the script's name."""
    for text in texts:
        _say(f'warning: {text}', 0)


def _say(error, status):
    message = ' '.join(str(error).split())
    print(f'{os.path.basename(sys.argv[0])}: {message}', file=sys.stderr)
    return status


class Progress:
    """Tells how far a long conversion is: call it with (done, total, what).

    On a terminal one line is written over and over; elsewhere, in a log say, a
    line is added every ten seconds.
    """

    def __init__(self, out: TextIO | None = None, interval: float = 10.0) -> None:
        self._out = out or sys.stdout
        self._terminal = self._out.isatty()
        self._interval = 0.1 if self._terminal else interval
        self._started = self._last = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._terminal:
            self._out.write('\r\033[K')

    def __call__(self, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if now - self._last >= self._interval:
            self._last = now
            left = (now - self._started) * (total - done) / max(done, 1)
            line = f'{done} of {total}, about {left:.0f} s left: {what}'
            self._out.write(f'\r\033[K{line}' if self._terminal else f'{line}\n')
            self._out.flush()


def number(
    kind: type, low: float | None = None, high: float | None = None, above: float | None = None
) -> Callable[[str], Any]:
    """An argparse type: a finite int or float within bounds.

    Args:
        kind: int or float.
        low, high: smallest and largest value allowed.
        above: the value must be larger than this.
    """
    bounds = [
        text
        for bound, text in (
            (low, f'{low} or more'),
            (above, f'more than {above}'),
            (high, f'at most {high}'),
        )
        if bound is not None
    ]
    wanted = ' and '.join([{int: 'a whole number', float: 'a number'}[kind], *bounds])

    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        inside = (
            math.isfinite(value)
            and (low is None or value >= low)
            and (high is None or value <= high)
            and (above is None or value > above)
        )
        if not inside:
            raise argparse.ArgumentTypeError(f'expected {wanted}, found {text!r}')
        return value

    return parse
