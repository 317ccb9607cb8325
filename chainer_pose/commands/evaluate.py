"""Measure a trained generator: error per action, in millimetres."""

import dataclasses
import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chainer_pose import datasets, visualizations
from chainer_pose.datasets import PoseData, pose_file
from chainer_pose.errors import InputError
from chainer_pose.evaluations import PROTOCOLS, evaluate, evaluate_pck, protocols, reports
from chainer_pose.inference import weights as weights_file
from chainer_pose.links import LiftingLink, LineOfSight, Mirrored, ZeroDepth
from chainer_pose.skeletons import Skeleton
from chainer_pose.training import load_options, methods, run_directory
from chainer_pose.utils import cli, devices, files

PROTOCOL_HELP = '; '.join(f'{name}: {note}' for name, note in protocols.PROTOCOL_NOTES.items())
PCK = ('pck', 'pck-authors')
_figures = functools.partial(cli.option, None, group='figures')


# fmt: off
@dataclasses.dataclass(frozen=True)
class EvaluationOptions:
    """Options of evaluate.py."""

    snapshot: Sequence[str] = cli.option((), """run directory, or a generator file; of several,
        which differ in their seeds, mean and standard deviation""",
        required=True, nargs='+', metavar='RUN|FILE.npz')
    dataset: str | None = cli.option(None, """pose file to measure on; a name means data/NAME.h5,
        or NAME.h5 under $CHAINER_POSE_DATA (default: the one that the run was trained on)""",
        metavar='NAME|FILE.h5')
    split: str = cli.option('test', 'part of the pose file (default: %(default)s)',
        choices=('train', 'test'))
    keypoints: str | None = cli.option(None, """2D joints to lift: gt for pose2d, NAME for
        pose2d_NAME (default: those that the run was trained on)""", metavar='gt|NAME')
    target: str = cli.option('gt', """3D joints to measure against: gt for pose3d, NAME for
        pose3d_NAME; univ is the universal skeleton of MPI-INF-3DHP (default: %(default)s)""",
        metavar='gt|NAME')
    generator: str | None = cli.option(None, """of a run directory, gen_best.npz, as the authors'
        code chooses, or the last gen_N.npz, which no test error has chosen (default: last for
        --table, else best, if the run has one)""", choices=('best', 'last'))
    protocol: str = cli.option('kudo', f"""{PROTOCOL_HELP}; all: these four; pck: share of joints
        within 150 mm and AUC, by activity and joint, as for MPI-INF-3DHP; pck-authors: the same of
        the depth alone, as the authors' code counts (default: %(default)s, the paper's)""",
        choices=(*PROTOCOLS, 'all', *PCK))
    table: int | None = cli.option(None, """print the paper's Table 1 (ground-truth 2D) or 2 (a
        run on --keypoints sh), our row beside the published ones; data that are not Human3.6M
        get a table of their own""", choices=tuple(reports.TABLE_KEYPOINTS), metavar='1|2')
    mirror: bool = cli.option(False, """lift the mirror image of each pose, too, and take the mean
        of the depths (default: no)""")
    line_of_sight: Sequence[float] = cli.option((), """focal length and image center of the
        cameras, px, for weights trained with it (default: as they were trained with)""",
        nargs=3, metavar=('FOCAL', 'X', 'Y'))
    gpu: int = cli.option(-1, 'CUDA device to lift on, -1 for the CPU (default: %(default)s)',
        low=-1)
    batchsize: int = cli.option(4096, """poses lifted at a time; the errors do not depend on it
        (default: %(default)s)""", low=1)
    format: str = cli.option('text', 'form of the output (default: %(default)s)',
        choices=tuple(reports.FORMATS))
    output: str | None = cli.option(None, 'write to a file instead of standard output',
        metavar='FILE')

    figures: int | None = _figures("""draw N poses as PNG and PDF: input, target and prediction
        (poses.*; Figs. 5 and 6 of the paper), turned by every 30 degrees (turned.*; its
        supplement), and the error by action (actions.*). Data without 3D are drawn, not
        measured""", low=1)
    figures_dir: str | None = _figures('folder for them (default: figures beside the weights)',
        metavar='DIR')
    figures_seed: int | None = _figures("""draw the poses at random with this seed (default:
        spread evenly over the split)""", low=0)
    figures_index: Sequence[int] = cli.option((), 'draw these poses, counted from 0 in the split',
        nargs='+', low=0, group='figures')
# fmt: on


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = parse_options(argv)
    device = devices.get_device(options.gpu)
    device.use()
    runs, generators, skeletons = zip(*(load(options, Path(each)) for each in options.snapshot))
    run = runs[0]
    if len(runs) > 1:
        methods.check_seeds(runs)
    path = find_data(options, run)
    keypoints = options.keypoints or run.options.keypoints
    data = pose_file.read(path, options.split, keypoints, options.target)
    for name in () if data.has_ground_truth else ('output', 'table', 'protocol', 'format'):
        if (value := getattr(options, name)) != getattr(EvaluationOptions(), name):
            raise InputError('expected poses with 3D in mm, found none', **{name: value})
    for each, generator, skeleton in zip(runs, generators, skeletons):
        weights_file.check_joints(
            each.weights, generator.n_joints, skeleton, data.skeleton, data.name
        )
    generators = tuple(
        wrap(options, each, generator, data.skeleton) for each, generator in zip(runs, generators)
    )
    for generator in generators:
        generator.to_device(device)
    context = methods.of(runs, data, options.split, keypoints, path)
    if options.table:
        reports.check_table(options.table, context, run.stored.get('keypoints'))

    figures, text = {}, ''
    if data.has_ground_truth or options.figures is None:
        report, figures['actions'] = measure(options, context, data, generators)
        text = reports.FORMATS[options.format](report)
    if options.figures:
        folder = Path(options.figures_dir or run.weights.parent / 'figures')
        draw(options, folder, data, generators[0], figures)
    if text and options.output:
        with files.writing(options.output), files.atomic_path(options.output) as temporary:
            Path(temporary).write_text(text + '\n', encoding='utf-8')
    elif text:
        print(text)


