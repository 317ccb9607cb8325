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
import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runs import PROTOCOLS, measure, row, second_half, train


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--dataset', required=True, metavar='FILE.h5')
    parser.add_argument('--iterations', type=int, default=20000)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--init-std', type=float, nargs='+', default=[0.02, 0.14])
    parser.add_argument('--jobs', type=int, default=2, help='runs at a time, one thread each')
    parser.add_argument('--out', default='results/seeds', help='where the runs lie')
    options = parser.parse_args()

    stem = Path(options.dataset).stem
    runs = {
        (std, seed): Path(options.out) / f'{stem}-std{std:g}-seed{seed}'
        for std, seed in itertools.product(options.init_std, options.seeds)
    }

    def trained(cell):
        std, seed = cell
        return train(
            runs[cell], options.dataset, options.iterations, '--init-std', std, '--seed', seed
        )

    with ThreadPoolExecutor(options.jobs) as pool:
        lasts = dict(zip(runs, pool.map(trained, runs)))
    reports = {cell: measure(options.dataset, last) for cell, last in lasts.items()}
    bests = {cell: measure(options.dataset, run / 'gen_best.npz') for cell, run in runs.items()}

    columns = [*PROTOCOLS, 'depth flip rate, %', 'second half: kudo', 'best: kudo']
    print('| init-std, seed |', ' | '.join(columns), '|')
    print('|' + ' --- |' * (len(columns) + 1))

    def figures(cell):
        return [
            *(reports[cell]['protocols'][name]['average'] for name in PROTOCOLS),
            100 * reports[cell]['depth_flip_rate'],
            second_half(runs[cell]),
            bests[cell]['protocols']['kudo']['average'],
        ]

    for std in options.init_std:
        table = [figures((std, seed)) for seed in options.seeds]
        for seed, values in zip(options.seeds, table):
            print(row(f'{std:g}, {seed}', values))
        print(row(f'{std:g}, mean', map(statistics.mean, zip(*table))))
        if len(table) > 1:
            print(row(f'{std:g}, standard deviation', map(statistics.stdev, zip(*table))))
    flat = next(iter(reports.values()))['zero_depth']
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
