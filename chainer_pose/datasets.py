"""From pose files to arrays: named data sets, training poses, batches."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import chainer
import numpy as np

from chainer_pose import files, geometry, pose_file
from chainer_pose.errors import InputError
from chainer_pose.utils import comm as comm_module
from chainer_pose.utils.random_state import serialize_rng

if TYPE_CHECKING:
    import chainermn
    from chainer.types import NdArray

    from chainer_pose.pose_file import PoseData


DATA_DIRECTORY = Path(__file__).resolve().parent.parent / 'data'


def find(dataset: str) -> Path:
    """The pose file that a name or a path means.

    A path ends in .h5. A name is looked up as NAME.h5 in the project's data
    folder, then in $CHAINER_POSE_DATA. 'synthetic' is made where it is absent.

    Raises:
        InputError: if there is no such file, saying where it was looked for.
    """
    if str(dataset).endswith('.h5'):
        return Path(dataset)
    extra = os.environ.get('CHAINER_POSE_DATA')
    folders = [DATA_DIRECTORY] + ([Path(extra)] if extra else [])
    for folder in folders:
        if (folder / f'{dataset}.h5').is_file():
            return folder / f'{dataset}.h5'
    if dataset == 'synthetic':
        return _make_synthetic(Path(extra) if extra else DATA_DIRECTORY)
    tried = ', '.join(str(folder / f'{dataset}.h5') for folder in folders)
    raise InputError(
        f'--dataset {dataset}: expected a name or a path that ends in .h5, found none of: {tried} '
        f'(data/README.md tells how to make one)'
    )


def _make_synthetic(folder):
    from chainer_pose.sources import synthetic

    path = folder / 'synthetic.h5'
    with files.writing('--dataset synthetic', path):
        folder.mkdir(parents=True, exist_ok=True)
        pose_file.write(path, synthetic.make())
    return path


def usable(data: PoseData) -> np.ndarray:
    """Which poses can be learned from and lifted: every joint there, some size.

    A joint that the source has filled in by its rule counts as there.

    Args:
        data: `pose_file.PoseData`.
    Returns:
        bool array of shape (N,).
    """
    sized = geometry.scale(data.pose2d, data.skeleton.root) > 0
    return sized & data.there.all(axis=1)


def require_usable(data: PoseData) -> np.ndarray:
    """`usable`, where there must be one.

    Args and returns: as `usable`.
    Raises:
        InputError: if no pose is usable.
    """
    mask = usable(data)
    if not mask.any():
        raise InputError(
            f'{data.name}: expected poses with every joint present and of some size, '
            f'found none among {len(data)}'
        )
    return mask


def hold_out(
    data: PoseData, fraction: float, rng: np.random.Generator
) -> tuple[PoseData, PoseData]:
    """Set whole clips aside, so that choosing by their error touches no test pose.

    Args:
        data: `pose_file.PoseData` with clips.
        fraction: share of the clips to set aside, between 0 and 1; at least one is.
        rng: numpy.random.Generator that picks them.
    Returns:
        (kept, held out): two `pose_file.PoseData`.
    Raises:
        InputError: if the data do not name clips, or too few.
    """
    clip = data.columns.get('clip', np.empty(0, int))
    clips = np.unique(clip)
    count = max(1, round(fraction * len(clips)))
    if count >= len(clips):
        raise InputError(
            f'--holdout {fraction}: expected {data.name} to have more than {count} clip(s), '
            f'found {len(clips)}'
        )
    held = np.isin(clip, rng.permutation(clips)[:count])
    return data.select(~held), data.select(held)


def training_poses(data: PoseData) -> np.ndarray:
    """The usable poses, normalised as in section 3.3.

    Args:
        data: `pose_file.PoseData`.
    Returns:
        float32 array of shape (N, J, 2).
    Raises:
        InputError: if no pose is usable.
    """
    poses = data.pose2d[require_usable(data)]
    return geometry.normalize(poses, data.skeleton.root)[0]


def labelled_poses(data: PoseData) -> tuple[np.ndarray, np.ndarray]:
    """Usable poses with the depths that a generator should give them.

    A depth is z relative to the root over the true pose's own size on the
    xy-plane (section 4.1), so that the protocols' scale gives it back in mm.

    Args:
        data: `pose_file.PoseData` with pose3d.
    Returns:
        float32 arrays of shape (N, J, 2), as of `training_poses`, and (N, J).
    Raises:
        InputError: if there is no 3D, or no pose that is usable.
    """
    root = data.skeleton.root
    pose3d = _pose3d(data)[require_usable(data)]
    size = geometry.scale(pose3d[:, :, :2], root)[:, None]
    depth = geometry.center(pose3d, root)[:, :, 2] / np.where(size > 0, size, 1)
    return training_poses(data), depth.astype(np.float32)


def pixel_poses(data: PoseData) -> tuple[np.ndarray, np.ndarray]:
    """Usable poses as they were measured: 2D in px, and 3D in mm with the root at the origin.

    Args:
        data: `pose_file.PoseData` with pose3d.
    Returns:
        float32 arrays of shape (N, J, 2) and (N, J, 3).
    Raises:
        InputError: as `labelled_poses`.
    """
    usable = require_usable(data)
    centred = geometry.center(_pose3d(data)[usable], data.skeleton.root)
    return data.pose2d[usable].astype(np.float32), centred.astype(np.float32)


def _pose3d(data):
    if data.pose3d is None:
        raise InputError(f'{data.name}: expected pose3d to learn from, found 2D only')
    return data.pose3d


def choose_labelled(data: PoseData, fraction: float, rng: np.random.Generator) -> PoseData:
    """A share of the poses to be treated as labelled, clip after clip.

    Labels come by the clip, not by scattered frames that are all but alike: clips
    are taken in random order until there are enough poses, the last one in part.

    Args:
        data: `pose_file.PoseData`; without clips every pose is one.
        fraction: share of the poses, above 0, up to 1; at least one is taken.
        rng: numpy.random.Generator that orders the clips.
    Returns:
        `pose_file.PoseData`.
    """
    clip = data.columns.get('clip', np.arange(len(data)))
    clips, which = np.unique(clip, return_inverse=True)
    place = rng.permutation(len(clips))[which]
    chosen = np.argsort(place, kind='stable')[: max(1, round(fraction * len(data)))]
    return data.select(np.sort(chosen))


class PoseIterator(chainer.dataset.Iterator):
    """Shuffled batches of poses: tuples of arrays on the poses' device.

    Every pose is drawn once an epoch; a batch at the end of one is filled up
    from the next, so that all batches have the same size.

    Args:
        arrays: tuple of arrays of length N, NumPy or CuPy: poses, and what belongs to each.
        batchsize: poses a batch; may exceed N.
        rng: numpy.random.Generator that shuffles; the same in all processes.
        comm: ChainerMN communicator; of a batch of all processes together each gets its part.
    """

    def __init__(
        self,
        arrays: tuple[NdArray, ...],
        batchsize: int,
        rng: np.random.Generator,
        comm: chainermn.CommunicatorBase | None = None,
    ) -> None:
        self.arrays = arrays
        self.batch_size = batchsize * (1 if comm is None else comm.size)
        self._comm = comm
        self._rng = rng
        self.epoch = 0
        self.is_new_epoch = False
        self._previous_epoch_detail = -1.0
        self._position = 0
        self._shuffle()

    def _shuffle(self):
        self._order = self._rng.permutation(len(self.arrays[0]))
        self._send_order()

    def _send_order(self):
        # Once an epoch, where the poses are: a GPU would be sent each batch's indices.
        self._sent_order = chainer.backend.get_array_module(self.arrays[0]).asarray(self._order)

    def __next__(self) -> tuple[NdArray, ...]:
        self._previous_epoch_detail = self.epoch_detail
        epoch = self.epoch
        drawn = []
        missing = self.batch_size
        while missing:
            part = self._sent_order[self._position : self._position + missing]
            drawn.append(part)
            missing -= len(part)
            self._position += len(part)
            if self._position == len(self._order):
                self.epoch += 1
                self._position = 0
                self._shuffle()
        self.is_new_epoch = self.epoch > epoch
        if len(drawn) > 1:
            drawn = [chainer.backend.get_array_module(self.arrays[0]).concatenate(drawn)]
        own = comm_module.own_part(drawn[0], self._comm)
        return tuple(array[own] for array in self.arrays)

    next = __next__

    @property
    def epoch_detail(self) -> float:
        """Epochs done, with the fraction of the one under way."""
        return self.epoch + self._position / len(self._order)

    @property
    def previous_epoch_detail(self) -> float | None:
        """`epoch_detail` before the last batch; None before the first."""
        return None if self._previous_epoch_detail < 0 else self._previous_epoch_detail

    def serialize(self, serializer: chainer.AbstractSerializer) -> None:
        self.epoch = serializer('epoch', self.epoch)
        self.is_new_epoch = bool(serializer('is_new_epoch', self.is_new_epoch))
        self._previous_epoch_detail = serializer(
            'previous_epoch_detail', self._previous_epoch_detail
        )
        self._position = serializer('position', self._position)
        serializer('order', self._order)
        self._send_order()
        serialize_rng(serializer, 'shuffle', self._rng)
