"""Shuffled batches of poses."""

import chainer
import numpy as np
from chainer.types import NdArray

from chainer_pose.utils import comm as comm_module
from chainer_pose.utils.random_state import serialize_rng


class PoseIterator(chainer.dataset.Iterator):
    """Shuffled batches of poses: tuples of arrays on the poses' device.

    Every pose is drawn once an epoch; a batch at its end takes the rest from the next
    epoch, so all batches have the same size.

    Args:
        arrays: tuple of arrays of length N, NumPy or CuPy: poses and their labels.
        batchsize: poses a batch and process; may exceed N.
        rng: numpy.random.Generator that shuffles; the same in all processes.
        comm: ChainerMN communicator; each process gets its part of the common batch.
    """

    def __init__(
        self,
        arrays: tuple[NdArray, ...],
        batchsize: int,
        rng: np.random.Generator,
        comm: comm_module.Communicator | None = None,
    ) -> None:
        self.arrays = arrays
        self.batch_size = batchsize * (1 if comm is None else comm.size)
        self._comm, self._rng = comm, rng
        self._xp = chainer.backend.get_array_module(arrays[0])
        self.epoch = self._position = 0
        self.is_new_epoch = False
        self._previous_epoch_detail = -1.0
        self._shuffle()

    def _shuffle(self) -> None:
        # Sent to a GPU once an epoch, instead of each batch's indices.
        self._order = self._xp.asarray(self._rng.permutation(len(self.arrays[0])))

    def __next__(self) -> tuple[NdArray, ...]:
        self._previous_epoch_detail = self.epoch_detail
        epoch, missing, drawn = self.epoch, self.batch_size, []
        while missing:
            part = self._order[self._position : self._position + missing]
            drawn.append(part)
            missing -= len(part)
            self._position += len(part)
            if self._position == len(self._order):
                self.epoch += 1
                self._position = 0
                self._shuffle()
        self.is_new_epoch = self.epoch > epoch
        batch = drawn[0] if len(drawn) == 1 else self._xp.concatenate(drawn)
        own = comm_module.own_part(batch, self._comm)
        return tuple(array[own] for array in self.arrays)

    next = __next__

    @property
    def epoch_detail(self) -> float:
        """Number of epochs, with the fraction of the current one."""
        return self.epoch + self._position / len(self._order)

    @property
    def previous_epoch_detail(self) -> float | None:
        """`epoch_detail` before the last batch; None before the first."""
        return None if self._previous_epoch_detail < 0 else self._previous_epoch_detail

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        self.epoch = serializer('epoch', self.epoch)
        self.is_new_epoch = bool(serializer('is_new_epoch', self.is_new_epoch))
        self._previous_epoch_detail = serializer(
            'previous_epoch_detail', self._previous_epoch_detail
        )
        self._position = serializer('position', self._position)
        serializer('order', self._order)
        serialize_rng(serializer, 'shuffle', self._rng)
