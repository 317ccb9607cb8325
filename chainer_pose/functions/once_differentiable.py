"""Nodes whose gradients have no gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import chainer

if TYPE_CHECKING:
    from chainer import Variable


class OnceDifferentiable(chainer.FunctionNode):
    """Base of nodes that compute their gradients on arrays, in `gradients`."""

    def backward(
        self, indexes: tuple[int, ...], gys: tuple[Variable | None, ...]
    ) -> tuple[Variable | None, ...]:
        if chainer.config.enable_backprop:
            raise RuntimeError(f'{self.label}: double backprop is not supported')
        return self.gradients(indexes, gys)

    def gradients(
        self, indexes: tuple[int, ...], gys: tuple[Variable | None, ...]
    ) -> tuple[Variable | None, ...]:
        """What `chainer.FunctionNode.backward` gives."""
        raise NotImplementedError
