"""Linear layers whose weights' gradients are multiplied out only when they are read.

With small batches, most of a step is spent on reading and writing weights and their gradients. A
weight's gradient is the product of two thin matrices: only those are kept until the optimizer
reads a block of the product, and a gradient that nobody reads is never computed.
"""

from collections.abc import Callable
from typing import Any

import chainer
import chainer.functions as F
from chainer import Variable
from chainer.types import NdArray

from chainer_pose.functions.leaky_relu import leaky_relu, leaky_relu_grad
from chainer_pose.utils import cublas
from chainer_pose.utils.devices import is_on_device


class Weight(chainer.Parameter):
    """A parameter to which linear layers give the two factors of its gradient.

    `grad` and `grad_var` multiply them: Chainer's optimizers, hooks and communicators see an
    array. `chainer.grad` does not read them and so is not supported.

    Attributes:
        factors: list of (gy, x, scale); the gradient is the sum of (scale gy)' x. x is None for
            a bias, scale (B, 1) or None for 1.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.factors: list[tuple[NdArray, NdArray | None, NdArray | None]] = []
        super().__init__(*args, **kwargs)

    def pair(self) -> tuple[NdArray, NdArray | None]:
        """All factors as one pair (gy, x)."""
        gys = [gy if scale is None else gy * scale for gy, _, scale in self.factors]
        xs = [x for _, x, _ in self.factors]
        if len(gys) == 1:
            return gys[0], xs[0]
        xp = chainer.backend.get_array_module(gys[0])
        return xp.concatenate(gys), None if xs[0] is None else xp.concatenate(xs)

    def multiply(self, out: NdArray | None = None) -> NdArray:
        """Multiply the factors and drop them.

        Args:
            out: on a GPU, array of the parameter's shape to write to.
        """
        gy, x = self.pair()
        self.factors = []
        if x is None:
            return gy.sum(axis=0, out=out)
        if is_on_device(gy):
            return cublas.dot(gy, x, transa=True, out=out)
        return gy.T.dot(x)

    def _add_product(self) -> None:
        if self.factors:
            product, before = self.multiply(), super()._get_grad()
            super()._set_grad_without_check(product if before is None else before + product)

    def _get_grad(self) -> NdArray | None:
        self._add_product()
        return super()._get_grad()

    def _ensure_grad_var_up_to_date(self) -> None:
        self._add_product()
        super()._ensure_grad_var_up_to_date()

    def _set_grad_without_check(self, g: NdArray | None) -> None:
        self.factors = []
        super()._set_grad_without_check(g)

    def cleargrad(self) -> None:
        self.factors = []
        super().cleargrad()

    def __copy__(self) -> 'Weight':
        self._add_product()
        copied = self._copy_to(Weight())
        copied.factors = []  # its own list
        return copied

    def __reduce__(self) -> tuple[Any, ...]:
        self._add_product()
        return _recover, super().__reduce__()


def _recover(recover: Callable[..., Any], args: tuple[Any, ...]) -> 'Weight':
    param = recover(*args)
    param.__class__, param.factors = Weight, []
    return param


class LinearFunction(chainer.FunctionNode):
    """leaky_relu(x W' + b [+ skip]); a slope of 1 means no leaky ReLU."""

    def __init__(self, slope: float = 1.0) -> None:
        self.slope = slope

    def forward(self, inputs: tuple[NdArray, ...]) -> tuple[NdArray, ...]:
        x, W, b, *skip = inputs
        self.retain_inputs((0, 1))
        self.retain_outputs((0,))
        # On two threads BLAS takes a quarter less time for W x' than for x W'.
        product = cublas.dot(x, W, transb=True) if is_on_device(x) else W.dot(x.T).T
        return (leaky_relu(product, b, skip[0] if skip else None, self.slope),)

    def backward(
        self, indexes: tuple[int, ...], gys: tuple[Variable, ...]
    ) -> tuple[Variable | None, ...]:
        weights = [self.inputs[i].get_variable_or_none() for i in (1, 2)]
        if chainer.config.enable_backprop or not all(isinstance(w, Weight) for w in weights):
            return self._differentiable(indexes, *gys)
        x, W = (variable.array for variable in self.get_retained_inputs())
        gy = leaky_relu_grad(self.get_retained_outputs()[0].array, gys[0].array, self.slope)
        found: dict[int, NdArray] = {3: gy}
        if 0 in indexes:
            found[0] = cublas.dot(gy, W) if is_on_device(gy) else W.T.dot(gy.T).T
        for i, weight, factor in zip((1, 2), weights, (x, None)):
            if i in indexes:
                weight.factors.append((gy, factor, None))
        return tuple(chainer.Variable(found[i]) if i in found else None for i in indexes)

    def _differentiable(self, indexes: tuple[int, ...], gy: Variable) -> tuple[Variable, ...]:
        """By Chainer's functions, for double backprop and for weights that are arrays."""
        x, W = self.get_retained_inputs()
        y = self.get_retained_outputs()[0].array
        gy = gy * leaky_relu_grad(y, chainer.backend.get_array_module(y).ones_like(y), self.slope)
        gradient_of = {
            0: lambda: F.matmul(gy, W),
            1: lambda: F.matmul(gy, x, transa=True),
            2: lambda: F.sum(gy, axis=0),
            3: lambda: gy,
        }
        return tuple(gradient_of[i]() for i in indexes)


class Linear(chainer.Link):
    """leaky_relu(x W' + b [+ skip]): (B, n_in) to (B, n_out).

    Args:
        n_in, n_out: numbers of inputs and outputs.
        initializer: `chainer.initializers` of the weights; biases start at zero.
        slope: of the leaky ReLU; 1 for none.
    """

    def __init__(
        self, n_in: int, n_out: int, initializer: chainer.Initializer, slope: float = 1.0
    ) -> None:
        super().__init__()
        self.slope = slope
        with self.init_scope():
            self.W = Weight(initializer, (n_out, n_in))
            self.b = Weight(0, n_out)

    def forward(self, x: Variable | NdArray, skip: Variable | None = None) -> Variable:
        inputs = (x, self.W, self.b) if skip is None else (x, self.W, self.b, skip)
        return LinearFunction(self.slope).apply(inputs)[0]
