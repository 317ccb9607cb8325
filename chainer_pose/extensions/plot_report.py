"""Chainer's PlotReport, which forgets on resume what it has averaged since its last point."""

import contextlib

from chainer.training import extensions


class PlotReport(extensions.PlotReport):
    """`chainer.training.extensions.PlotReport` whose running means are in the snapshot, too."""

    def serialize(self, serializer):
        super().serialize(serializer)
        with contextlib.suppress(KeyError):  # a snapshot of before
            self._summary.serialize(serializer['_summary'])
