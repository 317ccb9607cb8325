#!/usr/bin/env python
"""How long does train.py take to its first step, and --help to its answer?

Makes a pose file as large as the paper's training set (312,000 poses) with a test
split of a tenth, and starts train.py on it, in a process of its own each time.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lifting import ROOT, where
from made_up import write_poses

# Prints the seconds from Chainer's import to before and after the first step.
_FIRST_STEP = """
import sys, time
started = time.perf_counter()
import chainer_pose, chainer
imported = time.perf_counter()
from chainer_pose.training import updaters
from chainer_pose.commands import train

step = updaters.PoseGANUpdater.update
def first(self):
    before = time.perf_counter()
    step(self)
    after = time.perf_counter()
    print(imported - started, before - imported, after - before, file=sys.stderr)
    sys.exit()
updaters.PoseGANUpdater.update = first
train.main(sys.argv[1:])
"""


def first_step(data, folder, gpu):
    """Seconds to import Chainer, from there to the first step, and of that step."""
    done = subprocess.run(
        [sys.executable, '-c', _FIRST_STEP, '--dataset', data, '--out', folder, '--gpu', str(gpu)],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    return [float(text) for text in done.stderr.split()[-3:]]


def answer(script):
    """Seconds that a script's --help takes."""
    started = time.monotonic()
    subprocess.run([sys.executable, ROOT / script, '--help'], capture_output=True, check=True)
    return time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--poses', type=int, default=312000)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--gpu', type=int, default=-1)
    options = parser.parse_args()
    print(where())
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / 'poses.h5'
        write_poses(data, train=options.poses, test=options.poses // 10)
        times = [
            first_step(data, Path(folder) / str(i), options.gpu) for i in range(options.repeats)
        ]
    print(f'| train.py, {options.poses} poses, median of {options.repeats} | s |\n| --- | ---: |')
    labels = 'importing Chainer', 'from there to the first step', 'the first step'
    for label, seconds in zip(labels, zip(*times)):
        print(f'| {label} | {statistics.median(seconds):.2f} |')
    for script in ('train.py', 'evaluate.py', 'predict.py'):
        seconds = statistics.median(answer(script) for _ in range(options.repeats))
        print(f'| {script} --help | {seconds:.2f} |')


if __name__ == '__main__':
    main()
