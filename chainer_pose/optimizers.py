"""Adam as the authors' code runs it, in fewer passes over memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import chainer
import numpy as np
from chainer.optimizers.adam import AdamRule

from chainer_pose.linear import Product

if TYPE_CHECKING:
    from chainer.types import NdArray


_BLOCK = 131072  # numbers, half a megabyte: with what belongs to them, a core's cache full

_SLIM = 128  # rows of a batch, up to which multiplying block by block is the faster


class Adam(chainer.optimizers.Adam):
    """Chainer's Adam with weight decay added to the gradient, block by block on the CPU.

    Its numbers are those of `chainer.optimizers.Adam` with the hook
    `chainer.optimizer_hooks.WeightDecay`, bit for bit: the same operations in the
    same order, over blocks that stay in the cache and without temporary arrays.

    Args:
        alpha: step size.
        beta1: decay of the first moment.
        weight_decay: share of each parameter added to its gradient.
    """

    def __init__(self, alpha: float, beta1: float, weight_decay: float = 0.0) -> None:
        super().__init__(alpha, beta1)
        self.weight_decay = weight_decay

    def create_update_rule(self) -> AdamRule:
        return _Rule(self.hyperparam, self.weight_decay)

    def reallocate_cleared_grads(self) -> None:
        """Nothing: a gradient that is not there is a product yet to be multiplied out."""


def take(param: chainer.Parameter, gradient: NdArray | Product | None) -> None:
    """Give a parameter its gradient for the next step.

    Args:
        param: chainer.Parameter with a rule of `Adam`.
        gradient: array, `linear.Product`, or None for zero.
    """
    param.update_rule.product = None
    if isinstance(gradient, Product):
        slim = len(gradient.right) <= _SLIM and param.size > _BLOCK
        if slim and isinstance(gradient.left, np.ndarray):
            param.update_rule.product = gradient
            gradient = None
        else:
            gradient = gradient.multiply()
    elif gradient is None:
        gradient = param.xp.zeros_like(param.array)
    param.grad = gradient


def _step_numpy(p, m, v, g, decay, share1, share2, eps, alpha):
    """What _adam.c does, bit for bit, where that has not been compiled or is not for."""
    a, b = np.empty((2, len(p)), p.dtype)
    np.multiply(p, decay, out=a)
    a += g
    np.subtract(a, m, out=b)
    b *= share1
    m += b
    a *= a
    a -= v
    a *= share2
    v += a
    np.sqrt(v, out=a)
    a += eps
    np.divide(alpha, a, out=a)
    a *= m
    p -= a


try:
    from chainer_pose._adam import step as _step  # type: ignore[import-not-found]
except ImportError:
    _step = _step_numpy


def _blocks(product, gradient):
    """Slices of a parameter, flat, with the gradient of each."""
    if product is None:
        gradient = gradient.reshape(-1)
        for start in range(0, gradient.size, _BLOCK):
            block = slice(start, start + _BLOCK)
            yield block, gradient[block]
        return
    width = product.right.shape[1]
    rows = max(1, _BLOCK // width)
    spare = np.empty((rows, width), product.left.dtype)
    for start in range(0, len(product.left), rows):
        left = product.left[start : start + rows]
        gradient = np.dot(left, product.right, out=spare[: len(left)]).reshape(-1)
        yield slice(start * width, start * width + gradient.size), gradient


class _Rule(AdamRule):
    """Adam's rule, whose gradient may be a `linear.Product`: `product`, for one step."""

    def __init__(self, hyperparam, weight_decay):
        super().__init__(hyperparam)
        self._weight_decay = weight_decay
        self.product = None

    def update_core_cpu(self, param):
        hp, product = self.hyperparam, self.product
        constants = self._weight_decay, 1 - hp.beta1, 1 - hp.beta2, hp.eps, self.alpha_t
        # Views, not copies: what is written here is written into the parameter.
        arrays = [a.reshape(-1) for a in (param.array, self.state['m'], self.state['v'])]
        step = _step if param.dtype == np.float32 else _step_numpy
        for block, gradient in _blocks(product, param.grad):
            step(*(array[block] for array in arrays), gradient, *constants)
        self.product = None

    def update_core_gpu(self, param):
        if self._weight_decay:
            param.grad += self._weight_decay * param.array
        super().update_core_gpu(param)
