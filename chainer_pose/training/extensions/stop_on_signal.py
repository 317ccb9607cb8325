"""SIGTERM, SIGHUP and Ctrl-C while training: end after the iteration, with a snapshot."""

import signal
from collections.abc import Sequence
from typing import Any

import chainer

from chainer_pose.errors import Stopped
from chainer_pose.utils import comm as comm_module


class StopOnSignal(chainer.training.Extension):
    """End training after the iteration in which a signal comes; a second one ends it at once.

    But for a second SIGHUP: of a terminal that is closed both the system and the shell may tell.
    When called after a signal it calls the extensions `before` (snapshot, pictures) and raises
    Stopped. A signal to any process of `comm` ends all.
    """

    trigger = 1, 'iteration'
    default_name = 'stop_on_signal'
    priority = -300  # after the snapshot, whose state it does not change

    def __init__(
        self,
        before: Sequence[chainer.training.Extension] = (),
        comm: comm_module.Communicator | None = None,
    ) -> None:
        self._before = before
        self._comm = comm
        self._signal = 0
        self._handlers: dict[int, Any] = {}

    def initialize(self, trainer: chainer.training.Trainer) -> None:
        hangup = getattr(signal, 'SIGHUP', 0)  # not on Windows

        def note(number: int, _: object) -> None:
            self._signal = number
            for other in self._handlers.keys() - {hangup}:
                signal.signal(other, self._handlers[other])

        for number in filter(None, (signal.SIGINT, signal.SIGTERM, hangup)):
            # A shell's background jobs ignore Ctrl-C, those of nohup SIGHUP, and go on doing so.
            if signal.getsignal(number) != signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, note)

    def finalize(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def __call__(self, trainer: chainer.training.Trainer) -> None:
        number = max(comm_module.gather([self._signal], self._comm))
        if number:
            for extension in self._before:
                extension(trainer)
            comm_module.gather([], self._comm)  # the others wait: one that ends may end all
            raise Stopped(number, trainer.updater.iteration)
