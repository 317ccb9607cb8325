"""One training step: draw, forward, gate, step, report."""

import math

import chainer
import chainer.functions as F
import numpy as np

from chainer_pose import functions
from chainer_pose.errors import NonFiniteError
from chainer_pose.random_state import serialize_rng
from chainer_pose.terms import Turned


def random_angles(n, rng):
    """n angles from the uniform distribution on [-pi, pi] (eq. 1): (n,) float32."""
    return rng.uniform(-np.pi, np.pi, n).astype(np.float32)


def accuracies(real_logits, fake_logits):
    """Shares of the batch that the discriminator judges rightly.

    Args:
        real_logits, fake_logits: arrays of shape (B, 1).
    Returns:
        (real, fake), two floats.
    """
    n = real_logits.size
    return int((real_logits > 0).sum()) / n, int((fake_logits < 0).sum()) / n


def gate(accuracy, cap):
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
        iterator,
        optimizers,
        terms,
        rng,
        pitch=None,
        accuracy_cap=0.9,
        rescale_fakes=False,
        device=None,
    ):
        super().__init__(iterator, optimizers, device=device)
        self.terms = terms
        self.pitch = pitch
        self.accuracy_cap = accuracy_cap
        self.rescale_fakes = rescale_fakes
        self._rng = rng

    # Which reports to print and to plot, by their unit: `losses`, `shares`, `degrees`.
    shares = ('dis/accuracy', 'gen/updated', 'dis/updated')

    @property
    def losses(self):
        return (*(f'gen/{name}' for term in self.terms for name in term.weights), 'dis/loss')

    @property
    def degrees(self):
        return () if self.pitch is None else ('camera/pitch',)

    def update_core(self):
        optimizers = dict(self.get_all_optimizers())
        dis_optimizer = optimizers.pop('dis')  # the others learn from the generator's loss
        rows = self.get_iterator('main').next()
        batch, fake, real_logits, report = self._forward(rows)

        losses, gen_loss = self._generator_losses(batch)
        dis_loss = functions.discriminator_loss(real_logits, batch.logits)
        for name, loss in {**losses, 'dis/loss': dis_loss}.items():
            report[name] = _finite(name, loss, self.iteration + 1)

        right = accuracies(real_logits.array, batch.logits.array)
        accuracy = sum(right) / 2
        update_gen, update_dis = gate(accuracy, self.accuracy_cap)
        # The generator first: an optimizer writes into the arrays that the
        # graph refers to, so a step of the discriminator before this backward
        # pass would change the generator's gradient.
        if update_gen:
            _step(optimizers.values(), gen_loss)
        fake.unchain()  # to the discriminator the fakes are data
        if update_dis:
            _step([dis_optimizer], dis_loss)

        chainer.report(
            {
                **report,
                'dis/accuracy': accuracy,
                'dis/accuracy/real': right[0],
                'dis/accuracy/fake': right[1],
                'gen/updated': float(update_gen),
                'dis/updated': float(update_dis),
            }
        )

    def _forward(self, rows):
        """Lift, turn, project and judge: (`Turned`, fakes, logits of real poses, report)."""
        gen, dis = (self.get_optimizer(name).target for name in ('gen', 'dis'))
        angle = gen.device.send(random_angles(len(rows), self._rng))
        pitch = None if self.pitch is None else self.pitch(rows)
        report = {} if pitch is None else {'camera/pitch': math.degrees(_mean(pitch))}

        pose = functions.to_pose(rows, gen(rows))
        rotation = functions.rotations(angle, pitch)
        turned = functions.turn(pose, rotation)
        fake = functions.project(turned)
        if self.rescale_fakes:
            fake = functions.rescale(fake)
        # One pass over both: each layer's weights are read once.
        logits = dis(F.concat([rows, fake], axis=0))
        real_logits, fake_logits = logits[: len(rows)], logits[len(rows) :]
        batch = Turned(rows, pose, rotation, turned, self.rescale_fakes, fake_logits)
        return batch, fake, real_logits, report

    def _generator_losses(self, batch):
        """({'gen/<name>': loss}, the weighted sum of them)."""
        losses, total = {}, 0
        for term in self.terms:
            for name, loss in term(batch).items():
                losses[f'gen/{name}'] = loss
                total += term.weights[name] * loss
        return losses, total

    def serialize(self, serializer):
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

    Reports, for each iteration:
        * ``gen/supervised``: the loss.

    Raises:
        NonFiniteError: by `update`, if the loss is not finite; nothing is stepped.
    """

    losses, shares, degrees = ('gen/supervised',), (), ()  # as of `PoseGANUpdater`

    def __init__(self, iterator, optimizer, loss, rng, device=None):
        super().__init__(iterator, {'gen': optimizer}, device=device)
        self._loss = loss
        self._rng = rng

    def update_core(self):
        optimizer = self.get_optimizer('gen')
        loss = self._loss(optimizer.target, self.get_iterator('main').next(), self._rng)
        report = {'gen/supervised': _finite('gen/supervised', loss, self.iteration + 1)}
        _step([optimizer], loss)
        chainer.report(report)

    def serialize(self, serializer):
        super().serialize(serializer)
        serialize_rng(serializer, 'rng', self._rng)


def _mean(variable):
    return float(variable.array.mean())


def _finite(name, loss, iteration):
    # A Python float: Chainer's reporter would average float32 in float32.
    value = float(loss.array)
    if not math.isfinite(value):
        raise NonFiniteError(f'{name} is {value} at iteration {iteration}: training has diverged')
    return value


def _step(optimizers, loss):
    # chainer.grad computes what is asked for only: loss.backward() through the
    # discriminator would also fill the gradients of its parameters.
    params = [param for optimizer in optimizers for param in optimizer.target.params()]
    for param, gradient in zip(params, chainer.grad([loss], params)):
        param.grad_var = gradient
    for optimizer in optimizers:
        optimizer.update()
