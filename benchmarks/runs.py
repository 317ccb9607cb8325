"""What the benchmarks that train share: runs that are kept, measured and tabulated."""

import json
import os
import statistics
import subprocess
import sys
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


def train(run, dataset, iterations, *arguments):
    """Train unless the run's last generator is there, from where it stopped; return its path."""
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


def measure(dataset, snapshot):
    """The JSON form of evaluate.py for a generator."""
    output = Path(f'{snapshot}.json')
    if not output.exists():
        call(
            'evaluate.py', '--snapshot', snapshot, '--dataset', dataset,
            '--protocol', 'all', '--format', 'json', '--output', output, threads=2,
        )  # fmt: skip
    return json.loads(output.read_text())


def curve(run):
    """[(iteration, kudo error in mm)] of a run's evaluations, from its log."""
    log = json.loads((Path(run) / 'log').read_text())
    return [(e['iteration'], e['validation/mpjpe']) for e in log if 'validation/mpjpe' in e]


def second_half(run):
    """Mean kudo error, mm, over the evaluations of a run's second half."""
    points = curve(run)
    return statistics.mean(error for i, error in points if i > points[-1][0] / 2)


def row(label, values):
    """A Markdown row of numbers in mm."""
    return f'| {label} | ' + ' | '.join(f'{value:.1f}' for value in values) + ' |'


def spread(values):
    """Mean and deviation of some seeds' numbers, as text: '61.2 (1.3)'; of one its number."""
    values = list(values)
    if len(values) == 1:
        return f'{values[0]:.1f}'
    return f'{statistics.mean(values):.1f} ({statistics.stdev(values):.1f})'
