"""SIGTERM and Ctrl-C while training: end after the iteration, with a snapshot."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import chainer

from chainer_pose.errors import Stopped
from chainer_pose.utils import comm as comm_module

if TYPE_CHECKING:
    import chainermn


class StopOnSignal(chainer.training.Extension):
    """Ends training after the iteration in which a signal came; used in a with statement.

    The second signal does what it did before: it ends the process at once.

    Args:
        save: function of the trainer that writes its snapshot.
        comm: ChainerMN communicator; a signal to any of its processes ends all.

    Raises:
        Stopped: when called, if a signal has come, after `save`.
    """

    trigger = 1, 'iteration'
    default_name = 'stop_on_signal'
    priority = -300  # after the snapshot, so that none is written twice

    def __init__(
        self,
        save: Callable[[chainer.training.Trainer], None],
        comm: chainermn.CommunicatorBase | None = None,
    ) -> None:
        self._save = save
        self._comm = comm
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
        number = max(comm_module.gather([self._signal], self._comm))
        if number:
            self._save(trainer)
            raise Stopped(number, trainer.updater.iteration)
