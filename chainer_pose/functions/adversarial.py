"""Eq. (2), non-saturating, and the discriminator's accuracy of section 4.2."""

from typing import Any

import chainer
import numpy as np
from chainer import Variable
from chainer.types import NdArray

from chainer_pose.functions.node import ArrayNode
from chainer_pose.utils.devices import is_on_device
from chainer_pose.utils.kernels import elementwise, total


def _softplus(y: str) -> str:
    return f'(max({y}, (T)0) + log1p(exp(-fabs({y}))))'


_loss = total(
    'T real, T fake, int64 batch',
    'T loss',
    f'({_softplus("-real")} + {_softplus("fake")}) / batch',
    'adversarial_loss',
)
_loss_grad = elementwise(
    'T real, T fake, T g, int64 batch',
    'T g_real, T g_fake',
    'g_real = -g / (batch * (1 + exp(real))); g_fake = g / (batch * (1 + exp(-fake)))',
    'adversarial_loss_grad',
)
_NO_FAKES = (-np.inf,)  # a logit that adds nothing to the loss


def _sigmoid(y: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -y))


class _AdversarialLoss(ArrayNode):
    """Mean of -log D(real) [- log(1 - D(fake))], of logits."""

    def compute(self, real: NdArray, *fake: NdArray) -> tuple[NdArray, ...]:
        if is_on_device(real):
            return (_loss(real, *(fake or _NO_FAKES), real.size),)
        parts = [np.logaddexp(0, y).mean() for y in (-real, *fake)]
        return (np.asarray(sum(parts[1:], parts[0])),)

    def gradients(self, gys: list[Any], real: NdArray, *fake: NdArray) -> tuple[NdArray, ...]:
        if is_on_device(real):
            return _loss_grad(real, *(fake or _NO_FAKES), gys[0], real.size)
        share = gys[0] / real.dtype.type(real.size)
        return -share * _sigmoid(-real), *(share * _sigmoid(y) for y in fake)


def generator_loss(y_fake: Variable | NdArray) -> Variable:
    """The generator's side of eq. (2), non-saturating: mean of -log D(fake).

    Of the discriminator's logits of generated poses, (B, 1); a Variable of shape ().
    """
    return _AdversarialLoss().apply((y_fake,))[0]


def discriminator_loss(y_real: Variable | NdArray, y_fake: Variable | NdArray) -> Variable:
    """The discriminator's side of eq. (2): mean of -log D(real) - log(1 - D(fake)).

    Of its logits, (B, 1) each; a Variable of shape ().
    """
    return _AdversarialLoss().apply((y_real, y_fake))[0]


_count_above_0 = total('T y, T sign', 'float64 count', 'y * sign > 0 ? 1.0 : 0.0', 'count_above_0')
_accuracy = elementwise(
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
        gen_loss, dis_loss: arrays of shape (). If one is not finite the accuracy is NaN, for
            which both comparisons with the cap are False: neither network is updated.
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


class _Halves(ArrayNode):
    def compute(self, y: NdArray) -> tuple[NdArray, ...]:
        return y[: len(y) // 2], y[len(y) // 2 :]

    def gradients(self, gys: list[Any], y: NdArray) -> tuple[NdArray, ...]:
        gy = chainer.backend.get_array_module(y).empty_like(y)
        for half, g in zip(self.compute(gy), gys):
            half[...] = 0 if g is None else g
        return (gy,)


def halves(y: Variable | NdArray) -> tuple[Variable, Variable]:
    """Split the logits of a batch of real poses followed by fake ones."""
    return _Halves().apply((y,))
