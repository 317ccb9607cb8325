"""What several readers of foreign data share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17

if TYPE_CHECKING:
    from chainer_pose.utils.files import StrPath


NOSE = H36M17.names.index('Neck/Nose')


def root_folder(root: StrPath) -> Path:
    """The folder that --root names, as a Path.

    Raises:
        InputError: if it is none.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError('expected a folder, found none', root=root)
    return root


def to_h36m17(poses: np.ndarray, index: Mapping[str, int]) -> np.ndarray:
    """Bring poses to the 17 joints of Human3.6M.

    Args:
        poses: (N, K, D) array.
        index: dict from the names of `H36M17` to joints of `poses`. Detectors
            and MPII have no Neck/Nose: without it, it is filled with the
            midpoint of Thorax (their upper neck) and Head (their head top).
    Returns:
        (N, 17, D) array.
    """
    at = {name: poses[:, joint] for name, joint in index.items()}
    if 'Neck/Nose' not in at:
        at['Neck/Nose'] = (at['Thorax'] + at['Head']) / 2
    return np.stack([at[name] for name in H36M17.names], axis=1)


def beside_published(found: int, published: int) -> str:
    """A count beside the published one, as text."""
    return f'published {published}: ' + (
        'equal' if found == published else f'{found - published:+d}'
    )
