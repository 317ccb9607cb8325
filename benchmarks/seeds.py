#!/usr/bin/env python
"""How good is the method, over several seeds? Train, evaluate, tabulate.

Runs train.py and evaluate.py for every initial deviation and seed, keeps what
is already there, and prints one table. The generator measured is the last one,
which no error on the test split has chosen. Since the error swings from one
evaluation to the next, the mean over the evaluations of the run's second half
stands beside it, and the best generator's, which was chosen on this very split.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOCOLS = ('kudo', 'mpjpe', 'n-mpjpe', 'p-mpjpe')


def call(script, *arguments, threads=1, output=None):
    """Run a script of the project; raise CalledProcessError if it fails."""
    environment = {**os.environ, 'OMP_NUM_THREADS': str(threads)}
    subprocess.run(
        [sys.executable, str(ROOT / script), *map(str, arguments)],
        check=True,
        env=environment,
        stdout=output,
    )


def run_path(options, std, seed):
    """Where the run of one initial deviation and seed lies."""
    return Path(options.out) / f'{Path(options.dataset).stem}-std{std:g}-seed{seed}'


def train(options, std, seed):
    """Train unless the run's last generator is there; return its path."""
    run = run_path(options, std, seed)
    last = run / f'gen_{options.iterations}.npz'
    if not last.exists():
        run.parent.mkdir(parents=True, exist_ok=True)
        resume = ['--resume'] if list(run.glob('snapshot_*.npz')) else []
        with open(f'{run}.out', 'a') as output:
            call(
                'train.py', '--dataset', options.dataset, '--iterations', options.iterations,
                '--init-std', std, '--seed', seed, '--out', run, *resume, output=output,
            )  # fmt: skip
    return last


def measure(options, snapshot):
    """The JSON form of evaluate.py for a generator."""
    output = Path(f'{snapshot}.json')
    if not output.exists():
        call(
            'evaluate.py', '--snapshot', snapshot, '--dataset', options.dataset,
            '--protocol', 'all', '--format', 'json', '--output', output, threads=2,
        )  # fmt: skip
    return json.loads(output.read_text())


def second_half(options, run):
    """Mean kudo error, mm, over the evaluations of a run's second half."""
    log = json.loads((run / 'log').read_text())
    late = [entry for entry in log if entry['iteration'] > options.iterations / 2]
    return statistics.mean(e['validation/mpjpe'] for e in late if 'validation/mpjpe' in e)


def row(label, values):
    """A Markdown row of numbers in mm."""
    return f'| {label} | ' + ' | '.join(f'{value:.1f}' for value in values) + ' |'


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--dataset', required=True, metavar='FILE.h5')
    parser.add_argument('--iterations', type=int, default=20000)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--init-std', type=float, nargs='+', default=[0.02, 0.14])
    parser.add_argument('--jobs', type=int, default=2, help='runs at a time, one thread each')
    parser.add_argument('--out', default='results/seeds', help='where the runs lie')
    options = parser.parse_args()

    grid = list(itertools.product(options.init_std, options.seeds))
    with ThreadPoolExecutor(options.jobs) as pool:
        lasts = list(pool.map(lambda cell: train(options, *cell), grid))
    reports = {cell: measure(options, last) for cell, last in zip(grid, lasts)}
    bests = {
        cell: measure(options, last.parent / 'gen_best.npz') for cell, last in zip(grid, lasts)
    }

    columns = [*PROTOCOLS, 'inverted better, %', 'second half: kudo', 'best: kudo']
    print('| init-std, seed |', ' | '.join(columns), '|')
    print('|' + ' --- |' * (len(columns) + 1))

    def figures(cell):
        return [
            *(reports[cell]['protocols'][name]['average'] for name in PROTOCOLS),
            100 * reports[cell]['inverted_better'],
            second_half(options, run_path(options, *cell)),
            bests[cell]['protocols']['kudo']['average'],
        ]

    for std in options.init_std:
        table = [figures((std, seed)) for seed in options.seeds]
        for seed, values in zip(options.seeds, table):
            print(row(f'{std:g}, {seed}', values))
        print(row(f'{std:g}, mean', map(statistics.mean, zip(*table))))
        if len(table) > 1:
            print(row(f'{std:g}, standard deviation', map(statistics.stdev, zip(*table))))
    flat = reports[grid[0]]['flat']
    print(row('z = 0', [flat[name]['average'] for name in PROTOCOLS]) + ' | | |')

    actions = list(flat['kudo']['actions'])
    print(f'\n| kudo, mean over seeds | {" | ".join(actions)} | Average |')
    print('|' + ' --- |' * (len(actions) + 2))
    for std in options.init_std:
        scores = [reports[std, seed]['protocols']['kudo'] for seed in options.seeds]
        means = [statistics.mean(s['actions'][action] for s in scores) for action in actions]
        print(row(f'{std:g}', [*means, statistics.mean(s['average'] for s in scores)]))
    print(row('z = 0', [*flat['kudo']['actions'].values(), flat['kudo']['average']]))


if __name__ == '__main__':
    main()
