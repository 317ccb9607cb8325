"""Bias and leaky ReLU of a linear layer, on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainer_pose.utils.devices import is_on_device
from chainer_pose.utils.kernels import Elementwise

if TYPE_CHECKING:
    from chainer.types import NdArray

SLOPE = 0.2  # Chainer's default

_add = Elementwise('T a, T b', 'T y', 'y = a + b', 'add_bias')
_LEAKY = 'y = u > 0 ? u : slope * u'
_leaky = Elementwise('T a, T b, T slope', 'T y', f'const T u = a + b; {_LEAKY}', 'leaky_relu')
_leaky_skip = Elementwise(
    'T a, T b, T skip, T slope', 'T y', f'const T u = a + b + skip; {_LEAKY}', 'leaky_relu_skip'
)
_leaky_grad = Elementwise(
    'T y, T gy, T slope', 'T g', 'g = y > 0 ? gy : slope * gy', 'leaky_relu_grad'
)


def leaky_relu(product: NdArray, bias: NdArray, skip: NdArray | None, slope: float) -> NdArray:
    """Write max(u, slope u) of u = product + bias [+ skip] into the product.

    Args:
        product, skip: (B, n).
        bias: (n,).
        slope: between 0 and 1; 1 for u itself.
    """
    if is_on_device(product):
        if skip is not None:
            return _leaky_skip(product, bias, skip, slope, product)
        return _leaky(product, bias, slope, product) if slope < 1 else _add(product, bias, product)
    product += bias
    if skip is not None:
        product += skip
    if slope < 1:
        np.maximum(product, product * product.dtype.type(slope), out=product)
    return product


def leaky_relu_grad(y: NdArray, gy: NdArray, slope: float) -> NdArray:
    """Gradient with respect to u, from the output and its gradient, both (B, n)."""
    if slope == 1:
        return gy
    if is_on_device(y):
        return _leaky_grad(y, gy, slope)
    return np.maximum(y > 0, y.dtype.type(slope)) * gy
