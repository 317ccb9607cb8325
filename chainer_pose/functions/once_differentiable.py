"""Nodes whose gradients have no gradients."""

from __future__ import annotations

import chainer


class OnceDifferentiable(chainer.FunctionNode):
    """Base of nodes that compute their gradients on arrays, in `gradients`."""

    def backward(self, indexes, gys):
        if chainer.config.enable_backprop:
            raise RuntimeError(f'{self.label}: double backprop is not supported')
        return self.gradients(indexes, gys)

    def gradients(self, indexes, gys):
        """What `chainer.FunctionNode.backward` gives."""
        raise NotImplementedError
