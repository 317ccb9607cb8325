"""The rules of a CUDA graph without a GPU: strict arrays that compute with NumPy.

`DeviceArray` stands in for `cupy.ndarray`. It is an error to read a value on the host
(`HostRead`), to mix in NumPy arrays (`Mixed`) and to call CuPy's own cuBLAS (`Forbidden`).
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
from typing import NamedTuple

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


class HostRead(AssertionError):
    """A value was read on the host, which blocks until the GPU's queue is empty."""


class Mixed(AssertionError):
    """A device's array was mixed with host memory."""


class Forbidden(AssertionError):
    """CuPy's own cuBLAS or cuRAND was called, which cannot be recorded."""


# Arrays ------------------------------------------------------------------------------------

_PRODUCTS = {
    'dot', 'inner', 'vdot', 'outer', 'tensordot', 'einsum', 'einsum_path', 'matmul', 'vecdot',
    'matvec', 'vecmat', 'convolve', 'correlate', 'cov', 'corrcoef', 'polyfit',
}  # fmt: skip
_READ_VALUES = {  # or have results whose shape depends on values
    'allclose', 'array_equal', 'array_equiv', 'nonzero', 'flatnonzero', 'argwhere', 'extract',
    'compress', 'unique', 'bincount', 'histogram', 'trim_zeros',
}  # fmt: skip
_ATTRIBUTES = 'shape', 'dtype', 'ndim', 'size', 'itemsize', 'nbytes', 'strides', 'flags'
_METHODS = (
    'all', 'any', 'argmax', 'argmin', 'astype', 'clip', 'copy', 'cumsum', 'fill', 'flatten',
    'max', 'mean', 'min', 'prod', 'ravel', 'repeat', 'reshape', 'round', 'squeeze', 'std', 'sum',
    'swapaxes', 'transpose', 'var', 'view',
)  # fmt: skip

_tape = None  # of the Recording that goes on


def _note(operation):
    if _tape is not None:
        _tape.append(operation)


def _not_recording(error):
    if _tape is not None:
        raise error('a copy between host and device within a recording')


def _poison(host):
    """Fill new memory with NaN, since a device's may hold anything."""
    host.fill(np.nan if host.dtype.kind == 'f' else 1)
    return host


def _poisoned_like(*args, **kwargs):
    return _poison(np.empty_like(*args, **kwargs))


def _run(function, args, kwargs):
    """Call a function of NumPy; its results are views, arguments or new arrays."""
    devices = []

    def host(x):
        if isinstance(x, DeviceArray):
            devices.append(x)
            return x._host
        if isinstance(x, np.ndarray):
            raise Mixed(f'{function}: a NumPy array of shape {x.shape} beside a device array')
        return type(x)(map(host, x)) if type(x) in (tuple, list) else x

    if kwargs.get('shape') == ():  # which CuPy takes for none given
        raise TypeError(f'{function}: a shape of ()')
    args, kwargs = host(args), {key: host(value) for key, value in kwargs.items()}
    buffers = []  # for each result its memory, which a replay fills, or None if it is not new

    def device(x):
        buffers.append(None)
        given = [d for d in devices if d._host is x]
        if given or not isinstance(x, (np.ndarray, np.generic)):
            return given[0] if given else x
        x = np.asarray(x)  # NumPy makes scalars of arrays of shape ()
        if not any(np.may_share_memory(x, d._host) for d in devices):
            buffers[-1] = x
        return DeviceArray._of(x)

    def call():
        result = function(*args, **kwargs)
        return result if type(result) in (tuple, list) else [result]

    def repeat():
        for buffer, value in zip(buffers, call()):
            if buffer is not None:
                buffer[...] = value

    result = function(*args, **kwargs)
    if type(result) in (tuple, list):
        result = type(result)(map(device, result))
    else:
        result = device(result)
    _note(repeat)
    return result


def _method(name):
    function = getattr(np.ndarray, name)

    def method(self, *args, **kwargs):
        for x in args if name != 'fill' else ():
            if isinstance(x, DeviceArray):
                x._read()  # as an axis or a length
        return _run(function, (self, *args), kwargs)

    return method


