"""Per-action error of the generator, while it trains."""

import chainer

from chainer_pose import evaluation
from chainer_pose.ranks import ALONE


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

    def __init__(self, generator, data, batchsize=4096, ranks=ALONE):
        self.generator = generator
        self.data = data
        self.batchsize = batchsize
        self._ranks = ranks

    def __call__(self, trainer):
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
