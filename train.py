#!/usr/bin/env python
"""Learn to lift 2D poses to 3D, from 2D poses alone (Kudo et al. 2018)."""

import argparse
import contextlib
import datetime
from pathlib import Path

import numpy as np

from chainer_pose import cli, methods
from chainer_pose.errors import InputError

EXTENSIBLE = ('epoch', 'iterations', 'keep', 'gpu')  # what --resume may change
NOT_STORED = ('out', 'resume')
NOT_GIVEN = ('ranks',)  # stored, but no option
MODES = ('unsupervised', 'semi-supervised', 'supervised')
COMMUNICATORS = ('naive', 'pure_nccl')  # here, too, for a quick --help; a test compares


def _pitch(text):
    return text if text == 'learn' else cli.number(float, low=-89, high=89)(text)


def make_parser():
    parser = cli.Parser(
        prog='train.py',
        description=__doc__ + '\n\n'
        "The defaults are the paper's setting, as its authors' code runs it; README.md lists\n"
        'the differences. Sections and equations are those of the paper.',
        epilog='The run directory holds options.json, log, gen_N.npz, gen_best.npz (lowest\n'
        'validation error), snapshot_N.npz, loss.png, accuracy.png, validation.png and\n'
        'poses/. Measure it with: python evaluate.py --snapshot DIR',
    )

    group = parser.add_argument_group('data')
    group.add_argument(
        '--dataset',
        default='synthetic',
        metavar='NAME|FILE.h5',
        help='pose file to learn from; a name means data/NAME.h5, or NAME.h5 under '
        '$CHAINER_POSE_DATA; "synthetic" is made when first needed (default: %(default)s)',
    )
    group.add_argument(
        '--keypoints',
        default='gt',
        metavar='gt|NAME',
        help='2D joints to learn from: gt for pose2d, NAME for the detections pose2d_NAME '
        '(sections 4.3 and 4.4; default: %(default)s)',
    )
    group.add_argument(
        '--holdout',
        type=cli.number(float, low=0, high=0.9),
        default=0.0,
        metavar='X',
        help='share of the training clips to set aside and to validate on instead of the test '
        "split, which then chooses nothing (default: %(default)s, as the authors' code)",
    )

    group = parser.add_argument_group(
        'method',
        "The paper's is the default; README.md, Beyond the paper, measures each of the others.",
    )
    group.add_argument(
        '--preset',
        choices=methods.PRESETS,
        default='paper',
        help='plus: --camera-pitch learn --consistency 10 1 --bone-weight 100 --ema 0.999 '
        '--zero-root, of which each may be given otherwise (default: %(default)s)',
    )
    group.add_argument(
        '--mode',
        choices=MODES,
        help='learn from 2D alone; from 2D, and depth where it is labelled (section 5.2); or '
        'from labelled poses alone, without a discriminator (default: %(default)s)',
    )
    group.add_argument(
        '--model',
        choices=methods.MODELS,
        help="the paper's generator; or, with --mode supervised, the network of Martinez et al. "
        '2017, from pixels to millimetres, with its own defaults: --batchsize 64 --alpha 0.001 '
        '--beta1 0.9 --weight-decay 0 (default: %(default)s)',
    )
    group.add_argument(
        '--labelled',
        type=cli.number(float, above=0, high=1),
        metavar='X',
        help='share of the poses whose depth --mode semi-supervised or supervised may see, '
        'chosen by clip and seed (default: %(default)s)',
    )
    group.add_argument(
        '--depth-weight',
        type=cli.number(float, above=0),
        metavar='X',
        help='factor of the depth error in --mode semi-supervised (default: %(default)s)',
    )
    group.add_argument(
        '--camera-pitch',
        type=_pitch,
        metavar='DEG|learn',
        help='degrees by which the cameras look down, about whose vertical the poses are turned '
        'then; learn: one angle for the data set, learned with the generator '
        '(default: %(default)s, the horizontal cameras of section 4.3)',
    )
    group.add_argument(
        '--consistency',
        nargs=2,
        type=cli.number(float, low=0),
        metavar=('W2D', 'WDEPTH'),
        help='lift the turned pose again and turn it back: factors of the squared errors of '
        'the original 2D and of the turned depth (Chen et al. 2019; default: 0 0)',
    )
    group.add_argument(
        '--bone-weight',
        type=cli.number(float, low=0),
        metavar='X',
        help="factor of how far each bone's share in the pose is from its running mean, since "
        'people are alike (default: %(default)s)',
    )
    group.add_argument(
        '--ema',
        type=cli.number(float, low=0, high=0.999999),
        metavar='DECAY',
        help='measure, draw and save an exponential moving average of the generator '
        '(default: %(default)s, the generator itself)',
    )
    group.add_argument(
        '--zero-root',
        action=argparse.BooleanOptionalAction,
        help="the root's depth is zero by construction (default: no)",
    )

    group = parser.add_argument_group('run')
    group.add_argument(
        '--out',
        metavar='DIR',
        help='run directory, new or empty (default: results/DATASET-DATE-TIME)',
    )
    group.add_argument(
        '--resume',
        nargs='?',
        const='',
        metavar='RUN|SNAPSHOT',
        help='continue a run from its newest snapshot, or from the one named; without a '
        'value, the run in --out. Its options apply; --epoch, --iterations, --keep and --gpu '
        'may be given anew',
    )
    group.add_argument(
        '--gpu',
        type=cli.number(int, low=-1),
        default=-1,
        metavar='N',
        help='CUDA device to train on, -1 for the CPU (default: %(default)s)',
    )
    group.add_argument(
        '--communicator',
        choices=COMMUNICATORS,
        metavar='|'.join(COMMUNICATORS),
        help="train with ChainerMN's ranks, under mpiexec -n N: on CPUs, or on GPUs, from --gpu "
        'on, one a rank; N ranks with --batchsize B/N train as one does with B (default: alone)',
    )
    group.add_argument(
        '--seed',
        type=cli.number(int, low=0),
        default=0,
        metavar='N',
        help='seed of the weights, the order of the poses and the angles; on the CPU the '
        'same seed gives the same run bit for bit (default: %(default)s)',
    )

    group = parser.add_argument_group('length and intervals')
    group.add_argument(
        '--epoch',
        type=cli.number(int, low=1),
        default=50,
        metavar='N',
        help='passes over the training poses (section 4.2; default: %(default)s)',
    )
    group.add_argument(
        '--iterations',
        type=cli.number(int, low=1),
        metavar='N',
        help='batches to train for, instead of --epoch',
    )
    group.add_argument(
        '--snapshot-interval',
        type=cli.number(int, low=1),
        metavar='N',
        help='iterations after which to save the trainer (the newest are kept: --keep) and the '
        'generator (default: an epoch, or a tenth of --iterations)',
    )
    group.add_argument(
        '--keep',
        type=cli.number(int, low=1),
        default=2,
        metavar='N',
        help='newest trainer snapshots to keep (default: %(default)s)',
    )
    group.add_argument(
        '--evaluate-interval',
        type=cli.number(int, low=1),
        metavar='N',
        help='iterations after which to measure the validation error, keep the best '
        'generator and draw poses (default: an epoch, or a twentieth of --iterations)',
    )
    group.add_argument(
        '--log-interval',
        type=cli.number(int, low=1),
        metavar='N',
        help='iterations over which what is logged, printed and plotted is averaged '
        '(default: 1000, or a twentieth of a run shorter than 20,000)',
    )

    group = parser.add_argument_group('optimisation')
    group.add_argument(
        '--batchsize',
        type=cli.number(int, low=1),
        metavar='N',
        help='poses a batch, of each rank (section 4.2; default: %(default)s)',
    )
    group.add_argument(
        '--alpha',
        type=cli.number(float, above=0),
        metavar='X',
        help="step size of both Adams (authors' code; default: %(default)s)",
    )
    group.add_argument(
        '--beta1',
        type=cli.number(float, low=0, high=0.9999),
        metavar='X',
        help="decay of Adam's first moment (authors' code; default: %(default)s)",
    )
    group.add_argument(
        '--weight-decay',
        type=cli.number(float, low=0),
        metavar='X',
        help="share of each parameter added to its gradient (authors' code; default: %(default)s)",
    )
    group.add_argument(
        '--accuracy-cap',
        type=cli.number(float, low=0.5, high=1),
        metavar='X',
        help='the discriminator rests on batches where its accuracy is above X, the generator '
        'where it is below 1 - X (section 4.2; default: %(default)s)',
    )

    group.add_argument(
        '--rescale-fakes',
        action='store_true',
        help='normalise the turned poses as the real ones are (section 3.3) before the '
        'discriminator sees them: for bodies that are longer than high, whose size in the image '
        'changes as they turn and gives the fakes away; not in the paper, which is about people',
    )

    group = parser.add_argument_group('model')
    group.add_argument(
        '--angle-weight',
        type=cli.number(float, low=0),
        metavar='X',
        help='factor of the angle loss, 0 for none (section 3.4, eq. 4; default: %(default)s)',
    )
    group.add_argument(
        '--n-unit',
        type=cli.number(int, low=1),
        metavar='N',
        help='units of each hidden layer (section 3.2; default: %(default)s)',
    )
    group.add_argument(
        '--init-std',
        type=cli.number(float, above=0),
        metavar='X',
        help='standard deviation of the initial weights; section 4.2 prints 0.14, the root of '
        "the authors' code's 0.02, and does worse: README.md, Results "
        '(default: %(default)s)',
    )
    parser.set_defaults(**methods.PAPER)
    parser.set_defaults(ranks=1)  # how many trained; stored with the options
    return parser


