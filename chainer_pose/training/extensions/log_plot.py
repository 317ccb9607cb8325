"""Curves of what LogReport has logged."""

from collections.abc import Sequence
from pathlib import Path

import chainer

from chainer_pose.utils.files import atomic_path


class LogPlot(chainer.training.Extension):
    """Draw what `chainer.training.extensions.LogReport` has logged, over the iterations.

    Chainer's PlotReport draws each time it averages, which takes as long as hundreds of steps
    of a GPU.

    Args:
        keys: names of reports, one curve each.
        filename: of the picture, in the trainer's folder.
        label: of the vertical axis.
    """

    trigger = 1, 'epoch'
    priority = chainer.training.PRIORITY_READER - 1  # after LogReport

    def __init__(self, keys: Sequence[str], filename: str, label: str) -> None:
        self._keys, self._filename, self._label = keys, filename, label

    def __call__(self, trainer: chainer.training.Trainer) -> None:
        from matplotlib.figure import Figure  # half a second, and not all that train draw

        log = trainer.get_extension('LogReport').log
        figure = Figure()
        axes = figure.add_subplot()
        for key in self._keys:
            points = [(entry['iteration'], entry[key]) for entry in log if key in entry]
            if points:
                axes.plot(*zip(*points), marker='.', label=key)
        if not axes.lines:
            return
        axes.set_xlabel('iteration')
        axes.set_ylabel(self._label)
        axes.grid()
        axes.legend(loc='best')
        with atomic_path(Path(trainer.out) / self._filename) as temporary:
            figure.savefig(temporary, bbox_inches='tight')
