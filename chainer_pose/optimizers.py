"""Adam as the authors' code runs it, in fewer passes over memory."""

import chainer
import numpy as np
from chainer.optimizers.adam import AdamRule

_BLOCK = 65536  # numbers; five arrays of as many stay in a core's cache


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

    def __init__(self, alpha, beta1, weight_decay=0.0):
        super().__init__(alpha, beta1)
        self.weight_decay = weight_decay

    def create_update_rule(self):
        return _Rule(self.hyperparam, self.weight_decay)


class _Rule(AdamRule):
    def __init__(self, hyperparam, weight_decay):
        super().__init__(hyperparam)
        self._weight_decay = weight_decay

    def update_core_cpu(self, param):
        hp = self.hyperparam
        # Views, not copies: what is written here is written into the parameter.
        arrays = param.array, param.grad, self.state['m'], self.state['v']
        arrays = [array.reshape(-1) for array in arrays]
        spare = np.empty((2, min(_BLOCK, param.size)), param.dtype)
        for start in range(0, param.size, _BLOCK):
            p, g, m, v = (array[start : start + _BLOCK] for array in arrays)
            a, b = spare[:, : len(p)]
            np.multiply(p, self._weight_decay, out=a)
            a += g
            np.subtract(a, m, out=b)
            b *= 1 - hp.beta1
            m += b
            a *= a
            a -= v
            a *= 1 - hp.beta2
            v += a
            np.sqrt(v, out=a)
            a += hp.eps
            np.divide(self.alpha_t, a, out=a)
            a *= m
            p -= a

    def update_core_gpu(self, param):
        if self._weight_decay:
            param.grad += self._weight_decay * param.array
        super().update_core_gpu(param)
