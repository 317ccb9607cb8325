#!/usr/bin/env python
"""Does a run survive being killed, at any moment?

Trains in small steps with a snapshot every few iterations, kills the process (SIGKILL)
at a random moment, and resumes, again and again; half of the times with a writer that
takes its time over each snapshot, so that most of those kills fall within its writing.
In the end the weights are compared with those of a run that nothing disturbed.
"""

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from lifting import ROOT, where
from made_up import write_poses

from chainer_pose.inference import weights as weights_file
from chainer_pose.training import run_directory

# A snapshot's bytes are on their way for a third of a second before its name is there.
_SLOW = """
import os, sys, time
fsync = os.fsync
os.fsync = lambda handle: (time.sleep(0.3), fsync(handle))
from chainer_pose.utils import cli
from chainer_pose.commands import train
sys.argv[0] = 'train.py'
cli.run(train.main)
"""


def start(arguments, slow):
    program = ['-c', _SLOW] if slow else [ROOT / 'train.py']
    return subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )  # fmt: skip


def newest(run):
    """Iteration of the newest snapshot that can be read, -1 for none, and those that cannot."""
    damaged = []
    try:
        path = run_directory.latest_snapshot(run, damaged.append)
    except run_directory.InputError:
        return -1, damaged
    return int(path.stem.split('_')[1]), damaged


def digest(path):
    """SHA-256 of a generator's arrays."""
    sha = hashlib.sha256()
    for key, array in sorted(weights_file.read_arrays(path).items()):
        sha.update(key.encode() + np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def entries(run):
    return [
        {key: value for key, value in entry.items() if key != 'elapsed_time'}
        for entry in json.loads((run / 'log').read_text())
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--kills', type=int, default=50)
    parser.add_argument('--every', type=int, default=10, help='iterations between snapshots')
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args()
    print(where())
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        data, run, whole = (Path(folder) / name for name in ('poses.h5', 'run', 'whole'))
        write_poses(data, train=2000)
        common = ['--dataset', data, '--n-unit', '128', '--log-interval', 10 * options.every,
                  '--snapshot-interval', options.every]  # fmt: skip
        lost = unreadable = half_written = 0
        best = -1
        for kill in range(options.kills):
            began = (run / 'options.json').exists()
            arguments = ['--resume', run] if best >= 0 else [*common, '--out', run]
            if began and best < 0:  # killed before its first snapshot: begin again
                subprocess.run(['rm', '-rf', run], check=True)
            process = start([*arguments, '--iterations', 10**6], slow=kill % 2)
            reached = time.monotonic() + 60
            while newest_name(run) <= best and process.poll() is None:
                if time.monotonic() > reached:
                    sys.exit('no snapshot within a minute')
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 1.4))
            process.kill()
            _, error = process.communicate()
            if error.strip():
                sys.exit(f'kill {kill}: {error}')
            half_written += any(path.name.startswith('.snapshot') for path in run.iterdir())
            found, damaged = newest(run)
            unreadable += len(damaged)
            lost += found < best
            best = max(best, found)
        end = best + options.every
        for arguments in (['--resume', run], [*common, '--out', whole]):
            process = start([*arguments, '--iterations', end], slow=False)
            _, error = process.communicate()
            if process.returncode:
                sys.exit(error)
        print(f'kills: {options.kills}, of which while a snapshot was written: {half_written}')
        print(f'snapshots that could not be read: {unreadable}; runs set back: {lost}')
        for name, of_run in (('killed', run), ('whole', whole)):
            print(f'{name:6s} run, iteration {end}: SHA-256 {digest(of_run / f"gen_{end}.npz")}')
        same = digest(run / f'gen_{end}.npz') == digest(whole / f'gen_{end}.npz')
        print(
            f'weights {"equal" if same else "DIFFER"}; '
            f'logs {"equal" if logs_agree(run, whole) else "DIFFER"}'
        )
        sys.exit(not same or unreadable or lost)


def newest_name(run):
    """Iteration of the newest snapshot there is by its name, -1 for none."""
    return max((int(p.stem.split('_')[1]) for p in run.glob('snapshot_*.npz')), default=-1)


def logs_agree(run, whole):
    """Whether the entries up to the shorter run's end are the same, but for the time."""
    return entries(run)[: len(entries(whole))] == entries(whole)


if __name__ == '__main__':
    main()
