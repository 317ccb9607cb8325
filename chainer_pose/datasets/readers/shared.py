"""What several readers of foreign data share."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17
from chainer_pose.utils.files import StrPath

Progress = Callable[[int, int, str], None]  # called with (done, total, what)
NOSE = H36M17.names.index('Neck/Nose')


def silent(done: int, total: int, what: str) -> None:
    """Report no progress."""


def root_folder(root: StrPath) -> Path:
    """Return the folder of a data set as a Path, or raise an InputError if it is none."""
    root = Path(root)
    if not root.is_dir():
        raise InputError('expected a folder, found none', root=root)
    return root


def to_h36m17(poses: np.ndarray, index: Mapping[str, int]) -> np.ndarray:
    """Rearrange poses to the 17 joints of Human3.6M.

    Args:
        poses: (N, K, D) array.
        index: dict from the names of `H36M17` to joints of `poses`. Detectors
            and MPII have no Neck/Nose: without it, the midpoint of Thorax (their
            upper neck) and Head (their head top) is taken.
    Returns:
        (N, 17, D) array.
    """
    at = {name: poses[:, joint] for name, joint in index.items()}
    if 'Neck/Nose' not in at:
        at['Neck/Nose'] = (at['Thorax'] + at['Head']) / 2
    return np.stack([at[name] for name in H36M17.names], axis=1)
