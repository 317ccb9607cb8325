#!/usr/bin/env python
"""Write a synthetic pose file: a stand-in for real motion, made in seconds."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chainer_pose import skeletons
from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import quadruped, synthetic
from chainer_pose.utils import cli, files

ROOT = Path(__file__).resolve().parent.parent


def main(argv=None):
    parser = cli.Parser(prog='prepare_synthetic.py', description=__doc__)
    parser.add_argument(
        '--body',
        choices=('person', 'quadruped'),
        default='person',
        help='person, or a four-legged animal (examples/skeletons/quadruped.json), to try '
        'skeletons that are no person (default: %(default)s)',
    )
    parser.add_argument(
        '--out',
        metavar='FILE.h5',
        help='pose file to write (default: synthetic.h5 or quadruped.h5 beside this script)',
    )
    parser.add_argument(
        '--seed',
        type=cli.number(int, low=0),
        default=0,
        metavar='N',
        help='seed of the postures (default: %(default)s)',
    )
    options = parser.parse_args(argv)
    if options.body == 'person':
        splits, name = synthetic.make(options.seed), synthetic.NAME
    else:
        skeleton = skeletons.get(ROOT / 'examples' / 'skeletons' / 'quadruped.json')
        splits, name = quadruped.make(skeleton, options.seed), quadruped.NAME
    out = options.out or str(ROOT / 'data' / f'{name}.h5')
    with files.writing(out):
        pose_file.write(out, splits)
    print(pose_file.describe(out))


if __name__ == '__main__':
    cli.run(main)
