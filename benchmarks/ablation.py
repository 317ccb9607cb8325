#!/usr/bin/env python
"""How good is the method over several seeds, what does each addition bring, and what would labels?

Runs train.py for every row and seed; existing runs are kept, interrupted ones resumed. The last
generators, which no error on the test split has chosen, are measured there and tabulated, with
--mirror as evaluate.py --mirror does. Since the error swings, the mean and the worst of the
evaluations of a run's second half stand beside it, and the best, which was chosen on this very
split. --each prints each seed, too; --figures draws learning curves, the error by share of labels,
and the same poses lifted by some of the rows. --cost times a training step of each row instead.
"""

import argparse
import itertools
import json
import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import runs  # puts the project on the path

ALONE = {
    'cap': ['--accuracy-cap', '0.8'],
    'pitch': ['--camera-pitch', 'each'],
    'consistency': ['--consistency', '30', '3'],
    'bones': ['--bone-weight', '100'],
    'ema': ['--ema', '0.999'],
    'zero-root': ['--zero-root'],
}
WITHOUT = {
    'cap': ['--accuracy-cap', '0.9'],
    'pitch': ['--camera-pitch', '0'],
    'consistency': ['--consistency', '0', '0'],
    'bones': ['--bone-weight', '0'],
    'ema': ['--ema', '0'],
    'zero-root': ['--no-zero-root'],
}
LABELLED = (0.001, 0.01, 0.1, 1)
ROWS = {
    'paper': [],
    'std-0.14': ['--init-std', '0.14'],
    **ALONE,
    'plus': ['--preset', 'plus'],
    **{f'plus-without-{name}': ['--preset', 'plus', *part] for name, part in WITHOUT.items()},
    'supervised': ['--mode', 'supervised'],
    'martinez': ['--mode', 'supervised', '--model', 'martinez'],
    'centred-plus': ['--preset', 'plus'],
    'plus-line-of-sight': ['--preset', 'plus', '--line-of-sight', '1147', '514', '507'],
    'plus-one-pitch': ['--preset', 'plus', '--camera-pitch', 'learn'],
    'plus-batch-64': ['--preset', 'plus', '--batchsize', '64', '--alpha', '4e-4'],
    'plus-augment': ['--preset', 'plus', '--augment'],
    **{
        f'labelled-{share:g}': ['--mode', 'semi-supervised', '--labelled', f'{share:g}']
        for share in LABELLED
    },
}
CENTRED = 'centred-'  # rows on the same poses, seen by cameras turned onto the root joint
SHOWN = ('paper', 'plus', 'supervised')
PROTOCOLS = 'kudo', 'mpjpe', 'n-mpjpe', 'p-mpjpe'


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
        curves = [curve(folders[cell]) for cell in cells[row]]
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


def measure(dataset, snapshot, *more):
    """The JSON form of evaluate.py for a generator, read again if it has been measured."""
    output = Path(f'{snapshot}{"".join(more)}.json')
    if not output.exists():
        given = '--snapshot', snapshot, '--dataset', dataset, '--output', output
        runs.call('evaluate.py', *given, '--protocol', 'all', '--format', 'json', *more)
    return json.loads(output.read_text())


def curve(run):
    """[(iteration, kudo error in mm)] of a run's evaluations, from its log."""
    log = json.loads((run / 'log').read_text())
    return [(e['iteration'], e['validation/mpjpe']) for e in log if 'validation/mpjpe' in e]


