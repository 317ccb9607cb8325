#!/usr/bin/env python
"""How long and how much memory does a Human3.6M take to convert?

Writes made-up copies of the published size, 210 recordings seen by four
cameras (1,559,752 training and 550,644 test frames), in each public layout,
converts them with data/prepare_h36m.py and prints seconds and peak memory.
"""

import argparse
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]

import numpy as np  # noqa: E402
import trees  # noqa: E402

from chainer_pose.datasets.readers import h36m  # noqa: E402

WRITERS = {
    'baseline': lambda root, world: trees.write_baseline(root, world, ('StackedHourglass',)),
    'videopose3d': lambda root, world: trees.write_videopose3d(
        root, world, ('sh_pt_mpii', 'cpn_ft_h36m_dbb')
    ),
    'archive': trees.write_archive,
}


def make_world(share):
    """Recordings whose frames add up to those published, or to a share of them."""
    short = trees.takes(100, actions=h36m.ACTIONS)
    world, rng = {}, np.random.default_rng(0)
    for split, subjects in h36m.SPLITS.items():
        takes = [take for take in short if take.subject in subjects]
        total = round(h36m.PUBLISHED_FRAMES[split] // len(h36m.CAMERAS) * share)
        for i, take in enumerate(takes):
            frames = total * (i + 1) // len(takes) - total * i // len(takes)
            # Noise as of a motion capture, or the file would be squeezed to nothing.
            noise = rng.normal(0, 0.5, (frames, 17, 3))
            world[take] = (np.resize(short[take], (frames, 17, 3)) + noise).astype(np.float32)
    return world


# From a small process of its own: a child's peak counts what its parent held.
_LAUNCH = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


def measure(arguments):
    """Seconds, peak memory in MB, and output of a script."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, '-c', _LAUNCH, sys.executable, *map(str, arguments)],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr)
    return time.monotonic() - started, int(done.stderr.split()[-1]) / 1024, done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--work', required=True, help='folder for the copies, some 5 GB')
    parser.add_argument('--layouts', nargs='+', choices=tuple(WRITERS), default=tuple(WRITERS))
    parser.add_argument('--steps', nargs='+', type=int, default=[1, 5])
    parser.add_argument('--share', type=float, default=1.0, help='of the published size')
    options = parser.parse_args()

    print(f'{platform.machine()}, CPython {platform.python_version()}, NumPy {np.__version__}')
    world = make_world(options.share)
    print('| layout | step | poses | s | poses a second | peak memory, MB | file, MB |')
    print('| --- | ---: | ---: | ---: | ---: | ---: | ---: |')
    for layout in options.layouts:
        root = Path(options.work) / layout
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        WRITERS[layout](root, world)
        for step in options.steps:
            out = Path(options.work) / f'{layout}.h5'
            script = ROOT / 'data' / 'prepare_h36m.py'
            seconds, memory, output = measure(
                [script, '--root', root, '--out', out, '--step', step, '--all-cameras']
            )
            poses = sum(
                int(line.split(': ')[1].split()[0])
                for line in output.splitlines()
                if line.startswith(('train, gt', 'test, gt'))
            )
            print(
                f'| {layout} | {step} | {poses} | {seconds:.0f} | {poses / seconds:.0f} | '
                f'{memory:.0f} | {out.stat().st_size / 2**20:.0f} |',
                flush=True,
            )
            out.unlink()
        shutil.rmtree(root)


if __name__ == '__main__':
    main()
