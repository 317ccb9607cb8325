"""The squared error."""

import chainer.functions as F
from chainer import Variable
from chainer.types import NdArray


def mean_squared_error(x: Variable | NdArray, target: Variable | NdArray) -> Variable:
    """Give the mean squared difference, a Variable of shape ().

    On a GPU, `chainer.functions.mean_squared_error` calls cuBLAS, which CuPy cannot record.
    """
    return F.mean(F.squared_error(x, target))
