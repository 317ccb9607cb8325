"""One training step of the paper: draw, forward, gate, step, report."""

import math

import chainer
import numpy as np

from chainer_pose import functions
from chainer_pose.errors import NonFiniteError
from chainer_pose.random_state import serialize_rng


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
        gen_optimizer, dis_optimizer: set up on the two links.
        angle_joints: `skeleton.AngleJoints`, or None for no angle loss.
        rng: numpy.random.Generator that draws the angles.
        angle_weight: factor of the angle loss (1 in eq. 4).
        accuracy_cap: see `gate`.
        rescale_fakes: normalise the turned poses as the real ones are, before
            the discriminator sees them; see `functions.rescale`.
        device: chainer device, or None for the CPU.

    Reports, for each iteration:
        * ``gen/loss``: adversarial loss of the generator, eq. (2).
        * ``gen/angle``: angle loss, eq. (3), before its weight; absent without
          angle joints.
        * ``dis/loss``: loss of the discriminator, eq. (2).
        * ``dis/accuracy``, ``dis/accuracy/real``, ``dis/accuracy/fake``.
        * ``gen/updated``, ``dis/updated``: 1 where the gate let the network
          learn, 0 where not; their means say how often.

    Raises:
        NonFiniteError: by `update`, if a loss is not finite; nothing is stepped.
    """

    def __init__(
        self,
        iterator,
        gen_optimizer,
        dis_optimizer,
        angle_joints,
        rng,
        angle_weight=1.0,
        accuracy_cap=0.9,
        rescale_fakes=False,
        device=None,
    ):
        super().__init__(iterator, {'gen': gen_optimizer, 'dis': dis_optimizer}, device=device)
        self.angle_joints = angle_joints
        self.angle_weight = angle_weight
        self.accuracy_cap = accuracy_cap
        self.rescale_fakes = rescale_fakes
        self._rng = rng

    def update_core(self):
        gen_optimizer, dis_optimizer = self.get_optimizer('gen'), self.get_optimizer('dis')
        gen, dis = gen_optimizer.target, dis_optimizer.target

        real = self.get_iterator('main').next()
        angle = gen.device.send(random_angles(len(real), self._rng))

        depth = gen(real)
        fake = functions.rotate_and_project(real, depth, angle)
        if self.rescale_fakes:
            fake = functions.rescale(fake)
        real_logits, fake_logits = dis(real), dis(fake)

        losses = {
            'gen/loss': functions.generator_loss(fake_logits),
            'dis/loss': functions.discriminator_loss(real_logits, fake_logits),
        }
        gen_loss, dis_loss = losses['gen/loss'], losses['dis/loss']
        if self.angle_joints is not None:
            losses['gen/angle'] = functions.angle_loss(real, depth, self.angle_joints)
            gen_loss = gen_loss + self.angle_weight * losses['gen/angle']  # eq. (4)
        report = {name: self._finite(name, loss) for name, loss in losses.items()}

        right = accuracies(real_logits.array, fake_logits.array)
        accuracy = sum(right) / 2
        update_gen, update_dis = gate(accuracy, self.accuracy_cap)
        # The generator first: an optimizer writes into the arrays that the
        # graph refers to, so a step of the discriminator before this backward
        # pass would change the generator's gradient.
        if update_gen:
            _step(gen_optimizer, gen_loss)
        fake.unchain()  # to the discriminator the fakes are data
        if update_dis:
            _step(dis_optimizer, dis_loss)

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

    def _finite(self, name, loss):
        # A Python float: Chainer's reporter would average float32 in float32.
        value = float(loss.array)
        if not math.isfinite(value):
            raise NonFiniteError(
                f'{name} is {value} at iteration {self.iteration + 1}: training has diverged'
            )
        return value

    def serialize(self, serializer):
        super().serialize(serializer)
        serialize_rng(serializer, 'angles', self._rng)


def _step(optimizer, loss):
    # chainer.grad computes what is asked for only: loss.backward() through the
    # discriminator would also fill the gradients of its parameters.
    params = list(optimizer.target.params())
    for param, gradient in zip(params, chainer.grad([loss], params)):
        param.grad_var = gradient
    optimizer.update()
