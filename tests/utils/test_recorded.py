"""When a function is run, recorded and replayed, with a fake CuPy that counts."""

import contextlib
import types

import numpy as np
import pytest
from chainer.backends import cuda

from chainer_pose.utils.recorded import Recorded


class Array:
    """A GPU's array, of which only the shape matters."""

    dtype = np.dtype('f')

    def __init__(self, n):
        self.shape = (n,)

    def copy(self):
        return Array(*self.shape)


class Stream(contextlib.nullcontext):
    """Counts its captures and the launches of what was captured; may fail to capture."""

    captures = launches = 0

    def __init__(self, ptr=1, fails=False):
        super().__init__()
        self.ptr, self.fails = ptr, fails

    def begin_capture(self):
        self.captures += 1
        if self.fails:
            raise RuntimeError('an old\ndriver')

    def end_capture(self):
        return self

    def launch(self, stream):
        self.launches += 1


def use(monkeypatch, stream):
    """Make a stream the current one; returns a recorded function and its calls."""
    streams = types.SimpleNamespace(
        get_current_stream=lambda: stream,
        Stream=Stream,
        MemoryPool=lambda: types.SimpleNamespace(malloc=None),
        using_allocator=contextlib.nullcontext,
    )
    cupy = types.SimpleNamespace(cuda=streams, copyto=lambda to, array: None)
    monkeypatch.setattr(cuda, 'cupy', cupy, raising=False)
    runs = []
    return Recorded(lambda x: runs.append(x.shape)), runs


def test_two_calls_run_the_third_is_recorded_and_then_replayed(monkeypatch):
    stream = Stream()
    function, runs = use(monkeypatch, stream)
    for calls, launches in ((1, 0), (2, 0), (3, 1), (3, 2), (3, 3)):
        function(Array(4))
        assert (len(runs), stream.launches) == (calls, launches)
        assert function.is_recorded == (launches > 0)
    function(Array(5))  # of another shape: all over again
    assert not function.is_recorded
    assert runs[3:] == [(5,)]
    for _ in range(3):
        function(Array(5))
    assert (stream.captures, stream.launches) == (2, 5)


def test_a_capture_that_fails_is_reported_once_and_the_function_runs(monkeypatch, capsys):
    stream = Stream(fails=True)
    function, runs = use(monkeypatch, stream)
    for _ in range(6):
        function(Array(4))
    assert (len(runs), stream.captures, stream.launches) == (6, 1, 0)
    (line,) = capsys.readouterr().err.splitlines()
    assert 'expected to record the step, found: an old driver' in line


@pytest.mark.parametrize('enabled', [True, False])
def test_the_default_stream_gets_one_that_can_be_recorded(monkeypatch, enabled):
    default = Stream(ptr=0)
    function, _ = use(monkeypatch, default)
    function = function if enabled else Recorded(lambda x: None, enabled=False)
    for _ in range(4):
        function(Array(4))
    assert function.is_recorded == enabled
    assert default.captures == default.launches == 0
