"""Losses beyond the paper, added to eq. (4)."""

from collections.abc import Sequence
from typing import NamedTuple

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable
from chainer.types import NdArray

from chainer_pose import functions
from chainer_pose.links import Generator
from chainer_pose.utils import comm as comm_module
from chainer_pose.utils.devices import to_host


class LiftedBatch(NamedTuple):
    """A lifted batch."""

    real: NdArray  # (B, J, 2), 2D poses
    depth: Variable  # (B, J)
    angle: NdArray  # (B,), by which they were turned, radians
    pitch: Variable | None = None  # of shape () or (B,), radians; None for horizontal cameras
    labelled: tuple[NdArray, ...] = ()  # another batch's poses (B, J, 2) and depths (B, J)


class Regularizer:
    """Base of the regularizers: functions of a `LiftedBatch`.

    `weights` has the factors of its losses by name; reports of them are named ``gen/<name>``.
    """

    def __init__(self, **weights: float) -> None:
        self.weights = weights

    def __call__(self, batch: LiftedBatch) -> dict[str, Variable]:
        """Return the losses by the names in `weights`, Variables of shape ()."""
        raise NotImplementedError

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load its state: none here."""


class Consistency(Regularizer):
    """Lift the turned pose, turn it back, and compare.

    The lift-reproject-lift of Chen et al. 2019 ("Unsupervised 3D Pose Estimation with Geometric
    Self-Supervision", section 3), with mean squared errors of the original 2D and of the turned
    depth.

    Args:
        weight_2d, weight_depth: factors of the two errors.
        rescale: whether to normalize the turned pose before it is lifted.
    """

    def __init__(
        self, generator: Generator, weight_2d: float, weight_depth: float, rescale: bool = False
    ) -> None:
        super().__init__(consistency_2d=weight_2d, consistency_depth=weight_depth)
        self._generator = generator
        self._rescale = rescale

    def __call__(self, batch: LiftedBatch) -> dict[str, Variable]:
        xy, z = functions.rotate(batch.real, batch.depth, batch.angle, batch.pitch)
        if self._rescale:
            size = functions.size(xy)
            depth = self._generator(xy / F.broadcast_to(size, xy.shape))
            depth = depth * F.broadcast_to(F.reshape(size, (-1, 1)), depth.shape)
        else:
            depth = self._generator(xy)
        back, _ = functions.rotate(xy, depth, -batch.angle, batch.pitch)
        return {
            'consistency_2d': functions.mean_squared_error(back, batch.real),
            'consistency_depth': functions.mean_squared_error(depth, z),
        }


class BoneRatios(Regularizer):
    """Mean squared error of `functions.bone_ratios` against their running mean.

    The running mean starts as the first batch's; it is a constant of the graph.

    Args:
        bones: pairs of joints (child, parent).
        momentum: share of a batch in the running mean.
        comm: ChainerMN communicator over whose batches the mean is taken.
    Attributes:
        mean: (number of bones,) array, NaN before the first batch.
    """

    def __init__(
        self,
        bones: Sequence[tuple[int, int]],
        weight: float,
        momentum: float = 0.01,
        device: chainer.backend.Device | None = None,
        comm: comm_module.Communicator | None = None,
    ) -> None:
        super().__init__(bones=weight)
        send = (device or chainer.get_device('@numpy')).send
        self._ends = [send(np.array(joints, np.int64)) for joints in zip(*bones)]
        self._momentum = momentum
        self._comm = comm
        self.mean = send(np.full(len(bones), np.nan, np.float32))

    def __call__(self, batch: LiftedBatch) -> dict[str, Variable]:
        ratios = functions.bone_ratios(batch.real, batch.depth, *self._ends)
        new = ratios.array.mean(axis=0)
        if self._comm is not None:
            new = ratios.xp.asarray(comm_module.mean(to_host(new), self._comm))
        xp = chainer.backend.get_array_module(new)
        mean = xp.where(xp.isnan(self.mean), new, self.mean)
        self.mean[...] = mean + self._momentum * (new - mean)
        target = F.broadcast_to(self.mean, ratios.shape)
        return {'bones': functions.mean_squared_error(ratios, target)}

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        serializer('mean', self.mean)


class LabelledDepth(Regularizer):
    """Mean squared error of the depths of labelled poses (section 5.2)."""

    def __init__(self, generator: Generator, weight: float) -> None:
        super().__init__(depth=weight)
        self._generator = generator

    def __call__(self, batch: LiftedBatch) -> dict[str, Variable]:
        pose, depth = batch.labelled
        return {'depth': functions.mean_squared_error(self._generator(pose), depth)}
