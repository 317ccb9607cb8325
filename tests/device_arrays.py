"""The rules of a CUDA graph without a GPU: strict arrays that compute with NumPy.

`DeviceArray` stands in for `cupy.ndarray`. It has what the package's steps use; everything else
is a `Fault`: to read a value on the host, to mix in NumPy arrays, to call CuPy's own cuBLAS.
Kernels are compiled as C++. A `Recording` repeats operations on the same memory.
"""

import ctypes
import functools
import hashlib
import math
import operator
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import chainer
import numpy as np
from chainer.backends import cuda
from numpy.lib.mixins import NDArrayOperatorsMixin

_COMPILER = os.environ.get('CXX') or shutil.which('c++') or shutil.which('g++')

UNAVAILABLE = None  # or the reason to skip tests that use this module
if cuda.available:
    UNAVAILABLE = 'CuPy is installed, whose own arrays can be tested'
elif _COMPILER is None:
    UNAVAILABLE = 'no C++ compiler for the kernels'


class Fault(AssertionError):
    """What cannot be recorded, or blocks until the GPU's queue is empty."""


# Arrays: to each of these lists belongs only what can be recorded on a GPU, too. ---------------

_FUNCTIONS = {
    'broadcast_to', 'concatenate', 'empty_like', 'full_like', 'ones_like', 'split', 'where',
    'zeros_like',
}  # fmt: skip
_METHODS = {'astype', 'copy', 'mean', 'reshape', 'sum', 'transpose'}
_ATTRIBUTES = {'dtype', 'flags', 'itemsize', 'nbytes', 'ndim', 'shape', 'size', 'strides'}

_tape = None  # of the Recording that goes on


def _note(operation):
    if _tape is not None:
        _tape.append(operation)


def _check_not_recording():
    if _tape is not None:
        raise Fault('a copy between host and device within a recording')


def _poison(host):
    """Fill new memory with NaN, since a device's may hold anything."""
    host.fill(np.nan if host.dtype.kind == 'f' else 1)
    return host


def _run(function, args, kwargs):
    """Call a function of NumPy; its results are views, arguments or new arrays."""
    devices = []

    def host(x):
        if isinstance(x, DeviceArray):
            devices.append(x)
            return x._host
        if isinstance(x, np.ndarray):
            raise Fault(f'{function}: host memory of shape {x.shape} beside a device array')
        return type(x)(map(host, x)) if type(x) in (tuple, list) else x

    args, kwargs = host(args), {key: host(value) for key, value in kwargs.items()}
    new = []  # (where in the results, memory that a replay fills)

    def device(k, x):
        given = [d for d in devices if d._host is x]
        if given or x is None:
            return given[0] if given else None
        x = np.asarray(x)  # NumPy makes scalars of arrays of shape ()
        if not any(np.may_share_memory(x, d._host) for d in devices):
            new.append((k, x))
        return DeviceArray._of(x)

    def call():
        result = function(*args, **kwargs)
        return result if isinstance(result, list) else [result]

    def repeat():
        results = call()
        for k, memory in new:
            memory[...] = results[k]

    results = [device(k, x) for k, x in enumerate(call())]
    _note(repeat)
    return results if function is np.split else results[0]


def _method(name):
    def method(self, *args, **kwargs):  # arrays in args, as an axis or a length, are read
        return _run(lambda x, **more: getattr(x, name)(*args, **more), [self], kwargs)

    return method


