"""The paper's training step as a Chainer tutorial would write it.

What the package's own step must equal to rounding (test_textbook.py), and what
benchmarks/step.py times it against: nothing here but Chainer's own parts.
"""

import chainer
import chainer.functions as F
import numpy as np

from chainer_pose import links


class TextbookMLP(links.PoseMLP):
    """Fig. 2 with Chainer's own linear function and leaky ReLU."""

    def forward(self, x):
        h1 = F.leaky_relu(_linear(self.l1, x))
        h2 = F.leaky_relu(_linear(self.l2, h1))
        h3 = F.leaky_relu(_linear(self.l3, h2) + h1)
        return _linear(self.l4, h3)


def _linear(layer, x):
    return F.linear(x, layer.W, layer.b)


class TextbookUpdater(chainer.training.StandardUpdater):
    """Section 3 and 4.2: two passes of D, two calls of backward().

    Args:
        iterator: of poses in rows of 2J numbers.
        optimizers: dict with 'gen' and 'dis', set up.
        joints: `skeleton.AngleJoints` of eq. (3).
        rng: numpy.random.Generator of the angles.
        cap: of the discriminator's accuracy.
        **kwargs: converter and device, as of StandardUpdater.
    """

    def __init__(self, iterator, optimizers, joints, rng, cap=0.9, **kwargs):
        super().__init__(iterator, optimizers, **kwargs)
        self.joints, self.rng, self.cap = joints, rng, cap

    def update_core(self):
        gen_optimizer, dis_optimizer = (self.get_optimizer(name) for name in ('gen', 'dis'))
        gen, dis = gen_optimizer.target, dis_optimizer.target
        real = chainer.Variable(self.converter(self.get_iterator('main').next(), self.device))
        xp = gen.xp

        z = gen(real)
        angle = xp.asarray(self.rng.uniform(-np.pi, np.pi, (len(real), 1)).astype(np.float32))
        cos, sin = (F.broadcast_to(f(angle), z.shape) for f in (xp.cos, xp.sin))
        x, y = real[:, 0::2], real[:, 1::2]
        fake = F.reshape(F.stack([x * cos + z * sin, y], axis=2), real.shape)
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
