"""Measure a trained generator: error per action, in millimetres."""

import os
from pathlib import Path
from typing import NoReturn

from chainer_pose.errors import InputError
from chainer_pose.utils import cli, files

# Named here too, so that --help need not import Chainer; a test compares.
PROTOCOLS = ('kudo', 'mpjpe', 'n-mpjpe', 'p-mpjpe')
FORMATS = ('text', 'markdown', 'latex', 'csv', 'json')


def make_parser():
    parser = cli.Parser(
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
        '--truth',
        metavar='gt|NAME',
        default='gt',
        help='3D joints to measure against: gt for pose3d, NAME for pose3d_NAME; univ is the '
        'universal skeleton of MPI-INF-3DHP (default: %(default)s)',
    )
    parser.add_argument(
        '--generator',
        choices=('best', 'last'),
        default='best',
        help="of a run directory, gen_best.npz, as the authors' code chooses, or the last "
        'gen_N.npz, which no test error has chosen (default: %(default)s, where there is one)',
    )
    parser.add_argument(
        '--protocol',
        choices=(*PROTOCOLS, 'all', 'pck'),
        default='kudo',
        help="kudo: the paper's (section 4.1): true scale on the xy-plane, root depth as "
        'predicted, all joints; mpjpe: the prediction too is moved to its root; n-mpjpe: '
        'after the best scale; p-mpjpe: after the best similarity without reflection; all: '
        'these four; pck: share of joints within 150 mm and AUC, by activity and joint, as '
        'for MPI-INF-3DHP (default: %(default)s)',
    )
    parser.add_argument(
        '--table',
        type=int,
        choices=(1, 2),
        help="print the paper's Table 1 (ground-truth 2D) or 2 (a run on --keypoints sh), our "
        'row beside the published ones; data that are not Human3.6M get a table of their own',
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

    group = parser.add_argument_group('pictures', 'Each is written as PNG and as PDF.')
    group.add_argument(
        '--figures',
        type=cli.number(int, low=1),
        metavar='N',
        help='draw N poses: input, truth and prediction (poses.*; Figs. 5 and 6 of the paper), '
        'turned by every 30 degrees (turned.*; its supplement), and where there is truth the '
        'error by action (actions.*). Data without truth are drawn, not measured',
    )
    group.add_argument(
        '--figures-dir',
        metavar='DIR',
        help='where to (default: figures beside the weights)',
    )
    group.add_argument(
        '--figures-seed',
        type=cli.number(int, low=0),
        metavar='N',
        help='draw the poses at random with this seed (default: spread evenly over the split)',
    )
    group.add_argument(
        '--figures-index',
        nargs='+',
        type=cli.number(int, low=0),
        metavar='N',
        help='draw these poses, counted from 0 in the split',
    )

    group = parser.add_argument_group('export')
    group.add_argument(
        '--export',
        metavar='FILE.h5',
        help='write a pose file with the predicted pose3d of all splits, in pixels relative to '
        "the root, with the weights' name and SHA-256. Data without truth are not measured",
    )
    return parser


def check_options(parser, options):
    """Refuse options that contradict each other."""
    if options.table and options.protocol in ('all', 'pck'):
        parser.error(
            f'argument --table: expected one protocol in mm, found --protocol {options.protocol}'
        )
    for name in ('figures_dir', 'figures_seed', 'figures_index'):
        if getattr(options, name) is not None and not options.figures:
            parser.error(f'argument --{name.replace("_", "-")}: expected --figures N too')


def export(options, generator, weights, path, keypoints, data):
    """Lift all splits of a pose file into another; `data` is the one that is read."""
    from chainer_pose.datasets import pose_file
    from chainer_pose.inference import exports

    if os.path.abspath(options.export) == os.path.abspath(path):
        raise InputError(f'--export {options.export}: expected a new file, found the data set')
    splits = {
        split: data if split == options.split else pose_file.read(path, split, keypoints)
        for split in pose_file.splits_of(path)
    }
    with files.writing(options.export):
        counts = exports.export(
            options.export, generator, weights, splits, keypoints, options.batchsize
        )
    for split, (lifted, left_out) in counts.items():
        print(f'{options.export}: {split}: {lifted} poses lifted, {left_out} left out')


def draw(options, folder, generator, data, bars):
    """Draw the figures, each whole or not at all."""
    from chainer_pose import visualizations

    shown = visualizations.choose(
        data, options.figures, options.figures_seed, options.figures_index
    )
    title = f'{data.name}, {options.split} split (left is blue, right is red)'
    figures = {
        'poses': visualizations.pose_sheet(generator, shown, title, turned=False),
        'turned': visualizations.turned_sheet(generator, shown, title),
    }
    if bars is not None:
        figures['actions'] = visualizations.action_bars(**bars)
    with files.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in figures.items():
            for suffix in ('png', 'pdf'):
                with files.atomic_path(folder / f'{name}.{suffix}') as temporary:
                    figure.savefig(temporary, dpi=200)


def main(argv=None):
    parser = make_parser()
    options = parser.parse_args(argv)
    check_options(parser, options)

    from chainer_pose import datasets
    from chainer_pose.datasets import pose_file
    from chainer_pose.evaluations import pck, protocols, reports
    from chainer_pose.inference import weights as weights_file
    from chainer_pose.links import ZeroDepth
    from chainer_pose.training import methods, run_directory
    from chainer_pose.utils import devices

    device = devices.get_device(options.gpu)
    device.use()
    weights = weights_file.find_generator(options.snapshot, last=options.generator == 'last')
    generator, skeleton, _ = weights_file.load_generator(weights)
    # The network alone tells that much of a run that is not known.
    trained = {'mode': 'supervised', 'model': 'martinez'} if generator.in_mm else {}
    if (weights.parent / 'options.json').is_file():
        trained = run_directory.read_options(weights.parent)
    dataset = options.dataset or trained.get('dataset')
    if dataset is None:
        raise InputError(
            f'--dataset: expected a pose file, found none, and {weights} lies in no run directory'
        )
    path = datasets.find(dataset)
    keypoints = options.keypoints or trained.get('keypoints', 'gt')
    data = pose_file.read(path, options.split, keypoints, options.truth)
    weights_file.check_fit(weights, generator, skeleton, data)
    if options.table:
        reports.check_table(options.table, data, options.split, keypoints, trained.get('keypoints'))
    generator.to_device(device)

    if options.export:
        export(options, generator, weights, path, keypoints, data)
    folder = Path(options.figures_dir or weights.parent / 'figures')
    if data.pose3d is None and (options.figures or options.export):
        if options.figures:
            draw(options, folder, generator, data, None)
        return
    context = reports.Context(
        dataset=data.name,
        split=options.split,
        keypoints=keypoints,
        snapshot=str(weights),
        source=data.source,
        chosen_here=weights.name == 'gen_best.npz'
        and options.split == 'test'
        and not trained.get('holdout')
        and os.path.abspath(dataset) == os.path.abspath(trained.get('dataset', '')),
        trained_on=', '.join(
            f'{name} {trained[key]}'
            for name, key in (('data', 'dataset'), ('keypoints', 'keypoints'), ('seed', 'seed'))
            if key in trained
        ),
        method=methods.of(trained),
        truth=data.truth,
    )
    lifters = generator, ZeroDepth()
    if options.protocol == 'pck':
        results = [pck.evaluate_pck(g, data, options.batchsize) for g in lifters]
        report = reports.pck(context, *results)
    else:
        names = PROTOCOLS if options.protocol == 'all' else (options.protocol,)
        results = [protocols.evaluate(g, data, names, options.batchsize) for g in lifters]
        report = (
            reports.paper_table(options.table, context, data, *results)
            if options.table
            else reports.errors(context, *results)
        )
    if options.figures:
        bars = (
            reports.pck_bars(context, *results)
            if options.protocol == 'pck'
            else reports.action_bars(context, data, *results)
        )
        draw(options, folder, generator, data, bars)
    text = reports.FORMATS[options.format](report)
    if options.output:
        with (
            files.writing(options.output),
            files.atomic_path(options.output) as temporary,
        ):
            Path(temporary).write_text(text + '\n', encoding='utf-8')
    else:
        print(text)


def run() -> NoReturn:
    """Run the command and end the process."""
    cli.run(main)