class DeviceArray(NDArrayOperatorsMixin, object if cuda.available else cuda.ndarray):
    """As `cupy.ndarray`, on memory that only this module reads.

    Args:
        array, dtype: what `numpy.array` takes; copied.
    """

    device = None  # Chainer then switches to no GPU

    def __init__(self, array, dtype=None):
        _not_recording(Mixed)
        self._host = np.array(array, dtype, order='C')

    @classmethod
    def _of(cls, host):
        self = object.__new__(cls)
        self._host = host
        return self

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if ufunc.__name__ in _PRODUCTS:
            raise Forbidden(f'{ufunc.__name__}: use chainer_pose.utils.cublas.dot')
        if any(isinstance(x, (list, tuple)) for x in inputs):
            raise Mixed(f'{ufunc.__name__} of a list')
        return _run(getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        name = function.__name__
        if name in _PRODUCTS or function.__module__.startswith('numpy.linalg'):
            raise Forbidden(f'{name}: use chainer_pose.utils.cublas.dot')
        if name in _READ_VALUES or (name == 'where' and len(args) == 1):
            raise HostRead(name)
        if name in ('split', 'array_split'):  # where to, which CuPy takes as an array, too
            args = [x.tolist() if isinstance(x, np.ndarray) else x for x in args]
        return _run(_poisoned_like if function is np.empty_like else function, args, kwargs)

    def _read(self, *args, **kwargs):
        raise HostRead(f'a value of {self!r}')

    __float__ = __int__ = __index__ = __complex__ = __bool__ = __array__ = __reduce_ex__ = _read
    item = get = tolist = tobytes = _read

    def __repr__(self):
        return f'DeviceArray(shape={self.shape}, dtype={self.dtype})'

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (self[i] for i in range(len(self))) if self.ndim else self._read()

    def __copy__(self, memo=None):
        return self.copy()

    __deepcopy__ = __copy__

    @staticmethod
    def _split(index):
        """(the index's parts, those of them that are arrays)"""
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, (list, np.ndarray)) for part in parts):
            raise Mixed('an index in host memory')
        return parts, [part for part in parts if isinstance(part, DeviceArray)]

    def __getitem__(self, index):
        parts, arrays = self._split(index)
        if any(array.dtype == bool for array in arrays):
            raise HostRead('how many values a mask picks')
        if arrays:  # a copy, even where NumPy takes an index of shape () for a number
            return _run(lambda x, index: np.array(x[index]), (self, parts), {})
        if not any(part is Ellipsis for part in parts):
            parts += (Ellipsis,)  # a view even where it is of one number
        return _run(operator.getitem, (self, parts), {})

    def __setitem__(self, index, value):
        _, arrays = self._split(index)
        if isinstance(value, (list, tuple)):
            raise Mixed('values in host memory')
        if any(a.dtype == bool for a in arrays) and isinstance(value, DeviceArray) and value.ndim:
            raise HostRead('how many values a mask takes')
        _run(operator.setitem, (self, index, value), {})

    def set(self, array, stream=None):
        _not_recording(Mixed)
        self._host[...] = array

    def dot(self, *args, **kwargs):
        return np.dot(self, *args, **kwargs)

    for _name in _ATTRIBUTES:
        locals()[_name] = property(operator.attrgetter(f'_host.{_name}'))
    for _name in _METHODS:
        locals()[_name] = _method(_name)
    T = property(lambda self: self.transpose())


def to_device(array):
    """A DeviceArray with a copy of an array's values."""
    return DeviceArray(array)


def to_host(array):
    """A NumPy copy of a DeviceArray's values, for tests."""
    _not_recording(HostRead)
    if not isinstance(array, DeviceArray):
        raise Mixed(f'{type(array).__name__} is not on the device')
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
        assert _tape is None, 'a recording within a recording'
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
#include <cstdint>
#include <type_traits>
using namespace std;
#undef NAN
#undef INFINITY
#define PAIR(A, B, C, MAX, MIN) \\
    static inline C max(A a, B b) { return MAX; } static inline C min(A a, B b) { return MIN; }
#define INTEGERS(T) PAIR(T, T, T, a < b ? b : a, b < a ? b : a)
#define FLOATS(A, B, C) PAIR(A, B, C, fmax((C)a, (C)b), fmin((C)a, (C)b))
INTEGERS(int) INTEGERS(long) INTEGERS(long long)
FLOATS(float, float, float) FLOATS(double, double, double)
FLOATS(float, double, double) FLOATS(double, float, double)
#define NOT_OF_INTEGERS(F) \
    template <class T, class = enable_if_t<is_integral<T>::value>> void F(T) = delete;
