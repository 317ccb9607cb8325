"""The zero-depth baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import chainer

from chainer_pose.links.lifting import LiftingLink

if TYPE_CHECKING:
    from chainer.types import NdArray


class ZeroDepth(LiftingLink):
    """(B, J, 2) poses to depths of zero, (B, J), which need no learning."""

    def forward(self, pose: NdArray) -> chainer.Variable:
        xp = chainer.backend.get_array_module(pose)
        return chainer.Variable(xp.zeros_like(pose[:, :, 0]))
