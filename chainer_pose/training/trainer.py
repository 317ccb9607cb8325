"""From the options of a run to its trainer: links, optimizers, regularizers, extensions."""

from __future__ import annotations

import functools
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import chainer
import numpy as np
from chainer.training import extensions, triggers
from chainer.training.extensions import snapshot_writers

from chainer_pose import datasets, links
from chainer_pose.datasets import imputation
from chainer_pose.inference import weights as weights_file
from chainer_pose.links import martinez
from chainer_pose.optimizers import Adam, ZeroRoot
from chainer_pose.training import regularizers
from chainer_pose.training.angle_iterator import AngleIterator
from chainer_pose.training.arrays import labelled_poses, pixel_poses, training_poses
from chainer_pose.training.extensions import (
    LogPlot,
    PoseEvaluator,
    PosePlot,
    ReadReports,
    StopOnSignal,
)
from chainer_pose.training.moving_average import MovingAverage
from chainer_pose.training.triggers import EveryAndLast
from chainer_pose.training.updaters import PoseGANUpdater, SupervisedUpdater, labelled_loss
from chainer_pose.utils import random_state

if TYPE_CHECKING:
    import chainermn

    from chainer_pose.datasets import PoseData
    from chainer_pose.links import Generator
    from chainer_pose.training.options import TrainingOptions
    from chainer_pose.training.regularizers import Regularizer


# One for each purpose: add at the end only, or old seeds mean other runs.
STREAMS = (
    'gen', 'dis', 'shuffle', 'angles', 'holdout', 'labelled', 'shuffle_labelled', 'dropout',
)  # fmt: skip
PITCH_STEP_SIZE = 1e-3

# On two CPU cores some 250 poses are evaluated in the time of a step of 16 poses, and poses and
# plots drawn in that of 130. So at these intervals, in iterations, both take less than a tenth
# of a run. A GPU draws no faster than a CPU.
EVALUATED_AFTER = 1 / 12  # of each pose
DRAWN_AFTER, DRAWN_AFTER_ON_GPU = 4000, 100_000


def make_trainer(
    options: TrainingOptions,
    data: PoseData,
    validation: PoseData | None,
    device: chainer.backend.Device,
    comm: chainermn.CommunicatorBase | None = None,
) -> chainer.training.Trainer:
    """Wire what `options` ask for.

    Args:
        options: `TrainingOptions`.
        data: `datasets.PoseData` to learn from.
        validation: `datasets.PoseData` to measure on, or None.
        device: chainer device.
        comm: ChainerMN communicator whose processes train together; None for one process.
    Returns:
        chainer.training.Trainer; of all processes but the first, one that writes nothing.
    Raises:
        InputError: if the data lack what the options need.
    """
    rng = random_state.streams(options.seed, STREAMS)
    make = _supervised_updater if options.mode == 'supervised' else _adversarial_updater
    poses = training_poses(data)
    updater = make(options, data, poses, device, rng, comm)
    length = (options.iterations, 'iteration') if options.iterations else (options.epoch, 'epoch')
    trainer = chainer.training.Trainer(updater, length, out=options.out)
    snapshot, plots = _add_extensions(trainer, options, data, poses, validation, device, comm)

    def save(trainer):
        # Skip it if this iteration is saved already.
        path = Path(trainer.out) / f'snapshot_{trainer.updater.iteration}.npz'
        if snapshot is not None and not path.exists():
            snapshot(trainer)
        for plot in plots:  # a run that is stopped early may have drawn none yet
            plot(trainer)

    trainer.extend(StopOnSignal(save, comm))
    return trainer


def _adam(options, link, device, comm):
    link.to_device(device)
    return Adam(options.alpha, options.beta1, options.weight_decay, comm).setup(link)


def _generator_optimizer(options, skeleton, device, rng, comm):
    generator = links.Generator(len(skeleton), options.n_unit, options.init_std, rng['gen'])
    optimizer = _adam(options, generator, device, comm)
    if options.zero_root:
        hook = ZeroRoot(skeleton.root)
        hook.apply(generator)
        optimizer.add_hook(hook)
    return optimizer


def _iterator(arrays, options, rng, device, comm):
    arrays = tuple(map(device.send, arrays))
    return datasets.PoseIterator(arrays, options.batchsize, rng, comm)


