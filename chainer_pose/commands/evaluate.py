"""Measure a trained generator: error per action, in millimetres."""

from __future__ import annotations

import dataclasses
import functools
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from chainer_pose import datasets, visualizations
from chainer_pose.datasets import PoseData, pose_file
from chainer_pose.datasets.readers import h36m
from chainer_pose.errors import InputError
from chainer_pose.evaluations import PROTOCOL_NOTES, PROTOCOLS, evaluate, evaluate_pck, reports
from chainer_pose.inference import weights as weights_file
from chainer_pose.links import LiftingLink, ZeroDepth
from chainer_pose.training import methods, run_directory
from chainer_pose.utils import cli, devices, files

PROTOCOL_HELP = '; '.join(f'{name}: {note}' for name, note in PROTOCOL_NOTES.items())
_figures = functools.partial(cli.option, None, group='figures')


# fmt: off
@dataclasses.dataclass(frozen=True)
class EvaluationOptions:
    """Options of evaluate.py."""

    snapshot: str = cli.option(None, """run directory (its gen_best.npz, else its last gen_N.npz)
        or a generator file""", required=True, metavar='RUN|FILE.npz')
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
    generator: str = cli.option('best', """of a run directory, gen_best.npz, as the authors' code
        chooses, or the last gen_N.npz, which no test error has chosen (default: %(default)s, if
        the run has one)""", choices=('best', 'last'))
    protocol: str = cli.option('kudo', f"""{PROTOCOL_HELP}; all: these four; pck: share of joints
        within 150 mm and AUC, by activity and joint, as for MPI-INF-3DHP (default: %(default)s,
        the paper's)""", choices=(*PROTOCOLS, 'all', 'pck'))
    table: int | None = cli.option(None, """print the paper's Table 1 (ground-truth 2D) or 2 (a
        run on --keypoints sh), our row beside the published ones; data that are not Human3.6M
        get a table of their own""", choices=tuple(reports.TABLE_KEYPOINTS), metavar='1|2')
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


def parse_options(argv: Sequence[str] | None) -> EvaluationOptions:
    """Read a command line; options that contradict each other end with status 2."""
    parser = cli.Parser(
        description=f'{__doc__}\n\nThe row of a protocol stands above that of the zero-depth '
        f'baseline. The average is the\nmean over the actions, as in Tables 1 and 2 of the paper.',
    )
    parser.add_options(EvaluationOptions)
    options = cli.parse(parser, EvaluationOptions, argv)
    if options.table and options.protocol in ('all', 'pck'):
        parser.error(f'argument --table: expected one protocol in mm, found {options.protocol}')
    for name in ('figures_dir', 'figures_seed', 'figures_index'):
        if getattr(options, name) not in (None, ()) and options.figures is None:
            parser.error(f'argument {cli.flag(name)}: expected --figures N too')
    return options


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(argv)
    device = devices.get_device(options.gpu)
    device.use()
    weights = weights_file.find_generator(options.snapshot, last=options.generator == 'last')
    generator, skeleton, *_ = weights_file.load_generator(weights)
    trained: Mapping[str, Any] = {}
    if (weights.parent / 'options.json').is_file():
        trained = run_directory.read_options(weights.parent)
    elif generator.in_mm:  # the network alone shows this much of its training
        trained = {'mode': 'supervised', 'model': 'martinez'}
    dataset = options.dataset or trained.get('dataset')
    if dataset is None:
        raise InputError(f'expected a pose file, as {weights} lies in no run', dataset=None)
    keypoints = options.keypoints or trained.get('keypoints', 'gt')
    data = pose_file.read(datasets.find(dataset), options.split, keypoints, options.target)
    weights_file.check_fit(weights, generator, skeleton, data)
    known = {'data': 'dataset', 'keypoints': 'keypoints', 'seed': 'seed'}
    context = reports.Context(
        dataset=data.name,
        split=options.split,
        keypoints=keypoints,
        snapshot=str(weights),
        source=data.source,
        **methods.of(trained)._asdict(),
        trained_on=', '.join(f'{k} {trained[key]}' for k, key in known.items() if key in trained),
        target=data.target,
        chosen_here=weights.name == 'gen_best.npz'
        and options.split == 'test'
        and not trained.get('holdout')
        and os.path.abspath(dataset) == os.path.abspath(trained.get('dataset', '')),
        n_whole=h36m.PUBLISHED_FRAMES['test'] * data.fps / h36m.FPS,
    )
    if options.table:
        reports.check_table(options.table, context, trained.get('keypoints'))
    generator.to_device(device)

    figures, text = {}, ''
    if data.pose3d is not None or options.figures is None:
        report, bars = measure(options, context, data, generator)
        figures = {'actions': bars}
        text = reports.FORMATS[options.format](report)
    if options.figures:
        folder = Path(options.figures_dir or weights.parent / 'figures')
        draw(options, folder, data, generator, figures)
    if text and options.output:
        with files.writing(options.output), files.atomic_path(options.output) as temporary:
            Path(temporary).write_text(text + '\n', encoding='utf-8')
    elif text:
        print(text)


def measure(
    options: EvaluationOptions, context: reports.Context, data: PoseData, generator: LiftingLink
) -> tuple[reports.Report, dict[str, Any]]:
    """Measure a network and the zero-depth baseline: a report, and the bars that show it."""
    networks = generator, ZeroDepth()
    names = tuple(PROTOCOLS) if options.protocol == 'all' else (options.protocol,)
    with cli.Progress(sys.stderr) as progress:
        more = options.batchsize, progress if sys.stderr.isatty() else None
        if options.protocol == 'pck':
            of_pck = [evaluate_pck(network, data, *more) for network in networks]
            return reports.pck(context, *of_pck), reports.pck_bars(context, *of_pck)
        results = [evaluate(network, data, names, *more) for network in networks]
    bars = reports.action_bars(context, *results)
    if options.table:
        return reports.paper_table(options.table, context, *results), bars
    return reports.errors(context, *results), bars


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


def run() -> NoReturn:
    """Run the command and end the process."""
    cli.run(main)
