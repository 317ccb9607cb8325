"""Adam as the authors' code runs it: gated, with weight decay, in few passes over memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import chainer
import numpy as np
from chainer.optimizers.adam import AdamRule
from chainer.types import NdArray

from chainer_pose.links.linear import Weight
from chainer_pose.utils.devices import is_on_device, scalar_like
from chainer_pose.utils.kernels import elementwise

if TYPE_CHECKING:
    import chainermn

BLOCK = 131072  # numbers, half a megabyte; with gradient and moments they fill a core's cache
_SLIM = 128  # largest batch for which multiplying block by block is faster

# Count the step and give its size.
_clock = elementwise(
    'bool when, float64 alpha, float64 beta1, float64 beta2',
    'int64 t, float64 alpha_t',
    """
    t += when;
    alpha_t = alpha * sqrt(1 - pow(beta2, (double)t)) / (1 - pow(beta1, (double)t));
    """,
    'adam_clock',
)
# As step_numpy, but a GPU rounds once where it multiplies and adds.
_step_flat = elementwise(
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


class Adam(chainer.optimizers.Adam):
    """Chainer's Adam with weight decay added to the gradient, and a gate for each step.

    On the CPU the numbers are those of `chainer.optimizers.Adam` with the hook
    `chainer.optimizer_hooks.WeightDecay`, bit for bit: the same operations in the same order,
    over blocks that stay in the cache. On a GPU `setup` makes a network's parameters, gradients
    and moments views of four flat arrays, over which one kernel runs; `t` is then updated when a
    snapshot is saved, and only `alpha` may change once a step was recorded. Snapshots are the
    same on both.

    Args:
        alpha: step size.
        beta1: decay of the first moment.
        weight_decay: share of each parameter added to its gradient.
        comm: ChainerMN communicator over whose processes gradients are averaged; None for one.
    """

    def __init__(
        self,
        alpha: float,
        beta1: float,
        weight_decay: float = 0.0,
        comm: chainermn.CommunicatorBase | None = None,
    ) -> None:
        self._flat: _Flat | None = None
        super().__init__(alpha, beta1)
        self.weight_decay = weight_decay
        self._comm = comm

    @property
    def flat(self) -> NdArray | None:
        """On a GPU the parameters as one array of shape (n,), on the CPU None."""
        return None if self._flat is None else self._flat.p

    @property
    def alpha(self) -> float:
        """Step size, which may be set between two steps."""
        return self.hyperparam.alpha

    @alpha.setter
    def alpha(self, value: float) -> None:
        self.hyperparam.alpha = value
        if self._flat is not None:
            self._flat.alpha.fill(value)

    def create_update_rule(self) -> AdamRule:
        return _Rule(self.hyperparam, self.weight_decay)

    def setup(self, link: chainer.Link) -> Adam:
        """Set up for a link, which is on its device already."""
        super().setup(link)
        if all(is_on_device(param.array) for param in link.params()):
            self._flat = _Flat(list(link.params()), self.alpha)
        else:
            for param in link.params():  # so that both kinds of snapshots have the moments
                param.update_rule._init_states(param)
        return self

    def reallocate_cleared_grads(self) -> None:
        """Do nothing: a gradient that is not there may be in factors (`links.Weight`)."""

    def update(self, loss: chainer.Variable | None = None, when: bool | NdArray = True) -> None:
        """Step on a loss, if `when`.

        Args:
            loss: Variable of shape (); None if the gradients have been computed.
            when: a bool, or on a GPU an array of shape () that the kernel reads. False only
                clears the network's gradients.
        Raises:
            RuntimeError: if `when` is on a GPU and a hook is to be called after the step: it
                would change the weights whatever `when` is.
        """
        on_device = not isinstance(when, bool) and is_on_device(when)
        if not on_device and not when:
            return self.target.cleargrads()
        if loss is not None:
            self.target.cleargrads()
            loss.backward()
        if self._flat is not None:
            self._flat.gather()
        if self._comm is not None:
            self._comm.multi_node_mean_grad(self.target, zero_fill=True)
        if self._flat is None:
            super().update()
        else:
            if on_device and self._post_update_hooks:
                raise RuntimeError('expected no hook after a step that a GPU decides on')
            self.call_hooks('pre')
            self._flat.step(when, self.hyperparam, self.weight_decay)
            self.call_hooks('post')
        self.target.cleargrads()

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        params = list(self.target.params())
        if self._flat is not None and isinstance(serializer, chainer.Serializer):
            self.t = int(self._flat.t)
            for param in params:
                param.update_rule.t = self.t
        super().serialize(serializer)
        if self._flat is not None:
            self._flat.t.fill(self.t)


class _Flat:
    """A network's parameters, gradients and moments as four flat arrays, on a GPU."""

    def __init__(self, params: list[chainer.Parameter], alpha: float) -> None:
        self._params = params
        self.p, views = flatten([param.array for param in params])
        xp = chainer.backend.get_array_module(self.p)
        self._g, self._m, self._v = (xp.zeros_like(self.p) for _ in range(3))
        moments = split(self._m, views), split(self._v, views)
        self._grads = split(self._g, views)
        for param, view, m, v in zip(params, views, *moments):
            param.array = view
            param.update_rule._state = {'m': m, 'v': v}
        self.t = scalar_like(self.p, 0, np.int64)
        self.alpha = scalar_like(self.p, alpha, np.float64)
        self._alpha_t = scalar_like(self.p, 0, np.float64)

    def gather(self) -> None:
        """Write each parameter's gradient into its view."""
        for param, view in zip(self._params, self._grads):
            factors = isinstance(param, Weight) and param.factors
            if factors and param._grad is None and param._grad_var is None:
                param.multiply(out=view)
            else:
                gradient = param.grad
                view[...] = 0 if gradient is None else gradient
            param.grad = view

    def step(self, when: bool | NdArray, hp: Any, decay: float) -> None:
        _clock(when, self.alpha, hp.beta1, hp.beta2, self.t, self._alpha_t)
        _step_flat(
            self._g, when, self._alpha_t, decay, 1 - hp.beta1, 1 - hp.beta2, hp.eps,
            self.p, self._m, self._v,
        )  # fmt: skip


