"""An exponential moving average of a link's parameters, while it trains."""

from __future__ import annotations

import chainer


class MovingAverage(chainer.training.Extension):
    """Keeps `average`, a copy of a link whose parameters follow it slowly.

    After each iteration t = 1, 2, ... average = d average + (1 - d) link, with
    d = min(decay, t / (t + 9)), so that a short run's average is not that of
    its first weights.

    Args:
        link: chainer.Link, as it is before the first iteration.
        decay: between 0 and 1.
    """

    trigger = 1, 'iteration'
    default_name = 'moving_average'
    priority = chainer.training.PRIORITY_WRITER + 1  # before the evaluation

    def __init__(self, link: chainer.Link, decay: float) -> None:
        self.average = link.copy(mode='copy')
        self._link = link
        self._decay = decay

    def __call__(self, trainer: chainer.training.Trainer) -> None:
        t = trainer.updater.iteration
        share = 1 - min(self._decay, t / (t + 9))
        for average, param in zip(self.average.params(), self._link.params()):
            difference = param.array - average.array
            difference *= share
            average.array += difference

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        self.average.serialize(serializer['average'])
