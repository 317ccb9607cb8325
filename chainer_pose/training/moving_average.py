"""Exponential moving average of the parameters of a link."""

import chainer
import numpy as np

from chainer_pose.optimizers import Adam, flatten
from chainer_pose.utils.devices import is_on_device, scalar_like
from chainer_pose.utils.kernels import elementwise

_follow = elementwise(
    'T p, float64 decay, int64 t',
    'T average',
    'average += (p - average) * (T)(1 - min(decay, t / (t + 9.)))',
    'moving_average',
)


class MovingAverage:
    """Exponential moving average of the parameters of a link.

    After iteration t = 1, 2, ...: average = d average + (1 - d) link, with
    d = min(decay, t / (t + 9)), so that the first weights are soon forgotten.

    Attributes:
        average: copy of the link of `optimizer`, with the averages as parameters.
    """

    def __init__(self, optimizer: Adam, decay: float) -> None:
        link = optimizer.target
        self.average = link.copy(mode='copy')
        averages = [param.array for param in self.average.params()]
        # Where the parameters are one array, so are their averages, for one kernel.
        self._arrays = [(param.array, average) for param, average in zip(link.params(), averages)]
        if optimizer.flat is not None:
            flat, views = flatten(averages)
            for param, view in zip(self.average.params(), views):
                param.array = view
            self._arrays = [(optimizer.flat, flat)]
        self._decay = decay
        self._t = scalar_like(averages[0], 0, np.int64)

    def update(self) -> None:
        """Add the parameters after an iteration."""
        self._t += 1
        for array, average in self._arrays:
            if is_on_device(average):
                _follow(array, self._decay, self._t, average)
                continue
            difference = array - average
            difference *= 1 - min(self._decay, int(self._t) / (int(self._t) + 9))
            average += difference

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        serializer('t', self._t)
        self.average.serialize(serializer['average'])
