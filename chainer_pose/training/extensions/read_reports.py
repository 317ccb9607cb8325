"""What a GPU has summed of its reports."""

from __future__ import annotations

import chainer


class ReadReports(chainer.training.Extension):
    """Report the means that an updater has left on a GPU, when the log is due.

    On the CPU the updater reports each iteration by itself, and nothing is left.
    """

    default_name = 'read_reports'
    priority = chainer.training.PRIORITY_WRITER + 1

    def __call__(self, trainer: chainer.training.Trainer) -> None:
        trainer.updater.report(trainer.updater.iteration)
