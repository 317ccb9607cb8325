#!/usr/bin/env python
"""What does each addition to the paper's method bring, and what would labels?

Runs train.py for every row and seed; existing runs are kept, interrupted ones resumed. The last
generators, which no error on the test split has chosen, are measured there and tabulated;
--figures draws learning curves, the error by share of labels, and the same poses lifted by some of
the rows. --cost times a training step of each row instead.
"""

import itertools
import statistics
import time
from pathlib import Path

import runs
from lifting import where  # puts the project on the path

ALONE = {
    'pitch': ['--camera-pitch', 'learn'],
    'consistency': ['--consistency', '10', '1'],
    'bones': ['--bone-weight', '100'],
    'ema': ['--ema', '0.999'],
    'zero-root': ['--zero-root'],
}
WITHOUT = {
    'pitch': ['--camera-pitch', '0'],
    'consistency': ['--consistency', '0', '0'],
    'bones': ['--bone-weight', '0'],
    'ema': ['--ema', '0'],
    'zero-root': ['--no-zero-root'],
}
LABELLED = (0.001, 0.01, 0.1, 1)
ROWS = {
    'paper': [],
    **ALONE,
    'plus': ['--preset', 'plus'],
    **{f'plus-without-{name}': ['--preset', 'plus', *part] for name, part in WITHOUT.items()},
    'supervised': ['--mode', 'supervised'],
    'martinez': ['--mode', 'supervised', '--model', 'martinez'],
    'centred-plus': ['--preset', 'plus'],
    'centred-plus-cap-0.8': ['--preset', 'plus', '--accuracy-cap', '0.8'],
    **{
        f'labelled-{share:g}': ['--mode', 'semi-supervised', '--labelled', f'{share:g}']
        for share in LABELLED
    },
}
CENTRED = 'centred-'  # rows on the same poses, seen by cameras turned onto the root joint
SHOWN = ('paper', 'plus', 'supervised')


def draw(options, folders, reports, rows):
    """Write curves.png, labels.png and poses.png to --figures."""
    from chainer_pose import visualizations
    from chainer_pose.datasets import pose_file
    from chainer_pose.inference import weights as weights_file

    folder = Path(options.figures)
    folder.mkdir(parents=True, exist_ok=True)
    cells = {row: [cell for cell in reports if cell[0] == row] for row in rows}

    figure = visualizations.new_figure(9.5, 4.8)
    axes = figure.add_subplot()
    # There are ten colors: after them the dashes become dots.
    for place, row in enumerate(rows):
        curves = [runs.curve(folders[cell]) for cell in cells[row]]
        iterations = [i for i, _ in curves[0]]
        means = [statistics.mean(errors) for errors in zip(*([e for _, e in c] for c in curves))]
        style = '-' if row in SHOWN else '--' if place < 10 else ':'
        axes.plot(iterations, means, style, lw=2 if row in SHOWN else 1, label=row)
    axes.set_xlabel('iteration')
    axes.set_ylabel('error on the test split (kudo), mm')
    axes.set_ylim(top=130)
    axes.grid(color='#dddddd')
    axes.legend(fontsize=7, bbox_to_anchor=(1.01, 1), loc='upper left')
    figure.subplots_adjust(left=0.07, right=0.78)
    figure.savefig(folder / 'curves.png')

    shares = [row for row in ('paper', *(f'labelled-{s:g}' for s in LABELLED)) if row in rows]
    figure = visualizations.new_figure(5.5, 4.0)
    axes = figure.add_subplot()
    for place, row in enumerate(shares):
        errors = [reports[cell]['protocols']['kudo']['average'] for cell in cells[row]]
        axes.plot([place] * len(errors), errors, 'o', color='#2171b5')
    for row, style in (('supervised', ':'), ('plus', '--')):
        if row in rows:
            errors = [reports[cell]['protocols']['kudo']['average'] for cell in cells[row]]
            axes.axhline(statistics.mean(errors), linestyle=style, color='#555555', label=row)
    names = [row.removeprefix('labelled-').replace('paper', '0') for row in shares]
    axes.set_xticks(range(len(shares)), names)
    axes.set_xlabel('share of the poses that is labelled')
    axes.set_ylabel('error on the test split (kudo), mm')
    axes.grid(axis='y', color='#dddddd')
    if {'supervised', 'plus'} & set(rows):
        axes.legend(fontsize=8)
    figure.savefig(folder / 'labels.png')

    data = pose_file.read(options.dataset, 'test')
    last = f'gen_{options.iterations}.npz'
    generators = {
        row: weights_file.load_generator(folders[cells[row][0]] / last).generator
        for row in SHOWN
        if cells.get(row)
    }
    chosen = visualizations.choose(data, 5)
    visualizations.pose_sheet(generators, chosen).savefig(folder / 'poses.png')


