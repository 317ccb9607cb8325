"""Chainer's linear layer for small batches, and what its weights' gradients are made of.

Where a batch has some dozens of rows, most of a step goes into reading and
writing weights and their gradients. So W x' is taken for x W', which BLAS does
faster; and the gradient of a weight matrix stays what it is, a product of two
slim matrices, until the optimizer wants a block of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import chainer
import chainer.links as L
import numpy as np
from chainer.functions.connection import linear as chainers

if TYPE_CHECKING:
    from chainer import Variable
    from chainer.types import NdArray

    Gradients = list[tuple[chainer.Parameter, 'NdArray | Product | None']]


class LinearFunction(chainers.LinearFunction):
    """`chainer.functions.linear` with a bias; its name is what ONNX export goes by."""

    def forward(self, inputs: tuple[NdArray, ...]) -> tuple[NdArray, ...]:
        x, W, b = inputs
        if not isinstance(x, np.ndarray):
            return super().forward(inputs)
        y = W.dot(x.T).T
        y += b
        self.retain_inputs((0, 1))
        return (y,)

    def backward(
        self, indexes: tuple[int, ...], grad_outputs: tuple[Variable, ...]
    ) -> tuple[Variable, ...]:
        gradients = ()
        if 0 in indexes:
            W = self.get_retained_inputs()[1]
            gradients = _GradientOfInput().apply((W, *grad_outputs))
        if others := tuple(i for i in indexes if i):
            gradients += tuple(super().backward(others, grad_outputs))
        return gradients


class _GradientOfInput(chainers.LinearGradData):
    def forward(self, inputs):
        W, gy = inputs
        if not isinstance(W, np.ndarray):
            return super().forward(inputs)
        self.retain_inputs((0, 1))
        return (W.T.dot(gy.T).T,)


class Linear(L.Linear):
    """`chainer.links.Linear` for rows: (B, n_in) to (B, n_out)."""

    def forward(self, x: Variable | NdArray) -> Variable:
        return LinearFunction().apply((x, self.W, self.b))[0]


class Product(NamedTuple):
    """The gradient of a weight matrix, not multiplied out.

    Attributes:
        left: (n_out, B) array, the gradient of what the layer gave, transposed.
        right: (B, n_in) array, what it was given.
    """

    left: NdArray
    right: NdArray

    def multiply(self) -> NdArray:
        """(n_out, n_in) array."""
        return self.left.dot(self.right)


class Calls(chainer.LinkHook):
    """Remembers, within a with statement, what linear layers were given and gave."""

    def __init__(self) -> None:
        self.name = f'Calls {id(self)}'  # Chainer tells hooks apart by name
        self._of: dict[chainer.Link, list[tuple]] = defaultdict(list)

    def forward_postprocess(self, args: Any) -> None:
        if isinstance(args.link, L.Linear):
            self._of[args.link].append((args.args[0], args.out))

    def backward(
        self, output: Variable, links: Sequence[chainer.Link], others: Sequence[Variable] = ()
    ) -> tuple[list[tuple[chainer.Link, Product]], list]:
        """Gradients of an output's sum, asking Chainer for no linear layer's.

        Args:
            output: Variable.
            links: list of chainer.Link, whose linear layers' weights' gradients are wanted.
            others: Variables whose gradients are wanted, too.
        Returns:
            (list of (layer, `Product`), list of arrays); a layer is left out, and an
            array None, where the output does not depend on it.
        """
        layers = [layer for link in links for layer in link.links()]
        calls = [(layer, *call) for layer in layers for call in self._of.get(layer, ())]
        found = chainer.grad([output], [y for *_, y in calls] + list(others))
        found = [None if gradient is None else gradient.array for gradient in found]
        reached = defaultdict(list)
        for (layer, x, _), gy in zip(calls, found):
            if gy is not None:
                reached[layer].append((gy, chainer.as_array(x)))
        products = []
        for layer, parts in reached.items():
            gy, x = (_join(arrays) for arrays in zip(*parts))
            products.append((layer, Product(gy.T, x)))
        return products, found[len(calls) :]

    def gradients(self, loss: Variable, links: Sequence[chainer.Link]) -> Gradients:
        """Gradients of a loss by links' parameters.

        Args:
            loss: Variable of shape ().
            links: list of chainer.Link.
        Returns:
            list of (parameter, gradient): an array, a `Product` for the weights of
            a linear layer, or None where the loss does not depend on it.
        """
        params = [param for link in links for param in link.params()]
        of_linear = {id(param) for layer in self._of for param in layer.params()}
        others = [param for param in params if id(param) not in of_linear]
        products, found = self.backward(loss, links, others)
        by_param = {id(p): (p, g) for p, g in [*zip(others, found), *of_layers(products)]}
        return [by_param.get(id(param), (param, None)) for param in params]


def of_layers(
    products: Sequence[tuple[chainer.Link, Product]], scale: NdArray | None = None
) -> Gradients:
    """Gradients of linear layers' parameters.

    Args:
        products: list of (layer, `Product`).
        scale: (B,) array, by which each pose's part is multiplied; None for 1.
    Returns:
        list of (parameter, gradient), weights' as `Product`.
    """
    result: Gradients = []
    for layer, (left, right) in products:
        if scale is not None:
            left = left * scale
        result.append((layer.W, Product(left, right)))
        if layer.b is not None:
            result.append((layer.b, left.sum(axis=1)))
    return result


def _join(arrays):
    xp = chainer.backend.get_array_module(*arrays)
    return arrays[0] if len(arrays) == 1 else xp.concatenate(arrays)
