"""Chainer's PlotReport, which forgets on resume what it has averaged since its last point."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from chainer.training import extensions

if TYPE_CHECKING:
    import chainer


class PlotReport(extensions.PlotReport):
    """`chainer.training.extensions.PlotReport` whose running means are in the snapshot, too."""

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        super().serialize(serializer)
        with contextlib.suppress(KeyError):  # a snapshot of before
            self._summary.serialize(serializer['_summary'])
