"""What a GPU does, on arrays of NumPy; its kernels, compiled for it and for the CPU."""

import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest
from chainer.serializers import DictionarySerializer, NpzDeserializer

from chainer_pose import flat_adam, links, optimizers
from chainer_pose.flat_adam import FlatAdam

KINDS = (optimizers.Adam, FlatAdam)
TYPES = {'T': 'float', 'float64': 'double', 'int64': 'long long', 'bool': 'bool'}


def pair(rng, kinds=KINDS, hook=True):
    first = links.Generator(5, 12, 0.3, rng)
    adams = []
    for kind, net in zip(kinds, (first, first.copy(mode='copy'))):
        adam = kind(1e-3, 0.5, 1e-2).setup(net)
        if hook:
            adam.add_hook(links.ZeroRoot(0))
        adams.append(adam)
    return adams


def give(adams, rng):
    for params in zip(*(adam.target.params() for adam in adams)):
        gradient = rng.normal(size=params[0].shape).astype('f')
        for param in params:
            optimizers.take(param, gradient.copy())


def arrays_of(adam):
    target = DictionarySerializer()
    target.save(adam)
    target['net'].save(adam.target)
    return {key: np.array(array) for key, array in target.target.items()}


def assert_equal(one, other):
    one, other = arrays_of(one), arrays_of(other)
    assert one.keys() == other.keys()
    for key in one:
        np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def test_it_is_adam_bit_for_bit(rng):
    adams = pair(rng)
    for _ in range(20):
        give(adams, rng)
        for adam in adams:
            adam.update()
        assert_equal(*adams)
    assert int(arrays_of(adams[1])['t']) == 20


def test_a_step_that_is_not_to_be_leaves_all_as_it_was(rng):
    adams = pair(rng)
    for i in range(20):
        give(adams, rng)
        opened = i % 3 > 0  # not the first
        if opened:
            adams[0].update()
        adams[1].when = np.asarray(opened)
        adams[1].update()
        if i:
            assert_equal(*adams)
    assert int(arrays_of(adams[1])['t']) == 13


@pytest.mark.parametrize('kinds', [KINDS, KINDS[::-1]])
def test_either_goes_on_from_the_others_snapshot(rng, kinds):
    adams = pair(rng, kinds, hook=False)
    for _ in range(3):
        give(adams, rng)
        for adam in adams:
            adam.update()
    snapshot = arrays_of(adams[0])
    for _ in range(2):  # to be forgotten
        give(adams, rng)
        adams[1].update()
    NpzDeserializer(snapshot).load(adams[1])
    NpzDeserializer(snapshot)['net'].load(adams[1].target)
    give(adams, rng)
    for adam in adams:
        adam.update()
    assert_equal(*adams)


def test_parameters_that_were_replaced_are_gathered_anew(rng):
    adams = pair(rng)
    for i in range(4):
        give(adams, rng)
        for adam in adams:
            adam.update()
            if i == 1:
                adam.target.l2.W.array = np.ones_like(adam.target.l2.W.array)
    assert_equal(*adams)


def function_of(kernel, head):
    """A kernel's text as a function that runs it over n numbers; those of () are pointers, too."""
    inputs, outputs, body, name = kernel
    parameters, lines = [], []
    for text in f'{inputs}, {outputs}'.split(', '):
        kind, argument = text.split()
        parameters.append(f'{TYPES[kind]}* {argument}_, long long {argument}_step')
        lines.append(f'{TYPES[kind]}& {argument} = {argument}_[i * {argument}_step];')
    body = re.sub(r'\bT\b', 'float', body)
    return f'{head} void {name}({", ".join(parameters)}, long long n)' + (
        '{ LOOP { ' + '\n'.join(lines) + body + ' } }'
    )


@pytest.fixture(scope='module')
def compiled(tmp_path_factory):
    """The kernels as a C++ compiler makes them, without fused multiply-add."""
    compiler = shutil.which('c++') or shutil.which('g++')
    if compiler is None:
        pytest.skip('no C++ compiler')
    folder = tmp_path_factory.mktemp('kernels')
    texts = [function_of(k, 'extern "C"') for k in (flat_adam._CLOCK, flat_adam._STEP)]
    head = '#include <cmath>\nusing std::sqrt; using std::pow;\n'
    loop = '#define LOOP for (long long i = 0; i < n; i++)\n'
    (folder / 'k.cpp').write_text(head + loop + '\n'.join(texts))
    command = [compiler, '-O1', '-ffp-contract=off', '-shared', '-fPIC', 'k.cpp', '-o', 'k.so']
    subprocess.run(command, cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / 'k.so'))

    def call(name, arguments, n):
        flat = []
        for array in arguments:
            flat += [ctypes.c_void_p(array.ctypes.data), ctypes.c_longlong(array.ndim)]
        getattr(library, name)(*flat, ctypes.c_longlong(n))

    return call


@pytest.mark.parametrize('opened', [True, False])
def test_the_kernels_do_what_numpy_does(compiled, rng, opened):
    when = np.asarray(opened)
    count, alpha_t = np.asarray(3), np.empty(())
    there = [np.asarray(3), np.empty(())]
    hyper = [np.asarray(x) for x in (1e-3, 0.5, 0.999)]
    flat_adam._clock(when, *hyper, count, alpha_t)
    compiled('adam_clock', [when, *hyper, *there], 1)
    assert int(there[0]) == int(count) == 3 + opened
    assert float(there[1]) == pytest.approx(float(alpha_t), rel=1e-14)

    g, p, m, v = rng.normal(size=(4, 50)).astype('f')
    v = np.abs(v)
    constants = [np.asarray(x, 'f') for x in (1e-2, 0.5, 1e-3, 1e-8)]
    here, there = ([p.copy(), m.copy(), v.copy()] for _ in range(2))
    flat_adam._step(g, when, alpha_t, *constants, *here)
    compiled('adam_step', [g, when, alpha_t, *constants, *there], 50)
    for one, other, before in zip(here, there, (p, m, v)):
        np.testing.assert_allclose(one, other, rtol=1e-6)
        assert (one != before).any() == opened


@pytest.mark.parametrize('kernel', [flat_adam._CLOCK, flat_adam._STEP], ids=lambda k: k[3])
def test_the_kernels_compile_for_a_gpu(kernel):
    nvrtc = pytest.importorskip('cupy', reason='no CuPy').cuda.nvrtc
    loop = '#define LOOP for (long long i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += n)\n'
    text = loop + function_of(kernel, 'extern "C" __global__')
    program = nvrtc.createProgram(text, 'k.cu', [], [])
    nvrtc.compileProgram(program, ['--gpu-architecture=compute_90'])
