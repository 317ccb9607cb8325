"""Per-action error of the generator, while it trains."""

from typing import Any

import chainer
import numpy as np

from chainer_pose.datasets import PoseData
from chainer_pose.evaluations import protocols
from chainer_pose.links import LiftingLink
from chainer_pose.utils import comm as comm_module
from chainer_pose.utils import devices


class PoseEvaluator(chainer.training.Extension):
    """Measure the generator on data with ground truth, on its device, in large batches.

    Args:
        generator: the network.
        data: poses with pose3d.
        batchsize: poses lifted at a time.
        comm: ChainerMN communicator, each of whose processes measures a part.

    Reports ``validation/mpjpe/<action>`` and their mean ``validation/mpjpe``, in mm under the
    protocol kudo.
    """

    trigger = 1, 'epoch'
    default_name = 'validation'
    priority = chainer.training.PRIORITY_WRITER

    def __init__(
        self,
        generator: LiftingLink,
        data: PoseData,
        batchsize: int = 4096,
        comm: comm_module.Communicator | None = None,
    ) -> None:
        self._generator = generator
        self._data = protocols.measurable(data)
        self._comm = comm
        rank, size = (0, 1) if comm is None else (comm.rank, comm.size)
        first, end = (len(self._data) * (rank + i) // size for i in (0, 1))
        self._batches: list[Any] = [
            self._data.select(slice(at, min(at + batchsize, end)))
            for at in range(first, end, batchsize)
        ]
        if generator.keeps_xy:  # sent once, to be measured where it lifts
            self._batches = [
                tuple(map(generator.device.send, protocols.normalized(batch)))
                for batch in self._batches
            ]

    def __call__(self, trainer: chainer.training.Trainer) -> None:
        errors = comm_module.gather([self._errors(batch) for batch in self._batches], self._comm)
        score = protocols.by_action(np.concatenate(errors), self._data)
        by_action = {f'validation/mpjpe/{name}': mm for name, mm in score.actions.items()}
        chainer.report({'validation/mpjpe': score.average, **by_action})

    def _errors(self, batch: Any) -> np.ndarray:
        if not self._generator.keeps_xy:
            return protocols.PROTOCOLS['kudo'](
                *protocols.lift(self._generator, batch), batch.skeleton.root
            )
        xy, size, target = batch
        with chainer.using_config('train', False), chainer.no_backprop_mode():
            depth = self._generator(xy).array
        xp = chainer.backend.get_array_module(depth)
        predicted = xp.concatenate([xy, depth[:, :, None]], axis=2) * size
        error = protocols.PROTOCOLS['kudo'](predicted, target, 0)
        return devices.to_host(error)
