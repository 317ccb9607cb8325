"""Means of what steps report, summed on the device."""

import string
from collections.abc import Callable, Mapping
from typing import Any

import chainer
import numpy as np
from chainer import Variable
from chainer.types import NdArray

from chainer_pose.utils.devices import is_on_device, to_host
from chainer_pose.utils.kernels import elementwise

_MOST = 24  # reports of a step; each has a letter for its type


def _add(n: int) -> Callable[..., Any]:
    """Kernel that adds n numbers, one a thread, and counts."""
    inputs = ', '.join(f'raw {t} x{k}' for k, t in zip(range(n), string.ascii_uppercase))
    numbers = ' : '.join(f'i == {k} ? (double)x{k}[0]' for k in range(n))
    text = f'sums[i < {n} ? i : {_MOST}] += {numbers} : 1.0'
    return elementwise(inputs, 'raw float64 sums', text, 'add_reports')


class ReportMeans:
    """Means of reports on a device since they were last read.

    Reading a value blocks until a GPU's queue is empty, so it is read once for many steps.
    """

    def __init__(self, device: chainer.backend.Device) -> None:
        self._sums = device.send(np.zeros(_MOST + 1))  # of each, and how often
        self._names: tuple[str, ...] = ()

    def add(self, report: Mapping[str, Variable | NdArray]) -> None:
        """Add a step's report, at most 24 numbers of shape (), always of the same names."""
        self._names = tuple(report)
        values = [chainer.as_array(value) for value in report.values()]
        if is_on_device(self._sums):
            _add(len(values))(*values, self._sums, size=len(values) + 1)
        else:
            self._sums[: len(values)] += np.array(values, np.float64)
            self._sums[_MOST] += 1

    def read(self) -> dict[str, float]:
        """Return the means since the last reading; {} if there was no step."""
        sums = to_host(self._sums)
        count = float(sums[_MOST])
        means = (sums[: len(self._names)] / count).tolist() if count else []
        self._sums[...] = 0
        return dict(zip(self._names, means))

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        serializer('sums', self._sums)
