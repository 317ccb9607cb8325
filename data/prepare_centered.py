#!/usr/bin/env python
"""Turn the cameras of a pose file onto the root joint, where their intrinsics are known.

People at the edge of the image are seen from the side; the method takes everybody
to be seen along the optical axis. The intrinsics are given, or found from the
file's own 3D in the camera frames, by camera. Train, evaluate and lift with such
files as with any; 3D comes out in the frames of the turned cameras.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chainer_pose import datasets
from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import centered
from chainer_pose.utils import cli, files


def make_parser():
    parser = cli.Parser(prog='prepare_centered.py', description=__doc__)
    parser.add_argument(
        '--dataset', required=True, metavar='NAME|FILE.h5', help='pose file to start from'
    )
    parser.add_argument('--out', required=True, metavar='FILE.h5', help='pose file to write')
    parser.add_argument(
        '--keypoints',
        default='gt',
        metavar='gt|NAME',
        help='2D joints to take: gt for pose2d, NAME for pose2d_NAME (default: %(default)s)',
    )
    for name, of in (('focal', 'focal lengths along x and y'), ('centre', 'principal point')):
        parser.add_argument(
            f'--{name}',
            nargs=2,
            type=cli.number(float, **({'above': 0} if name == 'focal' else {})),
            metavar=('X', 'Y'),
            help=f'{of} of all cameras, px (default: found from the 3D)',
        )
    return parser


def main(argv=None):
    parser = make_parser()
    options = parser.parse_args(argv)
    if (options.focal is None) != (options.centre is None):
        parser.error('arguments --focal and --centre: expected both or neither, found one')
    path = datasets.find(options.dataset)
    splits = {
        split: centered.turn_cameras(
            pose_file.read(path, split, options.keypoints), options.focal, options.centre
        )
        for split in pose_file.splits_of(path)
    }
    with files.writing(options.out):
        pose_file.write(options.out, splits)
    print(pose_file.describe(options.out))


if __name__ == '__main__':
    cli.run(main)
