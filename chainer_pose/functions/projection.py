"""Eq. (1): turn the lifted pose about the vertical axis and project it."""

from typing import Any

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable
from chainer.types import NdArray

from chainer_pose.functions.node import TINY, ArrayNode
from chainer_pose.utils.devices import is_on_device
from chainer_pose.utils.kernels import elementwise

# The axis is (0, cos p, sin p); q is a joint's depth behind it. For a pitch of 0, q is z and h is
# s x + (1 - c) z, so x' = c x + s z, y' = y as in eq. (1), and z' = c z - s x.
_TURNED = """
    const T c = cos(angle[i / joints]), s = sin(angle[i / joints]);
    const T cp = cos(pitch), sp = sin(pitch), x = xy[2 * i], y = xy[2 * i + 1];
    const T q = cp * z - sp * y, h = s * x + (1 - c) * q;
"""
_rotate = elementwise(
    'raw T xy, T z, raw T angle, T pitch, int64 joints',
    'raw T turned_xy, T turned_z',
    _TURNED
    + """
    turned_xy[2 * i] = c * x + s * q;
    turned_xy[2 * i + 1] = y + sp * h;
    turned_z = z - cp * h;
    """,
    'rotate',
)
_rotate_grad = elementwise(
    'raw T xy, T z, raw T angle, T pitch, int64 joints, raw T g_xy, T g_z',
    'raw T gxy, T gz, T gpitch',
    _TURNED
    + """
    const T gx = g_xy[2 * i], gy = g_xy[2 * i + 1];
    const T gh = sp * gy - cp * g_z, gq = s * gx + (1 - c) * gh;
    gxy[2 * i] = c * gx + s * gh;
    gxy[2 * i + 1] = gy - sp * gq;
    gz = g_z + cp * gq;
    gpitch = h * (cp * gy + sp * g_z) - gq * (cp * y + sp * z);
    """,
    'rotate_grad',
)


class _Rotate(ArrayNode):
    def __init__(self, angle: NdArray) -> None:
        self.angle = angle

    def compute(self, xy: NdArray, z: NdArray, *pitch: NdArray) -> tuple[NdArray, ...]:
        if is_on_device(z):
            turned = _empty_like(xy), _empty_like(z)
            _rotate(xy, z, self.angle, _by_joint(*pitch), z.shape[1], *turned)
            return turned
        x, y, c, s, cp, sp, q, h = self._parts(xy, z, *pitch)
        return np.stack([c * x + s * q, y + sp * h], axis=2), z - cp * h

    def gradients(
        self, gys: list[Any], xy: NdArray, z: NdArray, *pitch: NdArray
    ) -> tuple[NdArray, ...]:
        xp = chainer.backend.get_array_module(z)
        g_xy = xp.zeros_like(xy) if gys[0] is None else xp.ascontiguousarray(gys[0])
        g_z = 0.0 if gys[1] is None else gys[1]
        if is_on_device(z):
            gxy, gz, by_joint = _empty_like(xy), _empty_like(z), _empty_like(z)
            sizes = self.angle, _by_joint(*pitch), z.shape[1]
            _rotate_grad(xy, z, *sizes, g_xy, g_z, gxy, gz, by_joint)
        else:
            _, y, c, s, cp, sp, _, h = self._parts(xy, z, *pitch)
            gx, gy = g_xy[:, :, 0], g_xy[:, :, 1]
            gh = sp * gy - cp * g_z
            gq = s * gx + (1 - c) * gh
            gxy, gz = np.stack([c * gx + s * gh, gy - sp * gq], axis=2), g_z + cp * gq
            by_joint = h * (cp * gy + sp * g_z) - gq * (cp * y + sp * z) if pitch else None
        if not pitch:
            return gxy, gz
        if pitch[0].ndim:
            return gxy, gz, by_joint.sum(axis=1)
        return gxy, gz, by_joint.sum(keepdims=True).reshape(())

    def _parts(self, xy: NdArray, z: NdArray, pitch: NdArray | None = None) -> tuple[Any, ...]:
        angle = self.angle[:, None]
        c, s = np.cos(angle), np.sin(angle)
        p = _by_joint(pitch)
        cp, sp = (1, 0) if pitch is None else (np.cos(p), np.sin(p))
        x, y = xy[:, :, 0], xy[:, :, 1]
        q = cp * z - sp * y
        return x, y, c, s, cp, sp, q, s * x + (1 - c) * q


def _by_joint(pitch: NdArray | None = None) -> Any:
    """A pitch of shape (), or (B,) as (B, 1), which goes with depths of shape (B, J)."""
    if pitch is None:
        return 0.0
    return pitch[:, None] if pitch.ndim else pitch


def _empty_like(array: NdArray) -> NdArray:
    # In C order, which the kernels expect, whatever the array's.
    return chainer.backend.get_array_module(array).empty_like(array, order='C')


def rotate(
    xy: Variable | NdArray,
    depth: Variable | NdArray,
    angle: NdArray,
    pitch: Variable | None = None,
) -> tuple[Variable, Variable]:
    """Turn lifted poses about the vertical axis of a camera that looks down by a pitch.

    Without a pitch this is the rotation of eq. (1). With one it is Rx(-p) Ry(t) Rx(p): make the
    pose upright, turn it, tilt it back. The inverse has -angle.

    Args:
        xy: (B, J, 2), root at the origin.
        depth: (B, J), z in the unit of xy.
        angle: (B,) array t, radians.
        pitch: Variable of shape () or (B,) p, radians, positive where the camera looks down.
    Returns:
        (xy, depth) of the turned poses: Variables of shape (B, J, 2) and (B, J).
    """
    return _Rotate(angle).apply((xy, depth) if pitch is None else (xy, depth, pitch))


def rotate_and_project(
    real: Variable | NdArray,
    depth: Variable | NdArray,
    angle: NdArray,
    pitch: Variable | None = None,
) -> Variable:
    """Turn the lifted pose about the vertical axis and drop its depth, eq. (1).

    Arguments as of `rotate`; without a pitch the Variable, (B, J, 2), is x cos t + z sin t
    beside y.
    """
    return rotate(real, depth, angle, pitch)[0]


def size(pose: Variable | NdArray) -> Variable:
    """Mean distance of the other joints from the origin, as in section 3.3: (B, 1, 1).

    Of poses (B, J, 2) whose root is at the origin, or near it.
    """
    distance = F.sqrt(F.sum(pose**2, axis=2, keepdims=True) + TINY)
    return F.sum(distance, axis=1, keepdims=True) / (pose.shape[1] - 1)


def rescale(pose: Variable | NdArray) -> Variable:
    """Normalize poses as section 3.3 normalizes the input: (B, J, 2) to (B, J, 2)."""
    return pose / F.broadcast_to(size(pose), pose.shape)