def cost(options):
    """Time a step of each row, taking turns so that all see the same machine."""
    import chainer

    from chainer_pose.commands.train import parse_options
    from chainer_pose.datasets import pose_file
    from chainer_pose.training.trainer import make_trainer

    data, updaters = pose_file.read(options.dataset, 'train'), {}
    for row in options.rows:
        if row.startswith(CENTRED):
            continue
        arguments = ['--dataset', options.dataset, '--out', 'unused', '--iterations', '1000']
        parsed = parse_options([*arguments, *ROWS[row]])
        updaters[row] = make_trainer(parsed, data, None, chainer.get_device('@numpy')).updater
    times = {row: [] for row in updaters}
    with chainer.using_config('type_check', False), chainer.Reporter().scope({}):
        for repeat, row in itertools.product(range(options.cost + 1), updaters):
            for _ in range(11):
                start = time.perf_counter()
                updaters[row].update()
                if repeat:  # the first round warms up
                    times[row].append(time.perf_counter() - start)
    print('| row | ms a step | of the first |\n| --- | ---: | ---: |')
    medians = {row: 1000 * statistics.median(values) for row, values in times.items()}
    first = next(iter(medians.values()))
    for row, value in medians.items():
        print(f'| {row} | {value:.1f} | {value / first:.2f} |')


def main():
    parser = runs.parser(__doc__, 'results/ablation')
    add = parser.add_argument
    add('--rows', nargs='+', choices=ROWS, default=list(ROWS), metavar='ROW', help='which to run')
    add('--no-train', action='store_true', help='tabulate existing runs only')
    add('--figures', metavar='DIR', help='draw there, too')
    add('--cost', type=int, metavar='N', help='time N rounds of ten steps of each row instead')
    options = parser.parse_args()
    print(where() + '\n')
    if options.cost:
        return cost(options)

    # Seed by seed, so that an interrupted session leaves whole comparisons.
    folders = {
        (row, seed): options.out / f'{row}-seed{seed}'
        for seed, row in itertools.product(options.seeds, options.rows)
    }
    centered = options.out / f'{Path(options.dataset).stem}-centred.h5'
    if any(row.startswith(CENTRED) for row in options.rows) and not centered.exists():
        options.out.mkdir(parents=True, exist_ok=True)
        runs.call('data/prepare_centered.py', '--dataset', options.dataset, '--out', centered)
    dataset = {row: centered if row.startswith(CENTRED) else options.dataset for row in ROWS}
    if not options.no_train:
        runs.train_all(
            options,
            {
                folder: (dataset[row], '--seed', seed, *ROWS[row])
                for (row, seed), folder in folders.items()
            },
        )
    reports = {
        (row, seed): runs.measure(dataset[row], last)
        for row, seed in itertools.product(options.rows, options.seeds)
        if (last := folders[row, seed] / f'gen_{options.iterations}.npz').exists()
    }
    zero_depth = {
        'z = 0' + (', centred' if row.startswith(CENTRED) else ''): report['zero_depth']
        for (row, _), report in reports.items()
    }
    cells = {cell: (report, runs.second_half(folders[cell])) for cell, report in reports.items()}
    runs.tabulate(cells, zero_depth, ('second half: kudo',))
    if options.figures:
        draw(options, folders, reports, list(dict.fromkeys(row for row, _ in reports)))


if __name__ == '__main__':
    main()
