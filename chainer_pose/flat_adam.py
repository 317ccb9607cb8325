"""Adam over a whole network in one launch, which steps if the device says so.

For GPUs: there a launch costs as much as a small network's step, and asking the device
for a number makes Python wait for all that it has ahead of it. On arrays of NumPy the
same is done, so that what selects can be tested without a GPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import chainer
import numpy as np
from chainer.backends import cuda

from chainer_pose import optimizers

if TYPE_CHECKING:
    from chainer.types import NdArray

# How often a network was stepped, if it is now, and Adam's step size after so many.
_CLOCK = (
    'bool when, float64 alpha, float64 beta1, float64 beta2',
    'int64 t, float64 alpha_t',
    """
    t += when;
    alpha_t = alpha * sqrt(1 - pow(beta2, (double)t)) / (1 - pow(beta1, (double)t));
    """,
    'adam_clock',
)
# The order of optimizers._step_numpy; a GPU rounds once where it multiplies and adds.
_STEP = (
    'T g, bool when, float64 alpha_t, T decay, T share1, T share2, T eps',
    'T p, T m, T v',
    """
    if (when) {
        const T a = p * decay + g;
        m += (a - m) * share1;
        v += (a * a - v) * share2;
        p -= (T)alpha_t / (sqrt(v) + eps) * m;
    }
    """,
    'adam_step',
)


class FlatAdam(optimizers.Adam):
    """`optimizers.Adam` over a network's parameters as one array, and so their moments.

    Parameters and moments become views into these. Snapshots are those of
    `optimizers.Adam`: either goes on from the other's. How often it was stepped the
    device counts; `t` is that number as of the last snapshot.

    Args:
        alpha, beta1, weight_decay: as of `optimizers.Adam`.
    Attributes:
        when: array of shape (), bool, on the device: whether `update` is to change
            anything; None for yes.
    """

    def __init__(self, alpha: float, beta1: float, weight_decay: float = 0.0) -> None:
        super().__init__(alpha, beta1, weight_decay)
        self.when: NdArray | None = None
        self._flat: list[NdArray] = []
        self._views: list[NdArray] = []
        self._count: Any = None

    def update(self, lossfun: None = None, *args: Any, **kwds: Any) -> None:
        params = list(self.target.params())
        xp = params[0].xp
        self.call_hooks('pre')
        self._gather(params)
        gradient = xp.concatenate([param.grad.reshape(-1) for param in params])
        when = xp.asarray(True) if self.when is None else self.when
        hp = self.hyperparam
        clock, step = (_clock, _step) if xp is np else map(_kernel, (_CLOCK, _STEP))
        alpha_t = xp.empty((), np.float64)
        clock(when, hp.alpha, hp.beta1, hp.beta2, self._count, alpha_t)
        constants = self.weight_decay, 1 - hp.beta1, 1 - hp.beta2, hp.eps
        step(gradient, when, alpha_t, *constants, *self._flat)
        self.call_hooks('post')

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        if isinstance(serializer, chainer.Serializer):
            self._read_count()
        super().serialize(serializer)
        if isinstance(serializer, chainer.Deserializer):
            self._views, self._count = [], None

    def _read_count(self):
        if self._count is not None:
            self.t = int(self._count)
            for param in self.target.params():
                param.update_rule.t = self.t

    def _gather(self, params):
        """Make one array of each kind, where the parameters are not views into it yet."""
        views = [array for param in params for array in _arrays(param)]
        if list(map(id, views)) == list(map(id, self._views)):
            return
        for param in params:
            param.update_rule._init_states(param)  # moments, on the parameter's device
        xp = params[0].xp
        self._flat = [
            xp.concatenate([a.reshape(-1) for a in kind]) for kind in zip(*map(_arrays, params))
        ]
        start = 0
        for param in params:
            part, shape = slice(start, start + param.size), param.shape
            param.array, *moments = (flat[part].reshape(shape) for flat in self._flat)
            param.update_rule.state.update(zip('mv', moments))
            start = part.stop
        self._views = [array for param in params for array in _arrays(param)]
        self._read_count()
        self._count = xp.asarray(self.t, np.int64)


def _arrays(param):
    state = param.update_rule.state or {}  # none before the first step
    return [param.array, state.get('m'), state.get('v')]


def _kernel(source):
    return cuda.elementwise(*source)


def _clock(when, alpha, beta1, beta2, t, alpha_t):
    t += when
    with np.errstate(invalid='ignore'):  # before the first step, which is not taken
        alpha_t[...] = alpha * np.sqrt(1 - beta2**t) / (1 - beta1**t)


def _step(g, when, alpha_t, decay, share1, share2, eps, *arrays):
    # As a device does: all of it computed, and then selected.
    stepped = [array.copy() for array in arrays]
    optimizers._step_numpy(*stepped, g, decay, share1, share2, eps, float(alpha_t))
    for array, new in zip(arrays, stepped):
        np.copyto(array, new, where=when)
