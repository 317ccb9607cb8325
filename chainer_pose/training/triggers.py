"""When extensions run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import chainer


class EveryAndLast:
    """Fires at every interval-th iteration and at the last one of the run.

    Chainer's interval trigger leaves a run of 1000 iterations that is saved
    every 300 without its last hundred.

    Args:
        interval: iterations.
        last: iteration at which the run ends.
    """

    def __init__(self, interval: int, last: int) -> None:
        self.interval = interval
        self.last = last

    def at(self, iteration: int) -> bool:
        """Whether it fires at that iteration."""
        return iteration % self.interval == 0 or iteration == self.last

    def __call__(self, trainer: chainer.training.Trainer) -> bool:
        return self.at(trainer.updater.iteration)

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Nothing to keep: Chainer's BestValueTrigger asks."""
