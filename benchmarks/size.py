#!/usr/bin/env python
"""What does a training step cost by units and batch, and what is the machine's limit?

The limit is the time of a step's matrix products alone, of the same shapes, back to
back in the BLAS that the step uses: nothing drawn, no activation, no optimizer.
"""

import argparse
import itertools
import time

import numpy as np
from lifting import where
from sides import Ours, arguments

from chainer_pose.datasets.readers import synthetic
from chainer_pose.utils import devices


def products(n_joints, n_unit, batch):
    """(n_out, n_in, rows) of each product of a step, by what it gives."""
    shapes = {
        name: [(n_unit, 2 * n_joints), (n_unit, n_unit), (n_unit, n_unit), (n_out, n_unit)]
        for name, n_out in (('gen', n_joints), ('dis', 1))
    }
    rows = {'gen': batch, 'dis': 2 * batch}  # D sees real and fake
    return {
        'forward': [(*shape, rows[name]) for name in shapes for shape in shapes[name]],
        # G's input is data; D's is what G is to learn from.
        'input': [(*shape, batch) for shape in shapes['gen'][1:]]
        + [(*shape, 2 * batch) for shape in shapes['dis']],
        'weights': [(*shape, rows[name]) for name in shapes for shape in shapes[name]],
    }


def limit(xp, shapes, repeats, wait):
    """Median seconds of all products."""
    made = {}

    def array(*shape):
        if shape not in made:
            made[shape] = xp.full(shape, 0.5, np.float32)
        return made[shape]

    times = []
    for _ in range(repeats + 1):
        wait()
        start = time.perf_counter()
        for n_out, n_in, rows in shapes['forward']:
            array(n_out, n_in).dot(array(n_in, rows))
        for n_out, n_in, rows in shapes['input']:
            array(n_out, n_in).T.dot(array(n_out, rows))
        for n_out, n_in, rows in shapes['weights']:
            array(n_out, rows).dot(array(rows, n_in))
        wait()
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))


def step_seconds(ours, at_least):
    """Median seconds of a step."""
    times = []
    with ours.running():
        ours()
        while len(times) < 3 or sum(times) < at_least:
            ours.wait()
            start = time.perf_counter()
            ours()
            ours.wait()
            times.append(time.perf_counter() - start)
    return float(np.median(times))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--units', type=int, nargs='+', default=[256, 1024, 4096])
    parser.add_argument('--batchsizes', type=int, nargs='+', default=[16, 64, 256, 1024, 4096])
    parser.add_argument('--seconds', type=float, default=3.0, help='for each cell, at least')
    parser.add_argument('--gpu', type=int, default=-1)
    options = parser.parse_args()
    device = devices.get_device(options.gpu)
    data = synthetic.make()['train']
    print(where())
    columns = 'units', 'batch', 'ms a step', 'steps a second', 'poses a second', 'GFLOP/s'
    print('|', ' | '.join([*columns, 'of the limit']), '|')
    print('|' + ' ---: |' * 7)
    with devices.using(device):
        for n_unit, batchsize in itertools.product(options.units, options.batchsizes):
            ours = Ours(arguments(n_unit, batchsize), data, device)
            seconds = step_seconds(ours, options.seconds)
            shapes = products(len(data.skeleton), n_unit, batchsize)
            best = limit(device.xp, shapes, 3 if seconds > 1 else 15, ours.wait)
            work = sum(2 * n_out * n_in * b for part in shapes.values() for n_out, n_in, b in part)
            print(
                f'| {n_unit} | {batchsize} | {1000 * seconds:.1f} | {1 / seconds:.3g} | '
                f'{batchsize / seconds:.0f} | {work / seconds / 1e9:.0f} | {best / seconds:.0%} |',
                flush=True,
            )


if __name__ == '__main__':
    main()
