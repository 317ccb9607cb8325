"""Center, scale, rotate and project poses: plain arrays, NumPy or CuPy.

x points right, y down, z away from the camera; 2D in pixels, 3D in mm,
angles in radians.
"""

import dataclasses

import numpy as np
from chainer.backend import get_array_module


def center(pose: np.ndarray, root: int) -> np.ndarray:
    """Move the root joint of poses, (N, J, D), to the origin (section 3.3)."""
    return pose - pose[:, root : root + 1]


def scale(pose: np.ndarray, root: int) -> np.ndarray:
    """Compute the mean distance of the other J - 1 joints from the root: (N, J, D) to (N,).

    Section 3.3 says "of all joints"; the authors' code leaves out the root.
    """
    xp = get_array_module(pose)
    distance = xp.sqrt((center(pose, root) ** 2).sum(axis=2))
    return distance.sum(axis=1) / (pose.shape[1] - 1)


def normalize(pose: np.ndarray, root: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Move the root joint of poses, (N, J, D), to the origin and scale them to 1 (section 3.3).

    Returns:
        (normalized, origin, size) of shapes (N, J, D), (N, 1, D) and (N, 1, 1); the pose is
        normalized * size + origin. A degenerate one, whose joints all coincide, becomes zeros,
        with size 0.
    """
    xp = get_array_module(pose)
    origin = pose[:, root : root + 1]
    size = scale(pose, root)[:, None, None]
    return (pose - origin) / xp.where(size > 0, size, 1), origin, size


def rotate_about_vertical(pose: np.ndarray, angle: float | np.ndarray) -> np.ndarray:
    """Rotate poses, (N, J, 3), about the vertical image axis, eq. (1): x' = x cos t + z sin t.

    The angle is a number or an array of shape (N,), in radians.
    """
    xp = get_array_module(pose)
    pose = xp.asarray(pose)
    angle = xp.asarray(angle)[..., None]
    cos, sin = xp.cos(angle), xp.sin(angle)
    x, y, z = pose[..., 0], pose[..., 1], pose[..., 2]
    return xp.stack([x * cos + z * sin, y, z * cos - x * sin], axis=-1)


def rotate_in_image(pose: np.ndarray, angle: float | np.ndarray) -> np.ndarray:
    """Rotate poses, (N, J, 2 or 3), clockwise about the image's origin, as a camera's roll does.

    The angle is a number or an array of shape (N,), in radians; z stays.
    """
    angle = np.asarray(angle)[..., None]
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = pose[..., 0], pose[..., 1]
    turned = np.array(pose)
    turned[..., 0], turned[..., 1] = x * cos - y * sin, x * sin + y * cos
    return turned


@dataclasses.dataclass(frozen=True)
class Camera:
    """A calibrated camera of the Human3.6M model.

    Args:
        R: (3, 3), rows are the camera's right, down and forward axes in the world.
        T: (3,), the camera's position in the world, mm.
        f, c: (2,), focal lengths and image center, px.
        k: (3,), radial distortion.
        p: (2,), tangential distortion.
        name: its name.
    """

    R: np.ndarray
    T: np.ndarray
    f: np.ndarray | tuple
    c: np.ndarray | tuple
    k: np.ndarray | tuple = (0.0, 0.0, 0.0)
    p: np.ndarray | tuple = (0.0, 0.0)
    name: str = ''

    def world_to_camera(self, points: np.ndarray) -> np.ndarray:
        """Compute X = R (P - T), from (..., 3) world mm to (..., 3) camera-frame mm."""
        return (points - np.asarray(self.T)) @ np.asarray(self.R).T

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project camera-frame points onto the image, with distortion.

        From (..., 3) mm to (..., 2) px, as the Human3.6M release: radial factors k1, k2, k3 and
        a tangential term without Brown's factor of two.

        Raises:
            ValueError: if a point is not in front of the camera.
        """
        if not (points[..., 2] > 0).all():
            raise ValueError(
                f'camera {self.name}: expected points in front of the camera, '
                f'found one at z = {points[..., 2].min():g} mm'
            )
        xy = points[..., :2] / points[..., 2:]
        r2 = (xy**2).sum(axis=-1, keepdims=True)
        radial = 1 + r2 * (self.k[0] + r2 * (self.k[1] + r2 * self.k[2]))
        tangential = self.p[0] * xy[..., 1:] + self.p[1] * xy[..., :1]
        distorted = xy * (radial + tangential) + np.asarray(self.p)[::-1] * r2
        return distorted * np.asarray(self.f) + np.asarray(self.c)


def camera_rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Make the rotation R, (3, 3), of a `Camera` in a world whose z axis points up.

    It looks in the direction yaw, from the world's x towards y, and down by pitch; roll turns the
    image content clockwise. In radians.
    """
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)])
    down = np.cross(forward, right)
    cos, sin = np.cos(roll), np.sin(roll)
    return np.stack([cos * right - sin * down, sin * right + cos * down, forward])


def face(
    pose2d: np.ndarray, root: int, focal: np.ndarray | tuple, center: np.ndarray | tuple
) -> tuple[np.ndarray, np.ndarray]:
    """Turn the camera of each pose onto its root joint, by a homography of the image.

    Args:
        pose2d: (N, J, 2), px.
        focal, center: (2,) or (N, 2), px.
    Returns:
        (pose2d, rotation): as the turned cameras see the poses, (N, J, 2) px about the same
        center, with equal focal lengths, NaN for joints 90 degrees or more from the root; and
        `look_at` of the root, (N, 3, 3).
    """
    focal, center = (np.broadcast_to(a, (len(pose2d), 2))[:, None] for a in (focal, center))
    rays = np.concatenate([(pose2d - center) / focal, np.ones((*pose2d.shape[:2], 1))], axis=2)
    rotation = look_at(rays[:, root])
    rays = rays @ np.swapaxes(rotation, 1, 2)
    depth = np.where(rays[:, :, 2:] > 0, rays[:, :, 2:], np.nan)
    return rays[:, :, :2] / depth * focal.mean(axis=2, keepdims=True) + center, rotation


def look_at(ray: np.ndarray) -> np.ndarray:
    """Make the rotations, by yaw and then pitch, that put rays on the optical axis.

    From rays (N, 3) in the camera frame, z positive, to (N, 3, 3), for column vectors.
    """
    yaw = np.arctan2(ray[:, 0], ray[:, 2])
    pitch = np.arctan2(ray[:, 1], np.hypot(ray[:, 0], ray[:, 2]))
    (cos_yaw, sin_yaw), (cos, sin) = (np.cos(yaw), np.sin(yaw)), (np.cos(pitch), np.sin(pitch))
    zero = np.zeros_like(yaw)
    rows = [
        [cos_yaw, zero, -sin_yaw],
        [-sin * sin_yaw, cos, -sin * cos_yaw],
        [cos * sin_yaw, sin, cos * cos_yaw],
    ]
    return np.moveaxis(np.array(rows), 2, 0)