def _average(options, optimizer):
    return MovingAverage(optimizer, options.ema) if options.ema > 0 else None


def _adversarial_updater(options, data, poses, device, rng, comm):
    skeleton = data.skeleton
    optimizers = {'gen': _generator_optimizer(options, skeleton, device, rng, comm)}
    discriminator = links.Discriminator(len(skeleton), options.n_unit, options.init_std, rng['dis'])
    optimizers['dis'] = _adam(options, discriminator, device, comm)
    pitch = None
    if options.camera_pitch != 0:
        learned = options.camera_pitch == 'learn'
        pitch = links.CameraPitch(0.0 if learned else options.camera_pitch, learned)
        pitch.to_device(device)
        if learned:
            optimizers['pitch'] = Adam(PITCH_STEP_SIZE, options.beta1, comm=comm).setup(pitch)
    main = _iterator((poses,), options, rng['shuffle'], device, comm)
    iterators = {
        'main': main,
        'angles': AngleIterator(main.batch_size, rng['angles'], device, comm),
    }
    if options.mode == 'semi-supervised':
        arrays = labelled_poses(_labelled(options, data, rng))
        iterators['labelled'] = _iterator(arrays, options, rng['shuffle_labelled'], device, comm)
    return PoseGANUpdater(
        iterators,
        optimizers,
        skeleton.face_joints if options.angle_weight > 0 else None,
        options.angle_weight,
        options.accuracy_cap,
        pitch=pitch,
        regularizers=make_regularizers(options, data, optimizers['gen'].target, device, comm),
        rescale_fakes=options.rescale_fakes,
        average=_average(options, optimizers['gen']),
        device=device,
        comm=comm,
        record=options.record,
    )


def make_regularizers(
    options: TrainingOptions,
    data: PoseData,
    generator: Generator,
    device: chainer.backend.Device,
    comm: chainermn.CommunicatorBase | None = None,
) -> list[Regularizer]:
    """What the options add to eq. (4): a list of `Regularizer`."""
    chosen: list[Regularizer] = []
    if any(options.consistency):
        of_2d, of_depth = options.consistency
        rescale = options.rescale_fakes
        chosen.append(regularizers.Consistency(generator, of_2d, of_depth, rescale))
    if options.bone_weight > 0:
        bones, weight = data.skeleton.bones, options.bone_weight
        chosen.append(regularizers.BoneRatios(bones, weight, device=device, comm=comm))
    if options.mode == 'semi-supervised':
        chosen.append(regularizers.LabelledDepth(generator, options.depth_weight))
    return chosen


def _labelled(options, data, rng):
    if options.labelled == 1:
        return data
    return datasets.choose_labelled(data, options.labelled, rng['labelled'])


def _supervised_updater(options, data, _, device, rng, comm):
    labelled = _labelled(options, data, rng)
    if options.model == 'martinez':
        arrays, loss = pixel_poses(labelled), martinez.loss
        network = links.Martinez(len(data.skeleton), options.n_unit, rng['gen'])
        network.standardize(*arrays)
        optimizer = _adam(options, network, device, comm)
    else:
        arrays, loss = labelled_poses(labelled), labelled_loss
        optimizer = _generator_optimizer(options, data.skeleton, device, rng, comm)
    return SupervisedUpdater(
        _iterator(arrays, options, rng['shuffle'], device, comm),
        optimizer,
        loss,
        rng['dropout'],
        average=_average(options, optimizer),
        device=device,
        comm=comm,
        # Martinez et al.'s dropout masks are drawn on the host.
        record=options.record and options.model != 'martinez',
    )


