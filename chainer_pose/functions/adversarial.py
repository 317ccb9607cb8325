"""Eq. (2), non-saturating, and the discriminator's accuracy of section 4.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import chainer
import numpy as np

from chainer_pose.functions.once_differentiable import OnceDifferentiable
from chainer_pose.utils.devices import is_on_device
from chainer_pose.utils.kernels import Elementwise, Reduction

if TYPE_CHECKING:
    from chainer import Variable
    from chainer.types import NdArray


def _softplus(y):
    return f'(max({y}, (T)0) + log1p(exp(-fabs({y}))))'


_generator_loss = Reduction(
    'T fake, int64 batch', 'T loss', f'{_softplus("-fake")} / batch', 'loss = a', 'generator_loss'
)
_generator_grad = Elementwise(
    'T fake, T g, int64 batch',
    'T g_fake',
    'g_fake = -g / (batch * (1 + exp(fake)))',
    'generator_grad',
)
_discriminator_loss = Reduction(
    'T real, T fake, int64 batch',
    'T loss',
    f'({_softplus("-real")} + {_softplus("fake")}) / batch',
    'loss = a',
    'discriminator_loss',
)
_discriminator_grad = Elementwise(
    'T real, T fake, T g, int64 batch',
    'T g_real, T g_fake',
    'g_real = -g / (batch * (1 + exp(real))); g_fake = g / (batch * (1 + exp(-fake)))',
    'discriminator_grad',
)


def _sigmoid(y):
    return np.exp(-np.logaddexp(0, -y))


class _GeneratorLoss(OnceDifferentiable):
    def forward(self, inputs):
        self.retain_inputs((0,))
        (fake,) = inputs
        if is_on_device(fake):
            return (_generator_loss(fake, fake.size),)
        return (np.asarray(np.logaddexp(0, -fake).mean()),)

    def gradients(self, indexes, gys):
        fake, g = self.get_retained_inputs()[0].array, gys[0].array
        if is_on_device(fake):
            return (chainer.Variable(_generator_grad(fake, g, fake.size)),)
        return (chainer.Variable(_sigmoid(-fake) * (-g / fake.dtype.type(fake.size))),)


class _DiscriminatorLoss(OnceDifferentiable):
    def forward(self, inputs):
        self.retain_inputs((0, 1))
        real, fake = inputs
        if is_on_device(fake):
            return (_discriminator_loss(real, fake, fake.size),)
        return (np.asarray(np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()),)

    def gradients(self, indexes, gys):
        real, fake = (variable.array for variable in self.get_retained_inputs())
        g = gys[0].array
        if is_on_device(fake):
            found = _discriminator_grad(real, fake, g, fake.size)
        else:
            share = g / fake.dtype.type(fake.size)
            found = -share * _sigmoid(-real), share * _sigmoid(fake)
        return tuple(chainer.Variable(found[i]) for i in indexes)


def generator_loss(y_fake: Variable | NdArray) -> Variable:
    """The generator's side of eq. (2), non-saturating: mean of -log D(fake).

    Args:
        y_fake: (B, 1), the discriminator's logits of generated poses.
    Returns:
        Variable of shape ().
    """
    return _GeneratorLoss().apply((y_fake,))[0]


def discriminator_loss(y_real: Variable | NdArray, y_fake: Variable | NdArray) -> Variable:
    """The discriminator's side of eq. (2): mean of -log D(real) - log(1 - D(fake)).

    Args:
        y_real, y_fake: (B, 1), its logits.
    Returns:
        Variable of shape ().
    """
    return _DiscriminatorLoss().apply((y_real, y_fake))[0]


_count_above_0 = Reduction(
    'T y, T sign', 'float64 count', 'y * sign > 0 ? 1.0 : 0.0', 'count = a', 'count_above_0'
)
_accuracy = Elementwise(
    'float64 n_real, float64 n_fake, int64 batch, T gen_loss, T dis_loss',
    'float64 both, float64 real, float64 fake',
    """
    real = n_real / batch;
    fake = n_fake / batch;
    both = (n_real + n_fake) / (2 * batch) + (gen_loss - gen_loss) + (dis_loss - dis_loss);
    """,
    'accuracy',
)


def accuracy(
    y_real: NdArray, y_fake: NdArray, gen_loss: NdArray, dis_loss: NdArray
) -> tuple[NdArray, NdArray, NdArray]:
    """Share of poses that the discriminator judges correctly (section 4.2).

    Args:
        y_real, y_fake: (B, 1) arrays of logits; 0 is wrong on either side.
        gen_loss, dis_loss: arrays of shape (). If one is not finite the accuracy is NaN, which
            no comparison with the cap lets pass: neither network is updated.
    Returns:
        (of both, of real, of fake poses), float64, arrays of shape () on a device.
    """
    batch = len(y_real)
    if is_on_device(y_real):
        counts = _count_above_0(y_real, 1.0), _count_above_0(y_fake, -1.0)
        return _accuracy(*counts, batch, gen_loss, dis_loss)
    real, fake = np.count_nonzero(y_real > 0), np.count_nonzero(y_fake < 0)
    finite = np.isfinite(gen_loss) and np.isfinite(dis_loss)
    both = (real + fake) / (2 * batch) if finite else np.nan
    return np.float64(both), np.float64(real / batch), np.float64(fake / batch)


class _Halves(OnceDifferentiable):
    def forward(self, inputs):
        (y,) = inputs
        n = len(y) // 2
        return y[:n], y[n:]

    def gradients(self, indexes, gys):
        given = next(g.array for g in gys if g is not None)
        n = len(given)
        xp = chainer.backend.get_array_module(given)
        gy = xp.empty_like(given, shape=(2 * n, *given.shape[1:]))
        for half, g in zip((gy[:n], gy[n:]), gys):
            half[...] = 0 if g is None else g.array
        return (chainer.Variable(gy),)


def halves(y: Variable | NdArray) -> tuple[Variable, Variable]:
    """Logits of real and of fake poses, of a batch that has one after the other."""
    return _Halves().apply((y,))
