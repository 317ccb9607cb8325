"""What the benchmarks share: the machine, the project's scripts, runs that are kept."""

import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

import chainer_pose  # noqa: E402, F401 (before Chainer, which it adapts to NumPy)


def where():
    """Machine, versions, date and commit, on one line."""
    commit = subprocess.run(
        ['git', '-C', str(ROOT), 'describe', '--always', '--dirty'], capture_output=True, text=True
    ).stdout.strip()
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(':')[1].strip() for line in lines if line.startswith('model name')]
    return (
        f'{os.environ.get("OMP_NUM_THREADS", "all")} of {len(names)} cores of '
        f'{(names or [platform.processor()])[0]}, '
        f'CPython {platform.python_version()}, NumPy {np.__version__}, '
        f'{time.strftime("%Y-%m-%d")}, commit {commit or "unknown"}'
    )


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
        given = '--dataset', dataset, '--iterations', iterations, '--out', run
        with open(f'{run}.out', 'a') as output:
            call('train.py', *given, *arguments, *resume, output=output)
    return last


def spread(values):
    """Mean and deviation of some seeds' numbers as text: '61.2 (1.3)'; of one its number."""
    values = list(values)
    if len(values) == 1:
        return f'{values[0]:.1f}'
    return f'{statistics.mean(values):.1f} ({statistics.stdev(values):.1f})'