# Options that do nothing where there is no discriminator, or no generator of the paper's.
_ADVERSARIAL = ('camera_pitch', 'consistency', 'bone_weight', 'rescale_fakes')
_OF_GENERATORS = ('ema', 'zero_root')


def check_options(parser, options):
    """Refuse options that contradict each other."""
    if options.model == 'martinez' and options.mode != 'supervised':
        parser.error(f'argument --model martinez: expected --mode supervised, found {options.mode}')
    if options.mode == 'unsupervised' and options.labelled < 1:
        parser.error('argument --labelled: expected --mode semi-supervised or supervised too')
    for names, wrong, why in (
        (_ADVERSARIAL, options.mode == 'supervised', 'a --mode with a discriminator'),
        (_OF_GENERATORS, options.model == 'martinez', '--model kudo'),
    ):
        for name in names:
            if wrong and getattr(options, name) not in (0, [0, 0]):
                parser.error(
                    f'argument --{name.replace("_", "-")}: expected {why}, '
                    f'found --mode {options.mode} --model {options.model}'
                )


def parse_options(argv):
    """Options as given, or those of the run to resume with what may change."""
    parser = make_parser()
    options = parser.parse_args(argv)
    if options.resume is None:
        parser.set_defaults(**methods.PRESETS[options.preset], **methods.MODELS[options.model])
        options = parser.parse_args(argv)
        check_options(parser, options)
        return options
    given = options.resume or options.out
    if not given:
        parser.error('argument --resume: expected a run directory or a snapshot, or --out DIR')

    path = Path(given)
    run = path if path.is_dir() else path.parent
    defaults = stored_options(run)
    parser.set_defaults(**defaults)
    options = parser.parse_args(argv)
    for key, value in defaults.items():
        if getattr(options, key) != value and key not in EXTENSIBLE:
            name = f'--{key.replace("_", "-")}'
            raise InputError(
                f'{name} {getattr(options, key)}: expected {value}, as the run {run} began; '
                f'--resume may change only --epoch, --iterations, --keep and --gpu'
            )
    options.out = str(run)
    options.resume = str(path)
    return options


