"""Functions of arrays, recorded as CUDA graphs."""

import contextlib
import sys
from collections.abc import Callable
from typing import Any

from chainer.backends import cuda
from chainer.types import NdArray

from chainer_pose.utils.devices import is_on_device

_EAGER = 2  # calls before the recording, which compile kernels and fill the memory pool


class Recorded:
    """A function of arrays that a GPU records once as a CUDA graph and then replays.

    On the CPU it is the function itself. On a GPU the function must read no value on the host,
    launch the same kernels each time, change its state in place, and call neither CuPy's cuBLAS
    nor its random numbers. The first calls run it, the third records it; other shapes start over.

    Args:
        function: function of arrays. A replay returns the arrays of the recorded call.
        enabled: False to run it each time, for debugging.
    """

    def __init__(self, function: Callable[..., Any], enabled: bool = True) -> None:
        self._function = function
        self._enabled = enabled
        self._key: Any = None
        self._graph: Any = None
        self._result: Any = None

    @property
    def is_recorded(self) -> bool:
        """Whether the last call replayed a graph."""
        return self._graph is not None

    def __call__(self, *arrays: NdArray) -> Any:
        if not self._enabled or not is_on_device(arrays[0]):
            return self._function(*arrays)
        cupy = cuda.cupy
        current = cupy.cuda.get_current_stream()
        key = current.ptr, *((array.shape, array.dtype) for array in arrays)
        if key != self._key:
            self._start(key, current, arrays)
        with self._stream:
            for mine, array in zip(self._inputs, arrays):
                cupy.copyto(mine, array)
            if self._graph is None:
                self._run()
            else:
                self._graph.launch(self._stream)
        return self._result

    def _start(self, key: Any, current: Any, arrays: tuple[NdArray, ...]) -> None:
        cupy = cuda.cupy
        self._key, self._calls, self._graph = key, 0, None
        # The default stream cannot be recorded; an ordinary one keeps its order.
        self._stream = current if current.ptr else cupy.cuda.Stream()
        # The graph uses addresses that another pool would reuse.
        self._pool = cupy.cuda.MemoryPool()
        with self._stream:
            self._inputs = [array.copy() for array in arrays]

    def _run(self) -> None:
        self._calls += 1
        with cuda.cupy.cuda.using_allocator(self._pool.malloc):
            if self._calls > _EAGER:
                try:
                    self._graph = self._capture()
                except Exception as error:  # the driver, cuBLAS and CuPy have their own classes
                    found = f'{" ".join(str(error).split()):.200}; training goes on without'
                    print(
                        f'CUDA graph: expected to record the step, found: {found}', file=sys.stderr
                    )
                    self._enabled = False
                else:
                    self._graph.launch(self._stream)
                    return
            self._result = self._function(*self._inputs)

    def _capture(self) -> Any:
        self._stream.begin_capture()
        try:
            self._result = self._function(*self._inputs)
        except Exception:
            with contextlib.suppress(Exception):  # it would hide the cause
                self._stream.end_capture()
            raise
        return self._stream.end_capture()
