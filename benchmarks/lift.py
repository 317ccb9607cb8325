#!/usr/bin/env python
"""How fast are poses lifted, and with how much memory?

Times the generator alone (the batch sizes are interleaved, medians printed), then
predict.py on made-up keypoints from reading to the last file written, each in a
process of its own whose peak memory is printed too.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import lifting
import numpy as np
from prepare import measure

from chainer_pose.inference import lifter
from chainer_pose.skeletons import H36M17


def made_up(n, rng):
    """(n, 17, 2) made-up poses, px."""
    return rng.normal(500, 90, (n, len(H36M17), 2)).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--poses', type=int, default=100000)
    parser.add_argument('--batchsizes', type=int, nargs='+', default=[1, 16, 256, 4096])
    parser.add_argument('--repeats', type=int, default=5)
    options = parser.parse_args()
    print(lifting.where())
    known = lifter.load_lifter()
    rng = np.random.default_rng(0)
    poses = made_up(max(options.batchsizes), rng)
    seconds = {size: [] for size in options.batchsizes}
    for _ in range(options.repeats):
        for size in options.batchsizes:
            calls = max(1, min(100, 4096 // size))
            started = time.perf_counter()
            for _ in range(calls):
                known(poses[:size])
            seconds[size].append((time.perf_counter() - started) / (calls * size))
    print('| lifter(pose2d), poses a call | poses a second | ms a call |')
    print('| ---: | ---: | ---: |')
    for size, times in seconds.items():
        each = statistics.median(times)
        print(f'| {size} | {1 / each:.0f} | {1000 * each * size:.2f} |')

    print(f'\n| predict.py, {options.poses} poses | s | poses a second | peak memory, MB |')
    print('| --- | ---: | ---: | ---: |')
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for factor in (1, 5):  # five times the poses: memory must not grow with them
            n = factor * options.poses
            np.save(folder / 'poses.npy', made_up(n, rng))
            for label, more in (
                ('npz', ['--write', 'npz']),
                ('JSON, CSV and npz', []),
            ):
                took, memory, _ = measure(
                    [lifting.ROOT / 'predict.py', '--input', folder / 'poses.npy',
                     '--skeleton', 'h36m17', '--out', folder / 'out', *more]
                )  # fmt: skip
                print(f'| {n}, writing {label} | {took:.1f} | {n / took:.0f} | {memory:.0f} |')


if __name__ == '__main__':
    main()
