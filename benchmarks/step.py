#!/usr/bin/env python
"""How many training steps a second: plain Chainer, ours, PyTorch, another checkout?

A step is all of it: draw a batch, lift, turn, project, judge, both backward passes, the gate,
both Adam updates with weight decay. The gate never closes here (--accuracy-cap 1), so every step
is a whole one. The sides start from the same weights and take turns, so that they share the state
of the machine; medians are printed, and ours over each of the others. All compute in float32,
none in TF32.
"""

import argparse
import contextlib
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

# isort: split (chainer_pose, which adapts NumPy to Chainer, comes first)
from lifting import where
from sides import Bare, Before, Ours, Plain, arguments

# isort: split
import chainer
import numpy as np

from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import synthetic
from chainer_pose.training.options import PRESETS
from chainer_pose.utils import devices

THREADS = 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'
LABELS = {
    'ours bare': 'ours, graph launches alone, nothing drawn or read',
    'ours eager': 'ours, --no-record',
    'torch': 'PyTorch, eager',
    'torch graph': 'PyTorch, captured by hand, without the gate',
}


@contextlib.contextmanager
def making_sides(options, batchsize, data, device):
    """dict of the sides for a batch size, in a with statement."""
    given = arguments(options.n_unit, batchsize, options.preset)
    ours, gpu = Ours(given, data, device), device.xp is not np
    sides = {'ours': ours}
    if gpu:
        sides['ours bare'] = Bare(ours)
        sides['ours eager'] = Ours([*given, '--no-record'], data, device)
    if options.preset == 'paper':
        sides = {'plain': Plain(ours, data), **sides}
        try:
            import torch_sides

            sides['torch'] = torch_sides.Torch(ours, data)
            if gpu:
                sides['torch graph'] = torch_sides.TorchGraph(ours, data)
        except (ImportError, AssertionError) as error:  # the latter if it is made for CPUs
            print(f'no PyTorch ({error}): pip install .[bench]')
    with contextlib.ExitStack() as stack:
        if options.before:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            pose_file.write(folder / 'poses.h5', {'train': data})
            files = folder / 'poses.h5', folder / 'run'
            given = arguments(options.n_unit, batchsize, options.preset, *files)
            sides['before'] = Before(options.before, [*given, '--gpu', str(options.gpu)])
            stack.callback(sides['before'].close)
        yield sides


def time_sides(sides, rounds, seconds):
    """Median seconds of a step of each side, which take turns of so many seconds: dict."""
    steps, times = {}, {name: [] for name in sides}
    for name, side in sides.items():
        side.turn(5)  # warms up, compiles, records
        steps[name] = max(3, round(seconds / side.turn(5)))
    for _, name in itertools.product(range(rounds), sides):
        time.sleep(0.05)  # the last side's threads may still be spinning
        times[name].append(sides[name].turn(steps[name]))
    return {name: statistics.median(values) for name, values in times.items()}


def profile(side, steps):
    """Print where the time of a step goes, by Chainer's functions, forward and backward."""
    with side.running():
        side()
        start, clock = time.perf_counter(), chainer.function_hooks.TimerHook()
        with clock:
            for _ in range(steps):
                side()
        total = time.perf_counter() - start
    print('| function | calls a step | ms a step | share, % |\n| --- | ---: | ---: | ---: |')
    rest = total - clock.total_time()
    rows = {name: (d['occurrence'], d['elapsed_time']) for name, d in clock.summary().items()}
    rows["the rest: Adam, weights' gradients, Python, drawing"] = steps, rest
    rows['all'] = steps, total
    for name, (calls, seconds) in sorted(rows.items(), key=lambda item: -item[1][1]):
        figures = f'{1000 * seconds / steps:.2f} | {100 * seconds / total:.0f}'
        print(f'| {name} | {calls / steps:.0f} | {figures} |')


def print_machine(options):
    """Print what the figures depend on."""
    print(where())
    if options.gpu >= 0:
        cupy = chainer.backends.cuda.cupy
        name = cupy.cuda.runtime.getDeviceProperties(options.gpu)['name'].decode()
        print(f'{name}, CuPy {cupy.__version__}')
    if options.threads:
        print(f'{options.threads} thread(s)')


def use_threads(n):
    """Start again with so many threads, which NumPy's BLAS reads when it is imported."""
    wanted = dict.fromkeys(THREADS, str(n))
    if not wanted.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **wanted})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add = parser.add_argument
    add('--gpu', type=int, default=-1, metavar='N', help='CUDA device, -1 for the CPU')
    add('--batchsize', type=int, nargs='+', default=[16, 64, 256], help='poses a step')
    add('--n-unit', type=int, default=1024, help='units of each hidden layer')
    add('--preset', choices=PRESETS, default='paper', help='any but the default: our sides only')
    add('--before', metavar='DIR', help='another checkout, timed too')
    add('--rounds', type=int, default=15, help='turns of each side')
    add('--seconds', type=float, default=0.4, help='of a turn')
    add('--threads', type=int, metavar='N', help='of BLAS and of PyTorch')
    add('--json', metavar='FILE', help='write the steps a second and ratios there')
    add('--profile', action='store_true', help='print where our time goes instead')
    options = parser.parse_args()
    if options.threads:
        use_threads(options.threads)

    device = devices.get_device(options.gpu)
    data, found = synthetic.make()['train'], {}
    print_machine(options)
    with devices.using(device):
        for batchsize in options.batchsize:
            if options.profile:
                given = [*arguments(options.n_unit, batchsize, options.preset), '--no-record']
                profile(Ours(given, data, device), steps=10 * options.rounds)
                continue
            with making_sides(options, batchsize, data, device) as sides:
                seconds = time_sides(sides, options.rounds, options.seconds)
            found[batchsize] = {name: 1 / value for name, value in seconds.items()}
    if found:
        print('| poses a step | side | ms a step | steps a second | ours, times as fast |')
        print('| ---: | --- | ---: | ---: | ---: |')
    for batchsize, rates in found.items():
        for name, rate in rates.items():
            label, ratio = LABELS.get(name, name), rates['ours'] / rate
            print(f'| {batchsize} | {label} | {1000 / rate:.2f} | {rate:.1f} | {ratio:.2f} |')
    if options.json:
        for rates in found.values():
            rates.update({f'ratio_{n}': rates['ours'] / r for n, r in rates.items() if n != 'ours'})
        Path(options.json).write_text(json.dumps(found) + '\n')


if __name__ == '__main__':
    main()
