"""Bias and leaky ReLU of a linear layer, on arrays."""

import numpy as np
from chainer.types import NdArray

from chainer_pose.utils.devices import is_on_device
from chainer_pose.utils.kernels import elementwise

SLOPE = 0.2  # Chainer's default

_leaky = elementwise(
    'T a, T b, T skip, T slope',
    'T y',
    'const T u = a + b + skip; y = u > 0 ? u : slope * u',
    'leaky_relu',
)
_leaky_grad = elementwise(
    'T y, T gy, T slope', 'T g', 'g = y > 0 ? gy : slope * gy', 'leaky_relu_grad'
)


def leaky_relu(product: NdArray, bias: NdArray, skip: NdArray | None, slope: float) -> NdArray:
    """Write max(u, slope u) of u = product + bias [+ skip] into the product.

    Of shapes (B, n), (n,) and (B, n); the slope is between 0 and 1, which gives u itself.
    """
    if is_on_device(product):
        return _leaky(product, bias, 0.0 if skip is None else skip, slope, product)
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