class _Intervals:
    """When to log, evaluate, draw and save, in iterations."""

    def __init__(self, options, iterator, n_validation, device):
        epoch = math.ceil(len(iterator.arrays[0]) / iterator.batch_size)
        self._last = options.iterations or math.ceil(
            options.epoch * len(iterator.arrays[0]) / iterator.batch_size
        )
        by_epoch = options.iterations is None
        log = options.log_interval or min(1000, max(1, self._last // 20))
        least = epoch if by_epoch else max(1, self._last // 20)
        evaluate = options.evaluate_interval or _multiple(
            log, max(least, n_validation * EVALUATED_AFTER)
        )
        drawn_after = DRAWN_AFTER if device.xp is np else DRAWN_AFTER_ON_GPU
        draw = options.draw_interval or max(self._last // 5, drawn_after)
        self.log, self.evaluate, self.draw = (
            EveryAndLast(interval, self._last) for interval in (log, evaluate, draw)
        )
        save = options.snapshot_interval or max(1, self._last // 10)
        self.by_epoch = by_epoch and not options.snapshot_interval
        self.save = (1, 'epoch') if self.by_epoch else EveryAndLast(save, self._last)


def _multiple(unit, least):
    return unit * math.ceil(least / unit)


def _add_extensions(trainer, options, data, poses, validation, device, comm):
    """Log, plots, validation, pictures and snapshots.

    Returns:
        (the extension that writes the trainer's snapshots, those that draw curves); None and none
        in processes that write nothing.
    """
    updater = trainer.updater
    optimizer = updater.get_optimizer('gen')
    # What is measured, drawn and written.
    gen = optimizer.target if updater.average is None else updater.average.average
    has_truth = validation is not None and validation.pose3d is not None
    n_validation = len(validation) if validation is not None else 0
    every = _Intervals(options, updater.get_iterator('main'), n_validation, device)

    if options.model == 'martinez':
        trainer.extend(
            extensions.ExponentialShift('alpha', martinez.DECAY, options.alpha, optimizer=optimizer)
        )
    trainer.extend(ReadReports(), trigger=every.log)
    if validation is not None and has_truth:
        trainer.extend(PoseEvaluator(gen, validation, comm=comm), trigger=every.evaluate)
    if comm is not None and comm.rank > 0:
        return None, []
    if validation is not None:
        trainer.extend(PosePlot(gen, validation), trigger=every.draw)

    trainer.extend(extensions.LogReport(trigger=every.log))
    errors = ['validation/mpjpe'] if has_truth else []
    terminal = sys.stdout.isatty()
    trainer.extend(
        extensions.PrintReport(
            ['epoch', 'iteration', *updater.losses, *updater.shares, *errors, *updater.degrees]
            + ['elapsed_time'],
            out=sys.stdout if terminal else _Plain(sys.stdout),
        ),
        trigger=every.log,
    )
    plots, shares = [], updater.shares
    if shares:  # drawn apart, the accuracies on real and on fake tell more
        shares = ['dis/accuracy/real', 'dis/accuracy/fake', *shares[1:]]
    for name, label, keys in (
        ('loss', 'loss', updater.losses),
        ('accuracy', 'share', shares),
        ('validation', 'error (kudo), mm', errors),
    ):
        if keys:
            plots.append(LogPlot(keys, f'{name}.png', label))
            trainer.extend(plots[-1], trigger=every.draw, name=f'plot_{name}')
    if terminal:
        trainer.extend(extensions.ProgressBar(update_interval=50))
    write_generator = functools.partial(
        weights_file.write_generator,
        skeleton=data.skeleton,
        prior=imputation.Moments().add(poses).prior(),
    )
    return _add_snapshots(trainer, gen, write_generator, every, has_truth, options.keep), plots


def _add_snapshots(trainer, gen, write_generator, every, has_truth, keep):
    """Write `gen` and the trainer when it is time to save, the best when it is measured.

    Returns:
        The extension that writes the trainer.
    """
    writer = functools.partial(_Writer, write_generator)
    if has_truth:
        trainer.extend(
            extensions.snapshot_object(gen, 'gen_best.npz', writer=writer()),
            trigger=triggers.MinValueTrigger('validation/mpjpe', every.evaluate),
            name='gen_best',
        )
    unit = 'epoch' if every.by_epoch else 'iteration'
    trainer.extend(
        extensions.snapshot_object(gen, f'gen_{{.updater.{unit}}}.npz', writer=writer()),
        trigger=every.save,
        name='gen',
    )
    # Last of all, so that it holds the state of all the others.
    snapshot = extensions.snapshot(
        filename='snapshot_{.updater.iteration}.npz',
        writer=_Writer(weights_file.write_arrays),
        n_retains=keep,
    )
    trainer.extend(snapshot, trigger=every.save, name='snapshot', priority=-200)
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
