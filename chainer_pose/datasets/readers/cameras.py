"""The cameras of a subject of Human3.6M: from cameras.h5 or metadata.xml."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from chainer_pose.errors import InputError
from chainer_pose.geometry import Camera
from chainer_pose.utils import files, hdf5
from chainer_pose.utils.files import StrPath

_IMAGE = 1002  # px, width and height


def read(path: StrPath, subject: str, names: Sequence[str]) -> dict[str, tuple[Camera, Camera]]:
    """Read a subject's cameras from 3d-pose-baseline's cameras.h5 or the official metadata.xml.

    Returns:
        dict from name to two `Camera`: with R stored transposed, as is the
        convention, and with R stored as it is, for copies that differ; of a
        metadata.xml twice the same.
    Raises:
        InputError: if the file is damaged, or its cameras are not those named.
    """
    if Path(path).suffix == '.xml':
        return _read_metadata(path, subject, names)
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
            first, second = (Camera(R, **values, name=name) for R in (stored.T, stored))
            cameras[name] = first, second
        if set(cameras) != set(names):
            raise ValueError(f'cameras {" ".join(cameras)}, not {" ".join(names)}')
    return cameras


def _read_metadata(
    path: StrPath, subject: str, names: Sequence[str]
) -> dict[str, tuple[Camera, Camera]]:
    """Read the element w0: 11 subjects' extrinsics by camera, then the cameras' intrinsics."""
    with files.reading(path, 'an element w0 of 300 numbers'):
        text = re.findall(r'<w0\b[^>]*>([^<]*)</w0>', Path(path).read_text(encoding='utf-8'))
        w0 = np.array(' '.join(text).strip(' \t\r\n[]').split(), float)
        if w0.shape != (300,) or not np.isfinite(w0).all():
            raise ValueError(f'{len(w0)} numbers')
    cameras = {}
    for i, name in enumerate(names):
        extrinsic = w0[6 * (11 * i + int(subject[1:]) - 1) :][:6]
        R = Rotation.from_euler('XYZ', extrinsic[:3]).as_matrix()
        f, c, k, p = np.split(w0[264 + 9 * i :][:9], [2, 4, 7])
        cameras[name] = (Camera(R, extrinsic[3:], f, c, k, p, name),) * 2
    return cameras


def choose_rotation(where: str, pair: Sequence[Camera], world: np.ndarray) -> Camera:
    """Choose the camera of a pair that sees the poses; if both do, the level one.

    `pair` is of `read`; `world` (..., 3), mm, z up. Without poses it is the level one.

    Raises:
        InputError: if neither sees them: the camera is not of these poses.
    """
    seeing = [camera for camera in pair if sees(camera, camera.world_to_camera(world))]
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


def sees(camera: Camera, pose3d: np.ndarray) -> bool:
    """Whether poses, mm in the camera frame, are in front of a camera and about in its image."""
    is_in_front = (pose3d[..., 2] > 0).all()
    # A pose may leave the image, but not by another image's width.
    return bool(is_in_front and (abs(camera.project(pose3d) - camera.c) < 1.5 * _IMAGE).all())
