"""When extensions run."""

import time

import chainer
from chainer.training.util import get_trigger


class EveryAndLast:
    """Fire at every interval-th iteration and at the last one of the run; never if it is None.

    Chainer's interval trigger would not save the end of a run that the interval does not divide.
    """

    def __init__(self, interval: int | None, last: int) -> None:
        self.interval = interval
        self.last = last

    def __call__(self, trainer: chainer.training.Trainer) -> bool:
        if self.interval is None:
            return False
        iteration = trainer.updater.iteration
        return iteration % self.interval == 0 or iteration == self.last

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Do nothing: it has no state, but Chainer's BestValueTrigger serializes it."""


class OrAfterMinutes:
    """Fire when another trigger does, and when it has not done so for some minutes.

    The clock is no part of its state, so that a run that goes on is the same whatever it shows.
    """

    def __init__(self, trigger: object, minutes: float) -> None:
        self._trigger = get_trigger(trigger)
        self._seconds = 60 * minutes
        self._fired: float | None = None

    def __call__(self, trainer: chainer.training.Trainer) -> bool:
        now = time.monotonic()
        if self._fired is None:  # the first iteration of this process
            self._fired = now
        fires = bool(self._trigger(trainer)) or now - self._fired >= self._seconds
        if fires:
            self._fired = now
        return fires

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        self._trigger.serialize(serializer)
