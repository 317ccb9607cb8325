"""The angles of eq. (1)."""

import copy

import chainer
import numpy as np
from chainer.types import NdArray

from chainer_pose.utils import comm as comm_module
from chainer_pose.utils.random_state import serialize_rng


def random_angles(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n angles uniformly from [-pi, pi] (eq. 1): (n,) float32."""
    return rng.uniform(-np.pi, np.pi, n).astype(np.float32)


class AngleIterator(chainer.dataset.Iterator):
    """Iterate over batches of angles on a device.

    Many are drawn and sent at a time, which a GPU needs, as if they were drawn batch by batch.

    Args:
        batch_size: angles a batch, of all processes together.
        rng: draws them.
        device: where they are sent.
        comm: ChainerMN communicator, each of whose processes gets its part.
        ahead: batches drawn at a time.
    """

    def __init__(
        self,
        batch_size: int,
        rng: np.random.Generator,
        device: chainer.backend.Device,
        comm: comm_module.Communicator | None = None,
        ahead: int = 256,
    ) -> None:
        self._shape = (ahead, batch_size)
        self._rng = rng  # in its state before `_draw`
        self._device = device
        self._comm = comm
        self._draw()

    def _draw(self) -> None:
        rng = copy.deepcopy(self._rng)
        angles = random_angles(self._shape[0] * self._shape[1], rng).reshape(self._shape)
        own = np.ascontiguousarray(comm_module.own_part(angles.T, self._comm).T)
        self._drawn = self._device.send(own)
        self._after = rng.bit_generator.state
        self._used = 0

    def __next__(self) -> NdArray:
        """Return this process's angles of a batch: (B,) float32, radians."""
        if self._used == len(self._drawn):
            self._rng.bit_generator.state = self._after
            self._draw()
        self._used += 1
        return self._drawn[self._used - 1]

    next = __next__

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        used = int(serializer('used', self._used))
        serialize_rng(serializer, 'rng', self._rng)
        if isinstance(serializer, chainer.Deserializer):
            self._draw()
            self._used = used
