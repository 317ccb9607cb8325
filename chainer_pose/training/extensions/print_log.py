"""The log on the screen."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Sequence

import chainer


class PrintLog(chainer.training.Extension):
    """Print a line for each entry of LogReport; on a terminal also the rate and the time left.

    Chainer's PrintReport writes terminal escapes to files, too. Nothing is read from a device.

    Args:
        keys: names of columns.
        last: iteration at which the run ends.
    """

    trigger = 1, 'iteration'

    def __init__(self, keys: Sequence[str], last: int) -> None:
        self._widths = {key: max(10, len(key)) for key in keys}
        self._last = last

    def initialize(self, trainer: chainer.training.Trainer) -> None:
        self._log = trainer.get_extension('LogReport').log
        self._n_printed = len(self._log)
        self._first = trainer.updater.iteration
        self._started = self._updated = time.monotonic()
        self._clear = '\033[K' if sys.stdout.isatty() else ''
        print('  '.join(f'{key:{width}}' for key, width in self._widths.items()))

    def __call__(self, trainer: chainer.training.Trainer) -> None:
        for entry in self._log[self._n_printed :]:
            cells = [
                f'{entry.get(key, ""):<{width}{"g" if key in entry else ""}}'
                for key, width in self._widths.items()
            ]
            print(self._clear + '  '.join(cells), flush=True)
        self._n_printed = len(self._log)
        now = time.monotonic()
        if self._clear and now - self._updated >= 0.5:
            self._updated = now
            iteration = trainer.updater.iteration
            rate = (iteration - self._first) / (now - self._started)
            left = datetime.timedelta(seconds=round((self._last - iteration) / rate))
            line = f'iteration {iteration} of {self._last}, {rate:.4g} a second, {left} left'
            print(f'{self._clear}{line}', end='\r', flush=True)

    def finalize(self) -> None:
        print(self._clear, end='', flush=True)
