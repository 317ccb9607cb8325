"""From the options of a run to its trainer: links, optimizers, regularizers, extensions."""

import dataclasses
import math
import os
from collections.abc import Callable
from typing import Any

import chainer
import numpy as np
from chainer.serializers import DictionarySerializer
from chainer.training import extensions, triggers
from chainer.training.extensions import snapshot_writers

from chainer_pose import datasets, links
from chainer_pose.datasets import PoseData, imputation
from chainer_pose.datasets.augmentation import augment
from chainer_pose.datasets.readers.centered import turn_cameras
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
    PrintLog,
    StopOnSignal,
)
from chainer_pose.training.moving_average import MovingAverage
from chainer_pose.training.options import LEARNED, TrainingOptions, n_iterations
from chainer_pose.training.triggers import EveryAndLast, OrAfterMinutes
from chainer_pose.training.updaters import PoseGANUpdater, SupervisedUpdater, labelled_loss
from chainer_pose.utils import random_state
from chainer_pose.utils.comm import Communicator

# One for each purpose: add at the end only, or old seeds mean other runs.
STREAMS = (
    'gen', 'dis', 'shuffle', 'angles', 'holdout', 'labelled', 'shuffle_labelled', 'dropout',
    'augment', 'pitch',
)  # fmt: skip
# A learned pitch. The mirror image in depth with the opposite pitch looks the same to the
# discriminator, so it starts where most cameras are: they look down. With larger steps the pitch
# wandered by 10 degrees and more while the discriminator rested (benchmarks/results/plus.md).
PITCH_START, PITCH_STEP_SIZE = 10.0, 1e-4  # degrees; Adam's alpha

# On two CPU cores some 250 poses are evaluated in the time of a step of 16 poses, and poses and
# plots drawn in that of 130. So done once in so many iterations, both take less than a tenth of a
# run. A GPU draws no faster than a CPU. Counts decide, not a clock: the same run chooses the same
# gen_best.npz everywhere.
EVALUATED_AFTER = 1 / 12  # of each pose
DRAWN_AFTER, DRAWN_AFTER_ON_GPU = 4000, 100_000
SAVED_AFTER = 1000


def make_trainer(
    options: TrainingOptions,
    data: PoseData,
    validation: PoseData | None,
    device: chainer.backend.Device,
    comm: Communicator | None = None,
) -> chainer.training.Trainer:
    """Make the trainer of a run; of all processes but the first, one that writes nothing.

    Args:
        options: of the run.
        data: poses to learn from.
        validation: poses to measure on, or None.
        device: chainer device.
        comm: ChainerMN communicator whose processes train together; None for one process.
    Raises:
        InputError: if the data lack what the options need.
    """
    make = _Maker(options, data, device, comm)
    updater = make.supervised() if options.mode == 'supervised' else make.adversarial()
    length = (options.iterations, 'iteration') if options.iterations else (options.epoch, 'epoch')
    trainer = chainer.training.Trainer(updater, length, out=options.out)
    make.extend(trainer, validation)
    return trainer


