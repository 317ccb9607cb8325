"""One training step: draw, forward, gate, step, report."""

from __future__ import annotations

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


def right(real_logits: NdArray, fake_logits: NdArray) -> tuple[NdArray, NdArray]:
    """How many poses the discriminator judges rightly.

    Args:
        real_logits, fake_logits: arrays of shape (B, 1).
    Returns:
        (real, fake), two arrays of shape ().
    """
    return (real_logits > 0).sum(), (fake_logits < 0).sum()


def gate(accuracy: float, cap: float) -> tuple[bool, bool]:
    """Which networks this batch updates (section 4.2).

    Args:
        accuracy: the discriminator's, over real and fake.
        cap: 0.9 in the paper.
    Returns:
        (generator, discriminator): the generator rests below 1 - cap, the
        discriminator above cap.
    """
    return not accuracy < 1 - cap, not accuracy > cap


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

    Reports, for each iteration:
        * ``gen/<name>``: each loss of each term, before its factor: with the
          paper's terms ``gen/loss``, eq. (2), and ``gen/angle``, eq. (3).
        * ``dis/loss``: loss of the discriminator, eq. (2).
        * ``dis/accuracy``, ``dis/accuracy/real``, ``dis/accuracy/fake``.
        * ``gen/updated``, ``dis/updated``: 1 where the gate let the network
          learn, 0 where not; their means say how often.
        * ``camera/pitch``: degrees, mean over the batch; absent without one.

    Raises:
        NonFiniteError: by `update`, if a loss is not finite; nothing is stepped.
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
    ) -> None:
        super().__init__(iterator, optimizers, device=device)
        self.terms = terms
        self.pitch = pitch
        self.accuracy_cap = accuracy_cap
        self.rescale_fakes = rescale_fakes
        self._rng = rng
        self._ranks = ranks

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
        numbers = [*report.values(), *right(real_logits.array, fake_logits.array)]
        *means, real, fake = self._ranks.mean(_floats(numbers))
        report = dict(zip(report, means))
        _check_finite(report, self.iteration + 1)

        # From whole numbers: how many ranks there are must not move it across the cap.
        n_poses = len(rows) * self._ranks.size
        accuracy = round((real + fake) * self._ranks.size) / (2 * n_poses)
        update_gen, update_dis = gate(accuracy, self.accuracy_cap)
        if update_gen:
            links = [optimizer.target for optimizer in optimizers.values()]
            gradients = calls.gradients(gen_loss, links)
            _step(optimizers.values(), self._ranks.gradients(gradients, links))
        if update_dis:
            gradients = verdict.gradients(dis_loss)
            links = [dis_optimizer.target]
            _step([dis_optimizer], self._ranks.gradients(gradients, links))

        chainer.report(
            {
                **report,
                'dis/accuracy': accuracy,
                'dis/accuracy/real': real / len(rows),
                'dis/accuracy/fake': fake / len(rows),
                'gen/updated': float(update_gen),
                'dis/updated': float(update_dis),
            }
        )

    def _forward(self, rows):
        """Lift, turn, project and judge: (`Turned`, `Verdict` of real and fake, report)."""
        gen, dis = (self.get_optimizer(name).target for name in ('gen', 'dis'))
        angle = self._ranks.part(random_angles(len(rows) * self._ranks.size, self._rng))
        angle = gen.device.send(angle)
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
        serialize_rng(serializer, 'angles', self._rng)
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
        _step([optimizer], self._ranks.gradients(calls.gradients(loss, links), links))
        chainer.report(report)

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        super().serialize(serializer)
        serialize_rng(serializer, 'rng', self._rng)


def _floats(numbers):
    """Variables and arrays of shape () as Python floats; a GPU is waited for once.

    Chainer's reporter would average float32 in float32.
    """
    arrays = [chainer.as_array(number) for number in numbers]
    xp = chainer.backend.get_array_module(*arrays)
    if xp is np:
        return [float(array) for array in arrays]
    return xp.stack([array.astype(np.float32) for array in arrays]).get().tolist()


def _check_finite(report, iteration):
    for name, value in report.items():
        if not math.isfinite(value):
            raise NonFiniteError(
                f'{name} is {value} at iteration {iteration}: training has diverged'
            )


def _step(optimizers, gradients):
    for param, gradient in gradients:
        take(param, gradient)
    for optimizer in optimizers:
        optimizer.update()