def flatten(arrays: list[NdArray]) -> tuple[NdArray, list[NdArray]]:
    """Copy arrays into one of shape (n,); also give views into it of their shapes."""
    xp = chainer.backend.get_array_module(arrays[0])
    flat = xp.concatenate([array.reshape(-1) for array in arrays])
    return flat, split(flat, arrays)


def split(flat: NdArray, like: list[NdArray]) -> list[NdArray]:
    """Give views into an array of shape (n,), of the shapes of others."""
    ends = itertools.accumulate(array.size for array in like)
    return [flat[n - array.size : n].reshape(array.shape) for n, array in zip(ends, like)]


class _Rule(AdamRule):
    """Adam's rule on the CPU, for gradients that are arrays or a `Weight`'s factors."""

    def __init__(self, hyperparam: Any, weight_decay: float) -> None:
        super().__init__(hyperparam)
        self._weight_decay = weight_decay

    def update_core_cpu(self, param: chainer.Parameter) -> None:
        hp = self.hyperparam
        constants = self._weight_decay, 1 - hp.beta1, 1 - hp.beta2, hp.eps, self.alpha_t
        # Views: the step writes into the parameter.
        arrays = [a.reshape(-1) for a in (param.array, self.state['m'], self.state['v'])]
        update: Any = step if param.dtype == np.float32 else step_numpy
        for block, gradient in _blocks(param):
            update(*(array[block] for array in arrays), gradient, *constants)

    def update_core_gpu(self, param: chainer.Parameter) -> None:
        raise RuntimeError('expected Adam to be set up after the link is sent to its GPU')


def _blocks(param: chainer.Parameter) -> Iterator[tuple[slice, np.ndarray]]:
    """Slices of a flattened parameter with the gradient of each; none without a gradient."""
    if isinstance(param, Weight) and param.factors and param.size > BLOCK:
        left, right = param.pair()
        if right is not None and len(right) <= _SLIM and param._grad is None:
            width = right.shape[1]
            rows = max(1, BLOCK // width)
            spare = np.empty((rows, width), left.dtype)
            for start in range(0, len(param.array), rows):
                part = left[:, start : start + rows].T
                gradient = np.dot(part, right, out=spare[: len(part)]).reshape(-1)
                yield slice(start * width, start * width + gradient.size), gradient
            return
    if param.grad is not None:
        gradient = np.ascontiguousarray(param.grad).reshape(-1)
        for start in range(0, gradient.size, BLOCK):
            block = slice(start, start + BLOCK)
            yield block, gradient[block]


def step_numpy(
    p: np.ndarray, m: np.ndarray, v: np.ndarray, g: np.ndarray,
    decay: float, share1: float, share2: float, eps: float, alpha: float,
) -> None:  # fmt: skip
    """Do what _adam.c does, bit for bit, without it or in float64."""
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
    from chainer_pose.optimizers._adam import step  # type: ignore[import-not-found]
except ImportError:
    step = step_numpy