def parse_options(argv: Sequence[str] | None) -> EvaluationOptions:
    """Read a command line; options that contradict each other end with status 2."""
    parser = cli.Parser(
        description=f'{__doc__}\n\nThe row of a protocol stands above that of the zero-depth '
        f'baseline. The average is the\nmean over the actions, as in Tables 1 and 2 of the paper.',
    )
    parser.add_options(EvaluationOptions)
    typed = vars(parser.parse_args(argv))
    options, figures = EvaluationOptions(**typed), {'figures_dir', 'figures_seed', 'figures_index'}
    of_one = options.protocol not in ('all', *PCK)
    cli.check_effect(typed, [
        ({'table'}, of_one, f'with --protocol {options.protocol}'),
        (figures, options.figures, 'without --figures'),
        ({'figures_seed'}, not options.figures_index, 'with --figures-index'),
    ])  # fmt: skip
    return options


def load(
    options: EvaluationOptions, path: Path
) -> tuple[methods.Run, LiftingLink, Skeleton | None]:
    """Load a generator, what is known of its training, and the skeleton of its poses."""
    if options.generator and not path.is_dir():
        raise InputError(
            f'expected a run directory to choose from, found {path}', generator=options.generator
        )
    last = (options.generator or ('last' if options.table else 'best')) == 'last'
    weights = weights_file.find_generator(path, last)
    if options.generator == 'best' and weights.name != 'gen_best.npz':
        raise InputError(f'expected gen_best.npz, found none in {path}', generator='best')
    generator, skeleton, _, iteration, line_of_sight = weights_file.load_generator(weights)
    run = methods.Run(
        weights, iteration, generator.in_mm, line_of_sight, options.mirror, options.line_of_sight
    )
    folder = weights.parent
    if (folder / 'options.json').is_file():
        stored = run_directory.read_options(folder)
        run = run._replace(options=load_options(folder), stored=stored)
    return run, generator, skeleton


def wrap(
    options: EvaluationOptions, run: methods.Run, generator: LiftingLink, skeleton: Skeleton
) -> LiftingLink:
    """Lift mirror images and along lines of sight, where that is wanted."""
    camera = options.line_of_sight or run.options.line_of_sight
    if bool(camera) != run.line_of_sight:
        raise InputError(
            f'expected a focal length and an image center (unknown: 1.1 image widths and the '
            f'middle) for weights trained with them, and none for others, found {camera or "none"} '
            f'with {run.weights}',
            line_of_sight=None,
        )
    if options.mirror and run.in_mm:
        raise InputError('expected a generator, found a network of Martinez et al.', mirror=None)
    return LineOfSight.of(Mirrored(generator, skeleton) if options.mirror else generator, camera)


def find_data(options: EvaluationOptions, run: methods.Run) -> Path:
    """Return the pose file to measure on: the one named, else the run's, by place or by name."""
    place = Path(run.data.get('path') or '')
    if not options.dataset and place.is_file():
        return place
    if not (options.dataset or run.stored):
        raise InputError(f'expected a pose file, as {run.weights} comes with none', dataset=None)
    return datasets.find(options.dataset or run.options.dataset)


def measure(
    options: EvaluationOptions,
    context: reports.Context,
    data: PoseData,
    generators: Sequence[LiftingLink],
) -> tuple[reports.Report, dict[str, Any]]:
    """Measure networks and the zero-depth baseline: a report, and the bars that show it."""
    names = tuple(PROTOCOLS) if options.protocol == 'all' else (options.protocol,)
    is_pck, depth_only = options.protocol in PCK, options.protocol == 'pck-authors'
    results: list[Any] = []
    with cli.Progress(sys.stderr) as progress:
        more = options.batchsize, progress if sys.stderr.isatty() else None
        for network in (*generators, ZeroDepth()):
            if is_pck:
                results.append(evaluate_pck(network, data, *more, depth_only))
            else:
                results.append(evaluate(network, data, names, *more))
    *results, zero = results
    if is_pck:
        report = reports.pck(context, results, zero)
    elif options.table:
        report = reports.paper_table(options.table, context, results, zero)
    else:
        report = reports.errors(context, results, zero)
    return report, reports.bars(context, results, zero)


def draw(
    options: EvaluationOptions, folder: Path, data: PoseData, generator: LiftingLink, bars: dict
) -> None:
    """Draw some poses, and bars of errors, as PNG and PDF."""
    chosen = visualizations.choose(
        data, options.figures or 0, options.figures_seed, options.figures_index
    )
    title = f'{data.name}, {options.split} split (left is blue, right is red)'
    figures = {
        'poses': visualizations.pose_sheet(generator, chosen, title, turned=False),
        'turned': visualizations.turned_sheet(generator, chosen, title),
        **{name: visualizations.action_bars(**figure) for name, figure in bars.items()},
    }
    with files.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in figures.items():
            for suffix in ('png', 'pdf'):
                with files.atomic_path(folder / f'{name}.{suffix}') as temporary:
                    figure.savefig(temporary, dpi=200)


run = functools.partial(cli.run, main)  # ends the process, too
