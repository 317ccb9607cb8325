"""A function of arrays that a GPU replays as a CUDA graph."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chainer.backends import cuda

from chainer_pose.utils.devices import is_on_device

if TYPE_CHECKING:
    from chainer.types import NdArray

_EAGER = 2  # calls before the recording: they compile the kernels and fill the memory pool


class Recorded:
    """Call a function of arrays; on a GPU record its kernels once and replay them from then on.

    On the CPU it is the function itself. On a GPU the function must read no value on the host,
    launch the same kernels each time, change its state in place, and leave cuBLAS and random
    numbers to others than CuPy. The first calls run it, the third records it. Arrays of other
    shapes are recorded anew.

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

    def _start(self, key, current, arrays):
        cupy = cuda.cupy
        self._key, self._calls, self._graph = key, 0, None
        # The default stream cannot be recorded; an ordinary one waits for it and is waited for.
        self._stream = current if current.ptr else cupy.cuda.Stream()
        # The graph keeps the addresses of blocks that another pool would give away.
        self._pool = cupy.cuda.MemoryPool()
        with self._stream:
            self._inputs = [array.copy() for array in arrays]

    def _run(self):
        self._calls += 1
        with cuda.cupy.cuda.using_allocator(self._pool.malloc):
            if self._calls > _EAGER:
                try:
                    self._graph = self._capture()
                except Exception as error:  # of the driver, of cuBLAS or of CuPy, each its own
                    found = ' '.join(str(error).split())
                    print(
                        f'CUDA graph: expected to record the step, found: {found:.200}; training '
                        f'goes on without',
                        file=sys.stderr,
                    )
                    self._enabled = False
                else:
                    self._graph.launch(self._stream)
                    return
            self._result = self._function(*self._inputs)

    def _capture(self):
        self._stream.begin_capture()
        try:
            self._result = self._function(*self._inputs)
        except Exception:
            with contextlib.suppress(Exception):  # of the broken capture, which hides the cause
                self._stream.end_capture()
            raise
        return self._stream.end_capture()
