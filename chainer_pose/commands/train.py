"""Learn to lift 2D poses to 3D, from 2D poses alone (Kudo et al. 2018)."""

import argparse
import contextlib
import dataclasses
import datetime
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import chainer
import numpy as np

from chainer_pose import datasets
from chainer_pose.datasets import PoseData, pose_file
from chainer_pose.training import TrainingOptions, make_trainer, run_directory
from chainer_pose.training import options as training_options
from chainer_pose.training.trainer import STREAMS
from chainer_pose.utils import cli, devices, files, random_state
from chainer_pose.utils.comm import connect


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(argv)
    comm = connect(options.communicator)
    rank, size = (0, 1) if comm is None else (comm.rank, comm.size)
    training_options.check_ranks(options, size)
    say = print if rank == 0 else lambda _: None
    gpu = options.gpu if comm is None or options.gpu < 0 else options.gpu + comm.intra_rank
    device = devices.get_device(gpu)
    path = datasets.find(options.dataset)
    train, validation = load(options, path)
    n_train = int(np.count_nonzero(datasets.require_complete(train)))
    out = options.out or f'results/{path.stem}-{datetime.datetime.now():%Y%m%d-%H%M%S}'
    if comm is not None:  # clocks may differ
        out = comm.bcast_obj(out if rank == 0 else None)
    options = dataclasses.replace(options, out=out, ranks=size)
    with contextlib.ExitStack() as stack:
        stack.enter_context(devices.using(device))
        # Chainer's checks of types and shapes take a twentieth of a step.
        stack.enter_context(chainer.using_config('type_check', False))
        # First, so that what it refuses leaves no folder.
        trainer = make_trainer(options, train, validation, device, comm)
        if rank == 0:  # the others write nothing
            stored = options.to_json() | {
                'data': describe_data(options, path, train, n_train),
            }
            resume = options.resume is not None
            stack.enter_context(run_directory.lock(out, stored, train.skeleton, resume))
        say(
            f'{path}: {n_train} poses of {len(train.skeleton)} joints to learn from, '
            f'{0 if validation is None else len(validation)} to validate on\n'
            f'source: {train.source or "not stated"}\n'
            f'run directory: {out}'
        )
        if train.skeleton.face_joints is None and options.angle_weight > 0:
            say(
                f'{train.skeleton.name} has no nose, neck and two shoulders: training without '
                f'the angle loss; poses may come out inverted in depth (section 3.4)'
            )
        if options.resume is not None:
            snapshot = Path(options.resume)
            if snapshot.is_dir():
                snapshot = run_directory.latest_snapshot(snapshot)
            run_directory.load_snapshot(snapshot, trainer)
            updater = trainer.updater
            length, unit = trainer.stop_trigger.get_training_length()
            if length <= (updater.iteration if unit == 'iteration' else updater.epoch_detail):
                option = '--iterations' if unit == 'iteration' else '--epoch'
                say(
                    f'nothing left to do: {snapshot} is at the end, {option} {length}; '
                    f'a larger {option} continues'
                )
                return
            say(f'continuing from {snapshot}, iteration {updater.iteration}')
        stack.enter_context(files.writing(out))
        # The updater checks for values that are not finite; NumPy's warnings would add lines.
        stack.enter_context(np.errstate(all='ignore'))
        trainer.run(show_loop_exception_msg=False)


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
    if options.mode != 'unsupervised':
        train.require_pose3d()
    return train, validation


def describe_data(
    options: TrainingOptions, path: Path, train: PoseData, n_poses: int
) -> dict[str, Any]:
    """What options.json holds of the data, JSON values, for who compares a run with the paper."""
    return {
        'path': str(path.resolve()),
        'sha256': pose_file.digest(path, options.keypoints),
        'name': train.name,
        'poses': n_poses,
        'subjects': train.present('subject'),
        'fps': train.fps,
        'preparation': train.preparation,
        'lacks': train.lacks,
        'excused': train.excused,
    }


def make_parser() -> cli.Parser:
    """Make the parser of train.py, whose namespace holds only what is typed."""
    parser = cli.Parser(
        usage='%(prog)s [options]',
        description='Learn to lift 2D poses to 3D, from 2D poses alone (Kudo et al. 2018). The\n'
        "defaults are the paper's; sections and equations are those of the paper.",
        epilog='Measure the run with: python evaluate.py --snapshot DIR',
        argument_default=argparse.SUPPRESS,
    )
    parser.add_options(TrainingOptions, resumable=training_options.RESUMABLE)
    return parser


def parse_options(argv: Sequence[str] | None = None) -> TrainingOptions:
    """Read the command line: what is typed, else the preset's, the model's, the default.

    With --resume: the options that the run began with, and what may be changed of them.

    Raises:
        InputError: if there is no such run to resume, or if options contradict each other.
        SystemExit: for wrong arguments, with status 2 and one line.
    """
    parser = make_parser()
    typed = vars(parser.parse_args(argv))
    if 'resume' not in typed:
        return training_options.choose(typed)
    given = typed['resume'] or typed.get('out')
    if not given:
        parser.error('argument --resume: expected a run directory or a snapshot, or --out DIR')
    return training_options.resume(Path(given), typed)


run = functools.partial(cli.run, main)  # ends the process, too
