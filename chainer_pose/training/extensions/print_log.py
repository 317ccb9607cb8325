"""The log on the screen."""

import errno
import sys
import time
from collections.abc import Sequence

import chainer

from chainer_pose.utils import cli


class PrintLog(chainer.training.Extension):
    """Print a line for each entry of LogReport, the time a run takes and the time left.

    The time left stands on a terminal's last line, elsewhere on a line a minute. Chainer's
    PrintReport writes terminal escapes to files, too. Nothing is read from a device.

    Args:
        keys: names of columns.
        last: iteration at which the run ends.
        note: printed after their number.
    """

    trigger = 1, 'iteration'

    def __init__(self, keys: Sequence[str], last: int, note: str = '') -> None:
        self._widths = {key: max(10, len(key)) for key in keys}
        self._last = last
        self._note = note

    def initialize(self, trainer: chainer.training.Trainer) -> None:
        self._log = trainer.get_extension('LogReport').log
        self._n_printed = len(self._log)
        self._first, self._started = 0, 0.0
        self._told = False
        self._clear = '\033[K' if sys.stdout.isatty() else ''
        _print(f'{self._last} iterations{self._note}')
        _print('  '.join(f'{key:{width}}' for key, width in self._widths.items()))

    def __call__(self, trainer: chainer.training.Trainer) -> None:
        for entry in self._log[self._n_printed :]:
            cells = [
                f'{entry.get(key, ""):<{width}{"g" if key in entry else ""}}'
                for key, width in self._widths.items()
            ]
            _print(self._clear + '  '.join(cells))
        self._n_printed = len(self._log)
        iteration, now = trainer.updater.iteration, time.monotonic()
        if not self._first:  # the first step of a GPU compiles its kernels
            self._first, self._started, self._updated = iteration, now, now
            return
        rate = (iteration - self._first) / max(now - self._started, 1e-9)
        if not self._told and now - self._started >= 5:
            self._told, self._updated = True, now
            todo = self._last - self._first + 1
            line = f'{todo} iterations, about {cli.duration(todo / rate)} here'
            _print(f'{self._clear}{line} ({rate:.4g} a second)')
        elif now - self._updated >= (0.5 if self._clear else 60):
            self._updated = now
            left = cli.duration((self._last - iteration) / rate)
            line = f'iteration {iteration} of {self._last}, {rate:.4g} a second, {left} left'
            _print(self._clear + line, end='\r' if self._clear else '\n')

    def finalize(self) -> None:
        _print(self._clear, end='')


def _print(text: str, end: str = '\n') -> None:
    try:
        print(text, end=end, flush=True)
    except OSError as error:
        if error.errno != errno.EIO:  # of a terminal that was closed, whose SIGHUP saves the run
            raise
