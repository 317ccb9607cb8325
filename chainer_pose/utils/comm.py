"""Training by several processes with ChainerMN, as if by one.

Every process draws the same batch and the same angles, of all processes together, and computes
with its own part of them.
"""

from typing import Any

from chainer.types import NdArray

from chainer_pose.errors import InputError

# chainermn.CommunicatorBase; ChainerMN needs MPI and is imported for several processes only.
Communicator = Any

NAMES = ('naive', 'pure_nccl')


def connect(name: str | None) -> Communicator | None:
    """Return a ChainerMN communicator by its name, one of `NAMES`; None for one process.

    Raises:
        InputError: if mpi4py or, for pure_nccl, NCCL is missing, saying how to install it.
    """
    if name is None:
        return None
    try:
        import mpi4py.MPI  # noqa: F401 (chainermn would import without it, and fail later)
    except (ImportError, RuntimeError) as error:
        raise InputError(
            f"expected mpi4py with an MPI library, found none ({error}); pip install '.[mpi]'",
            communicator=name,
        ) from error
    import chainermn

    # A process that fails must not leave the others waiting for it.
    chainermn.global_except_hook.add_hook()
    # On CuPy 14 the kernel that copies many arrays at once does not compile.
    more = {'batched_copy': False} if name == 'pure_nccl' else {}
    try:
        return chainermn.create_communicator(name, **more)
    except (RuntimeError, ValueError) as error:
        raise InputError(f'expected CuPy with NCCL, found: {error}', communicator=name) from error


def own_part(array: NdArray, comm: Communicator | None) -> NdArray:
    """This process's equal part of an array whose length the number of processes divides."""
    if comm is None:
        return array
    n = len(array) // comm.size
    return array[comm.rank * n : (comm.rank + 1) * n]


def mean(value: Any, comm: Communicator | None) -> Any:
    """Mean of the processes' values, numbers or NumPy arrays, alike in each process."""
    return value if comm is None else comm.allreduce_obj(value) / comm.size


def gather(items: list, comm: Communicator | None) -> list:
    """The processes' lists one after the other, the same in each process."""
    if comm is None:
        return items
    return [item for part in comm.mpi_comm.allgather(items) for item in part]
