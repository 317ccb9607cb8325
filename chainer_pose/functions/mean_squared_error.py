"""Errors between what a network gives and what it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import chainer.functions as F

if TYPE_CHECKING:
    from chainer import Variable
    from chainer.types import NdArray


def mean_squared_error(x: Variable | NdArray, target: Variable | NdArray) -> Variable:
    """Mean of the squared differences: a Variable of shape ().

    Chainer's own calls cuBLAS on a GPU, which a CUDA graph cannot record.
    """
    return F.mean(F.squared_error(x, target))
