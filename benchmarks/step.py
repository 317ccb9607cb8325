#!/usr/bin/env python
"""How many training steps a second: plain Chainer, ours, PyTorch, ours of before?

One step is all of it: draw a batch, lift, turn, project, judge, both backward
passes, the gate, both Adam updates with weight decay. The gate never closes here
(--accuracy-cap 1), so that every step is a whole one. The sides begin from the
same weights and take turns, so that all see the same machine; medians are
printed, and ours over each of the others. All compute in float32, none in TF32.
"""

import argparse
import contextlib
import itertools
import json
import os
import statistics
import sys
import time
from collections import Counter

# isort: split (chainer_pose, which adapts NumPy to Chainer, comes first)
from lifting import where
from sides import Bare, Before, Ours, Plain, arguments

# isort: split
import chainer  # after the package, which adapts NumPy to it
import numpy as np

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
            sides['before'] = Before(options.before, options.gpu, given)
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


class Clock(chainer.FunctionHook):
    """Seconds in each kind of function, forward and backward alike, without those within it."""

    name = 'Clock'

    def __init__(self, wait):
        self.seconds, self.calls, self._wait, self._open = Counter(), Counter(), wait, []

    def start(self):
        self._wait()
        self._open.append([time.perf_counter(), 0.0])

    def stop(self, label):
        self._wait()
        start, within = self._open.pop()
        spent = time.perf_counter() - start
        self.seconds[label] += spent - within
        self.calls[label] += 1
        if self._open:
            self._open[-1][1] += spent

    def forward_preprocess(self, function, in_data):
        self.start()

    def forward_postprocess(self, function, in_data):
        self.stop(function.label)

    def backward_preprocess(self, function, in_data, out_grad):
        self.start()

    def backward_postprocess(self, function, in_data, out_grad):
        self.stop(function.label)

    @contextlib.contextmanager
    def timing(self, optimizer, label):
        """Time an optimizer's update, too."""
        update = optimizer.update

        def wrapper(*args, **kwargs):
            self.start()
            update(*args, **kwargs)
            self.stop(label)

        optimizer.update = wrapper
        yield
        del optimizer.update


def profile(side, steps):
    """Print where the time of a step goes."""
    clock = Clock(side.wait)
    with contextlib.ExitStack() as stack:
        stack.enter_context(side.running())
        side()
        for name, optimizer in side.updater.get_all_optimizers().items():
            label = f"Adam and products that are weights' gradients ({name})"
            stack.enter_context(clock.timing(optimizer, label))
        stack.enter_context(clock)
        start = time.perf_counter()
        for _ in range(steps):
            side()
        total = time.perf_counter() - start
    clock.seconds['the rest: Python, graph, drawing'] = total - sum(clock.seconds.values())
    print('| part | calls a step | ms a step | share, % |\n| --- | ---: | ---: | ---: |')
    for label, seconds in clock.seconds.most_common():
        calls = f'{clock.calls[label] / steps:.0f}' if label in clock.calls else ''
        print(f'| {label} | {calls} | {1000 * seconds / steps:.2f} | {100 * seconds / total:.0f} |')
    print(f'| all | | {1000 * total / steps:.2f} | 100 |')


def print_machine(options):
    print(where())
    if options.gpu >= 0:
        cupy = chainer.backends.cuda.cupy
        name = cupy.cuda.runtime.getDeviceProperties(options.gpu)['name'].decode()
        print(f'{name}, CuPy {cupy.__version__}')
    if options.threads:
        print(f'{options.threads} thread(s)')


def use_threads(n):
    """Begin again with so many threads, which NumPy's BLAS reads when it is imported."""
    wanted = dict.fromkeys(THREADS, str(n))
    if not wanted.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **wanted})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--gpu', type=int, default=-1, metavar='N')
    parser.add_argument('--batchsize', type=int, nargs='+', default=[16, 64, 256], metavar='N')
    parser.add_argument('--n-unit', type=int, default=1024)
    parser.add_argument(
        '--preset', choices=PRESETS, default='paper', help='any but the default: our sides only'
    )
    parser.add_argument('--before', metavar='DIR', help='a worktree of another commit, timed too')
    parser.add_argument('--rounds', type=int, default=15, help='turns of each side')
    parser.add_argument('--seconds', type=float, default=0.4, help='of a turn')
    parser.add_argument('--threads', type=int, metavar='N', help='of BLAS and of PyTorch')
    parser.add_argument('--json', metavar='FILE', help='write the steps a second and ratios there')
    parser.add_argument('--profile', action='store_true', help='where our time goes, instead')
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
        with open(options.json, 'w') as file:
            json.dump(found, file)
            file.write('\n')


if __name__ == '__main__':
    main()
