#!/usr/bin/env python
"""Turn Human3.6M, from any of its public copies, into a pose file.

Reads 3d-pose-baseline's HDF5 files with cameras.h5, VideoPose3D's npz files, or
the official archive's CDF files (needs cdflib). Human3.6M is for academic use;
register at vision.imar.ro/human3.6m.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import h36m, h36m_layouts
from chainer_pose.utils import cli, files


def make_parser():
    parser = cli.Parser(prog='prepare_h36m.py', description=__doc__)
    parser.add_argument(
        '--root',
        required=True,
        metavar='DIR',
        help='folder with one of the copies; which one is found out and said',
    )
    parser.add_argument(
        '--layout',
        choices=tuple(h36m_layouts.LAYOUTS),
        help='the copy to read where the folder holds several (default: the first of these)',
    )
    parser.add_argument(
        '--out',
        default=str(Path(__file__).resolve().parent / 'h36m.h5'),
        metavar='FILE.h5',
        help='pose file to write (default: h36m.h5 beside this script)',
    )
    parser.add_argument(
        '--step',
        type=cli.number(int, low=1),
        default=5,
        metavar='N',
        help='keep every N-th of the 50 frames a second (default: %(default)s, 10 Hz as in the '
        "authors' code)",
    )
    parser.add_argument(
        '--all-cameras',
        action='store_true',
        help="keep S11's Directions by camera 54138969 too, which the authors' code leaves out "
        'because its detections are missing',
    )
    parser.add_argument(
        '--subjects',
        nargs='+',
        choices=h36m.SUBJECTS,
        default=h36m.SUBJECTS,
        metavar='S',
        help='subjects to convert (default: S1 S5 S6 S7 S8, which train, and S9 S11, which test)',
    )
    return parser


def main(argv=None):
    options = make_parser().parse_args(argv)
    started = time.monotonic()
    layout = h36m_layouts.find(options.root, options.layout, options.subjects)
    print(f'{layout.root}: {layout.kind}; detections: {", ".join(layout.detections) or "none"}')
    few = h36m.incomplete(layout.takes, options.subjects)
    if few:
        print(f'fewer than the {h36m.TAKES_PER_ACTION} recordings of an action: {few}')
    with files.writing(options.out), cli.Progress() as progress:
        counts = h36m.convert(layout, options.out, options.step, options.all_cameras, progress)
    print('\n'.join(h36m.summary(counts)))
    print(f'{pose_file.describe(options.out)}; {time.monotonic() - started:.0f} s')


if __name__ == '__main__':
    cli.run(main)
