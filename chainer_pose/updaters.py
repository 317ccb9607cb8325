"""One training step: draw, forward, gate, step, report."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import chainer
import numpy as np

from chainer_pose import functions
from chainer_pose.errors import NonFiniteError
from chainer_pose.linear import Calls
from chainer_pose.optimizers import take
from chainer_pose.random_state import serialize_rng
from chainer_pose.ranks import ALONE
from chainer_pose.terms import Turned
from chainer_pose.unread import Unread, stacked
from chainer_pose.verdict import Verdict

if TYPE_CHECKING:
    from chainer import Variable
    from chainer.types import NdArray

    from chainer_pose.links import CameraPitch
    from chainer_pose.ranks import Alone
    from chainer_pose.terms import Term


def random_angles(n: int, rng: np.random.Generator) -> np.ndarray:
    """n angles from the uniform distribution on [-pi, pi] (eq. 1): (n,) float32."""
    return rng.uniform(-np.pi, np.pi, n).astype(np.float32)


class Angles:
    """The angles of one batch after the other, on the device that they are for.

    They are drawn and sent many batches at a time, but come and go on as if they were
    drawn one batch at a time.

    Args:
        n: angles a batch, of all ranks together.
        rng: numpy.random.Generator that draws them.
        device: chainer device.
        ranks: `ranks.Ranks`, each of which gets its part.
        ahead: batches that are drawn at a time.
    """

    def __init__(
        self,
        n: int,
        rng: np.random.Generator,
        device: chainer.backend.Device,
        ranks: Alone = ALONE,
        ahead: int = 256,
    ) -> None:
        self._shape = (ahead, n)
        self._rng = rng  # as it was before those that are drawn
        self._device = device
        self._ranks = ranks
        self._draw()

    def _draw(self):
        rng = copy.deepcopy(self._rng)
        angles = random_angles(math.prod(self._shape), rng).reshape(self._shape)
        own = np.ascontiguousarray(self._ranks.part(angles.T).T)
        self._drawn = self._device.send(own)
        self._after = rng.bit_generator.state
        self._used = 0

    def next(self) -> NdArray:
        """This rank's angles of a batch: (B,) float32, radians."""
        if self._used == len(self._drawn):
            self._rng.bit_generator.state = self._after
            self._draw()
        self._used += 1
        return self._drawn[self._used - 1]

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load where they are."""
        used = int(serializer('used', self._used))
        serialize_rng(serializer, 'rng', self._rng)
        if isinstance(serializer, chainer.Deserializer):
            self._draw()
            self._used = used


def right(real_logits: NdArray, fake_logits: NdArray) -> tuple[NdArray, NdArray]:
    """How many poses the discriminator judges rightly.

    Args:
        real_logits, fake_logits: arrays of shape (B, 1).
    Returns:
        (real, fake), two arrays of shape ().
    """
    return (real_logits > 0).sum(), (fake_logits < 0).sum()


def gate(accuracy: float | NdArray, cap: float) -> tuple[bool | NdArray, bool | NdArray]:
    """Which networks this batch updates (section 4.2).

    Args:
        accuracy: the discriminator's, over real and fake: a float, or an array of shape ().
        cap: 0.9 in the paper.
    Returns:
        (generator, discriminator), bools, or arrays of them where the accuracy is one:
        the generator rests below 1 - cap, the discriminator above cap.
    """
    return accuracy >= 1 - cap, accuracy <= cap


class PoseGANUpdater(chainer.training.StandardUpdater):
    """Adversarial training of `links.Generator` against `links.Discriminator`.

    Args:
        iterator: yields (B, 2J) float32 arrays of normalised 2D poses, on the
            device of the links; see `datasets.PoseIterator`.
        optimizers: dict of optimizers that are set up: 'gen' and 'dis' on the
            two links, and 'pitch' on the `links.CameraPitch` where it is learned.
        terms: list of `terms.Term`, whose sum is the generator's loss.
        rng: numpy.random.Generator that draws the angles.
        pitch: `links.CameraPitch`, about whose vertical the poses turn; None for
            the image's, as in the paper.
        accuracy_cap: see `gate`.
        rescale_fakes: normalise the turned poses as the real ones are, before
            the discriminator sees them; see `functions.rescale`.
        device: chainer device, or None for the CPU.
        ranks: `ranks.Ranks` that train together; what is reported is their mean.
        read_at: function of the iteration, whether to report the means since it last
            said so. Then the device decides the gate, and is not asked for a number in
            between; for one rank, with optimizers of `flat_adam`. None to report, and
            decide, in each iteration.

    Reports, for each iteration:
        * ``gen/<name>``: each loss of each term, before its factor: with the
          paper's terms ``gen/loss``, eq. (2), and ``gen/angle``, eq. (3).
        * ``dis/loss``: loss of the discriminator, eq. (2).
        * ``dis/accuracy``, ``dis/accuracy/real``, ``dis/accuracy/fake``.
        * ``gen/updated``, ``dis/updated``: 1 where the gate let the network
          learn, 0 where not; their means say how often.
        * ``camera/pitch``: degrees, mean over the batch; absent without one.

    Raises:
        NonFiniteError: by `update`, if a loss is not finite; nothing is stepped. With
            `read_at`, when that is read.
    """

    def __init__(
        self,
        iterator: chainer.dataset.Iterator,
        optimizers: Mapping[str, chainer.Optimizer],
        terms: Sequence[Term],
        rng: np.random.Generator,
        pitch: CameraPitch | None = None,
        accuracy_cap: float = 0.9,
        rescale_fakes: bool = False,
        device: chainer.backend.Device | None = None,
        ranks: Alone = ALONE,
        read_at: Callable[[int], bool] | None = None,
    ) -> None:
        super().__init__(iterator, optimizers, device=device)
        self.terms = terms
        self.pitch = pitch
        self.accuracy_cap = accuracy_cap
        self.rescale_fakes = rescale_fakes
        gen = self.get_optimizer('gen').target
        self._angles = Angles(iterator.batch_size, rng, gen.device, ranks)
        self._ranks = ranks
        self._read_at = read_at
        self._unread = Unread()

    # Which reports to print and to plot, by their unit: `losses`, `shares`, `degrees`.
    shares = ('dis/accuracy', 'gen/updated', 'dis/updated')

    @property
    def losses(self) -> tuple[str, ...]:
        return (*(f'gen/{name}' for term in self.terms for name in term.weights), 'dis/loss')

    @property
    def degrees(self) -> tuple[str, ...]:
        return () if self.pitch is None else ('camera/pitch',)

    def update_core(self) -> None:
        optimizers = dict(self.get_all_optimizers())
        dis_optimizer = optimizers.pop('dis')  # the others learn from the generator's loss
        rows = self.get_iterator('main').next()
        with Calls() as calls:
            batch, verdict, report = self._forward(rows)
            losses, gen_loss = self._generator_losses(batch)
        real_logits, fake_logits = verdict.logits[: len(rows)], verdict.logits[len(rows) :]
        dis_loss = functions.discriminator_loss(real_logits, fake_logits)
        report = {**losses, 'dis/loss': dis_loss, **report}
        judge = self._judge_here if self._read_at is None else self._judge_there
        report = judge(report, *right(real_logits.array, fake_logits.array), len(rows))

        if _may(report['gen/updated']):
            links = [optimizer.target for optimizer in optimizers.values()]
            gradients = self._ranks.gradients(calls.gradients(gen_loss, links), links)
            _step(optimizers.values(), gradients, report['gen/updated'])
        if _may(report['dis/updated']):
            links = [dis_optimizer.target]
            gradients = self._ranks.gradients(verdict.gradients(dis_loss), links)
            _step([dis_optimizer], gradients, report['dis/updated'])
        self._report(report)

    def _judge_here(self, report, real, fake, n):
        """The report as floats, with what the gate, decided by Python, makes of it."""
        *means, real, fake = self._ranks.mean(_floats([*report.values(), real, fake]))
        report = dict(zip(report, means))
        _check_finite(report, self.iteration + 1)
        # From whole numbers: how many ranks there are must not move it across the cap.
        accuracy = round((real + fake) * self._ranks.size) / (2 * n * self._ranks.size)
        return report | self._verdicts(accuracy, real, fake, n)

    def _judge_there(self, report, real, fake, n):
        """The same as arrays, on which nobody waits; the gate closes on what is not finite."""
        verdicts = self._verdicts((real + fake) / (2 * n), real, fake, n)
        xp = chainer.backend.get_array_module(real)
        sound = xp.isfinite(stacked(list(report.values()))).all()
        for name in ('gen/updated', 'dis/updated'):
            verdicts[name] = verdicts[name] & sound
        return report | verdicts

    def _verdicts(self, accuracy, real, fake, n):
        update_gen, update_dis = gate(accuracy, self.accuracy_cap)
        return {
            'dis/accuracy': accuracy,
            'dis/accuracy/real': real / n,
            'dis/accuracy/fake': fake / n,
            'gen/updated': update_gen,
            'dis/updated': update_dis,
        }

    def _report(self, report):
        if self._read_at is not None:
            self._unread.add(report)
            if not self._read_at(self.iteration + 1):
                return
            report = self._unread.read()
            _check_finite(report, self.iteration + 1)
        chainer.report({name: float(number) for name, number in report.items()})

    def _forward(self, rows):
        """Lift, turn, project and judge: (`Turned`, `Verdict` of real and fake, report)."""
        gen, dis = (self.get_optimizer(name).target for name in ('gen', 'dis'))
        angle = self._angles.next()
        pitch = None if self.pitch is None else self.pitch(rows)
        report = {} if pitch is None else {'camera/pitch': pitch.array.mean() * (180 / math.pi)}

        pose = functions.to_pose(rows, gen(rows))
        rotation = functions.rotations(angle, pitch)
        turned = functions.turn(pose, rotation)
        fake = functions.project(turned)
        if self.rescale_fakes:
            fake = functions.rescale(fake)
        verdict = Verdict(dis, gen.xp.concatenate([rows, fake.array]))
        logits = verdict.follow(fake, start=len(rows))
        return Turned(rows, pose, rotation, turned, self.rescale_fakes, logits), verdict, report

    def _generator_losses(self, batch):
        """({'gen/<name>': loss}, the weighted sum of them)."""
        losses, total = {}, 0
        for term in self.terms:
            for name, loss in term(batch).items():
                losses[f'gen/{name}'] = loss
                total += term.weights[name] * loss
        return losses, total

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        super().serialize(serializer)
        self._angles.serialize(serializer['angles'])
        unread = Unread() if self._read_at is None else self._unread
        unread.serialize(serializer['unread'])
        for term in self.terms:
            term.serialize(serializer[f'terms/{type(term).__name__}'])


class SupervisedUpdater(chainer.training.StandardUpdater):
    """Training of a network on labelled poses: one loss, every batch a step.

    Args:
        iterator: yields labelled batches.
        optimizer: set up on the network.
        loss: function of (network, batch, rng) that gives a Variable of shape ():
            `terms.labelled_loss` or `martinez.loss`.
        rng: numpy.random.Generator for what the loss draws.
        device: chainer device, or None for the CPU.
        ranks: as of `PoseGANUpdater`; for a loss that draws nothing.

    Reports, for each iteration:
        * ``gen/supervised``: the loss.

    Raises:
        NonFiniteError: by `update`, if the loss is not finite; nothing is stepped.
    """

    losses, shares, degrees = ('gen/supervised',), (), ()  # as of `PoseGANUpdater`

    def __init__(
        self,
        iterator: chainer.dataset.Iterator,
        optimizer: chainer.Optimizer,
        loss: Callable[..., Variable],
        rng: np.random.Generator,
        device: chainer.backend.Device | None = None,
        ranks: Alone = ALONE,
    ) -> None:
        super().__init__(iterator, {'gen': optimizer}, device=device)
        self._loss = loss
        self._rng = rng
        self._ranks = ranks

    def update_core(self) -> None:
        optimizer = self.get_optimizer('gen')
        with Calls() as calls:
            loss = self._loss(optimizer.target, self.get_iterator('main').next(), self._rng)
        (mean,) = self._ranks.mean(_floats([loss]))
        report = {'gen/supervised': mean}
        _check_finite(report, self.iteration + 1)
        links = [optimizer.target]
        _step([optimizer], self._ranks.gradients(calls.gradients(loss, links), links), True)
        chainer.report(report)

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        super().serialize(serializer)
        serialize_rng(serializer, 'rng', self._rng)


def _floats(numbers):
    """Variables and arrays of shape () as Python floats; a GPU is waited for once."""
    return chainer.backends.cuda.to_cpu(stacked(numbers)).tolist()


def _check_finite(report, iteration):
    for name, value in report.items():
        if not math.isfinite(value):
            raise NonFiniteError(
                f'{name} is {value} at iteration {iteration}: training has diverged'
            )


def _may(updated):
    """False where it is certain that a network rests; a device's answer is not waited for."""
    return updated is not False


def _step(optimizers, gradients, when):
    for param, gradient in gradients:
        take(param, gradient)
    for optimizer in optimizers:
        if when is not True:
            optimizer.when = when
        optimizer.update()
