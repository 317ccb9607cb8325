"""A camera found again from points and their images.

VideoPose3D's files and the official archive's world poses come without their
cameras, but with the exact projection of every pose. Thousands of points and
their images determine the camera that made them; what is left over tells
whether the model is right.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from chainer_pose.errors import InputError
from chainer_pose.geometry import Camera

MAX_POINTS = 6000
MAX_RESIDUAL = 0.05  # px, root mean square; float32 files leave about 0.0003
MAX_UNCERTAINTY = 0.05  # mm, of the camera's position along its worst direction
_ROUNDING = 3e-4  # px, the least noise that pixels in float32 carry
_STEPS = 60
# Typical changes of: rotation, rad; position, mm; focal lengths and centre, px;
# distortion. They bring the 15 unknowns to one size.
_UNITS = np.array([1e-3] * 3 + [1.0] * 3 + [1.0] * 4 + [1e-3] * 5)


def resect(points: np.ndarray, pixels: np.ndarray, name: str = '') -> Camera:
    """Find the camera of the Human3.6M model that sees points where they appear.

    A linear solution without distortion (direct linear transform; Hartley and
    Zisserman 2004, 7.1) is refined by Levenberg-Marquardt over all fifteen
    unknowns.

    Args:
        points: (N, 3) array, world mm.
        pixels: (N, 2) array, px.
        name: what the camera is called.
    Returns:
        `geometry.Camera`.
    Raises:
        InputError: if the pixels are no projection of the points, or too few
            or too flat to determine the camera to `MAX_UNCERTAINTY`.
    """
    points, pixels = np.asarray(points, np.float64), np.asarray(pixels, np.float64)
    if len(points) > MAX_POINTS:
        spread = np.linspace(0, len(points) - 1, MAX_POINTS).astype(int)
        points, pixels = points[spread], pixels[spread]
    if len(points) < 8 or not _is_spread(points):
        raise InputError(
            f'camera {name}: expected 8 or more points that span a room, found {len(points)}'
        )
    camera = _refine(_linear(points, pixels, name), points, pixels)
    error = _image(camera, points) - pixels.ravel()
    residual = float(np.sqrt((error**2).sum() / len(points)))
    if not residual < MAX_RESIDUAL:
        raise InputError(
            f'camera {name}: expected 2D that are the projection of the 3D, found a difference '
            f'of {residual:.3g} px'
        )
    uncertainty = _uncertainty(camera, points, max(residual, _ROUNDING))
    if not uncertainty < MAX_UNCERTAINTY:
        raise InputError(
            f'camera {name}: expected poses enough to find the camera to {MAX_UNCERTAINTY} mm, '
            f'found them to leave {uncertainty:.2g} mm open'
        )
    return camera


def _is_spread(points):
    """Whether the points fill a volume, at least a millimetre thick."""
    covariance = np.cov(points.T)
    return np.linalg.eigvalsh(covariance)[0] > 1


def _linear(points, pixels, name):
    to_unit, unit_points = _normalize(points)
    from_pixel, unit_pixels = _normalize(pixels)
    homogeneous = np.column_stack([unit_points, np.ones(len(points))])
    rows = np.zeros((2 * len(points), 12))
    rows[0::2, 0:4] = rows[1::2, 4:8] = homogeneous
    rows[0::2, 8:12] = -unit_pixels[:, :1] * homogeneous
    rows[1::2, 8:12] = -unit_pixels[:, 1:] * homogeneous
    # The weakest direction of 12 unknowns: eigenvectors of a 12 x 12 matrix.
    unit_projection = np.linalg.eigh(rows.T @ rows)[1][:, 0].reshape(3, 4)
    projection = np.linalg.inv(from_pixel) @ unit_projection @ to_unit
    if np.median(_depth(projection, points)) < 0:
        projection = -projection
    # K R = M by the QR decomposition of M's inverse.
    q, r = np.linalg.qr(np.linalg.inv(projection[:, :3]))
    signs = np.diag(np.sign(np.diag(r)))
    intrinsic, rotation = np.linalg.inv(signs @ r), (q @ signs).T
    if np.linalg.det(rotation) < 0:
        raise InputError(
            f'camera {name}: expected 2D that are the projection of the 3D, found its mirror image'
        )
    intrinsic = intrinsic / intrinsic[2, 2]
    position = -np.linalg.solve(projection[:, :3], projection[:, 3])
    return Camera(
        rotation, position, np.diag(intrinsic)[:2].copy(), intrinsic[:2, 2].copy(),
        np.zeros(3), np.zeros(2), name,
    )  # fmt: skip


def _depth(projection, points):
    """Third homogeneous coordinate of projected points, positive in front."""
    return points @ projection[2, :3] + projection[2, 3]


def _normalize(x):
    """Similarity that centres points at a mean distance of 1, and the points in it."""
    middle = x.mean(axis=0)
    size = np.linalg.norm(x - middle, axis=1).mean()
    n = x.shape[1]
    matrix = np.eye(n + 1) / size
    matrix[:n, n], matrix[n, n] = -middle / size, 1
    return matrix, (x - middle) / size


def _moved(camera, delta):
    """The camera after a step in its fifteen unknowns, in `_UNITS`."""
    step = delta * _UNITS
    return dataclasses.replace(
        camera,
        R=_rotation(step[:3]) @ camera.R,
        T=camera.T + step[3:6],
        f=camera.f + step[6:8],
        c=camera.c + step[8:10],
        k=camera.k + step[10:13],
        p=camera.p + step[13:15],
    )


def _rotation(vector):
    """Rodrigues: rotation matrix of an axis times an angle."""
    angle = np.linalg.norm(vector)
    if angle == 0:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _image(camera, points):
    return camera.project(camera.world_to_camera(points)).ravel()


def _jacobian(camera, points):
    columns = []
    for unit in np.eye(len(_UNITS)) * 1e-2:
        ahead, behind = (_image(_moved(camera, s * unit), points) for s in (1, -1))
        columns.append((ahead - behind) / 2e-2)
    return np.stack(columns, axis=1)


def _refine(camera, points, pixels):
    damping = 1e-3
    error = pixels.ravel() - _image(camera, points)
    for _ in range(_STEPS):
        jacobian = _jacobian(camera, points)
        normal, gradient = jacobian.T @ jacobian, jacobian.T @ error
        while damping < 1e10:
            delta = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), gradient)
            candidate = _moved(camera, delta)
            try:
                new_error = pixels.ravel() - _image(candidate, points)
            except ValueError:  # a step that puts points behind the camera
                new_error = np.array([np.inf])
            if (new_error**2).sum() < (error**2).sum():
                break
            damping *= 10
        else:
            break
        gain = 1 - (new_error**2).sum() / (error**2).sum()
        camera, error, damping = candidate, new_error, max(damping / 10, 1e-12)
        if gain < 1e-9:
            break
    return camera


def _uncertainty(camera, points, noise):
    jacobian = _jacobian(camera, points)
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * noise**2
    return float(np.sqrt(np.linalg.eigvalsh(covariance[3:6, 3:6])[-1])) * _UNITS[3]