def stored_options(run):
    """A run's options, checked as those of the command line are: dict.

    Raises:
        InputError: if the run has none, or one that could not have been given.
    """
    from chainer_pose import run_directory

    parser = make_parser()

    def refuse(message):
        raise InputError(f'{Path(run) / "options.json"}: {message}')

    parser.error = refuse
    known, stored = vars(parser.parse_args([])), run_directory.read_options(run)
    stored = {key: value for key, value in stored.items() if key in known}
    arguments = []
    for key, value in stored.items():
        name = f'--{key.replace("_", "-")}'
        if key in NOT_GIVEN or value is None or value is False:
            continue
        if value is True:
            arguments.append(name)
        elif isinstance(value, list):
            arguments += [name, *map(str, value)]
        else:
            arguments.append(f'{name}={value}')
    parsed = vars(parser.parse_args(arguments))
    for key, value in stored.items():
        # What is no option's value, a list of one number say, is not what was written.
        expected = int(value) if key in NOT_GIVEN and str(value).isdecimal() else parsed[key]
        if expected != value:
            refuse(f'argument --{key.replace("_", "-")}: found {value!r:.80}')
    return stored


def check_ranks(options, size):
    """Refuse what ranks cannot do together; note their number among the options."""
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
    options.ranks = size


def main(argv=None):
    options = parse_options(argv)

    import chainer

    from chainer_pose import (
        datasets,
        devices,
        files,
        pose_file,
        random_state,
        ranks,
        run_directory,
        trainers,
    )

    team = ranks.connect(options.communicator)
    say = print if team.rank == 0 else lambda _: None
    check_ranks(options, team.size)
    device = devices.get_device(options.gpu if options.gpu < 0 else options.gpu + team.local_rank)
    device.use()
    path = datasets.find(options.dataset)
    train = pose_file.read(path, 'train', options.keypoints)
    if options.holdout > 0:
        rng = random_state.streams(options.seed, trainers.STREAMS)['holdout']
        train, validation = datasets.hold_out(train, options.holdout, rng)
    elif 'test' in pose_file.splits_of(path):
        validation = pose_file.read(path, 'test', options.keypoints)
    else:
        validation = None
    if validation is not None and not datasets.usable(validation).any():
        validation = None
    if options.mode != 'unsupervised' and train.pose3d is None:
        raise InputError(
            f'--mode {options.mode}: expected {path} to have pose3d to learn from, found 2D only'
        )
    rows = datasets.training_rows(train)
    if train.skeleton.angle_joints is None and options.angle_weight > 0:
        say(
            f'{train.skeleton.name} has no nose, neck and two shoulders: training without the '
            f'angle loss; poses may come out inverted in depth (section 3.4)'
        )

    if options.resume is None:
        now = datetime.datetime.now()
        options.out = options.out or f'results/{Path(path).stem}-{now:%Y%m%d-%H%M%S}'
        (options.out, *_) = team.gather(options.out)  # all mean the first one's
    with contextlib.ExitStack() as stack:
        if team.rank == 0:  # the others write nothing
            stack.enter_context(run_directory.claim(options.out, new=options.resume is None))
        begin_or_check(options, path, train.skeleton, team)
        say(
            f'{path}: {len(rows)} poses of {len(train.skeleton)} joints to learn from, '
            f'{0 if validation is None else len(validation)} to validate on\n'
            f'source: {train.source or "not stated"}\n'
            f'run directory: {options.out}'
        )
        # Chainer's checks of types and shapes cost a tenth of a step.
        stack.enter_context(chainer.using_config('type_check', False))
        trainer = trainers.make_trainer(options, train, rows, validation, device, team)
        if options.resume is not None:
            snapshot = options.resume
            if Path(snapshot).is_dir():
                snapshot = run_directory.latest_snapshot(snapshot, lambda text: cli.warn([text]))
            run_directory.load_snapshot(snapshot, trainer)
            say(f'continuing from {snapshot}, iteration {trainer.updater.iteration}')
        stack.enter_context(trainer.get_extension('stop_on_signal').listening())
        stack.enter_context(files.writing('--out', options.out))
        # The updater watches for what is not finite; NumPy's warnings would add lines.
        with np.errstate(all='ignore'):
            trainer.run(show_loop_exception_msg=False)


def begin_or_check(options, path, skeleton, team):
    """Write a new run's options.json, or see that the run's data are what they were."""
    from chainer_pose import files, run_directory

    digest = files.sha256(path)
    if options.resume is None:
        stored = {k: v for k, v in vars(options).items() if k not in NOT_STORED}
        if team.rank == 0:
            run_directory.create(options.out, {**stored, 'dataset_sha256': digest}, skeleton)
        return
    began = run_directory.read_options(options.out).get('dataset_sha256', digest)
    if began != digest:
        raise InputError(
            f'--dataset {path}: expected the file that the run began with, of SHA-256 '
            f'{began!s:.12}..., found one of {digest:.12}...'
        )


if __name__ == '__main__':
    cli.run(main)
