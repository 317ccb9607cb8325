#!/usr/bin/env python
"""Turn MPII Human Pose into a pose file: people in the wild, 2D only.

Reads the official mpii_human_pose_v1_u12_1.mat (needs scipy) or its JSON form,
train.json and valid.json. The annotations are for research.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import mpii
from chainer_pose.utils import cli, files


def make_parser():
    parser = cli.Parser(prog='prepare_mpii.py', description=__doc__)
    parser.add_argument(
        '--root', required=True, metavar='DIR', help='folder with the .mat or the JSON files'
    )
    parser.add_argument(
        '--out',
        default=str(Path(__file__).resolve().parent / 'mpii.h5'),
        metavar='FILE.h5',
        help='pose file to write (default: mpii.h5 beside this script)',
    )
    parser.add_argument(
        '--joints',
        choices=tuple(mpii.SKELETONS),
        default='mpii16',
        help="mpii16: MPII's own 16, as in the paper; h36m17: brought to Human3.6M's 17, "
        'Neck/Nose the midpoint of neck and head top (default: %(default)s)',
    )
    parser.add_argument(
        '--partial',
        action='store_true',
        help='keep people with a joint missing too, marked in valid; training leaves them out',
    )
    parser.add_argument(
        '--detections',
        nargs='+',
        default=(),
        metavar='FILE.json',
        help='2D poses that a detector found, in the layout of train.json',
    )
    parser.add_argument(
        '--detector',
        default='sh',
        metavar='NAME',
        help='name of the detector: its poses become pose2d_NAME, for --keypoints NAME '
        '(default: %(default)s, Stacked Hourglass)',
    )
    parser.add_argument(
        '--test-share',
        type=cli.number(float, low=0, high=0.9),
        default=0.1,
        metavar='X',
        help='share of the images of the .mat that test; the JSON files have a split of their '
        'own (default: %(default)s)',
    )
    parser.add_argument(
        '--seed',
        type=cli.number(int, low=0),
        default=0,
        metavar='N',
        help='seed of that choice (default: %(default)s)',
    )
    return parser


def main(argv=None):
    parser = make_parser()
    options = parser.parse_args(argv)
    if not re.fullmatch(r'(?!gt$)[a-z0-9_]+', options.detector):
        parser.error(f'argument --detector: expected a-z, 0-9 and _, found {options.detector!r}')
    found = mpii.find(options.root)
    print('reading ' + ', '.join(map(str, found.values())))
    if 'mat' in found:
        people = mpii.read_mat(found['mat'])
        splits = mpii.split_people(people, options.test_share, options.seed)
    else:
        splits = {split: mpii.read_json(path) for split, path in found.items()}
    detections = [person for path in options.detections for person in mpii.read_json(path)]
    with files.writing(options.out):
        counts = mpii.convert(
            splits, options.out, options.joints, options.partial, detections, options.detector
        )
    for split, (written, with_detections) in counts.items():
        print(
            f'{split}: {len(splits[split])} people labelled, {written} written'
            + (f', {with_detections} with detections' if detections else '')
        )
    print(pose_file.describe(options.out))


if __name__ == '__main__':
    cli.run(main)
