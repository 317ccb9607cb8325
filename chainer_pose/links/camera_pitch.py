"""How far a data set's cameras look down."""

from __future__ import annotations

import chainer
import numpy as np
from chainer.types import NdArray


class CameraPitch(chainer.Link):
    """One pitch for all of a data set's cameras, fixed or learned.

    Args:
        degrees: initial pitch, positive where the cameras look down.
        learned: whether it has a gradient.
    """

    def __init__(self, degrees: float = 0.0, learned: bool = False) -> None:
        super().__init__()
        self._learned = learned
        with self.init_scope():
            self.angle = chainer.Parameter(np.array(np.radians(degrees), np.float32))

    def forward(self) -> chainer.Variable:
        """Give a Variable of shape (), radians."""
        return self.angle if self._learned else chainer.as_variable(self.angle.array)

    @property
    def degrees(self) -> NdArray:
        """Array of shape ()."""
        return self.angle.array * (180 / np.pi)
