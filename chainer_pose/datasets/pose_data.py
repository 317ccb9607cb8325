"""Poses in memory."""

import dataclasses
from typing import Any

import numpy as np

from chainer_pose.errors import InputError
from chainer_pose.skeletons import Skeleton


@dataclasses.dataclass
class Header:
    """What all poses of a pose file share.

    Attributes:
        name: the data set's name.
        skeleton: of J joints.
        names: dict from 'action', 'subject', 'camera' to their lists of names.
        fps: frames a second, 0 if unknown.
        source, licence: texts, where the poses came from and who may use them.
        units_3d: 'mm', or 'px' for poses that were lifted without a scale.
        preparation: text, how the data were changed where the paper changes none; '' for not.
        extra: further attributes to write, which no reader of pose files needs.
    """

    name: str
    skeleton: Skeleton
    _: dataclasses.KW_ONLY
    names: dict = dataclasses.field(default_factory=dict)
    fps: float = 0.0
    source: str = ''
    licence: str = ''
    units_3d: str = 'mm'
    preparation: str = ''
    extra: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class PoseData(Header):
    """Poses of one split of a pose file.

    Attributes:
        pose2d: (N, J, 2) float32, px.
        pose3d: (N, J, 3) float32, mm, camera frame; None in 2D-only data.
        valid: (N, J) bool, which joints of pose2d were detected; None for all.
        imputed: (N, J) bool, which of the others have estimated coordinates; None for none.
        columns: dict of (N,) int32 arrays, some of 'action', 'subject', 'camera', 'clip', 'frame'.
        target: text, what pose3d is where the data have several ground truths.
        lacks: text, which poses of the whole data set the split lacks; '' for none, None if that
            is not known.
        excused: text, which of them every user of the data set or of its public copy lacks.
    """

    pose2d: np.ndarray
    pose3d: np.ndarray | None = None
    valid: np.ndarray | None = None
    imputed: np.ndarray | None = None
    columns: dict = dataclasses.field(default_factory=dict)
    target: str = ''
    lacks: str | None = None
    excused: str = ''

    def __len__(self) -> int:
        return len(self.pose2d)

    @property
    def visible(self) -> np.ndarray:
        """(N, J) bool, which joints of pose2d have coordinates, detected or imputed."""
        visible = visible_joints(self.valid, self.imputed)
        return np.ones(self.pose2d.shape[:2], bool) if visible is None else visible

    def present(self, column: str) -> list[str]:
        """Return the names of a column that occur, in their order; none without the column."""
        found = np.unique(self.columns.get(column, np.empty(0, int)))
        return [self.names[column][i] for i in found]

    @property
    def has_ground_truth(self) -> bool:
        """Whether there is pose3d in mm; that in px was lifted."""
        return self.pose3d is not None and self.units_3d == 'mm'

    def require_pose3d(self) -> np.ndarray:
        """Return pose3d, or raise an InputError if there is none in mm."""
        if self.pose3d is None or not self.has_ground_truth:
            found = '2D only' if self.pose3d is None else 'px, of poses that were lifted'
            raise InputError(f'{self.name}: expected pose3d in mm, found {found}')
        return self.pose3d

    def select(self, index: np.ndarray | slice) -> 'PoseData':
        """Return the poses that `index` (bool, int or slice) picks."""
        picked: dict[str, Any] = {
            name: None if (array := getattr(self, name)) is None else array[index]
            for name in ('pose2d', 'pose3d', 'valid', 'imputed')
        }
        picked['columns'] = {name: column[index] for name, column in self.columns.items()}
        return dataclasses.replace(self, **picked)


def visible_joints(valid: np.ndarray | None, imputed: np.ndarray | None) -> np.ndarray | None:
    """Return which joints have coordinates, detected or imputed; None for all."""
    return valid if valid is None or imputed is None else valid | imputed


def select_joints(data: PoseData, skeleton: Skeleton) -> PoseData:
    """Return a data set with the joints of another skeleton, taken by name.

    Raises:
        InputError: if a joint that is not virtual is missing.
    """
    wanted = [skeleton.names[j] for j in skeleton.detected]
    for name in wanted:
        if name not in data.skeleton.names:
            raise InputError(
                f'{data.name}: expected the joints of {skeleton.name}, found no {name!r}'
            )
    index = [data.skeleton.index(name) for name in wanted]
    all_visible = np.ones((len(data), len(index)), bool)
    valid = all_visible if data.valid is None else data.valid[:, index]
    pose2d, visible = skeleton.add_virtual_joints(data.pose2d[:, index], data.visible[:, index])
    _, valid = skeleton.add_virtual_joints(data.pose2d[:, index], valid)
    pose3d = data.pose3d
    if pose3d is not None:
        pose3d, _ = skeleton.add_virtual_joints(pose3d[:, index], all_visible)
    preparation = [data.preparation] if data.preparation else []
    if skeleton.names != data.skeleton.names:
        preparation.append(f'{len(skeleton)} joints of {skeleton.name}')
    return dataclasses.replace(
        data,
        skeleton=skeleton,
        preparation=', '.join(preparation),
        pose2d=pose2d,
        pose3d=pose3d,
        valid=None if valid.all() else valid,
        imputed=None if (valid == visible).all() else visible & ~valid,
    )
