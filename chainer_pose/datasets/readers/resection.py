"""Estimate a camera from points and their images.

VideoPose3D's files and the official archive's world poses come without their
cameras, but with the exact projection of every pose. Thousands of points and
their images determine the camera; the residual tells whether the model is right.
"""

import numpy as np
from scipy import linalg, optimize
from scipy.spatial.transform import Rotation

from chainer_pose.errors import InputError
from chainer_pose.geometry import Camera

MAX_POINTS = 6000
MAX_DIFFERENCE = 0.5  # px, between a copy's own projection and ours
MAX_RESIDUAL = 0.05  # px, root mean square; float32 files leave about 0.0003
MAX_UNCERTAINTY = 0.05  # mm, of the camera's position along its worst direction
_ROUNDING = 3e-4  # px, the least noise that pixels in float32 carry
# Typical changes of: rotation, rad; position, mm; focal lengths and center, px; distortion.
_SCALES = np.array([1e-3] * 3 + [1.0] * 3 + [1.0] * 4 + [1e-3] * 5)


def resect(
    points: np.ndarray, pixels: np.ndarray, name: str = '', in_camera: bool = False
) -> Camera:
    """Estimate the camera of the Human3.6M model that sees points at given pixels.

    A linear solution without distortion (direct linear transform; Hartley and
    Zisserman 2004, 7.1) is refined by Levenberg-Marquardt over all fifteen
    unknowns.

    Args:
        points: (N, 3) array, world mm.
        pixels: (N, 2) array, px.
        in_camera: the points are in the camera's frame; only focal lengths, center and
            distortion are estimated.
    Raises:
        InputError: if the pixels are no projection of the points, or the points
            are too few or too flat to determine the camera to `MAX_UNCERTAINTY`.
    """
    points, pixels = np.asarray(points, np.float64), np.asarray(pixels, np.float64)
    if len(points) > MAX_POINTS:
        spread = np.linspace(0, len(points) - 1, MAX_POINTS).astype(int)
        points, pixels = points[spread], pixels[spread]
    if len(points) < 8 or np.linalg.eigvalsh(np.cov(points.T))[0] < 1:  # thinner than 1 mm
        raise InputError(
            f'camera {name}: expected 8 or more points that span a room, found {len(points)}'
        )
    if in_camera:
        rotation, position, (focal, center, _) = np.eye(3), np.zeros(3), fit_pinhole(points, pixels)
    else:
        rotation, position, focal, center = _linear(points, pixels)
    scales = _SCALES[6:] if in_camera else _SCALES

    def camera_at(change: np.ndarray) -> Camera:
        change = np.concatenate([np.zeros(len(_SCALES) - len(change)), change])
        turn, shift, f, c, k, p = np.split(change, [3, 6, 8, 10, 13])
        turned = Rotation.from_rotvec(turn).as_matrix() @ rotation
        return Camera(turned, position + shift, focal + f, center + c, k, p, name)

    def errors(change: np.ndarray) -> np.ndarray:
        camera = camera_at(change)
        try:
            return (camera.project(camera.world_to_camera(points)) - pixels).ravel()
        except ValueError:  # points behind the camera
            return np.full(pixels.size, 1e9)

    found = optimize.least_squares(
        errors, np.zeros(len(scales)), jac='3-point', method='lm', x_scale=scales,
        ftol=1e-12, xtol=1e-12, gtol=1e-12, max_nfev=2000,
    )  # fmt: skip
    residual = float(np.sqrt(2 * found.cost / len(points)))
    mirrored = np.linalg.det(rotation) < 0 or min(focal) <= 0
    if mirrored or not residual < (MAX_DIFFERENCE if in_camera else MAX_RESIDUAL):
        found_this = 'its mirror image' if mirrored else f'a difference of {residual:.3g} px'
        raise InputError(
            f'camera {name}: expected 2D that are the projection of the 3D, found {found_this}'
        )
    if in_camera:
        return camera_at(found.x)
    jacobian = found.jac * _SCALES
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * max(residual, _ROUNDING) ** 2
    uncertainty = np.sqrt(np.linalg.eigvalsh(covariance[3:6, 3:6])[-1])  # mm, as of _SCALES
    if not uncertainty < MAX_UNCERTAINTY:
        raise InputError(
            f'camera {name}: expected poses that determine the camera to {MAX_UNCERTAINTY} mm, '
            f'found an uncertainty of {uncertainty:.2g} mm'
        )
    return camera_at(found.x)


def _linear(points: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, ...]:
    """Rotation, position, focal lengths and center by the direct linear transform."""
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
    if np.median(points @ projection[2, :3]) + projection[2, 3] < 0:  # behind the camera
        projection = -projection
    intrinsic, rotation = linalg.rq(projection[:, :3])
    signs = np.diag(np.sign(np.diag(intrinsic)))
    intrinsic, rotation = intrinsic @ signs, signs @ rotation
    intrinsic /= intrinsic[2, 2]
    position = -np.linalg.solve(projection[:, :3], projection[:, 3])
    return rotation, position, np.diag(intrinsic)[:2], intrinsic[:2, 2]


def fit_pinhole(points: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Fit x = f X / Z + c to points in the camera frame, (N, 3) mm, and their images, (N, 2) px.

    Returns:
        focal lengths and center, (2,) px each, and the root mean square residual, px.
    """
    fits, residuals = [], []
    for slope, pixel in zip((points[:, :2] / points[:, 2:]).T, pixels.T):
        line = np.stack([slope, np.ones(len(slope))], axis=1)
        fits.append(np.linalg.lstsq(line, pixel, rcond=None)[0])
        residuals.append(np.sqrt(np.mean((line @ fits[-1] - pixel) ** 2)))
    focal, center = np.transpose(fits)
    return focal, center, max(residuals)


def _normalize(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Similarity that centers points at a mean distance of 1, and the points in it."""
    middle = x.mean(axis=0)
    size = np.linalg.norm(x - middle, axis=1).mean()
    matrix = np.diag([*np.full(x.shape[1], 1 / size), 1.0])
    matrix[:-1, -1] = -middle / size
    return matrix, (x - middle) / size
