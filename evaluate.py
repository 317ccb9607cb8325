#!/usr/bin/env python
"""Measure a trained generator: error per action, in millimetres."""

import os
from pathlib import Path

from chainer_pose import cli, files
from chainer_pose.errors import InputError

# Named here too, so that --help need not import Chainer; a test compares.
PROTOCOLS = ('kudo', 'mpjpe', 'n-mpjpe', 'p-mpjpe')
FORMATS = ('text', 'markdown', 'csv', 'json')


def make_parser():
    parser = cli.Parser(
        prog='evaluate.py',
        description=__doc__ + '\n\n'
        'The row of a protocol stands above that of z = 0, where nothing is learned. The\n'
        'average is the mean over the actions, as in Tables 1 and 2 of the paper.',
    )
    parser.add_argument(
        '--snapshot',
        required=True,
        metavar='RUN|FILE.npz',
        help='run directory (its gen_best.npz, else its last gen_N.npz) or a generator file',
    )
    parser.add_argument(
        '--dataset',
        metavar='NAME|FILE.h5',
        help='pose file to measure on; a name means data/NAME.h5, or NAME.h5 under '
        '$CHAINER_POSE_DATA (default: the one that the run was trained on)',
    )
    parser.add_argument(
        '--split',
        choices=('train', 'test'),
        default='test',
        help='part of the pose file (default: %(default)s)',
    )
    parser.add_argument(
        '--keypoints',
        metavar='gt|NAME',
        help='2D joints to lift: gt for pose2d, NAME for pose2d_NAME (default: those that '
        'the run was trained on)',
    )
    parser.add_argument(
        '--protocol',
        choices=(*PROTOCOLS, 'all'),
        default='kudo',
        help="kudo: the paper's (section 4.1): true scale on the xy-plane, root depth as "
        'predicted, all joints; mpjpe: the prediction too is moved to its root; n-mpjpe: '
        'after the best scale; p-mpjpe: after the best similarity without reflection '
        '(default: %(default)s)',
    )
    parser.add_argument(
        '--gpu',
        type=cli.number(int, low=-1),
        default=-1,
        metavar='N',
        help='CUDA device to lift on, -1 for the CPU (default: %(default)s)',
    )
    parser.add_argument(
        '--batchsize',
        type=cli.number(int, low=1),
        default=4096,
        metavar='N',
        help='poses lifted at a time; the errors do not depend on it (default: %(default)s)',
    )
    parser.add_argument(
        '--format',
        choices=FORMATS,
        default='text',
        help='form of the output (default: %(default)s)',
    )
    parser.add_argument('--output', metavar='FILE', help='write there instead of standard output')
    parser.add_argument(
        '--figure',
        metavar='FILE.png|pdf',
        help='draw five of the poses there too: input, truth, prediction, both turned by 90 '
        'degrees. Data without 3D truth are drawn, not measured',
    )
    return parser


def draw(path, generator, data, title):
    """Draw a sheet of poses to a file, whole or not at all."""
    from chainer_pose import visualizations

    if Path(path).suffix not in ('.png', '.pdf'):
        raise InputError(f'--figure {path}: expected a name that ends in .png or .pdf')
    figure = visualizations.pose_sheet(generator, data, title=title)
    with files.writing('--figure', path), files.atomic_path(path) as temporary:
        figure.savefig(temporary)


def main(argv=None):
    options = make_parser().parse_args(argv)

    from chainer_pose import datasets, devices, evaluation, pose_file, run_directory, tables

    device = devices.get_device(options.gpu)
    device.use()
    weights = run_directory.find_generator(options.snapshot)
    generator, skeleton = run_directory.load_generator(weights)
    trained = {}
    if (weights.parent / 'options.json').is_file():
        trained = run_directory.read_options(weights.parent)
    dataset = options.dataset or trained.get('dataset')
    if dataset is None:
        raise InputError(
            f'--dataset: expected a pose file, found none, and {weights} lies in no run directory'
        )
    path = datasets.find(dataset)
    keypoints = options.keypoints or trained.get('keypoints', 'gt')
    data = pose_file.read(path, options.split, keypoints)
    run_directory.check_fit(weights, generator, skeleton, data)
    generator.to_device(device)

    if options.figure:
        draw(options.figure, generator, data, f'{data.name}, {options.split} split')
        if data.pose3d is None:
            return
    names = PROTOCOLS if options.protocol == 'all' else (options.protocol,)
    result = evaluation.evaluate(generator, data, names, options.batchsize)
    flat = evaluation.evaluate(None, data, names, options.batchsize)
    context = tables.Context(
        dataset=data.name,
        split=options.split,
        keypoints=keypoints,
        snapshot=str(weights),
        source=data.source,
        chosen_here=weights.name == 'gen_best.npz'
        and options.split == 'test'
        and not trained.get('holdout')
        and os.path.abspath(dataset) == os.path.abspath(trained.get('dataset', '')),
    )
    report = tables.REPORTS[options.format](context, result, flat)
    if options.output:
        with (
            files.writing('--output', options.output),
            files.atomic_path(options.output) as temporary,
        ):
            Path(temporary).write_text(report + '\n', encoding='utf-8')
    else:
        print(report)


if __name__ == '__main__':
    cli.run(main)
