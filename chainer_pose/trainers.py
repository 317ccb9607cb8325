"""From the options of a run to its trainer: links, optimizers, terms, extensions."""

from __future__ import annotations

import argparse
import functools
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import chainer
import numpy as np
from chainer.training import extensions, triggers
from chainer.training.extensions import snapshot_writers

from chainer_pose import (
    datasets,
    imputation,
    links,
    martinez,
    random_state,
    run_directory,
    terms,
    updaters,
)
from chainer_pose.extensions import (
    MovingAverage,
    PlotReport,
    PoseEvaluator,
    PosePlot,
    StopOnSignal,
)
from chainer_pose.flat_adam import FlatAdam
from chainer_pose.optimizers import Adam
from chainer_pose.ranks import ALONE
from chainer_pose.triggers import EveryAndLast

if TYPE_CHECKING:
    from chainer_pose.links import Generator
    from chainer_pose.pose_file import PoseData
    from chainer_pose.ranks import Alone
    from chainer_pose.skeleton import Skeleton
    from chainer_pose.terms import Term


# One a purpose: add at the end only, or old seeds mean other runs.
STREAMS = (
    'gen', 'dis', 'shuffle', 'angles', 'holdout', 'labelled', 'shuffle_labelled', 'dropout',
)  # fmt: skip
PITCH_STEP_SIZE = 1e-3


def make_trainer(
    options: argparse.Namespace,
    data: PoseData,
    rows: np.ndarray,
    validation: PoseData | None,
    device: chainer.backend.Device,
    ranks: Alone = ALONE,
) -> chainer.training.Trainer:
    """Wire what `options` ask for.

    Args:
        options: namespace of train.py's options.
        data: `pose_file.PoseData` to learn from.
        rows: its `datasets.training_rows`.
        validation: `pose_file.PoseData` to measure on, or None.
        device: chainer device.
        ranks: `ranks.Ranks` that train together.
    Returns:
        chainer.training.Trainer; of all ranks but the first, one that writes nothing.
    Raises:
        InputError: if the data lack what the options need.
    """
    rng = random_state.streams(options.seed, STREAMS)
    updater = _UPDATERS[options.mode](options, data, rows, device, rng, ranks)
    length = (options.iterations, 'iteration') if options.iterations else (options.epoch, 'epoch')
    trainer = chainer.training.Trainer(updater, length, out=options.out)
    snapshot = add_extensions(trainer, options, data.skeleton, rows, validation, ranks)

    def save(trainer):
        # Not twice: the new one would be no other.
        path = Path(trainer.out) / f'snapshot_{trainer.updater.iteration}.npz'
        if snapshot is not None and not path.exists():
            snapshot(trainer)

    trainer.extend(StopOnSignal(save, ranks))
    return trainer


def _is_gpu(device):
    return device.xp is not np


def _adam(link, device, *arguments):
    link.to_device(device)
    return (FlatAdam if _is_gpu(device) else Adam)(*arguments).setup(link)


def _optimizer(options, link, device):
    return _adam(link, device, options.alpha, options.beta1, options.weight_decay)


def _last_iteration(options, iterator):
    n_batches = options.epoch * len(iterator.rows) / iterator.batch_size
    return options.iterations or math.ceil(n_batches)


