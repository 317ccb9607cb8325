#!/usr/bin/env python
"""Turn CMU motion capture (ASF/AMC) into a pose file seen by four cameras.

The files are at mocap.cs.cmu.edu, free for research and commercial use. They
let you train and evaluate on real motion without a Human3.6M licence.
"""

import csv
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import cmu
from chainer_pose.errors import InputError
from chainer_pose.utils import cli, files


def make_parser():
    parser = cli.Parser(prog='prepare_cmu.py', description=__doc__)
    parser.add_argument(
        '--root',
        required=True,
        metavar='DIR',
        help='folder with the subjects, NN/NN.asf beside NN/NN_MM.amc',
    )
    parser.add_argument(
        '--out',
        default=str(Path(__file__).resolve().parent / 'cmu.h5'),
        metavar='FILE.h5',
        help='pose file to write (default: cmu.h5 beside this script)',
    )
    parser.add_argument(
        '--test-subjects',
        nargs='*',
        metavar='NN',
        help='subjects of the test split, the others train (default: the last fifth, '
        'at least one of two)',
    )
    parser.add_argument(
        '--step',
        type=cli.number(int, low=1),
        default=12,
        metavar='N',
        help='keep every N-th of the 120 frames a second (default: %(default)s, 10 Hz as in '
        "the authors' code)",
    )
    parser.add_argument(
        '--heading',
        nargs='+',
        type=cli.number(float),
        metavar='DEG',
        help='degrees by which to turn each clip about the vertical, a copy of the clip for '
        'each (default: one copy, turned at random)',
    )
    parser.add_argument(
        '--actions',
        metavar='FILE.csv',
        help='names of actions: lines "02_01,walking" (default: none)',
    )
    parser.add_argument(
        '--seed',
        type=cli.number(int, low=0),
        default=0,
        metavar='N',
        help='seed of the random headings (default: %(default)s)',
    )
    return parser


def read_actions(path):
    """{'02_01': 'walking', ...} of a CSV file."""
    try:
        with open(path, newline='', encoding='utf-8') as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'--actions {path}: expected a readable CSV file: {error}') from error
    for row in rows:
        if len(row) != 2:
            raise InputError(f'--actions {path}: expected lines "02_01,walking", found {row}')
    return {clip.strip(): action.strip() for clip, action in rows}


def main(argv=None):
    options = make_parser().parse_args(argv)
    splits = cmu.convert(
        options.root,
        options.test_subjects,
        options.step,
        options.heading,
        read_actions(options.actions) if options.actions else None,
        options.seed,
        progress=print,
    )
    with files.writing(options.out):
        pose_file.write(options.out, splits)
    print(pose_file.describe(options.out))


if __name__ == '__main__':
    cli.run(main)