def tabulate(cells, zero_depth, each):
    """Print all protocols, then the actions under the paper's: mean (deviation) over the seeds.

    `cells` is a dict from (row, seed) to its report and its `curve`, `zero_depth` one from the
    name of a baseline's row to its scores; `each` prints each seed's figures, too.
    """
    rows = {name: {s: c for (n, s), c in cells.items() if n == name} for name, _ in cells}
    columns = ['row', 'seeds', *PROTOCOLS, 'depth flips, %', 'late kudo', 'late worst', 'best']
    print('|', ' | '.join(columns), '|\n' + '| --- ' * len(columns) + '|')

    def line(name, seeds, found):
        table = [
            [*(report['protocols'][p]['average'] for p in PROTOCOLS),
             100 * report['depth_flip_rate'],
             statistics.mean(late := [error for i, error in points if i >= points[-1][0] / 2]),
             max(late),
             min(error for _, error in points)]
            for report, points in found
        ]  # fmt: skip
        print(f'| {name} | {seeds} |', ' | '.join(map(runs.spread, zip(*table))), '|')

    for name, of_row in rows.items():
        for seed, cell in of_row.items() if each else ():
            line(f'{name}, seed {seed}', 1, [cell])
        line(name, len(of_row), of_row.values())
    for name, scores in zero_depth.items():
        averages = ' | '.join(f'{scores[p]["average"]:.1f}' for p in PROTOCOLS)
        print(f'| {name} | | {averages} | | | | |')

    actions = list(next(iter(zero_depth.values()))['kudo']['actions'])
    print(f'\n| kudo | {" | ".join(actions)} | Average |\n' + '| --- ' * (len(actions) + 2) + '|')
    scores = {n: [c[0]['protocols']['kudo'] for c in row.values()] for n, row in rows.items()}
    for name, found in (scores | {n: [s['kudo']] for n, s in zero_depth.items()}).items():
        table = zip(*([*(s['actions'][a] for a in actions), s['average']] for s in found))
        print(f'| {name} |', ' | '.join(map(runs.spread, table)), '|')


def cost(options):
    """Time a step of each row, taking turns so that all see the same machine."""
    import step

    from chainer_pose.datasets import pose_file
    from chainer_pose.utils import devices

    data, device = pose_file.read(options.dataset, 'train'), devices.get_device(options.gpu)
    given = '--dataset', options.dataset, '--out', 'unused', '--iterations', '1000'
    rows = [row for row in options.rows if not row.startswith(CENTRED)]
    sides = {row: step.Ours([*given, *ROWS[row]], data, device) for row in rows}
    print('| row | ms a step | of the first |\n| --- | ---: | ---: |')
    seconds = step.time_sides(sides, options.cost, 0.2)
    for row, value in seconds.items():
        print(f'| {row} | {1000 * value:.1f} | {value / seconds[rows[0]]:.2f} |')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add = parser.add_argument
    add('--dataset', required=True, metavar='FILE.h5', help='pose file to train on')
    add('--rows', nargs='+', choices=ROWS, default=list(ROWS), metavar='ROW', help='which to run')
    add('--iterations', type=int, default=20000, help='of each run')
    add('--seeds', type=int, nargs='+', default=[0, 1, 2], help='of each row')
    add('--gpu', type=int, default=-1, metavar='N', help='CUDA device; -1: CPU; an --out for each')
    add('--jobs', type=int, default=2, help='runs at a time, one thread each')
    add('--out', type=Path, default=Path('results/ablation'), help='folder of the runs')
    add('--no-train', action='store_true', help='tabulate existing runs only')
    add('--mirror', action='store_true', help='measure with the mirror image of each pose')
    add('--each', action='store_true', help='print each seed, too')
    add('--figures', metavar='DIR', help='draw there, too')
    add('--cost', type=int, metavar='N', help='time N turns of steps of each row instead')
    options = parser.parse_args()
    print(runs.where() + '\n')
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

    def run(cell):
        row, seed = cell
        last = folders[cell] / f'gen_{options.iterations}.npz'
        if not options.no_train:
            given = '--gpu', options.gpu, '--seed', seed, *ROWS[row]
            runs.train(folders[cell], dataset[row], options.iterations, *given)
        if last.exists():
            return measure(dataset[row], last, *['--mirror'] * options.mirror)

    with ThreadPoolExecutor(options.jobs) as pool:
        futures = {cell: pool.submit(run, cell) for cell in folders}
    reports = {cell: found for cell, future in futures.items() if (found := future.result())}
    zero_depth = {
        'z = 0' + (', centred' if row.startswith(CENTRED) else ''): report['zero_depth']
        for (row, _), report in reports.items()
    }
    cells = {cell: (report, curve(folders[cell])) for cell, report in reports.items()}
    tabulate(cells, zero_depth, options.each)
    if options.figures:
        draw(options, folders, reports, list(dict.fromkeys(row for row, _ in reports)))


if __name__ == '__main__':
    main()
