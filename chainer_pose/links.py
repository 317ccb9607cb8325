"""The generator and the discriminator of section 3.2, Fig. 2."""

import chainer
import chainer.functions as F
import chainer.links as L


class PoseMLP(chainer.Chain):
    """Four linear layers with a skip connection from the first to the third.

    Args:
        n_in, n_out: numbers of input and output units.
        n_unit: units of each hidden layer (1024 in section 3.2).
        std: standard deviation of the initial weights; biases start at zero.
        rng: numpy.random.Generator that draws them; None for NumPy's global one.
    """

    def __init__(self, n_in, n_out, n_unit=1024, std=0.02, rng=None):
        super().__init__()
        normal = chainer.initializers.Normal(std, rng=rng)
        with self.init_scope():
            self.l1 = L.Linear(n_in, n_unit, initialW=normal)
            self.l2 = L.Linear(n_unit, n_unit, initialW=normal)
            self.l3 = L.Linear(n_unit, n_unit, initialW=normal)
            self.l4 = L.Linear(n_unit, n_out, initialW=normal)

    def forward(self, x):
        h1 = F.leaky_relu(self.l1(x))
        h2 = F.leaky_relu(self.l2(h1))
        h3 = F.leaky_relu(self.l3(h2) + h1)
        return self.l4(h3)


class Generator(PoseMLP):
    """2D pose to depths: (B, 2J) normalised rows to (B, J), in the same unit."""

    def __init__(self, n_joints, n_unit=1024, std=0.02, rng=None):
        super().__init__(2 * n_joints, n_joints, n_unit, std, rng)


class Discriminator(PoseMLP):
    """2D pose to one logit: (B, 2J) normalised rows to (B, 1), positive for real."""

    def __init__(self, n_joints, n_unit=1024, std=0.02, rng=None):
        super().__init__(2 * n_joints, 1, n_unit, std, rng)
