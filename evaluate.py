#!/usr/bin/env python
"""Measure a trained generator: error per action, in millimetres."""

import dataclasses
import json
from pathlib import Path

from chainer_pose import cli, files
from chainer_pose.errors import InputError

PROTOCOLS = ('kudo', 'mpjpe', 'n-mpjpe', 'p-mpjpe')


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
        choices=('text', 'markdown', 'csv', 'json'),
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


def report_text(context, result, flat):
    """What was measured, the table, and how to read it."""
    from chainer_pose import evaluation, tables

    n_left_out = f' ({result.n_left_out} left out: joints missing)' if result.n_left_out else ''
    lines = [
        f'{context["dataset"]}, {context["split"]} split, keypoints {context["keypoints"]}: '
        f'{result.n_poses} poses{n_left_out}',
        f'weights: {context["snapshot"]}',
        '',
        tables.text(*tables.action_table(_labelled(result, flat))),
        '',
        'Average: mean over the actions. Frames: mean over the poses.',
        *(f'{name}: {evaluation.PROTOCOL_NOTES[name]}' for name in result.scores),
        f'inverted in depth, {result.inverted_better:.1%} of the poses would be better (kudo)',
    ]
    if context['dataset'] == 'synthetic':
        lines.append('synthetic poses are a stand-in: these numbers say nothing about real people')
    if context['chosen_here']:
        lines.append(
            'gen_best.npz was chosen by its error on this split, which flatters it; '
            'gen_N.npz was not'
        )
    return '\n'.join(lines)


def report_json(context, result, flat):
    """The JSON form; README.md describes it."""
    return json.dumps(
        {
            **{key: context[key] for key in ('dataset', 'split', 'snapshot')},
            'n_poses': result.n_poses,
            'inverted_better': result.inverted_better,
            'protocols': {name: dataclasses.asdict(s) for name, s in result.scores.items()},
            'flat': {name: dataclasses.asdict(s) for name, s in flat.scores.items()},
        },
        indent=2,
    )


def _labelled(result, flat):
    labelled = {}
    for name in result.scores:
        labelled[name] = result.scores[name]
        labelled[f'{name}, z = 0'] = flat.scores[name]
    return labelled


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
    run_directory.check_joints(weights, skeleton, generator.l4.b.size, data)
    generator.to_device(device)

    if options.figure:
        draw(options.figure, generator, data, f'{data.name}, {options.split} split')
        if data.pose3d is None:
            return
    names = PROTOCOLS if options.protocol == 'all' else (options.protocol,)
    result = evaluation.evaluate(generator, data, names, options.batchsize)
    flat = evaluation.evaluate(None, data, names, options.batchsize)
    context = {
        'dataset': data.name,
        'split': options.split,
        'keypoints': keypoints,
        'snapshot': str(weights),
        'chosen_here': weights.name == 'gen_best.npz'
        and options.split == 'test'
        and dataset == trained.get('dataset'),
    }
    if options.format == 'text':
        report = report_text(context, result, flat)
    elif options.format == 'json':
        report = report_json(context, result, flat)
    else:
        render = {'markdown': tables.markdown, 'csv': tables.to_csv}[options.format]
        report = render(*tables.action_table(_labelled(result, flat)))
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
