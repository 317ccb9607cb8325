"""Per-action error of the generator, while it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import chainer

from chainer_pose import evaluation
from chainer_pose.ranks import ALONE

if TYPE_CHECKING:
    from chainer_pose.links import Generator
    from chainer_pose.martinez import Martinez
    from chainer_pose.pose_file import PoseData
    from chainer_pose.ranks import Alone


class PoseEvaluator(chainer.training.Extension):
    """Measure the generator on data with truth, in large batches.

    Args:
        generator: `links.Generator`.
        data: `pose_file.PoseData` with pose3d.
        batchsize: poses lifted at a time.
        ranks: `ranks.Ranks`, each of which measures a part.

    Reports, in mm under the protocol kudo:
        * ``validation/mpjpe``: mean over the actions.
        * ``validation/mpjpe/<action>``: one for each action.
    """

    trigger = 1, 'epoch'
    default_name = 'validation'
    priority = chainer.training.PRIORITY_WRITER

    def __init__(
        self,
        generator: Generator | Martinez,
        data: PoseData,
        batchsize: int = 4096,
        ranks: Alone = ALONE,
    ) -> None:
        self.generator = generator
        self.data = data
        self.batchsize = batchsize
        self._ranks = ranks

    def __call__(self, trainer: chainer.training.Trainer) -> None:
        result = evaluation.evaluate(
            self.generator, self.data, ('kudo',), self.batchsize, self._ranks
        )
        score = result.scores['kudo']
        chainer.report(
            {
                'validation/mpjpe': score.average,
                **{f'validation/mpjpe/{name}': error for name, error in score.actions.items()},
            }
        )
