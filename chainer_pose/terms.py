"""What the generator is trained on: its loss is a sum of these named terms.

A term is called with a `Turned` batch and gives its losses by name; `weights`
has the factor of each in the sum. The updater reports each, before its factor,
as ``gen/<name>``. Of these the paper has the first two (eq. 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import chainer
import chainer.functions as F
import numpy as np

from chainer_pose import functions
from chainer_pose.ranks import ALONE

if TYPE_CHECKING:
    from chainer import Variable
    from chainer.types import NdArray

    from chainer_pose.links import Generator
    from chainer_pose.ranks import Alone
    from chainer_pose.skeleton import AngleJoints


class Turned(NamedTuple):
    """A batch of poses that were lifted, turned and shown to the discriminator.

    Attributes:
        rows: (B, 2J) array, the real 2D poses.
        pose: Variable (B, J, 3), the poses lifted: x and y of `rows`, z of the generator.
        rotation: Variable (B, 3, 3), by which they were turned.
        turned: Variable (B, J, 3), the turned poses.
        rescaled: whether the discriminator sees them divided by `functions.size`.
        logits: Variable (B, 1), what it thinks of them.
    """

    rows: object
    pose: chainer.Variable
    rotation: chainer.Variable
    turned: chainer.Variable
    rescaled: bool
    logits: chainer.Variable


class Term:
    """Base of the terms.

    Args:
        **weights: each loss's name and its factor.
    Attributes:
        weights: dict of them.
    """

    def __init__(self, **weights: float) -> None:
        self.weights = weights

    def __call__(self, batch: Turned) -> dict[str, Variable]:
        """dict from the names in `weights` to Variables of shape ()."""
        raise NotImplementedError

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        """Save or load what the term remembers from batch to batch: nothing, here."""


class Adversarial(Term):
    """The generator's side of eq. (2)."""

    def __init__(self) -> None:
        super().__init__(loss=1.0)

    def __call__(self, batch: Turned) -> dict[str, Variable]:
        return {'loss': functions.generator_loss(batch.logits)}


class Angle(Term):
    """The heuristic angle loss, eq. (3), with its factor in eq. (4), 1 in the paper.

    Args:
        joints: `skeleton.AngleJoints`.
        weight: the factor.
    """

    def __init__(self, joints: AngleJoints, weight: float = 1.0) -> None:
        super().__init__(angle=weight)
        self._joints = joints

    def __call__(self, batch: Turned) -> dict[str, Variable]:
        return {'angle': functions.angle_loss(batch.rows, batch.pose[:, :, 2], self._joints)}


class Consistency(Term):
    """Lift, turn, project, lift again, turn back: the pose must be what it was.

    The lift-reproject-lift of Chen et al. 2019 ("Unsupervised 3D Pose Estimation
    with Geometric Self-Supervision", section 3), with squared errors: of the
    original 2D, and of the turned depth. Both are means over joints and axes.

    Args:
        generator: `links.Generator`, which lifts the second time.
        weight_2d, weight_depth: the factors.
    """

    def __init__(self, generator: Generator, weight_2d: float, weight_depth: float) -> None:
        super().__init__(consistency_2d=weight_2d, consistency_depth=weight_depth)
        self._generator = generator

    def __call__(self, batch: Turned) -> dict[str, Variable]:
        seen = functions.project(batch.turned)
        if batch.rescaled:
            size = functions.size(seen)
            depth = self._generator(seen / F.broadcast_to(size, seen.shape))
            depth = depth * F.broadcast_to(size, depth.shape)
        else:
            depth = self._generator(seen)
        back = functions.turn(functions.to_pose(seen, depth), batch.rotation, back=True)
        return {
            'consistency_2d': F.mean_squared_error(functions.project(back), batch.rows),
            'consistency_depth': F.mean_squared_error(depth, batch.turned[:, :, 2]),
        }


class BoneRatios(Term):
    """People are alike: each bone's share of the pose against its running mean.

    The mean square of what `functions.bone_ratios` deviates by. The running mean
    begins with the first batch's and is no part of the graph.

    Args:
        bones: pairs of joints (child, parent).
        weight: the factor.
        momentum: share of a batch in the running mean.
        ranks: `ranks.Ranks`, whose batches make the mean together.
    """

    def __init__(
        self,
        bones: Sequence[tuple[int, int]],
        weight: float,
        momentum: float = 0.01,
        ranks: Alone = ALONE,
    ) -> None:
        super().__init__(bones=weight)
        self._bones = bones
        self._momentum = momentum
        self._ranks = ranks
        self.mean = None

    def __call__(self, batch: Turned) -> dict[str, Variable]:
        ratios = functions.bone_ratios(batch.pose, self._bones)
        (mean,) = self._ranks.mean([ratios.array.mean(axis=0)])
        if self.mean is None:
            self.mean = mean
        else:
            before = chainer.backend.get_array_module(mean).asarray(self.mean)  # as loaded: NumPy
            self.mean = before + self._momentum * (mean - before)
        target = F.broadcast_to(self.mean, ratios.shape)
        return {'bones': F.mean_squared_error(ratios, target)}

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        self.mean = serializer('mean', self.mean)


class Depth(Term):
    """Squared error of the depth of poses that are labelled (section 5.2).

    Draws a batch of its own from them, however few they are.

    Args:
        generator: `links.Generator`.
        iterator: yields (B, 3J) arrays, 2D rows beside normalised depths; see
            `datasets.labelled_rows`.
        weight: the factor.
    """

    def __init__(
        self, generator: Generator, iterator: chainer.dataset.Iterator, weight: float
    ) -> None:
        super().__init__(depth=weight)
        self._generator = generator
        self._iterator = iterator

    def __call__(self, batch: Turned) -> dict[str, Variable]:
        return {'depth': labelled_loss(self._generator, self._iterator.next())}

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        self._iterator.serialize(serializer['iterator'])


def labelled_loss(
    generator: Generator, batch: NdArray, rng: np.random.Generator | None = None
) -> Variable:
    """Mean squared error of the depths of labelled poses, as the authors' supervised mode.

    Args:
        generator: `links.Generator`.
        batch: (B, 3J) array, 2D rows beside depths; see `datasets.labelled_rows`.
        rng: not used; what other losses draw from.
    Returns:
        Variable of shape ().
    """
    n = batch.shape[1] // 3
    return F.mean_squared_error(generator(batch[:, : 2 * n]), batch[:, 2 * n :])
