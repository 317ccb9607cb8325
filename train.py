#!/usr/bin/env python
"""Learn to lift 2D poses to 3D, from 2D poses alone (Kudo et al. 2018)."""

import datetime
import math
import sys
from pathlib import Path

import numpy as np

from chainer_pose import cli
from chainer_pose.errors import InputError

EXTENSIBLE = ('epoch', 'iterations', 'gpu')  # what --resume may change
NOT_STORED = ('out', 'resume')
STREAMS = ('gen', 'dis', 'shuffle', 'angles', 'holdout')  # add at the end only


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
        'value, the run in --out. Its options apply; --epoch, --iterations and --gpu may '
        'be given anew',
    )
    group.add_argument(
        '--gpu',
        type=cli.number(int, low=-1),
        default=-1,
        metavar='N',
        help='CUDA device to train on, -1 for the CPU (default: %(default)s)',
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
        help='iterations after which to save the trainer (the newest two are kept) and the '
        'generator (default: an epoch, or a tenth of --iterations)',
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
        default=16,
        metavar='N',
        help='poses a batch (section 4.2; default: %(default)s)',
    )
    group.add_argument(
        '--alpha',
        type=cli.number(float, above=0),
        default=2e-4,
        metavar='X',
        help="step size of both Adams (authors' code; default: %(default)s)",
    )
    group.add_argument(
        '--beta1',
        type=cli.number(float, low=0, high=0.9999),
        default=0.5,
        metavar='X',
        help="decay of Adam's first moment (authors' code; default: %(default)s)",
    )
    group.add_argument(
        '--weight-decay',
        type=cli.number(float, low=0),
        default=1e-5,
        metavar='X',
        help="share of each parameter added to its gradient (authors' code; default: %(default)s)",
    )
    group.add_argument(
        '--accuracy-cap',
        type=cli.number(float, low=0.5, high=1),
        default=0.9,
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
        default=1.0,
        metavar='X',
        help='factor of the angle loss, 0 for none (section 3.4, eq. 4; default: %(default)s)',
    )
    group.add_argument(
        '--n-unit',
        type=cli.number(int, low=1),
        default=1024,
        metavar='N',
        help='units of each hidden layer (section 3.2; default: %(default)s)',
    )
    group.add_argument(
        '--init-std',
        type=cli.number(float, above=0),
        default=0.02,
        metavar='X',
        help='standard deviation of the initial weights; section 4.2 prints 0.14, the root of '
        "the authors' code's 0.02, and does worse: README.md, Results "
        '(default: %(default)s)',
    )
    return parser


def parse_options(argv):
    """Options as given, or those of the run to resume with what may change."""
    parser = make_parser()
    options = parser.parse_args(argv)
    if options.resume is None:
        return options
    given = options.resume or options.out
    if not given:
        parser.error('argument --resume: expected a run directory or a snapshot, or --out DIR')

    from chainer_pose import run_directory

    path = Path(given)
    run = path if path.is_dir() else path.parent
    stored = run_directory.read_options(run)
    defaults = {key: value for key, value in stored.items() if hasattr(options, key)}
    parser.set_defaults(**defaults)
    options = parser.parse_args(argv)
    for key, value in defaults.items():
        if getattr(options, key) != value and key not in EXTENSIBLE:
            name = f'--{key.replace("_", "-")}'
            raise InputError(
                f'{name} {getattr(options, key)}: expected {value}, as the run {run} began; '
                f'--resume may change only --epoch, --iterations and --gpu'
            )
    options.out = str(run)
    options.resume = str(path if not path.is_dir() else run_directory.latest_snapshot(run))
    return options


def make_trainer(options, rows, validation, skeleton, device):
    """Wire iterator, links, optimizers and updater."""
    import chainer

    from chainer_pose import datasets, links, random_state, updaters

    rng = random_state.streams(options.seed, STREAMS)
    size = (len(skeleton), options.n_unit, options.init_std)
    optimizers = {}
    for name, link in (
        ('gen', links.Generator(*size, rng['gen'])),
        ('dis', links.Discriminator(*size, rng['dis'])),
    ):
        link.to_device(device)
        optimizers[name] = chainer.optimizers.Adam(options.alpha, options.beta1).setup(link)
        if options.weight_decay > 0:
            optimizers[name].add_hook(chainer.optimizer_hooks.WeightDecay(options.weight_decay))

    angle_joints = skeleton.angle_joints if options.angle_weight > 0 else None
    if skeleton.angle_joints is None and options.angle_weight > 0:
        print(
            f'{skeleton.name} has no nose, neck and two shoulders: training without the angle '
            f'loss; poses may come out inverted in depth (section 3.4)'
        )
    updater = updaters.PoseGANUpdater(
        datasets.PoseIterator(device.send(rows), options.batchsize, rng['shuffle']),
        optimizers['gen'],
        optimizers['dis'],
        angle_joints,
        rng['angles'],
        angle_weight=options.angle_weight,
        accuracy_cap=options.accuracy_cap,
        rescale_fakes=options.rescale_fakes,
        device=device,
    )
    length = (options.iterations, 'iteration') if options.iterations else (options.epoch, 'epoch')
    trainer = chainer.training.Trainer(updater, length, out=options.out)
    add_extensions(trainer, options, rows, validation, skeleton)
    return trainer


