#!/usr/bin/env python
"""Turn detectors' or annotators' 2D keypoints into a pose file to learn from.

Reads OpenPose, COCO, AlphaPose and MMPose JSON, CSV, npz and npy, of any skeleton;
and pose files, to take some of their joints by name, with the 3D they have.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chainer_pose import skeletons
from chainer_pose.datasets import keypoints, pose_file
from chainer_pose.datasets.keypoints import dataset as keypoint_dataset
from chainer_pose.errors import InputError
from chainer_pose.utils import cli, files


def make_parser():
    parser = cli.Parser(prog='prepare_keypoints.py', description=__doc__)
    parser.add_argument(
        'input',
        nargs='+',
        metavar='INPUT',
        help='file, or folder with a JSON file a frame; each is a clip of its own',
    )
    parser.add_argument(
        '--skeleton',
        metavar='NAME|FILE.json',
        help='the joints (default: what the format says); python -m chainer_pose.skeletons '
        'lists the names',
    )
    parser.add_argument('--out', required=True, metavar='FILE.h5', help='pose file to write')
    parser.add_argument(
        '--format',
        choices=keypoints.FORMATS,
        help='format of the inputs (default: found out from each)',
    )
    parser.add_argument(
        '--min-confidence',
        type=cli.number(float, low=0),
        default=0.3,
        metavar='X',
        help='a joint below is missing (default: %(default)s)',
    )
    parser.add_argument(
        '--zeros-are-coordinates',
        action='store_true',
        help='a joint at exactly 0, 0 is there (default: it is missing)',
    )
    parser.add_argument(
        '--impute',
        action='store_true',
        help='fill missing joints in where at least half are there: their most likely place '
        'given the others, by mean and covariance of the whole poses; marked in valid and '
        'filled. Without it training leaves such poses out',
    )
    parser.add_argument(
        '--test',
        nargs='+',
        default=(),
        metavar='INPUT',
        help='inputs that test; without, a share of the frames does',
    )
    parser.add_argument(
        '--test-share',
        type=cli.number(float, low=0, high=0.9),
        default=0.1,
        metavar='X',
        help='share of the frames that test, where no --test is given (default: %(default)s)',
    )
    parser.add_argument(
        '--seed',
        type=cli.number(int, low=0),
        default=0,
        metavar='N',
        help='seed of their choice (default: %(default)s)',
    )
    parser.add_argument(
        '--licence', default='not stated', help='who may use the poses, for the record'
    )
    return parser


def main(argv=None):
    parser = make_parser()
    options = parser.parse_args(argv)
    skeleton = skeletons.get(options.skeleton) if options.skeleton else None
    paths = {'train': options.input, 'test': list(options.test)}
    kinds = [options.format or keypoints.recognise(p) for p in (*options.input, *options.test)]
    if 'pose-file' in kinds:
        return reduce_pose_file(parser, options, skeleton)

    inputs, known = {'train': [], 'test': []}, skeleton
    for split, listed in paths.items():
        for path in listed:
            source = keypoints.read(
                path, options.format, skeleton, known,
                zeros_are_coordinates=options.zeros_are_coordinates,
            )  # fmt: skip
            if known is not None and source.skeleton != known:
                raise InputError(
                    f'{path}: expected the joints of {known.name}, as before, found those of '
                    f'{source.skeleton.name}'
                )
            known = source.skeleton
            inputs[split].append(source)
            print(f'{path}: {source.format}, joints of {known.name}')
            print(''.join(f'{path}: {note}\n' for note in source.notes), end='')
    with files.writing(options.out):
        counts, warnings = keypoint_dataset.convert(
            options.out,
            inputs,
            Path(options.out).stem,
            options.min_confidence,
            options.impute,
            0.0 if options.test else options.test_share,
            options.seed,
            options.licence,
        )
    cli.warn(warnings)
    for split, count in counts.items():
        print(
            f'{split}: {count.whole} people with every joint, {count.imputed} imputed, '
            f'{count.partial} with a joint missing, which training leaves out'
        )
    print(pose_file.describe(options.out))


def reduce_pose_file(parser, options, skeleton):
    """A pose file with the joints of another skeleton."""
    if len(options.input) > 1 or options.test or options.impute:
        parser.error('argument INPUT: expected one pose file, and neither --test nor --impute')
    if skeleton is None:
        parser.error('argument --skeleton: expected the joints to take, found none')
    if os.path.abspath(options.out) == os.path.abspath(options.input[0]):
        parser.error(f'argument --out: expected a new file, found the input {options.out}')
    with files.writing(options.out):
        keypoint_dataset.reduce(options.out, options.input[0], skeleton)
    print(pose_file.describe(options.out))


if __name__ == '__main__':
    cli.run(main)
