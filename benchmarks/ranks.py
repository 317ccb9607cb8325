#!/usr/bin/env python
"""How does training scale over ChainerMN's ranks on one machine?

Times steps alone and under mpiexec, with the same number of poses a step shared among
the ranks: alone with as many threads as a rank gets, alone with those of all ranks,
and in ranks.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from lifting import where
from sides import Ours, arguments

from chainer_pose.datasets.readers import synthetic
from chainer_pose.utils import comm as comm_module
from chainer_pose.utils import devices


def child(options):
    """One rank: time steps, taking turns with the batch sizes; the first rank prints."""
    comm = comm_module.connect(options.communicator)
    rank, size, local = (0, 1, 0) if comm is None else (comm.rank, comm.size, comm.intra_rank)
    device = devices.get_device(options.gpu if options.gpu < 0 else options.gpu + local)
    data, rates = synthetic.make()['train'], []
    with devices.using(device):
        for poses in options.poses:
            ours = Ours(arguments(options.n_unit, poses // size), data, device, comm)
            ours.turn(3)
            rates.append(1 / ours.turn(options.steps))
    if rank == 0:
        print(*rates)


def rates(options, size, threads):
    """Steps a second, for each of --poses, of `size` ranks with as many threads each."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])
    command = [sys.executable, __file__, '--child', '--gpu', str(options.gpu),
               '--steps', str(options.steps), '--n-unit', str(options.n_unit),
               '--poses', *map(str, options.poses)]  # fmt: skip
    if size > 1:
        command = [shutil.which('mpiexec', path=path), '-n', str(size), *command]
        command += ['--communicator', 'naive' if options.gpu < 0 else 'pure_nccl']
    environment = {**os.environ, 'OMP_NUM_THREADS': str(threads)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return [float(text) for text in done.stdout.split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--ranks', type=int, default=2)
    parser.add_argument('--poses', type=int, nargs='+', default=[16, 64, 256], help='a step')
    parser.add_argument('--n-unit', type=int, default=1024)
    parser.add_argument('--steps', type=int, default=100)
    parser.add_argument('--threads', type=int, default=1, help='of BLAS, a rank')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--gpu', type=int, default=-1)
    parser.add_argument('--communicator', choices=comm_module.NAMES, help=argparse.SUPPRESS)
    parser.add_argument('--child', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(options)

    print(where())
    every = options.ranks * options.threads
    sides = {f'alone, {options.threads} thread(s)': (1, options.threads)}
    if options.gpu < 0:
        sides[f'alone, {every} threads'] = 1, every
    sides[f'{options.ranks} ranks, {options.threads} thread(s) each'] = (
        options.ranks,
        options.threads,
    )
    found = {name: [] for name in sides}
    for _ in range(options.repeats):
        for name, side in sides.items():  # by turns
            found[name].append(rates(options, *side))
    print('| steps a second |', ' | '.join(f'{n} poses a step' for n in options.poses), '|')
    print('| --- |' + ' ---: |' * len(options.poses))
    for name, times in found.items():
        medians = [sorted(column)[len(column) // 2] for column in zip(*times)]
        print(f'| {name} |', ' | '.join(f'{rate:.1f}' for rate in medians), '|')


if __name__ == '__main__':
    main()
