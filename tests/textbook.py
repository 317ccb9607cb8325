"""The paper's training step as a Chainer tutorial would write it.

What the package's own step must equal to rounding (test_textbook.py), and what
benchmarks/step.py times it against: nothing here but Chainer's own parts.
"""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np


class TextbookMLP(chainer.Chain):
    """Fig. 2: (B, J, 2) poses to (B, n_out); the parameters are named as `links.PoseMLP`'s."""

    def __init__(self, n_in, n_out, n_unit):
        super().__init__()
        with self.init_scope():
            self.l1 = L.Linear(n_in, n_unit)
            self.l2 = L.Linear(n_unit, n_unit)
            self.l3 = L.Linear(n_unit, n_unit)
            self.l4 = L.Linear(n_unit, n_out)

    def forward(self, pose):
        h1 = F.leaky_relu(self.l1(pose))
        h2 = F.leaky_relu(self.l2(h1))
        h3 = F.leaky_relu(self.l3(h2) + h1)
        return self.l4(h3)


def copy_of(link):
    """A `TextbookMLP` with the parameters of a `links.PoseMLP`, on its device."""
    n_unit, n_in = link.l1.W.shape
    copy = TextbookMLP(n_in, link.l4.W.shape[0], n_unit)
    copy.copyparams(link)
    copy.to_device(link.device)
    return copy


def adam(link, alpha, beta1, weight_decay):
    """Chainer's Adam with weight decay, set up on a link."""
    optimizer = chainer.optimizers.Adam(alpha, beta1).setup(link)
    optimizer.add_hook(chainer.optimizer_hooks.WeightDecay(weight_decay))
    return optimizer


class TextbookUpdater(chainer.training.StandardUpdater):
    """Section 3 and 4.2: two passes of D, two calls of backward().

    `joints` are those of eq. (3), `rng` draws the angles, `cap` is of the accuracy of D.
    """

    def __init__(self, iterator, optimizers, joints, rng, cap=0.9, **kwargs):
        super().__init__(iterator, optimizers, **kwargs)
        self.joints, self.rng, self.cap = joints, rng, cap

    def update_core(self):
        real = self.converter(self.get_iterator('main').next(), self.device)
        xp = chainer.backend.get_array_module(real)
        angle = self.rng.uniform(-np.pi, np.pi, len(real)).astype(real.dtype)
        self.step(real, xp.asarray(angle))

    def step(self, real, angle):
        """One step on arrays: (B, J, 2) poses and (B,) angles, radians."""
        gen_optimizer, dis_optimizer = (self.get_optimizer(name) for name in ('gen', 'dis'))
        gen, dis = gen_optimizer.target, dis_optimizer.target
        real = chainer.Variable(real)

        x, y = real[:, :, 0], real[:, :, 1]
        z = gen(real)
        xp = chainer.backend.get_array_module(angle)
        cos, sin = (F.broadcast_to(f(angle)[:, None], z.shape) for f in (xp.cos, xp.sin))
        fake = F.stack([x * cos + z * sin, y], axis=2)
        y_real, y_fake = dis(real), dis(fake)

        gen_loss = F.mean(F.softplus(-y_fake)) + self.angle_loss(x, z)
        dis_loss = F.mean(F.softplus(-y_real)) + F.mean(F.softplus(y_fake))
        right = (y_real.array > 0).sum() + (y_fake.array < 0).sum()
        accuracy = float(right) / (2 * len(real))

        if not accuracy < 1 - self.cap:
            gen.cleargrads()
            gen_loss.backward()
            gen_optimizer.update()
        fake.unchain_backward()
        if not accuracy > self.cap:
            dis.cleargrads()
            dis_loss.backward()
            dis_optimizer.update()
        chainer.report({'gen/loss': gen_loss, 'dis/loss': dis_loss, 'dis/accuracy': accuracy})

    def angle_loss(self, x, z):
        nose, neck, left, right = self.joints
        v_x, v_z = x[:, nose] - x[:, neck], z[:, nose] - z[:, neck]
        w_x, w_z = x[:, left] - x[:, right], z[:, left] - z[:, right]
        lengths = F.sqrt((v_x**2 + v_z**2) * (w_x**2 + w_z**2) + 1e-8)
        return F.mean(F.relu(-(v_x * w_z - v_z * w_x) / lengths))
