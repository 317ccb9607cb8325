"""When extensions run."""

from __future__ import annotations

import chainer


class EveryAndLast:
    """Fire at every interval-th iteration and at the last one of the run.

    Chainer's interval trigger would not save the end of a run that the interval does not divide.
    """

    def __init__(self, interval: int, last: int) -> None:
        self.interval = interval
        self.last = last

    def __call__(self, trainer: chainer.training.Trainer) -> bool:
        iteration = trainer.updater.iteration
        return iteration % self.interval == 0 or iteration == self.last

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Do nothing: it has no state, but Chainer's BestValueTrigger serializes it."""
