#!/usr/bin/env python
"""Write the synthetic pose file: a stand-in for real motion, made in seconds."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chainer_pose import cli, files, pose_file
from chainer_pose.sources import synthetic


def main(argv=None):
    parser = cli.Parser(prog='prepare_synthetic.py', description=__doc__)
    parser.add_argument(
        '--out',
        default=str(Path(__file__).resolve().parent / 'synthetic.h5'),
        metavar='FILE.h5',
        help='pose file to write (default: synthetic.h5 beside this script)',
    )
    parser.add_argument(
        '--seed',
        type=cli.number(int, low=0),
        default=0,
        metavar='N',
        help='seed of the postures (default: %(default)s)',
    )
    options = parser.parse_args(argv)
    splits = synthetic.make(options.seed)
    with files.writing('--out', options.out):
        pose_file.write(options.out, splits)
    print(pose_file.describe(options.out))


if __name__ == '__main__':
    cli.run(main)
