"""SIGTERM and Ctrl-C while training: end after the iteration, with a snapshot."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import chainer

from chainer_pose.errors import Stopped
from chainer_pose.ranks import ALONE

if TYPE_CHECKING:
    from chainer_pose.ranks import Alone


class StopOnSignal(chainer.training.Extension):
    """Ends training after the iteration in which a signal came; used in a with statement.

    The second signal does what it did before: it ends the process at once.

    Args:
        save: function of the trainer that writes its snapshot.
        ranks: `ranks.Ranks`; a signal to any of them ends all.

    Raises:
        Stopped: when called, if a signal has come, after `save`.
    """

    trigger = 1, 'iteration'
    default_name = 'stop_on_signal'
    priority = -300  # after the snapshot, so that none is written twice

    def __init__(
        self, save: Callable[[chainer.training.Trainer], None], ranks: Alone = ALONE
    ) -> None:
        self._save = save
        self._ranks = ranks
        self._signal = 0

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Within it, signals are noted."""
        before: dict = {}

        def note(number, _):
            self._signal = number
            restore()

        def restore():
            for number, handler in before.items():
                signal.signal(number, handler)

        for number in (signal.SIGINT, signal.SIGTERM):
            # What ignores a signal, as a shell's background jobs do Ctrl-C, goes on ignoring it.
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, note)
        try:
            yield
        finally:
            restore()

    def __call__(self, trainer: chainer.training.Trainer) -> None:
        number = max(self._ranks.gather(self._signal))
        if number:
            self._save(trainer)
            raise Stopped(number, trainer.updater.iteration)