NOT_OF_INTEGERS(sqrt) NOT_OF_INTEGERS(exp) NOT_OF_INTEGERS(log) NOT_OF_INTEGERS(log1p)
NOT_OF_INTEGERS(fabs) NOT_OF_INTEGERS(cos) NOT_OF_INTEGERS(sin)
static inline ptrdiff_t _offset(
        ptrdiff_t i, ptrdiff_t ndim, const ptrdiff_t *shape, const ptrdiff_t *strides) {
    ptrdiff_t offset = 0;
    for (ptrdiff_t axis = ndim - 1; axis > 0; i /= shape[axis--])
        offset += i % shape[axis] * strides[axis];
    return ndim > 0 ? offset + i * strides[0] : 0;
}
"""
_HEAD = """extern "C" void run(ptrdiff_t _size, ptrdiff_t _ndim, const ptrdiff_t *_shape,
                    char **_data, const ptrdiff_t *_strides) {
ONCE"""
_EACH = 'for (ptrdiff_t _j = 0; _j < _size; _j++) {\nEACH'


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


class _Parameter(NamedTuple):
    type: str
    name: str
    raw: bool

    @classmethod
    def parse(cls, text):
        *raw, kind, name = text.split()
        if raw not in ([], ['raw']) or not (kind in _C_TYPES or re.fullmatch('[A-Z]', kind)):
            raise TypeError(f'parameter of unknown type: {text!r}')
        # CuPy refuses i, and names variables of its own with underscores.
        if name == 'i' or not re.fullmatch('[A-Za-z][A-Za-z0-9_]*', name):
            raise ValueError(f'parameter that cannot have this name: {text!r}')
        return cls(kind, name, bool(raw))

    def check(self, x, is_input):
        if isinstance(x, np.ndarray):
            raise Mixed(f'{self.name} is a NumPy array')
        if not isinstance(x, DeviceArray):
            if self.raw or not is_input or not isinstance(x, (bool, int, float, np.generic)):
                raise TypeError(f'{self.name} is {x!r}, no device array')
        elif self.raw and not x.flags.c_contiguous:
            raise ValueError(f'{self.name} is raw and not C-contiguous')


class _Kernel:
    """A kernel, called with inputs, then all outputs or none, as CuPy's."""

    def __init__(self, in_params, out_params, name, source, reduces):
        if not re.fullmatch('[A-Za-z_][A-Za-z0-9_]*', name):
            raise ValueError(f'invalid kernel name: {name!r}')
        self.ins = [_Parameter.parse(text) for text in in_params.split(',')]
        self.outs = [_Parameter.parse(text) for text in out_params.split(',')]
        self.name, self.source, self.reduces = name, source, reduces

    def __call__(self, *args, size=None, out=None):
        args = [*args] if out is None else [*args, out]
        params, n = self.ins + self.outs, len(self.ins)
        if len(args) not in (n, len(params)):
            raise TypeError(f'{self.name}: {len(args)} arguments')
        types = {p.type: np.dtype(p.type) for p in params if p.type in _C_TYPES}
        shapes = []  # of what is broadcast
        for k, (p, x) in enumerate(zip(params, args)):
            p.check(x, k < n)
            if isinstance(x, DeviceArray):
                if types.setdefault(p.type, x.dtype) != x.dtype:
                    raise TypeError(f'{self.name}: {p.name} is {x.dtype}, not {types[p.type]}')
                if not p.raw and not (self.reduces and k >= n):
                    shapes.append(x.shape)
        if bool(shapes) != (size is None) or (self.reduces and size is not None):
            raise ValueError(f'{self.name}: size is for kernels of which every array is raw')
        if any(p.type not in types for p in params):
            raise TypeError(f'{self.name}: no array decides a type')
        shape = np.broadcast_shapes(*shapes) if shapes else (size,)
        out_shape = () if self.reduces else shape
        fresh = []
        if len(args) == n:
            if size is None and any(p.raw for p in self.outs):
                raise ValueError(f'{self.name}: nothing says of what size a raw output is')
            fresh = [np.empty(out_shape, types[p.type]) for p in self.outs]
            args += map(DeviceArray._of, fresh)
        outs = args[n:]
        if any(x.shape != out_shape for p, x in zip(self.outs, outs) if not p.raw):
            raise ValueError(f'{self.name}: outputs are not of shape {out_shape}')
        self._launch(params, args, types, shape, fresh)
        return outs[0] if len(outs) == 1 else tuple(outs)

    def _launch(self, params, args, types, shape, fresh):
        once, each, hosts, strides = [], [], [], []
        for k, (p, x) in enumerate(zip(params, args)):
            is_array = isinstance(x, DeviceArray)
            hosts.append(x._host if is_array else np.array(x).astype(types[p.type]))
            strides += [0] * len(shape) if p.raw else np.broadcast_to(hosts[-1], shape).strides
            kind = ('const ' if k < len(self.ins) else '') + _C_TYPES.get(p.type, p.type)
            if p.raw:
                once.append(f'{kind} *{p.name} = ({kind} *)_data[{k}];')
            elif not is_array:
                once.append(f'{kind} {p.name} = *({kind} *)_data[{k}];')
            elif not self.reduces or k < len(self.ins):
                # A reference, as in CuPy: an output may be an input's memory.
                at = f'_data[{k}] + _offset(_j, _ndim, _shape, _strides + {k} * _ndim)'
                each.append(f'{kind} &{p.name} = *({kind} *)({at});')
        typedefs = [f'typedef {_C_TYPES[types[t].name]} {t};' for t in types if len(t) == 1]
        body = self.source.replace('ONCE', '\n'.join(once)).replace('EACH', '\n'.join(each))
        function = _compiled('\n'.join([_PRELUDE, *typedefs, body]))

        def integers(values):
            return (ctypes.c_ssize_t * len(values))(*values)

        data = (ctypes.c_void_p * len(hosts))(*(host.ctypes.data for host in hosts))
        sizes = ctypes.c_ssize_t(math.prod(shape)), ctypes.c_ssize_t(len(shape)), integers(shape)
        call = functools.partial(function, *sizes, data, integers(strides))

        def run(hosts=hosts):  # which keeps them
            for host in fresh:
                _poison(host)
            call()

        run()
        _note(run)


@functools.cache
def elementwise(in_params, out_params, operation, name, *, preamble=''):
    """As `chainer.backends.cuda.elementwise`: a kernel to be called with DeviceArrays."""
    source = f'{preamble}\n{_HEAD}\n{_EACH}\nconst ptrdiff_t i = _j;\n{operation};\n}}}}'
    return _Kernel(in_params, out_params, name, source, reduces=False)


@functools.cache
def reduce(
    in_params, out_params, map_expr, reduce_expr, post_map_expr, identity, name,
    *, reduce_type=None, preamble='',
):  # fmt: skip
    """As `chainer.backends.cuda.reduce`, of all elements to an array of shape ()."""
    out, k = _Parameter.parse(out_params), in_params.count(',') + 1
    kind = _C_TYPES.get(out.type, out.type)
    source = f"""{preamble}
#define REDUCE(a, b) ({reduce_expr})
#define POST_MAP(a) ({post_map_expr})
typedef {reduce_type or kind} _type_reduce;
{_HEAD}
_type_reduce _s = _type_reduce({'' if identity is None else identity});
{_EACH}
const _type_reduce _a = static_cast<_type_reduce>({map_expr});
_s = REDUCE(_s, _a);
}}
{kind} &{out.name} = *({kind} *)_data[{k}];
POST_MAP(_s);
}}"""
    return _Kernel(in_params, out_params, name, source, reduces=True)


def dot(a, b, transa=False, transb=False, out=None):
    """As `chainer_pose.utils.cublas.dot`: op(a) op(b), of C-contiguous matrices."""
    for x in (a, b) if out is None else (a, b, out):
        if not isinstance(x, DeviceArray):
            raise Mixed(f'dot of {type(x).__name__}')
        if x.ndim != 2 or not x.flags.c_contiguous or x.dtype.char not in 'fd':
            raise ValueError(f'dot of {x!r} with strides {x.strides}')
        if x.dtype != a.dtype:
            raise TypeError(f'dot of {a.dtype} and {x.dtype}')
    left = a._host.T if transa else a._host
    right = b._host.T if transb else b._host
    shape = left.shape[0], right.shape[1]
    if out is None:
        out = DeviceArray._of(np.empty(shape, a.dtype))
    shared = any(np.may_share_memory(out._host, x) for x in (left, right))
    if left.shape[1] != right.shape[0] or out.shape != shape or shared:
        raise ValueError(f'dot of {left.shape} and {right.shape} into {out.shape}')

    def multiply(host=out._host):
        host[...] = left @ right

    multiply()
    _note(multiply)
    return out


class _Cupy:
    """`cupy` for Chainer and the package: NumPy's functions; what they create is the device's."""

    ndarray = DeviceArray

    def __getattr__(self, name):
        if name == 'random':
            raise Forbidden('random numbers')
        function = getattr(np, name)
        if name in ('zeros', 'ones', 'full', 'arange', 'eye'):
            return lambda *args, **kwargs: _run(function, args, kwargs)
        return function

    def empty(self, *args, **kwargs):
        return _run(lambda: _poison(np.empty(*args, **kwargs)), (), {})

    def array(self, x, dtype=None):
        return x.astype(dtype or x.dtype) if isinstance(x, DeviceArray) else DeviceArray(x, dtype)

    def asarray(self, x, dtype=None):
        same = isinstance(x, DeviceArray) and dtype in (None, x.dtype)
        return x if same else self.array(x, dtype)

    def ascontiguousarray(self, x):
        return x if x.flags.c_contiguous else x.copy()


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
