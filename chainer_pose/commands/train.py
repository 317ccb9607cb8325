"""Learn to lift 2D poses to 3D, from 2D poses alone (Kudo et al. 2018)."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import chainer
import numpy as np

from chainer_pose import datasets
from chainer_pose.datasets import PoseData, pose_file
from chainer_pose.errors import InputError
from chainer_pose.training import run_directory
from chainer_pose.training.options import (
    DEFAULTS,
    MODELS,
    PRESETS,
    RESUMABLE,
    STORED,
    TrainingOptions,
    contradiction,
    load_options,
)
from chainer_pose.training.trainer import STREAMS, make_trainer
from chainer_pose.utils import cli, devices, files, random_state
from chainer_pose.utils.comm import connect


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(argv)
    comm = connect(options.communicator)
    rank, size = (0, 1) if comm is None else (comm.rank, comm.size)
    check_ranks(options, size)
    say = print if rank == 0 else lambda _: None
    gpu = options.gpu if comm is None or options.gpu < 0 else options.gpu + comm.intra_rank
    device = devices.get_device(gpu)
    with contextlib.ExitStack() as stack:
        stack.enter_context(devices.using(device))
        path = datasets.find(options.dataset)
        train, validation = load(options, path)
        n_train = np.count_nonzero(datasets.require_complete(train))
        if train.skeleton.face_joints is None and options.angle_weight > 0:
            say(
                f'{train.skeleton.name} has no nose, neck and two shoulders: training without '
                f'the angle loss; poses may come out inverted in depth (section 3.4)'
            )
        out = options.out or f'results/{path.stem}-{datetime.datetime.now():%Y%m%d-%H%M%S}'
        if comm is not None:  # their clocks may differ
            out = comm.bcast_obj(out if rank == 0 else None)
        options = dataclasses.replace(options, out=out, ranks=size)
        if rank == 0:  # the others write nothing
            stack.enter_context(run_directory.lock(out, new=options.resume is None))
        begin_or_check(options, path, train, rank)
        say(
            f'{path}: {n_train} poses of {len(train.skeleton)} joints to learn from, '
            f'{0 if validation is None else len(validation)} to validate on\n'
            f'source: {train.source or "not stated"}\n'
            f'run directory: {out}'
        )
        # Chainer's checks of types and shapes cost a twentieth of a step.
        stack.enter_context(chainer.using_config('type_check', False))
        trainer = make_trainer(options, train, validation, device, comm)
        if options.resume is not None:
            snapshot = Path(options.resume)
            if snapshot.is_dir():
                snapshot = run_directory.latest_snapshot(snapshot, lambda text: cli.warn([text]))
            run_directory.load_snapshot(snapshot, trainer)
            say(f'continuing from {snapshot}, iteration {trainer.updater.iteration}')
        stack.enter_context(trainer.get_extension('stop_on_signal').listening())
        stack.enter_context(files.writing(out))
        # The updater checks for values that are not finite; NumPy's warnings would add lines.
        stack.enter_context(np.errstate(all='ignore'))
        trainer.run(show_loop_exception_msg=False)


def check_ranks(options: TrainingOptions, size: int) -> None:
    """Check that the run can be trained by a number of processes."""
    if options.resume is not None and options.ranks != size:
        raise InputError(
            f'--resume {options.resume}: expected {options.ranks} rank(s), as the run began, '
            f'found {size}; start it under mpiexec -n {options.ranks}'
        )
    if size > 1 and options.model == 'martinez':
        raise InputError(
            '--communicator: expected --model kudo, found martinez, whose batch normalisation '
            'and dropout would not be those of one process'
        )


def load(options: TrainingOptions, path: Path) -> tuple[PoseData, PoseData | None]:
    """Read the poses to learn from and those to validate on, if there are any."""
    train = pose_file.read(path, 'train', options.keypoints)
    validation = None
    if options.holdout > 0:
        rng = random_state.streams(options.seed, STREAMS)['holdout']
        train, validation = datasets.hold_out(train, options.holdout, rng)
    elif 'test' in pose_file.splits_of(path):
        validation = pose_file.read(path, 'test', options.keypoints)
    if validation is not None and not datasets.complete(validation).any():
        validation = None
    if options.mode != 'unsupervised' and train.pose3d is None:
        raise InputError(
            f'--mode {options.mode}: expected {path} to have pose3d to learn from, found 2D only'
        )
    return train, validation


def begin_or_check(options: TrainingOptions, path: Path, train: PoseData, rank: int) -> None:
    """Write a new run's options.json, or check that the run's data have not changed."""
    digest = files.sha256(path)
    if options.resume is None:
        if rank == 0:
            stored = {**options.to_json(), 'dataset_sha256': digest}
            run_directory.write_options(options.out, stored, train.skeleton)
        return
    began = run_directory.read_options(options.out).get('dataset_sha256', digest)
    if began != digest:
        raise InputError(
            f'--dataset {path}: expected the file that the run began with, of SHA-256 '
            f'{began!s:.12}..., found one of {digest:.12}...'
        )


def make_parser() -> cli.Parser:
    """Make train.py's parser, whose namespace holds only what is typed."""
    parser = cli.Parser(
        description='Learn to lift 2D poses to 3D, from 2D poses alone (Kudo et al. 2018).\n\n'
        "The defaults are the paper's setting, as its authors' code runs it; README.md lists\n"
        'the differences, and measures the methods beyond the paper. Sections and equations are\n'
        'those of the paper.',
        epilog='The run directory holds options.json, log, gen_N.npz, gen_best.npz (lowest\n'
        'validation error), snapshot_N.npz, loss.png, accuracy.png, validation.png and\n'
        'poses/. Measure it with: python evaluate.py --snapshot DIR',
        argument_default=argparse.SUPPRESS,
    )
    parser.add_options(TrainingOptions, resumable=RESUMABLE)
    return parser


def parse_options(argv: Sequence[str] | None = None) -> TrainingOptions:
    """Read the command line: what is typed, else the preset's, the model's, the default.

    On --resume: the options that the run began with, and what may be changed of them.

    Args:
        argv: the arguments; None for those of the process.
    Raises:
        InputError: if there is no such run to resume.
        SystemExit: for wrong arguments, with status 2 and one line.
    """
    parser = make_parser()
    typed = vars(parser.parse_args(argv))
    if 'resume' in typed:
        return _resume(parser, typed)
    model = MODELS[typed.get('model', DEFAULTS.model)]
    preset = PRESETS[typed.get('preset', DEFAULTS.preset)]
    options = TrainingOptions(**{**model, **preset, **typed})
    wrong = contradiction(options)
    if wrong:
        parser.error(wrong)
    return options


def _resume(parser, typed):
    given = typed['resume'] or typed.get('out')
    if not given:
        parser.error('argument --resume: expected a run directory or a snapshot, or --out DIR')
    path = Path(given)
    run = path if path.is_dir() else path.parent
    options = load_options(run)
    for name, field in STORED.items():
        began = getattr(options, name)
        value = typed.get(name, began)
        if value != began and not field.metadata.get('resumable'):
            raise InputError(
                f'{cli.flag(name)} {value}: expected {began}, as the run {run} began; '
                f'--resume may change only {RESUMABLE}'
            )
    return dataclasses.replace(options, **{**typed, 'out': str(run), 'resume': str(path)})


def run() -> NoReturn:
    """Run the command and end the process."""
    cli.run(main)