def _logging(options, iterator):
    last = _last_iteration(options, iterator)
    return EveryAndLast(options.log_interval or min(1000, max(1, last // 20)), last)


def _generator_optimizer(options, skeleton, device, rng):
    generator = links.Generator(len(skeleton), options.n_unit, options.init_std, rng['gen'])
    optimizer = _optimizer(options, generator, device)
    if options.zero_root:
        hook = links.ZeroRoot(skeleton.root)
        hook.apply(generator)
        optimizer.add_hook(hook)
    return optimizer


def _adversarial_updater(options, data, rows, device, rng, ranks):
    skeleton = data.skeleton
    optimizers = {'gen': _generator_optimizer(options, skeleton, device, rng)}
    discriminator = links.Discriminator(len(skeleton), options.n_unit, options.init_std, rng['dis'])
    optimizers['dis'] = _optimizer(options, discriminator, device)
    pitch = None
    if options.camera_pitch != 0:
        learned = options.camera_pitch == 'learn'
        pitch = links.CameraPitch(0.0 if learned else options.camera_pitch)
        pitch.to_device(device)
        if learned:
            optimizers['pitch'] = _adam(pitch, device, PITCH_STEP_SIZE, options.beta1)
    iterator = datasets.PoseIterator(device.send(rows), options.batchsize, rng['shuffle'], ranks)
    # To average gradients, ranks have to speak to each other in each step anyway.
    is_left_alone = _is_gpu(device) and ranks.size == 1
    return updaters.PoseGANUpdater(
        iterator,
        optimizers,
        make_terms(options, data, optimizers['gen'].target, rng, ranks),
        rng['angles'],
        pitch=pitch,
        accuracy_cap=options.accuracy_cap,
        rescale_fakes=options.rescale_fakes,
        device=device,
        ranks=ranks,
        read_at=_logging(options, iterator).at if is_left_alone else None,
    )


def make_terms(
    options: argparse.Namespace,
    data: PoseData,
    generator: Generator,
    rng: Mapping[str, np.random.Generator],
    ranks: Alone = ALONE,
) -> list[Term]:
    """The terms of the generator's loss: a list of `terms.Term`."""
    skeleton = data.skeleton
    chosen: list[Term] = [terms.Adversarial()]
    if options.angle_weight > 0 and skeleton.angle_joints is not None:
        chosen.append(terms.Angle(skeleton.angle_joints, options.angle_weight))
    if any(options.consistency):
        chosen.append(terms.Consistency(generator, *options.consistency))
    if options.bone_weight > 0:
        chosen.append(terms.BoneRatios(skeleton.bones, options.bone_weight, ranks=ranks))
    if options.mode == 'semi-supervised':
        iterator = _labelled_iterator(options, data, generator.device, rng, ranks)
        chosen.append(terms.Depth(generator, iterator, options.depth_weight))
    return chosen


def _labelled_iterator(options, data, device, rng, ranks):
    rows = device.send(datasets.labelled_rows(_labelled(options, data, rng)))
    return datasets.PoseIterator(rows, options.batchsize, rng['shuffle_labelled'], ranks)


def _labelled(options, data, rng):
    if options.labelled == 1:
        return data
    return datasets.choose_labelled(data, options.labelled, rng['labelled'])


def _supervised_updater(options, data, _, device, rng, ranks):
    labelled = _labelled(options, data, rng)
    if options.model == 'martinez':
        rows, loss = martinez.rows_of(labelled), martinez.loss
        network = martinez.Martinez(len(data.skeleton), options.n_unit, rng['gen'])
        network.standardize(rows)
        optimizer = _optimizer(options, network, device)
    else:
        rows, loss = datasets.labelled_rows(labelled), terms.labelled_loss
        optimizer = _generator_optimizer(options, data.skeleton, device, rng)
    iterator = datasets.PoseIterator(device.send(rows), options.batchsize, rng['shuffle'], ranks)
    return updaters.SupervisedUpdater(iterator, optimizer, loss, rng['dropout'], device, ranks)


_UPDATERS = {
    'unsupervised': _adversarial_updater,
    'semi-supervised': _adversarial_updater,
    'supervised': _supervised_updater,
}


def add_extensions(
    trainer: chainer.training.Trainer,
    options: argparse.Namespace,
    skeleton: Skeleton,
    rows: np.ndarray,
    validation: PoseData | None,
    ranks: Alone = ALONE,
) -> chainer.training.Extension | None:
    """Log, plots, validation, pictures, averaged weights and snapshots.

    Returns:
        The extension that writes the trainer's snapshots; None on ranks that write nothing.
    """
    gen = trainer.updater.get_optimizer('gen').target
    iterator = trainer.updater.get_iterator('main')
    last = _last_iteration(options, iterator)

    def every(given, times):
        if options.iterations is None and given is None:
            return 1, 'epoch'
        return EveryAndLast(given or max(1, last // times), last)

    logging = _logging(options, iterator)
    evaluating = every(options.evaluate_interval, 20)
    saving = every(options.snapshot_interval, 10)
    has_truth = validation is not None and validation.pose3d is not None

    if options.model == 'martinez':
        optimizer = trainer.updater.get_optimizer('gen')
        trainer.extend(
            extensions.ExponentialShift('alpha', martinez.DECAY, options.alpha, optimizer=optimizer)
        )
    if options.ema > 0:
        average = MovingAverage(gen, options.ema)
        trainer.extend(average)
        gen = average.average  # what is measured, drawn and written from here on
    if validation is not None and has_truth:
        trainer.extend(PoseEvaluator(gen, validation, ranks=ranks), trigger=evaluating)
    if ranks.rank > 0:
        return None
    if validation is not None:
        trainer.extend(PosePlot(gen, validation), trigger=evaluating)

    trainer.extend(extensions.LogReport(trigger=logging))
    errors = ['validation/mpjpe'] if has_truth else []
    updater = trainer.updater
    _add_print_report(
        trainer, [*updater.losses, *updater.shares, *errors, *updater.degrees], logging
    )
    _add_plots(trainer, errors, logging, evaluating)
    if sys.stdout.isatty():
        trainer.extend(extensions.ProgressBar(update_interval=50))
    write_generator = functools.partial(
        run_directory.write_generator,
        skeleton=skeleton,
        prior=imputation.Moments().add(rows).prior(),
    )
    return _add_snapshots(
        trainer, gen, write_generator, saving, evaluating if has_truth else None, options.keep
    )


def _add_print_report(trainer, names, logging):
    terminal = sys.stdout.isatty()
    trainer.extend(
        extensions.PrintReport(
            ['epoch', 'iteration', *names, 'elapsed_time'],
            out=sys.stdout if terminal else _Plain(sys.stdout),
        ),
        trigger=logging,
    )


def _add_plots(trainer, errors, logging, evaluating):
    updater = trainer.updater
    if shares := updater.shares:  # drawn apart, the accuracies on real and on fake tell more
        shares = ['dis/accuracy/real', 'dis/accuracy/fake', *shares[1:]]
    for name, label, keys, trigger in (
        ('loss', 'loss', updater.losses, logging),
        ('accuracy', 'share', shares, logging),
        ('validation', 'error (kudo), mm', errors, evaluating),
    ):
        if keys:
            trainer.extend(
                PlotReport(
                    keys,
                    trigger=trigger,
                    filename=f'{name}.png',
                    marker='.',
                    postprocess=lambda _, axes, __, label=label: axes.set_ylabel(label),
                ),
                trigger=(1, 'iteration'),
                name=f'plot_{name}',
            )


def _add_snapshots(trainer, gen, write_generator, saving, choosing, keep):
    """Write `gen` and the trainer when `saving` fires, the best when `choosing` does.

    Returns:
        The extension that writes the trainer.
    """
    if choosing is not None:
        trainer.extend(
            extensions.snapshot_object(gen, 'gen_best.npz', writer=_Writer(write_generator)),
            trigger=triggers.MinValueTrigger('validation/mpjpe', choosing),
            name='gen_best',
        )
    unit = 'epoch' if saving == (1, 'epoch') else 'iteration'
    trainer.extend(
        extensions.snapshot_object(
            gen, f'gen_{{.updater.{unit}}}.npz', writer=_Writer(write_generator)
        ),
        trigger=saving,
        name='gen',
    )
    # Last of all, so that it holds the state of all the others.
    snapshot = extensions.snapshot(
        filename='snapshot_{.updater.iteration}.npz',
        writer=_Writer(run_directory.write_arrays),
        n_retains=keep,
    )
    trainer.extend(snapshot, trigger=saving, name='snapshot', priority=-200)
    return snapshot


class _Writer(snapshot_writers.Writer):
    """Writes a snapshot with a function that does so whole or not at all."""

    def __init__(self, write):
        super().__init__()
        self._write = write

    def __call__(self, filename, outdir, target):
        self._write(os.path.join(outdir, filename), target)
        self._post_save()  # takes away what is older than the newest to keep


class _Plain:
    """Standard output without PrintReport's terminal escapes, for files and logs."""

    def __init__(self, out):
        self.out = out

    def write(self, text):
        self.out.write(text.replace('\033[J', ''))

    def flush(self):
        self.out.flush()