def add_extensions(trainer, options, rows, validation, skeleton):
    """Log, plots, validation, pictures and snapshots."""
    import functools

    from chainer.training import extensions, triggers

    from chainer_pose import imputation, run_directory
    from chainer_pose.extensions import PoseEvaluator, PosePlot
    from chainer_pose.triggers import EveryAndLast

    gen = trainer.updater.get_optimizer('gen').target
    last = options.iterations or math.ceil(options.epoch * len(rows) / options.batchsize)

    def every(given, times):
        if options.iterations is None and given is None:
            return 1, 'epoch'
        return EveryAndLast(given or max(1, last // times), last)

    logging = EveryAndLast(options.log_interval or min(1000, max(1, last // 20)), last)
    evaluating = every(options.evaluate_interval, 20)
    saving = every(options.snapshot_interval, 10)
    has_truth = validation is not None and validation.pose3d is not None

    if has_truth:
        trainer.extend(PoseEvaluator(gen, validation), trigger=evaluating)
    if validation is not None:
        trainer.extend(PosePlot(gen, validation), trigger=evaluating)

    trainer.extend(extensions.LogReport(trigger=logging))
    has_angle = trainer.updater.angle_joints is not None
    losses = ['gen/loss', *(['gen/angle'] if has_angle else []), 'dis/loss']
    errors = ['validation/mpjpe'] if has_truth else []
    updated = ['gen/updated', 'dis/updated']
    columns = ['epoch', 'iteration', *losses, 'dis/accuracy', *updated, *errors, 'elapsed_time']
    terminal = sys.stdout.isatty()
    trainer.extend(
        extensions.PrintReport(columns, out=sys.stdout if terminal else _Plain(sys.stdout)),
        trigger=logging,
    )
    for name, label, keys, trigger in (
        ('loss', 'loss', losses, logging),
        ('accuracy', 'share', ['dis/accuracy/real', 'dis/accuracy/fake', *updated], logging),
        ('validation', 'error (kudo), mm', errors, evaluating),
    ):
        if keys:
            trainer.extend(
                extensions.PlotReport(
                    keys,
                    trigger=trigger,
                    filename=f'{name}.png',
                    marker='.',
                    postprocess=lambda _, axes, __, label=label: axes.set_ylabel(label),
                ),
                trigger=(1, 'iteration'),
                name=f'plot_{name}',
            )
    if terminal:
        trainer.extend(extensions.ProgressBar(update_interval=50))

    write_generator = functools.partial(
        run_directory.write_generator,
        skeleton=skeleton,
        prior=imputation.Moments().add(rows).prior(),
    )
    if has_truth:
        trainer.extend(
            extensions.snapshot_object(gen, 'gen_best.npz', savefun=write_generator),
            trigger=triggers.MinValueTrigger('validation/mpjpe', evaluating),
            name='gen_best',
        )
    unit = 'epoch' if saving == (1, 'epoch') else 'iteration'
    trainer.extend(
        extensions.snapshot_object(gen, f'gen_{{.updater.{unit}}}.npz', savefun=write_generator),
        trigger=saving,
        name='gen',
    )
    # Last of all, so that it holds the state of all the others.
    trainer.extend(
        extensions.snapshot(
            run_directory.write_arrays, 'snapshot_{.updater.iteration}.npz', n_retains=2
        ),
        trigger=saving,
        name='snapshot',
        priority=-200,
    )


class _Plain:
    """Standard output without PrintReport's terminal escapes, for files and logs."""

    def __init__(self, out):
        self.out = out

    def write(self, text):
        self.out.write(text.replace('\033[J', ''))

    def flush(self):
        self.out.flush()


def main(argv=None):
    options = parse_options(argv)

    from chainer_pose import datasets, devices, pose_file, random_state, run_directory

    device = devices.get_device(options.gpu)
    device.use()
    path = datasets.find(options.dataset)
    train = pose_file.read(path, 'train', options.keypoints)
    if options.holdout > 0:
        rng = random_state.streams(options.seed, STREAMS)['holdout']
        train, validation = datasets.hold_out(train, options.holdout, rng)
    elif 'test' in pose_file.splits_of(path):
        validation = pose_file.read(path, 'test', options.keypoints)
    else:
        validation = None
    if validation is not None and not datasets.usable(validation).any():
        validation = None
    rows = datasets.training_rows(train)

    if options.resume is None:
        now = datetime.datetime.now()
        options.out = options.out or f'results/{Path(path).stem}-{now:%Y%m%d-%H%M%S}'
        stored = {k: v for k, v in vars(options).items() if k not in NOT_STORED}
        run_directory.create(options.out, stored, train.skeleton)
    print(
        f'{path}: {len(rows)} poses of {len(train.skeleton)} joints to learn from, '
        f'{0 if validation is None else len(validation)} to validate on\n'
        f'source: {train.source or "not stated"}\n'
        f'run directory: {options.out}'
    )
    trainer = make_trainer(options, rows, validation, train.skeleton, device)
    if options.resume is not None:
        run_directory.load_snapshot(options.resume, trainer)
        print(f'continuing from {options.resume}, iteration {trainer.updater.iteration}')
    # The updater watches for what is not finite; NumPy's warnings would add lines.
    with np.errstate(all='ignore'):
        trainer.run(show_loop_exception_msg=False)


if __name__ == '__main__':
    cli.run(main)
