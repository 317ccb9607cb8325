#!/usr/bin/env python
"""How good is the method over several seeds? Train, evaluate, tabulate.

Runs train.py and evaluate.py for every initial deviation and seed, keeps existing runs, and prints
the tables. The last generator is measured, which no error on the test split has chosen. Since the
error swings from one evaluation to the next, the mean over the evaluations of the run's second
half stands beside it, and the error of the best generator, which was chosen on this very split.
"""

import itertools

import runs


def main():
    parser = runs.parser(__doc__, 'results/seeds')
    parser.add_argument(
        '--init-std', type=float, nargs='+', default=[0.02, 0.14], help='deviations of the weights'
    )
    options = parser.parse_args()
    stem = options.dataset.rpartition('/')[2].removesuffix('.h5')
    folders = {
        (f'{std:g}', seed): options.out / f'{stem}-std{std:g}-seed{seed}'
        for std, seed in itertools.product(options.init_std, options.seeds)
    }
    runs.train_all(
        options,
        {
            run: (options.dataset, '--init-std', std, '--seed', seed)
            for (std, seed), run in folders.items()
        },
    )

    def report(run, name):
        return runs.measure(options.dataset, run / name)

    cells = {
        cell: (
            report(run, f'gen_{options.iterations}.npz'),
            runs.second_half(run),
            report(run, 'gen_best.npz')['protocols']['kudo']['average'],
        )
        for cell, run in folders.items()
    }
    zero_depth = {'z = 0': next(iter(cells.values()))[0]['zero_depth']}
    runs.tabulate(cells, zero_depth, ('second half: kudo', 'best: kudo'), each=True)


if __name__ == '__main__':
    main()
