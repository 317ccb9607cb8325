"""Poses in memory."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from chainer_pose.errors import InputError
from chainer_pose.skeletons import Skeleton

if TYPE_CHECKING:
    pass


@dataclasses.dataclass(frozen=True)
class Header:
    """What a pose file says of all its poses; see `PoseData` for the fields.

    `extra` holds further attributes, texts that nobody but people reads.
    """

    name: str
    skeleton: Skeleton
    names: dict = dataclasses.field(default_factory=dict)
    fps: float = 0.0
    source: str = ''
    licence: str = ''
    units_3d: str = 'mm'
    extra: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class PoseData:
    """Poses of one split of a pose file.

    Attributes:
        name: the data set's name.
        skeleton: `skeletons.Skeleton` of J joints.
        pose2d: (N, J, 2) float32, px.
        pose3d: (N, J, 3) float32, mm, camera frame; None in 2D-only data.
        valid: (N, J) bool, which joints of pose2d were seen; None for all.
        imputed: (N, J) bool, which of those not seen have coordinates all the
            same, filled in by a rule of the source; None for none.
        columns: dict of (N,) int32 arrays, those of `INDEX_COLUMNS` present.
        names: dict from 'action', 'subject', 'camera' to their lists of names.
        fps: frames a second, 0 if unknown.
        source, licence: texts, where the poses came from and who may use them.
        units_3d: 'mm', or 'px' for poses that were lifted without a scale.
        truth: what pose3d is, where the data have several; may be empty.
    """

    name: str
    skeleton: Skeleton
    pose2d: np.ndarray
    pose3d: np.ndarray | None = None
    valid: np.ndarray | None = None
    imputed: np.ndarray | None = None
    columns: dict = dataclasses.field(default_factory=dict)
    names: dict = dataclasses.field(default_factory=dict)
    fps: float = 0.0
    source: str = ''
    licence: str = ''
    units_3d: str = 'mm'
    truth: str = ''

    def __len__(self):
        return len(self.pose2d)

    @property
    def visible(self) -> np.ndarray:
        """(N, J) bool, which joints of pose2d have coordinates: seen, or filled in."""
        seen = trusted(self.valid, self.imputed)
        return np.ones(self.pose2d.shape[:2], bool) if seen is None else seen

    def require_pose3d(self) -> np.ndarray:
        """Return pose3d, or raise an InputError if the data are 2D only."""
        if self.pose3d is None:
            raise InputError(f'{self.name}: expected pose3d, found 2D only')
        return self.pose3d

    def header(self, **changes: Any) -> Header:
        """The `Header` of a file of such poses, but for the fields given."""
        shared = ('name', 'skeleton', 'names', 'fps', 'source', 'licence', 'units_3d')
        return Header(**{key: getattr(self, key) for key in shared} | changes)

    def select(self, index: np.ndarray | slice) -> PoseData:
        """The same data with only the poses that `index` (bool or int array) picks."""
        return dataclasses.replace(
            self,
            pose2d=self.pose2d[index],
            pose3d=None if self.pose3d is None else self.pose3d[index],
            valid=None if self.valid is None else self.valid[index],
            imputed=None if self.imputed is None else self.imputed[index],
            columns={name: column[index] for name, column in self.columns.items()},
        )


def trusted(valid, imputed):
    """Which joints must have finite coordinates; None for all."""
    return valid if valid is None or imputed is None else valid | imputed


def select_joints(data: PoseData, skeleton: Skeleton) -> PoseData:
    """A data set with the joints of another skeleton, taken by name.

    Args:
        data: `datasets.PoseData`.
        skeleton: `skeletons.Skeleton`, each of whose joints the data have, or
            have what it is the mean of.
    Returns:
        `datasets.PoseData`, with its pose3d, where there is one, alike.
    Raises:
        InputError: if a joint is missing.
    """
    wanted = [skeleton.names[j] for j in skeleton.detected]
    missing = [name for name in wanted if name not in data.skeleton.names]
    if missing:
        raise InputError(
            f'{data.name}: expected the joints of {skeleton.name}, found no {missing[0]!r}'
        )
    index = [data.skeleton.index(name) for name in wanted]
    n = len(data)
    valid = np.ones((n, len(index)), bool) if data.valid is None else data.valid[:, index]
    pose2d, visible = skeleton.add_virtual_joints(data.pose2d[:, index], data.visible[:, index])
    pose3d = None
    if data.pose3d is not None:
        pose3d = skeleton.add_virtual_joints(data.pose3d[:, index], np.ones_like(valid))[0]
    _, seen = skeleton.add_virtual_joints(data.pose2d[:, index], valid)
    return dataclasses.replace(
        data,
        skeleton=skeleton,
        pose2d=pose2d,
        pose3d=pose3d,
        valid=None if seen.all() else seen,
        imputed=None if (seen == visible).all() else visible & ~seen,
    )
