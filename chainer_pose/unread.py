"""What steps report, left on the device until somebody wants to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import chainer
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chainer import Variable
    from chainer.types import NdArray


def stacked(numbers: list[Variable | NdArray]) -> NdArray:
    """Variables and arrays of shape () as one float64 array, where they are.

    Chainer's reporter would average float32 in float32.
    """
    arrays = [chainer.as_array(number) for number in numbers]
    return chainer.backend.get_array_module(*arrays).stack(arrays).astype(np.float64)


class Unread:
    """Means of reports since they were last read.

    To read a number of a GPU is to wait for all that it has been given to do: so it is
    done once for many steps.
    """

    def __init__(self) -> None:
        self._sums: Any = None
        self._count = 0

    def add(self, reports: Mapping[str, NdArray]) -> None:
        """Take in a step's reports, arrays of shape (); their names are always the same."""
        self._names = list(reports)
        step = stacked(list(reports.values()))
        if self._sums is not None:
            # Those of a snapshot have yet to be sent.
            step += chainer.backend.get_array_module(step).asarray(self._sums)
        self._sums = step
        self._count += 1

    def read(self) -> dict[str, float]:
        """Means of each, of one step or more; from here on they are taken anew."""
        means = chainer.backends.cuda.to_cpu(self._sums) / self._count
        self._sums, self._count = None, 0
        return dict(zip(self._names, means.tolist()))

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load the sums, so that a stop between two readings loses nothing."""
        self._count = int(serializer('count', self._count))
        sums = np.zeros(0) if self._sums is None else chainer.backends.cuda.to_cpu(self._sums)
        if isinstance(serializer, chainer.Serializer):
            serializer('sums', sums)
        else:
            loaded = serializer('sums', None)
            self._sums = loaded if self._count else None
