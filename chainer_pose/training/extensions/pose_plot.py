"""Pictures of a few poses, so that one sees the generator learn."""

from pathlib import Path

import chainer

from chainer_pose import visualizations
from chainer_pose.datasets import PoseData
from chainer_pose.links import LiftingLink
from chainer_pose.utils.files import atomic_path


class PosePlot(chainer.training.Extension):
    """Draw the same five poses, evenly spread in the data, as ``poses/N.png`` under the run."""

    trigger = 1, 'epoch'
    priority = chainer.training.PRIORITY_READER

    def __init__(self, generator: LiftingLink, data: PoseData) -> None:
        self.generator = generator
        self.data = visualizations.choose(data, count=5)

    def __call__(self, trainer: chainer.training.Trainer) -> None:
        folder = Path(trainer.out) / 'poses'
        folder.mkdir(exist_ok=True)
        title = f'iteration {trainer.updater.iteration} (left is blue, right is red)'
        figure = visualizations.pose_sheet(self.generator, self.data, title=title)
        with atomic_path(folder / f'{trainer.updater.iteration}.png') as temporary:
            figure.savefig(temporary)
