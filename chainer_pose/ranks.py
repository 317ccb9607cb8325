"""Training by several processes, ChainerMN's ranks, as if by one.

Every rank draws the same batch and the same angles, of all ranks together, and
computes with its own part of them. What decides or is logged is the ranks' mean,
so that they never disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose.errors import InputError
from chainer_pose.linear import Product

if TYPE_CHECKING:
    import chainer
    import chainermn
    from chainer.types import NdArray

    from chainer_pose.linear import Gradients


NAMES = ('naive', 'pure_nccl')


class Alone:
    """The only process there is.

    Attributes:
        rank, size: which of how many.
        local_rank: which on this machine.
    """

    rank, size, local_rank = 0, 1, 0

    def part(self, array: NdArray) -> NdArray:
        """This rank's equal part of an array whose length `size` divides."""
        n = len(array) // self.size
        return array[self.rank * n : (self.rank + 1) * n]

    def gather(self, item: object) -> list:
        """The items of all ranks, in order: list, the same on each."""
        return [item]

    def mean(self, values: Sequence) -> list:
        """Means over the ranks of each value of a sequence, floats or arrays: list."""
        return [sum(of_ranks) / self.size for of_ranks in zip(*self.gather(list(values)))]

    def gradients(self, gradients: Gradients, links: Sequence[chainer.Link]) -> Gradients:
        """Gradients of the mean of the ranks' losses, from each rank's own.

        Args:
            gradients: list of (parameter, gradient), as of `linear.Calls.gradients`.
            links: list of chainer.Link, whose parameters they are.
        Returns:
            the same of the mean, a `Product` where that is less to send.
        """
        return gradients


ALONE = Alone()


class Ranks(Alone):
    """A ChainerMN communicator.

    Args:
        communicator: of `chainermn.create_communicator`.
    """

    def __init__(self, communicator: chainermn.CommunicatorBase) -> None:
        self._communicator = communicator
        self.rank, self.size = communicator.rank, communicator.size
        self.local_rank = communicator.intra_rank

    def gather(self, item: object) -> list:
        return self._communicator.mpi_comm.allgather(item)

    def gradients(self, gradients: Gradients, links: Sequence[chainer.Link]) -> Gradients:
        if self._on_gpu(links):
            for param, gradient in gradients:
                param.grad = _whole(gradient)
            for link in links:
                self._communicator.multi_node_mean_grad(link, zero_fill=True)
            return [(param, param.grad) for param, _ in gradients]
        params, own = zip(*gradients)
        joined = self.gather([self._slim(gradient) for gradient in own])
        return [(p, self._joined(of_ranks)) for p, of_ranks in zip(params, zip(*joined))]

    @staticmethod
    def _on_gpu(links):
        return any(link.xp is not np for link in links)

    def _slim(self, gradient):
        """A product, as long as those of all ranks are smaller than what they make."""
        if isinstance(gradient, Product):
            (n_out, batch), (_, n_in) = gradient.left.shape, gradient.right.shape
            if self.size * batch * (n_out + n_in) > n_out * n_in:
                return gradient.multiply()
        return gradient

    def _joined(self, gradients):
        if any(gradient is None for gradient in gradients):
            return None
        if isinstance(gradients[0], Product):
            left = np.concatenate([gradient.left for gradient in gradients], axis=1)
            return Product(left / self.size, np.concatenate([g.right for g in gradients]))
        # Of one angle NumPy makes a scalar, and NumPy 1 one of double precision.
        return np.asarray(sum(gradients) / self.size, gradients[0].dtype)


def _whole(gradient):
    return gradient.multiply() if isinstance(gradient, Product) else gradient


def connect(name: str | None) -> Alone:
    """The ranks that a communicator's name means.

    Args:
        name: one of `NAMES`, or None for `ALONE`.
    Raises:
        InputError: if mpi4py or, for pure_nccl, NCCL is missing, saying how to install it.
    """
    if name is None:
        return ALONE
    try:
        import mpi4py.MPI  # noqa: F401 (chainermn would import without it, and fail later)
    except (ImportError, RuntimeError) as error:
        raise InputError(
            f'--communicator {name}: expected mpi4py with an MPI library, found none '
            f"({error}); pip install '.[mpi]'"
        ) from error
    import chainermn

    # A rank that fails must not leave the others waiting for it.
    chainermn.global_except_hook.add_hook()
    # On CuPy 14 the kernel that copies many arrays at once does not compile.
    more = {'batched_copy': False} if name == 'pure_nccl' else {}
    try:
        return Ranks(chainermn.create_communicator(name, **more))
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f'--communicator {name}: expected CuPy with NCCL, found: {error}'
        ) from error
