"""The cameras of a subject of Human3.6M: from cameras.h5."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainer_pose.errors import InputError
from chainer_pose.geometry import Camera
from chainer_pose.utils import hdf5
from chainer_pose.utils.files import StrPath

_IMAGE = 1002  # px, width and height


def read(path: StrPath, subject: str, names: Sequence[str]) -> dict[str, tuple[Camera, Camera]]:
    """Read the cameras of a subject from 3d-pose-baseline's cameras.h5.

    Args:
        path: cameras.h5.
        subject: 'S1', ...
        names: of the four cameras.
    Returns:
        dict from name to two `Camera`: with R stored transposed, as is the
        convention, and with R stored as it is, for copies that differ.
    Raises:
        InputError: naming the file, what was expected and what was found.
    """
    where = f'subject{subject[1:]}/camera'
    cameras = {}
    with hdf5.opened(path, f'{where}1 to {len(names)} with R T f c k p Name') as file:
        for number in range(1, len(names) + 1):
            group = file[f'{where}{number}']
            name = ''.join(chr(int(code)) for code in np.ravel(group['Name'][()]))
            sizes = {'T': 3, 'f': 2, 'c': 2, 'k': 3, 'p': 2}
            values = {key: group[key][()].reshape(n).astype(float) for key, n in sizes.items()}
            stored = group['R'][()].reshape(3, 3).astype(float)
            if not np.allclose(stored @ stored.T, np.eye(3), atol=1e-3):
                raise ValueError(f'camera{number}/R, which is no rotation')
            if not all(np.isfinite(value).all() for value in values.values()):
                raise ValueError(f'numbers of camera{number} that are not finite')
            cameras[name] = (
                Camera(stored.T, **values, name=name),
                Camera(stored, **values, name=name),
            )
        if set(cameras) != set(names):
            raise ValueError(f'cameras {" ".join(cameras)}, not {" ".join(names)}')
    return cameras


def choose_rotation(where: str, pair: Sequence[Camera], world: np.ndarray) -> Camera:
    """Choose the one of two cameras that sees the poses; if both do, the level one.

    Args:
        where: for the message.
        pair: two `Camera`, with R by convention, and transposed.
        world: (..., 3) array, mm, z up.
    Returns:
        `Camera`.
    Raises:
        InputError: if neither sees them: the camera is not of these poses.
    """
    seeing = [camera for camera in pair if _sees(camera, world)]
    if not seeing:
        raise InputError(
            f'{where}: expected camera {pair[0].name} to see the poses, found them behind it or '
            f'outside its image'
        )
    # The cameras of Human3.6M look across the room's corners and roll by less than
    # 4 degrees, so the right axis of a transposed one is some 20 degrees off level.
    # The margin keeps every camera that is stored by convention.
    roll = [abs(camera.R[0, 2]) for camera in seeing]
    return seeing[1] if len(seeing) == 2 and roll[1] < roll[0] - 0.15 else seeing[0]


def _sees(camera: Camera, world: np.ndarray) -> bool:
    pose3d = camera.world_to_camera(world)
    if not (pose3d[..., 2] > 0).all():
        return False
    # A pose may leave the image, but not by another image's width.
    return bool((np.abs(camera.project(pose3d) - camera.c) < 1.5 * _IMAGE).all())
