#!/usr/bin/env python
"""How long and how much memory does a test split take to evaluate?

Makes a pose file as large as Human3.6M's test split (550,644 poses) and a
generator that has learned nothing, and measures it with evaluate.py, protocol by
protocol and with all, per action.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from lifting import ROOT, where
from made_up import write_poses
from prepare import measure

from chainer_pose import links
from chainer_pose.datasets.readers.h36m import PUBLISHED_FRAMES
from chainer_pose.inference import weights as weights_file
from chainer_pose.skeletons import H36M17


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--poses', type=int, default=PUBLISHED_FRAMES['test'])
    parser.add_argument('--protocols', nargs='+', default=['kudo', 'p-mpjpe', 'all'])
    options = parser.parse_args()
    print(where())
    with tempfile.TemporaryDirectory() as folder:
        data, snapshot = Path(folder) / 'poses.h5', Path(folder) / 'gen_1.npz'
        write_poses(data, test=options.poses)
        generator = links.Generator(len(H36M17), rng=np.random.default_rng(0))
        arrays = {name.lstrip('/'): param.array for name, param in generator.namedparams()}
        weights_file.write_generator(snapshot, arrays, H36M17)
        print(f'| evaluate.py --protocol, {options.poses} poses | s | peak memory, MB |')
        print('| --- | ---: | ---: |')
        for protocol in options.protocols:
            seconds, memory, _ = measure(
                [ROOT / 'evaluate.py', '--snapshot', snapshot, '--dataset', data,
                 '--protocol', protocol]
            )  # fmt: skip
            print(f'| {protocol} | {seconds:.1f} | {memory:.0f} |', flush=True)


if __name__ == '__main__':
    main()
