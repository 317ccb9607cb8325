"""What the benchmarks that train share: runs that are kept, measured and tabulated."""

import argparse
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOCOLS = ('kudo', 'mpjpe', 'n-mpjpe', 'p-mpjpe')


def parser(description, out):
    """argparse's parser with the options of all of them; `out` is the default of --out."""
    made = argparse.ArgumentParser(description=description.split('\n')[0])
    made.add_argument('--dataset', required=True, metavar='FILE.h5', help='pose file to train on')
    made.add_argument('--iterations', type=int, default=20000, help='of each run')
    made.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2], help='of each row')
    made.add_argument('--jobs', type=int, default=2, help='runs at a time, one thread each')
    made.add_argument('--out', type=Path, default=Path(out), help='folder of the runs')
    return made


def call(script, *arguments, threads=1, output=None):
    """Run a script of the project; raise CalledProcessError if it fails."""
    environment = {**os.environ, 'OMP_NUM_THREADS': str(threads)}
    command = [sys.executable, str(ROOT / script), *map(str, arguments)]
    subprocess.run(command, check=True, env=environment, stdout=output)


def train(run, dataset, iterations, *arguments):
    """Train or resume a run that lacks its last generator, whose path is returned."""
    run = Path(run)
    last = run / f'gen_{iterations}.npz'
    if not last.exists():
        run.parent.mkdir(parents=True, exist_ok=True)
        resume = ['--resume'] if list(run.glob('snapshot_*.npz')) else []
        with open(f'{run}.out', 'a') as output:
            call(
                'train.py', '--dataset', dataset, '--iterations', iterations, '--out', run,
                *arguments, *resume, output=output,
            )  # fmt: skip
    return last


def train_all(options, runs):
    """Train all of a dict from each run's folder to (data set, arguments)."""
    with ThreadPoolExecutor(options.jobs) as pool:
        futures = [
            pool.submit(train, run, dataset, options.iterations, *arguments)
            for run, (dataset, *arguments) in runs.items()
        ]
    for future in futures:
        future.result()


def measure(dataset, snapshot):
    """The JSON form of evaluate.py for a generator, read again if it has been measured."""
    output = Path(f'{snapshot}.json')
    if not output.exists():
        call(
            'evaluate.py', '--snapshot', snapshot, '--dataset', dataset,
            '--protocol', 'all', '--format', 'json', '--output', output, threads=2,
        )  # fmt: skip
    report = json.loads(output.read_text())
    for old, new in (('inverted_better', 'depth_flip_rate'), ('flat', 'zero_depth')):
        if old in report:  # of files of before
            report[new] = report.pop(old)
    return report


def curve(run):
    """[(iteration, kudo error in mm)] of a run's evaluations, from its log."""
    log = json.loads((Path(run) / 'log').read_text())
    return [(e['iteration'], e['validation/mpjpe']) for e in log if 'validation/mpjpe' in e]


def second_half(run):
    """Mean kudo error, mm, over the evaluations of a run's second half."""
    points = curve(run)
    return statistics.mean(error for i, error in points if i > points[-1][0] / 2)


def spread(values):
    """Mean and deviation of some seeds' numbers as text: '61.2 (1.3)'; of one its number."""
    values = list(values)
    if len(values) == 1:
        return f'{values[0]:.1f}'
    return f'{statistics.mean(values):.1f} ({statistics.stdev(values):.1f})'


def tabulate(cells, zero_depth, more=(), each=False):
    """Print all protocols, then the actions under the paper's: mean (deviation) over the seeds.

    Args:
        cells: dict from (row, seed) to the figures: its report, then a number for each of `more`.
        zero_depth: dict from the name of a baseline's row to its scores.
        more: heads of further columns.
        each: whether to print each seed's figures, too.
    """
    rows = {name: {s: c for (n, s), c in cells.items() if n == name} for name, _ in cells}
    columns = ['row', 'seeds', *PROTOCOLS, 'inverted better, %', *more]
    print('|', ' | '.join(columns), '|\n' + '| --- ' * len(columns) + '|')

    def line(name, seeds, figures):
        table = [
            [*(report['protocols'][p]['average'] for p in PROTOCOLS),
             100 * report['depth_flip_rate'], *others]
            for report, *others in figures
        ]  # fmt: skip
        print(f'| {name} | {seeds} |', ' | '.join(map(spread, zip(*table))), '|')

    for name, of_row in rows.items():
        for seed, figures in of_row.items() if each else ():
            line(f'{name}, seed {seed}', 1, [figures])
        line(name, len(of_row), of_row.values())
    for name, scores in zero_depth.items():
        averages = ' | '.join(f'{scores[p]["average"]:.1f}' for p in PROTOCOLS)
        print(f'| {name} | | {averages} | |' + ' |' * len(more))

    actions = list(next(iter(zero_depth.values()))['kudo']['actions'])
    print(f'\n| kudo | {" | ".join(actions)} | Average |\n' + '| --- ' * (len(actions) + 2) + '|')
    scores = {n: [c[0]['protocols']['kudo'] for c in row.values()] for n, row in rows.items()}
    for name, found in (scores | {n: [s['kudo']] for n, s in zero_depth.items()}).items():
        table = zip(*([*(s['actions'][a] for a in actions), s['average']] for s in found))
        print(f'| {name} |', ' | '.join(map(spread, table)), '|')