@dataclasses.dataclass
class _Maker:
    """Makes an updater, its parts, and what extends its trainer."""

    options: TrainingOptions
    data: PoseData
    device: chainer.backend.Device
    comm: Communicator | None

    def __post_init__(self) -> None:
        self.rng = random_state.streams(self.options.seed, STREAMS)
        if self.options.line_of_sight:
            focal, *center = self.options.line_of_sight
            self.data = turn_cameras(self.data, (focal, focal), center)
        self.poses = training_poses(self.data)
        self.prior = imputation.Moments().add(self.poses).prior()
        if self.options.augment:
            skeleton, rng = self.data.skeleton, self.rng['augment']
            self.poses = augment(self.poses, skeleton, self.prior, rng)

    def adam(self, link: chainer.Link) -> Adam:
        link.to_device(self.device)
        options = self.options
        return Adam(options.alpha, options.beta1, options.weight_decay, self.comm).setup(link)

    def generator(self) -> Adam:
        """The optimizer of a generator."""
        skeleton, options = self.data.skeleton, self.options
        shape = len(skeleton), options.n_unit, options.init_std
        optimizer = self.adam(links.Generator(*shape, self.rng['gen']))
        if options.zero_root:
            hook = ZeroRoot(skeleton.root)
            hook.apply(optimizer.target)
            optimizer.add_hook(hook)
        return optimizer

    def iterator(self, arrays: tuple[np.ndarray, ...], stream: str) -> datasets.PoseIterator:
        sent = tuple(map(self.device.send, arrays))
        return datasets.PoseIterator(sent, self.options.batchsize, self.rng[stream], self.comm)

    def labelled(self) -> PoseData:
        if self.options.labelled == 1:
            return self.data
        usable = self.data.select(datasets.require_complete(self.data))
        return datasets.choose_labelled(usable, self.options.labelled, self.rng['labelled'])

    def of_every_updater(self, optimizer: Adam) -> dict[str, Any]:
        """Arguments that `RecordedUpdater` takes."""
        ema = self.options.ema
        return {
            'average': MovingAverage(optimizer, ema) if ema > 0 else None,
            'device': self.device,
            'comm': self.comm,
            # Martinez et al.'s dropout masks are drawn on the host.
            'record': self.options.record and self.options.model != 'martinez',
        }

    def adversarial(self) -> PoseGANUpdater:
        options, skeleton, rng = self.options, self.data.skeleton, self.rng
        gen = self.generator()
        dis = links.Discriminator(len(skeleton), options.n_unit, options.init_std, rng['dis'])
        optimizers = {'gen': gen, 'dis': self.adam(dis)}
        pitch: links.CameraPitch | links.PosePitch | None = None
        if options.camera_pitch == 'each':
            pitch = links.PosePitch(len(skeleton), PITCH_START, rng['pitch'])
        elif options.camera_pitch != 0:
            learned = options.camera_pitch == 'learn'
            degrees = PITCH_START if learned else float(options.camera_pitch)
            pitch = links.CameraPitch(degrees, learned)
        if pitch is not None:
            pitch.to_device(self.device)
            if options.camera_pitch in LEARNED:
                adam = Adam(PITCH_STEP_SIZE, options.beta1, comm=self.comm)
                optimizers['pitch'] = adam.setup(pitch)
        main = self.iterator((self.poses,), 'shuffle')
        angles = AngleIterator(main.batch_size, rng['angles'], self.device, self.comm)
        iterators = {'main': main, 'angles': angles}
        if options.mode == 'semi-supervised':
            arrays = labelled_poses(self.labelled())
            iterators['labelled'] = self.iterator(arrays, 'shuffle_labelled')
        return PoseGANUpdater(
            iterators,
            optimizers,
            skeleton.face_joints if options.angle_weight > 0 else None,
            options.angle_weight,
            options.accuracy_cap,
            pitch,
            self.regularizers(gen.target),
            options.rescale_fakes,
            **self.of_every_updater(gen),
        )

    def regularizers(self, generator: links.Generator) -> list[regularizers.Regularizer]:
        options = self.options
        chosen: list[regularizers.Regularizer] = []
        if any(options.consistency):
            factors, rescale = options.consistency, options.rescale_fakes
            chosen.append(regularizers.Consistency(generator, factors[0], factors[1], rescale))
        if options.bone_weight > 0:
            bones, where = self.data.skeleton.bones, {'device': self.device, 'comm': self.comm}
            chosen.append(regularizers.BoneRatios(bones, options.bone_weight, **where))
        if options.mode == 'semi-supervised':
            chosen.append(regularizers.LabelledDepth(generator, options.depth_weight))
        return chosen

    def supervised(self) -> SupervisedUpdater:
        labelled = self.labelled()
        loss: Callable[..., chainer.Variable] = labelled_loss
        if self.options.model == 'martinez':
            arrays, loss = pixel_poses(labelled), martinez.loss
            network = links.Martinez(len(labelled.skeleton), self.options.n_unit, self.rng['gen'])
            network.standardize(*arrays)
            optimizer = self.adam(network)
        else:
            arrays, optimizer = labelled_poses(labelled), self.generator()
        iterator = self.iterator(arrays, 'shuffle')
        dropout, more = self.rng['dropout'], self.of_every_updater(optimizer)
        return SupervisedUpdater(iterator, optimizer, loss, dropout, **more)

    def extend(self, trainer: chainer.training.Trainer, validation: PoseData | None) -> None:
        """Add validation, log, pictures and snapshots; only the first process writes."""
        options, comm, updater = self.options, self.comm, trainer.updater
        optimizer, iterator = updater.get_optimizer('gen'), updater.get_iterator('main')
        # What is measured, drawn and written.
        gen = optimizer.target if updater.average is None else updater.average.average
        lifter = links.LineOfSight.of(gen, options.line_of_sight)

        n_poses = len(iterator.arrays[0])
        last = n_iterations(options, n_poses)
        log = options.log_interval or min(1000, max(1, last // 20))
        measured = None if validation is None or not validation.has_ground_truth else validation
        evaluate, draw = options.evaluate_interval, options.draw_interval
        if evaluate is None and measured is not None:
            wanted = 20 if options.iterations else options.epoch
            evaluate = _interval(last, wanted, EVALUATED_AFTER * len(measured), log)
        if draw is None:
            drawn_after = DRAWN_AFTER if self.device.xp is np else DRAWN_AFTER_ON_GPU
            draw = _interval(last, 5, drawn_after)
        to_log, to_evaluate, to_draw = (EveryAndLast(each, last) for each in (log, evaluate, draw))
        by_epoch = options.iterations is None and options.snapshot_interval is None
        save = EveryAndLast(options.snapshot_interval or max(SAVED_AFTER, last // 10), last)
        to_save = (1, 'epoch') if by_epoch else save

        if options.model == 'martinez':
            decay = extensions.ExponentialShift(
                'alpha', martinez.DECAY, options.alpha, None, optimizer
            )
            trainer.extend(decay)
        trainer.extend(  # the means that the updater keeps on a GPU
            lambda trainer: updater.report(trainer.updater.iteration),
            'read_reports',
            to_log,
            chainer.training.PRIORITY_WRITER + 1,
        )
        errors, not_done = [], [] if draw else ['drawn (--draw-interval)']
        if measured is not None and evaluate is None:
            not_done.insert(0, 'evaluated (--evaluate-interval)')
        elif measured is not None:
            errors = ['validation/mpjpe']
            trainer.extend(PoseEvaluator(lifter, measured, comm=comm), trigger=to_evaluate)
        if comm is not None and comm.rank > 0:
            trainer.extend(StopOnSignal(comm=comm))
            return

        trainer.extend(extensions.LogReport(trigger=to_log))
        columns = [*updater.losses, *updater.shares, *errors, *updater.degrees]
        note = f'; too short a run to be {" and ".join(not_done)}' if not_done else ''
        trainer.extend(PrintLog(['epoch', 'iteration', *columns, 'elapsed_time'], last, note))
        if validation is not None:
            trainer.extend(PosePlot(lifter, validation), trigger=to_draw)
        shares = updater.shares
        if shares:  # the accuracies on real and on fake tell more than their mean
            shares = ('dis/accuracy/real', 'dis/accuracy/fake', *shares[1:])
        plots = {
            'loss': LogPlot(updater.losses, 'loss.png', 'loss'),
            'accuracy': LogPlot(shares, 'accuracy.png', 'share'),
            'validation': LogPlot(errors, 'validation.png', 'error (kudo), mm'),
        }
        for name, plot in plots.items():
            trainer.extend(plot, trigger=to_draw, name=f'plot_{name}')

        def written(filename: str) -> Callable[[chainer.training.Trainer], None]:
            def write(trainer: chainer.training.Trainer) -> None:
                path = os.path.join(trainer.out, filename.format(trainer))
                arrays = DictionarySerializer({})
                arrays.save(gen)
                iteration = trainer.updater.iteration
                weights_file.write_generator(
                    path,
                    arrays.target,
                    self.data.skeleton,
                    self.prior,
                    iteration,
                    bool(options.line_of_sight),
                )

            return write

        if measured is not None:  # if it is not evaluated, too: a longer run that goes on may be
            to_choose = triggers.MinValueTrigger('validation/mpjpe', to_evaluate)
            trainer.extend(written('gen_best.npz'), trigger=to_choose, name='gen_best')
        filename = f'gen_{{.updater.{"epoch" if by_epoch else "iteration"}}}.npz'
        trainer.extend(written(filename), trigger=to_save, name='gen')
        # Last, so that it holds the state of all the others.
        snapshot = extensions.snapshot(
            filename='snapshot_{.updater.iteration}.npz',
            writer=_Writer(),
            n_retains=options.keep,
        )
        to_snapshot = OrAfterMinutes(to_save, options.snapshot_minutes)
        trainer.extend(snapshot, trigger=to_snapshot, name='snapshot', priority=-200)
        trainer.extend(StopOnSignal([snapshot, *plots.values()], comm))


def _interval(last: int, times: int, least: float, unit: int = 1) -> int | None:
    """The iterations between what is done `times` times in a run, or less often: after `least` or
    more, a multiple of `unit`. None for a run that is shorter than that."""
    times = min(times, int(last / least))
    return unit * math.ceil(last / times / unit) if times else None


class _Writer(snapshot_writers.Writer):
    """Writes a snapshot whole or not at all; once, if a signal comes in its iteration."""

    written = ''

    def __call__(self, filename: str, outdir: str, target: Any) -> None:
        if filename != self.written:
            weights_file.write_arrays(os.path.join(outdir, filename), target)
            self.written = filename
            self._post_save()  # removes all but the newest
