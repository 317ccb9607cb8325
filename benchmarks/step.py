#!/usr/bin/env python
"""How many training steps a second: plain Chainer, ours, PyTorch, another checkout?

A step is all of it: draw a batch, lift, turn, project, judge, both backward passes, the gate,
both Adam updates with weight decay. The gate never closes here (--accuracy-cap 1), so every step
is a whole one. The sides start from the same weights and take turns, so that they share the state
of the machine; medians are printed, and ours over each of the others. All compute in float32,
none in TF32, with OMP_NUM_THREADS threads.
"""

import argparse
import contextlib
import itertools
import statistics
import sys
import tempfile
import time
from pathlib import Path

# isort: split (chainer_pose, which adapts NumPy to Chainer, comes first)
from runs import where
from sides import Before, Ours, Plain, arguments

# isort: split
import chainer
import numpy as np

from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import synthetic
from chainer_pose.training.options import PRESETS
from chainer_pose.utils import devices

LABELS = {
    'ours eager': 'ours, --no-record',
    'torch': 'PyTorch, eager',
    'torch graph': 'PyTorch, captured by hand, without the gate',
}


def make_sides(options, batchsize, data, device, stack):
    """dict of the sides for a batch size; what is to be closed is given to an ExitStack."""
    given = arguments(options.n_unit, batchsize, options.preset)
    ours, gpu = Ours(given, data, device), device.xp is not np
    sides = {'ours': ours}
    if gpu:
        sides['ours eager'] = Ours([*given, '--no-record'], data, device)
    if options.preset == 'paper':
        sides = {'plain': Plain(ours, data), **sides}
        try:
            import torch_sides

            sides['torch'] = torch_sides.Torch(ours, data)
            if gpu:
                sides['torch graph'] = torch_sides.TorchGraph(ours, data)
        except (ImportError, AssertionError) as error:  # the latter if it is made for CPUs
            print(f'no PyTorch ({error}): pip install .[bench]', file=sys.stderr)
    if options.before:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pose_file.write(folder / 'poses.h5', {'train': data})
        files = folder / 'poses.h5', folder / 'run'
        given = arguments(options.n_unit, batchsize, options.preset, *files)
        sides['before'] = Before(options.before, [*given, '--gpu', str(options.gpu)])
        stack.callback(sides['before'].close)
    return sides


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
    options = parser.parse_args()

    device, data = devices.get_device(options.gpu), synthetic.make()['train']
    print(where())
    if options.gpu >= 0:
        cupy = chainer.backends.cuda.cupy
        name = cupy.cuda.runtime.getDeviceProperties(options.gpu)['name'].decode()
        print(f'{name}, CuPy {cupy.__version__}')
    print('| poses a step | side | ms a step | steps a second | ours, times as fast |')
    print('| ---: | --- | ---: | ---: | ---: |', flush=True)
    for batchsize in options.batchsize:
        with devices.using(device), contextlib.ExitStack() as stack:
            sides = make_sides(options, batchsize, data, device, stack)
            times = time_sides(sides, options.rounds, options.seconds)
        for name, seconds in times.items():
            figures = f'{1000 * seconds:.2f} | {1 / seconds:.1f} | {seconds / times["ours"]:.2f}'
            print(f'| {batchsize} | {LABELS.get(name, name)} | {figures} |', flush=True)


if __name__ == '__main__':
    main()