class DeviceArray(NDArrayOperatorsMixin, object if cuda.available else cuda.ndarray):
    """As `cupy.ndarray`, on memory that only this module reads.

    Args:
        array, dtype: what `numpy.array` takes; copied.
    """

    device = None  # Chainer then switches to no GPU

    def __init__(self, array, dtype=None):
        _check_not_recording()
        self._host = np.array(array, dtype, order='C')

    @classmethod
    def _of(cls, host):
        self = object.__new__(cls)
        self._host = host
        return self

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if ufunc is np.matmul or any(isinstance(x, list) for x in inputs):
            raise Fault(f'{ufunc.__name__}: CuPy calls cuBLAS or fails')
        return _run(getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        name = function.__name__
        if name not in _FUNCTIONS or (name == 'where' and len(args) == 1):
            raise Fault(f'{name}: not known to be recorded')
        if kwargs.get('shape') == ():
            raise Fault(f'{name}: a shape of (), which CuPy takes for none given')
        if name == 'split':  # where to, which CuPy takes as an array, too
            args = [x.tolist() if isinstance(x, np.ndarray) else x for x in args]
        if function is np.empty_like:
            return _run(lambda *a, **k: _poison(np.empty_like(*a, **k)), args, kwargs)
        return _run(function, args, kwargs)

    def _read(self, *args, **kwargs):
        raise Fault(f'a value read of a device array of shape {self.shape}')

    __float__ = __int__ = __index__ = __complex__ = __bool__ = __array__ = __reduce_ex__ = _read
    item = get = tolist = tobytes = _read

    T = property(lambda self: self.transpose())

    def dot(self, *args, **kwargs):
        raise Fault('dot: use chainer_pose.utils.cublas.dot')

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (self[i] for i in range(len(self))) if self.ndim else self._read()

    def __deepcopy__(self, memo):
        return self.copy()

    def __getitem__(self, index):
        parts = index if isinstance(index, tuple) else (index,)
        arrays = [part for part in parts if isinstance(part, DeviceArray)]
        if any(array.dtype == bool for array in arrays):
            raise Fault('how many values a mask picks is read')
        if arrays:  # a copy, even where NumPy takes an index of shape () for a number
            return _run(lambda x, index: np.array(x[index]), (self, parts), {})
        if not any(part is Ellipsis for part in parts):
            parts += (Ellipsis,)  # a view even where it is of one number
        return _run(operator.getitem, (self, parts), {})

    def __setitem__(self, index, value):
        _run(operator.setitem, (self, index, value), {})

    def set(self, array, stream=None):
        _check_not_recording()
        self._host[...] = array

    for _name in _ATTRIBUTES:
        locals()[_name] = property(operator.attrgetter(f'_host.{_name}'))
    for _name in _METHODS:
        locals()[_name] = _method(_name)


def to_host(array):
    """A NumPy copy of a DeviceArray's values, for tests."""
    _check_not_recording()
    if not isinstance(array, DeviceArray):
        raise Fault(f'{type(array).__name__} is not on the device')
    return array._host.copy()


def link_to_device(link):
    """Move a link's parameters and persistent arrays to DeviceArrays in place; returns it.

    Gradients are cleared.
    """
    for param in link.params():
        if isinstance(param.array, np.ndarray):
            param.array = DeviceArray(param.array)
            param.cleargrad()
    for child in link.links():
        for name in child._persistent:
            if isinstance(getattr(child, name), np.ndarray):
                setattr(child, name, DeviceArray(getattr(child, name)))
    return link


class Recording:
    """Note operations on DeviceArrays to repeat them: `with Recording() as r`.

    Unlike a capture it also runs them. Like a CUDA graph it keeps using the same memory and the
    same Python numbers.
    """

    def __enter__(self):
        global _tape
        self._operations = _tape = []
        return self

    def __exit__(self, *exception):
        global _tape
        _tape = None

    def replay(self):
        """Repeat everything in order, on what the arrays hold now."""
        for operation in self._operations:
            operation()


# Kernels -----------------------------------------------------------------------------------

_C_TYPES = {
    'bool': 'bool', 'int32': 'int', 'int64': 'long long', 'float32': 'float', 'float64': 'double',
}  # fmt: skip

# As in CUDA: max and min of a float and an int are ambiguous, functions of integers and the two
# macros are missing.
_PRELUDE = """
#include <cmath>
#include <cstddef>
#include <type_traits>
using namespace std;
#undef NAN
#undef INFINITY
#define PAIR(T) static inline T max(T a, T b) { return a < b || a != a ? b : a; } \\
    static inline T min(T a, T b) { return b < a || a != a ? b : a; }
PAIR(int) PAIR(long) PAIR(long long) PAIR(float) PAIR(double)
#define NOT_OF_INTEGERS(F) \\
    template <class T, class = enable_if_t<is_integral<T>::value>> void F(T) = delete;
NOT_OF_INTEGERS(sqrt) NOT_OF_INTEGERS(exp) NOT_OF_INTEGERS(log) NOT_OF_INTEGERS(log1p)
NOT_OF_INTEGERS(fabs) NOT_OF_INTEGERS(cos) NOT_OF_INTEGERS(sin)
"""


@functools.cache
def _folder():
    return tempfile.TemporaryDirectory(prefix='device-arrays-')  # goes with the process


@functools.cache
def _compiled(source):
    path = Path(_folder().name, hashlib.sha256(source.encode()).hexdigest() + '.so')
    flags = ['-xc++', '-std=c++14', '-O1', '-ffp-contract=off', '-shared', '-fPIC', '-w', '-o']
    command = [*shlex.split(_COMPILER), *flags, str(path), '-']
    done = subprocess.run(command, input=source, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f'{done.stderr}\n{source}')
    return ctypes.CDLL(str(path)).run


def _parse(params):
    """A list of (whether it is raw, its type, its name)."""
    parsed = []
    for text in params.split(','):
        *raw, kind, name = text.split()
        known = raw in ([], ['raw']) and (kind in _C_TYPES or re.fullmatch('[A-Z]', kind))
        if not known or not re.fullmatch('(?!i$)[A-Za-z][A-Za-z0-9_]*', name):
            raise TypeError(f'expected a parameter that CuPy takes, found {text!r}')
        parsed.append((bool(raw), kind, name))
    return parsed


class _Kernel:
    """A kernel, called with inputs, then all outputs or none, as CuPy's."""

    def __init__(self, in_params, out_params, name, each, before='', after='', reduces=False):
        self.params, self.n = _parse(in_params) + _parse(out_params), len(_parse(in_params))
        self.name, self.each, self.before, self.after = name, each, before, after
        self.reduces = reduces

    def __call__(self, *args, size=None):
        assert len(args) in (self.n, len(self.params)), f'{self.name}: {len(args)} arguments'
        types = {kind: np.dtype(kind) for _, kind, _ in self.params if kind in _C_TYPES}
        shapes = []  # of what is broadcast
        for k, ((raw, kind, name), x) in enumerate(zip(self.params, args)):
            if isinstance(x, DeviceArray):
                if types.setdefault(kind, x.dtype) != x.dtype:
                    raise TypeError(f'{self.name}: {name} is {x.dtype}, not {types[kind]}')
                if not raw and not (self.reduces and k >= self.n):
                    shapes.append(x.shape)
            elif raw or k >= self.n or not isinstance(x, (bool, int, float, np.generic)):
                raise Fault(f'{self.name}: {name} is {type(x).__name__}, no device array')
        if bool(shapes) != (size is None):
            raise TypeError(f'{self.name}: size is for kernels of which every array is raw')
        shape = np.broadcast_shapes(*shapes) if shapes else (size,)
        out_shape, fresh, out_params = () if self.reduces else shape, [], self.params[self.n :]
        if len(args) == self.n:
            fresh = [np.empty(out_shape, types[kind]) for _, kind, _ in out_params]
        args = [x._host if isinstance(x, DeviceArray) else x for x in args] + fresh
        for (raw, _, name), x in zip(out_params, args[self.n :]):
            if not x.flags.c_contiguous or not (raw or x.shape == out_shape):
                raise TypeError(f'{self.name}: {name} has shape {x.shape}, strides {x.strides}')
        once, each = [], []
        for k, ((raw, kind, name), x) in enumerate(zip(self.params, args)):
            kind = _C_TYPES.get(kind, kind)
            data = f'(({"const " if k < self.n else ""}{kind} *)_data[{k}])'
            if raw:
                once.append(f'auto {name} = {data};')
            elif not isinstance(x, np.ndarray) or (self.reduces and k >= self.n):
                once.append(f'auto &{name} = *{data};')
            else:  # a reference, as in CuPy: an output may be an input's memory
                each.append(f'auto &{name} = {data}[i];')
        typedefs = [f'typedef {_C_TYPES[types[t].name]} {t};' for t in types if len(t) == 1]
        function = _compiled('\n'.join([
            _PRELUDE, *typedefs, 'extern "C" void run(ptrdiff_t _size, char **_data) {', *once,
            self.before, 'for (ptrdiff_t _j = 0; _j < _size; _j++) { const ptrdiff_t i = _j;',
            *each, self.each, '}', self.after, '}',
        ]))  # fmt: skip

        def contiguous(raw, kind, x):
            whole = isinstance(x, np.ndarray) and not raw
            return np.ascontiguousarray(np.broadcast_to(x, shape) if whole else x, types[kind])

        def run():
            for host in fresh:
                _poison(host)
            inputs = zip(self.params[: self.n], args)
            hosts = [contiguous(raw, kind, x) for (raw, kind, _), x in inputs] + args[self.n :]
            data = (ctypes.c_void_p * len(hosts))(*(host.ctypes.data for host in hosts))
            function(ctypes.c_ssize_t(math.prod(shape)), data)

        run()
        _note(run)
        outs = [DeviceArray._of(x) for x in args[self.n :]]
        return outs[0] if len(outs) == 1 else tuple(outs)


@functools.cache
def elementwise(in_params, out_params, operation, name):
    """As `chainer.backends.cuda.elementwise`: a kernel to be called with DeviceArrays."""
    return _Kernel(in_params, out_params, name, f'{operation};')


@functools.cache
def reduce(in_params, out_params, map_expr, reduce_expr, post_map_expr, identity, name):
    """As `chainer.backends.cuda.reduce`, of all elements to an array of shape ()."""
    (_, kind, _), *_ = _parse(out_params)
    kind = _C_TYPES.get(kind, kind)
    each = f'const {kind} _m = {map_expr}; {{ const {kind} a = _s, b = _m; _s = {reduce_expr}; }}'
    after = f'const {kind} a = _s; {post_map_expr};'
    return _Kernel(in_params, out_params, name, each, f'{kind} _s = {identity};', after, True)


def dot(a, b, transa=False, transb=False, out=None):
    """As `chainer_pose.utils.cublas.dot`: op(a) op(b), of C-contiguous matrices."""
    for x in (a, b) if out is None else (a, b, out):
        if not isinstance(x, DeviceArray):
            raise Fault(f'dot of {type(x).__name__}, not device memory')
        if not (x.ndim == 2 and x.flags.c_contiguous and x.dtype == a.dtype):
            raise ValueError(f'dot of {x.dtype}, shape {x.shape}, strides {x.strides}')
    left = a._host.T if transa else a._host
    right = b._host.T if transb else b._host
    if out is None:
        out = DeviceArray._of(np.empty((left.shape[0], right.shape[1]), a.dtype))
    assert not any(np.may_share_memory(out._host, x) for x in (left, right))

    def multiply():
        np.matmul(left, right, out=out._host)

    multiply()
    _note(multiply)
    return out


class _Cupy:
    """`cupy` for Chainer and the package: NumPy's functions, which DeviceArrays take over."""

    def __getattr__(self, name):
        if name == 'random':
            raise Fault('random numbers')
        return getattr(np, name)

    def array(self, x, dtype=None):
        return x.astype(dtype or x.dtype) if isinstance(x, DeviceArray) else DeviceArray(x, dtype)

    asarray = array

    def ascontiguousarray(self, x):
        return x.copy()


def install(monkeypatch):
    """Let Chainer and the package take DeviceArrays, for the length of a test."""
    cupy, of_others = _Cupy(), chainer.backend.get_array_module

    def get_array_module(*args):
        arrays = [x.array if isinstance(x, chainer.Variable) else x for x in args]
        return cupy if any(isinstance(x, DeviceArray) for x in arrays) else of_others(*args)

    monkeypatch.setattr(chainer, '_array_types', (*chainer.get_array_types(), DeviceArray))
    monkeypatch.setattr(chainer.backend, 'get_array_module', get_array_module)
    # An array leaves `array * variable` to the variable, as CuPy's does.
    monkeypatch.setattr(chainer.Variable, '__array_ufunc__', None, raising=False)
    monkeypatch.setattr(cuda, 'cupy', cupy)
    monkeypatch.setattr(cuda, 'elementwise', elementwise)
    monkeypatch.setattr(cuda, 'reduce', reduce)
    monkeypatch.setattr('chainer_pose.utils.cublas.dot', dot)
