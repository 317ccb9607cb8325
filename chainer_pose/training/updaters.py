"""The paper's training step, and the supervised one."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable
from chainer.types import NdArray

from chainer_pose import functions
from chainer_pose.errors import NonFiniteError
from chainer_pose.links import CameraPitch, Generator, PosePitch
from chainer_pose.skeletons import FaceJoints
from chainer_pose.training.moving_average import MovingAverage
from chainer_pose.training.regularizers import LiftedBatch, Regularizer
from chainer_pose.training.report_means import ReportMeans
from chainer_pose.utils import comm as comm_module
from chainer_pose.utils.devices import is_on_device, scalar_like, to_host
from chainer_pose.utils.random_state import serialize_rng
from chainer_pose.utils.recorded import Recorded


class RecordedUpdater(chainer.training.StandardUpdater):
    """Base of the updaters: a step of arrays, recorded on a GPU, whose reports are summed there.

    Args:
        iterators: 'main' and others.
        optimizers: set up on links on `device`.
        average: updated after each step.
        device: None for the CPU.
        comm: ChainerMN communicator; steps then run eagerly.
        record: False to run each step eagerly on a GPU, too; a step that draws random numbers
            on the host needs it.

    Attributes:
        recorded: the step as `utils.recorded.Recorded`. On a GPU the factors of losses and the
            accuracy cap are those of the recording.
    """

    # Names of reports to print and plot, by unit.
    losses: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    degrees: tuple[str, ...] = ()

    def __init__(
        self,
        iterators: Mapping[str, chainer.dataset.Iterator],
        optimizers: Mapping[str, chainer.Optimizer],
        average: MovingAverage | None = None,
        device: chainer.backend.Device | None = None,
        comm: comm_module.Communicator | None = None,
        record: bool = True,
    ) -> None:
        super().__init__(dict(iterators), dict(optimizers))
        self.average = average
        self.comm = comm
        self._means = ReportMeans(device or chainer.get_device('@numpy'))
        self.recorded = Recorded(self._step_and_sum, enabled=record and comm is None)

    def step(self, *batch: NdArray) -> dict[str, Any]:
        """Do one step on arrays and return what to report, numbers of shape ()."""
        raise NotImplementedError

    def _step_and_sum(self, *batch: NdArray) -> None:
        self._means.add(self.step(*batch))
        if self.average is not None:
            self.average.update()

    def run(self, *batch: NdArray) -> None:
        """Step; report at once on the CPU."""
        self.recorded(*batch)
        if self.comm is not None or not is_on_device(batch[0]):
            self.report(self.iteration + 1)

    def report(self, iteration: int) -> None:
        """Report means since the last call, or raise NonFiniteError.

        On a GPU the trainer calls it before each log entry.
        """
        means = self._means.read()
        if self.comm is not None and means:
            means = dict(zip(means, comm_module.mean(np.array([*means.values()]), self.comm)))
        for name, value in means.items():
            if not math.isfinite(value):
                raise NonFiniteError(
                    f'{name} is {value} at iteration {iteration}: training has diverged'
                )
        chainer.report({name: float(value) for name, value in means.items()})

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        serializer('version', 2)  # which `run_directory.load_snapshot` looks for
        super().serialize(serializer)
        self._means.serialize(serializer['reports'])
        if self.average is not None:
            self.average.serialize(serializer['average'])


class PoseGANUpdater(RecordedUpdater):
    """Adversarial training of `links.Generator` against `links.Discriminator`.

    Args:
        iterators: dict of 'main', which yields tuples of normalized (B, J, 2) poses on the links'
            device; 'angles' (`AngleIterator`); and, if a regularizer needs it, 'labelled', which
            yields tuples of poses and depths.
        optimizers: of `optimizers.Adam`: 'gen', 'dis', and 'pitch' for what is learned of a pitch.
        joints: of eq. (3); None for no angle loss.
        angle_weight: factor of the angle loss in eq. (4), 1 in the paper.
        accuracy_cap: accuracy above which the discriminator rests; the generator does below
            1 - accuracy_cap. 0.9 in section 4.2.
        pitch: about whose vertical poses turn; None for the image's, as in the paper.
        regularizers: whose losses are added to eq. (4).
        rescale_fakes: whether to normalize the turned poses, as the real ones are.
        **kwargs: as of `RecordedUpdater`.

    Reports each iteration; on a GPU means over the iterations since the last `report`:
        * ``gen/loss``, eq. (2); ``gen/angle``, eq. (3); ``gen/<name>`` of each regularizer,
          before its factor.
        * ``dis/loss``, eq. (2); ``dis/accuracy``, ``dis/accuracy/real``, ``dis/accuracy/fake``.
        * ``gen/updated``, ``dis/updated``: 1 if the gate let the network learn, else 0.
        * ``camera/pitch``: degrees, if there is one, the mean over the poses.

    If a loss is not finite, nothing is stepped and `update` (on a GPU `report`) raises
    NonFiniteError.
    """

    shares = ('dis/accuracy', 'gen/updated', 'dis/updated')

    def __init__(
        self,
        iterators: Mapping[str, chainer.dataset.Iterator],
        optimizers: Mapping[str, chainer.Optimizer],
        joints: FaceJoints | None,
        angle_weight: float = 1.0,
        accuracy_cap: float = 0.9,
        pitch: CameraPitch | PosePitch | None = None,
        regularizers: Sequence[Regularizer] = (),
        rescale_fakes: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(iterators, optimizers, **kwargs)
        self.gen, self.dis = (self.get_optimizer(name) for name in ('gen', 'dis'))
        self.joints = joints
        self.angle_weight = angle_weight
        self.accuracy_cap = accuracy_cap
        self.pitch = pitch
        self._pitch_optimizer = self._optimizers.get('pitch')
        self.regularizers = regularizers
        self.rescale_fakes = rescale_fakes
        added = [f'gen/{name}' for regularizer in regularizers for name in regularizer.weights]
        self.losses = ('gen/loss', *(['gen/angle'] if joints else []), *added, 'dis/loss')
        self.degrees = () if pitch is None else ('camera/pitch',)

    def update_core(self) -> None:
        (real,) = self.get_iterator('main').next()
        angle = self.get_iterator('angles').next()
        labelled = self._iterators['labelled'].next() if 'labelled' in self._iterators else ()
        self.run(real, angle, *labelled)

    def step(self, real: NdArray, angle: NdArray, *labelled: NdArray) -> dict[str, Any]:
        """Do one step of both networks (section 3) and return what to report.

        Args:
            real: (B, J, 2), normalized 2D poses.
            angle: (B,), radians.
            labelled: another batch with labels; see `LiftedBatch`.
        """
        gen, dis = self.gen.target, self.dis.target
        pitch, degrees = self._camera(real)
        depth = gen(real)
        fake = functions.rotate_and_project(real, depth, angle, pitch)  # eq. (1)
        if self.rescale_fakes:
            fake = functions.rescale(fake)
        y_real, y_fake = functions.halves(dis(F.concat([real, fake], axis=0)))

        gen_loss = functions.generator_loss(y_fake)  # eq. (2), non-saturating
        dis_loss = functions.discriminator_loss(y_real, y_fake)  # eq. (2)
        angle_loss = functions.angle_loss(real, depth, self.joints)  # eq. (3)
        total = gen_loss + self.angle_weight * angle_loss  # eq. (4)
        batch = LiftedBatch(real, depth, angle, pitch, labelled)
        added = [(f'gen/{name}', each.weights[name], loss)
                 for each in self.regularizers for name, loss in each(batch).items()]  # fmt: skip
        total = sum((weight * loss for _, weight, loss in added), total)  # beyond the paper

        # NaN if a loss is not finite, which closes the gate of section 4.2 for both.
        accuracy, real_accuracy, fake_accuracy = self._accuracy(y_real, y_fake, total, dis_loss)
        train_gen = accuracy >= 1 - self.accuracy_cap
        train_dis = accuracy <= self.accuracy_cap
        self.gen.update(total, when=train_gen)
        if self._pitch_optimizer is not None:
            self._pitch_optimizer.update(when=train_gen)  # total has given its gradient, too
        fake.unchain_backward()  # the discriminator's loss goes back no further
        self.dis.update(dis_loss, when=train_dis)
        return {
            'gen/loss': gen_loss, 'dis/loss': dis_loss,
            **({'gen/angle': angle_loss} if self.joints else {}),
            **{name: loss for name, _, loss in added},
            'dis/accuracy': accuracy,
            'dis/accuracy/real': real_accuracy, 'dis/accuracy/fake': fake_accuracy,
            'gen/updated': train_gen, 'dis/updated': train_dis,
            **degrees,
        }  # fmt: skip

    def _camera(self, real: NdArray) -> tuple[Variable | None, dict[str, NdArray]]:
        """The pitch, of each pose or of all, and the report of their mean."""
        if self.pitch is None:
            return None, {}
        self.pitch.cleargrads()
        pitch = self.pitch(real)
        return pitch, {'camera/pitch': pitch.array.mean() * (180 / np.pi)}

    def _accuracy(
        self, y_real: Variable, y_fake: Variable, *losses: Variable
    ) -> tuple[NdArray, NdArray, NdArray]:
        """`functions.accuracy`, of all processes together."""
        found = functions.accuracy(y_real.array, y_fake.array, *(loss.array for loss in losses))
        if self.comm is None:
            return found
        both = comm_module.mean(to_host(found[0]), self.comm)
        # Rounded, so that the number of processes cannot move it across the cap.
        n = 2 * self.get_iterator('main').batch_size
        return scalar_like(y_real.array, np.round(both * n) / n, np.float64), *found[1:]

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        super().serialize(serializer)
        for regularizer in self.regularizers:
            regularizer.serialize(serializer[f'regularizers/{type(regularizer).__name__}'])


class SupervisedUpdater(RecordedUpdater):
    """Training of a network on labelled poses.

    Args:
        iterator: yields tuples of poses and targets.
        loss: function of (network, poses, target, rng) that returns a Variable of shape ():
            `labelled_loss` or `links.martinez.loss`.
        rng: the loss draws from it.
        **kwargs: as of `RecordedUpdater`.

    Reports ``gen/supervised``, the loss; raises NonFiniteError as `PoseGANUpdater` does.
    """

    losses = ('gen/supervised',)

    def __init__(
        self,
        iterator: chainer.dataset.Iterator,
        optimizer: chainer.Optimizer,
        loss: Callable[..., Variable],
        rng: np.random.Generator,
        **kwargs: Any,
    ) -> None:
        super().__init__({'main': iterator}, {'gen': optimizer}, **kwargs)
        self._loss = loss
        self._rng = rng

    def update_core(self) -> None:
        self.run(*self.get_iterator('main').next())

    def step(self, *batch: NdArray) -> dict[str, Any]:
        """Do one step on poses and targets and return what to report."""
        optimizer = self.get_optimizer('gen')
        loss = self._loss(optimizer.target, *batch, self._rng)
        found = loss.array
        if self.comm is not None:  # all processes step, or none
            found = comm_module.mean(to_host(found), self.comm)
        xp = chainer.backend.get_array_module(found)
        optimizer.update(loss, when=xp.isfinite(found))
        return {'gen/supervised': loss}

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        super().serialize(serializer)
        serialize_rng(serializer, 'rng', self._rng)


def labelled_loss(
    generator: Generator, pose: NdArray, depth: NdArray, rng: np.random.Generator | None = None
) -> Variable:
    """Mean squared error of the depths (B, J) of normalized poses (B, J, 2); draws nothing."""
    return functions.mean_squared_error(generator(pose), depth)
