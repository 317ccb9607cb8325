"""Eq. (3): the heuristic angle loss."""

from typing import Any

import chainer
import numpy as np
from chainer import Variable
from chainer.types import NdArray

from chainer_pose.functions.node import TINY, ArrayNode
from chainer_pose.skeletons import FaceJoints
from chainer_pose.utils.devices import is_on_device
from chainer_pose.utils.kernels import elementwise, total

_loss = total(
    'T nose_x, T neck_x, T left_x, T right_x, T nose_z, T neck_z, T left_z, T right_z, T tiny, '
    'int64 batch',
    'T loss',
    """max((T)0, -((nose_x - neck_x) * (left_z - right_z) - (nose_z - neck_z) * (left_x - right_x))
        / sqrt(((nose_x - neck_x) * (nose_x - neck_x) + (nose_z - neck_z) * (nose_z - neck_z))
            * ((left_x - right_x) * (left_x - right_x) + (left_z - right_z) * (left_z - right_z))
            + tiny)) / batch""",
    'angle_loss',
)
_loss_grad = elementwise(
    'raw T xy, raw T z, raw T g, int64 batch, int64 joints, int64 nose, int64 neck, int64 left, '
    'int64 right, T tiny',
    'T gz',
    """
    const long long b = i / joints, j = i % joints;
    gz = 0;
    if (j == nose || j == neck || j == left || j == right) {
        const long long o = b * joints;
        const T vx = xy[2 * (o + nose)] - xy[2 * (o + neck)], vz = z[o + nose] - z[o + neck];
        const T wx = xy[2 * (o + left)] - xy[2 * (o + right)], wz = z[o + left] - z[o + right];
        const T vv = vx * vx + vz * vz, ww = wx * wx + wz * wz;
        const T length = sqrt(vv * ww + tiny), sine = (vx * wz - vz * wx) / length;
        if (sine < 0) {
            const T by_cross = -g[0] / batch / length, by_square = sine * by_cross / length;
            const T gv = -by_cross * wx - by_square * ww * vz;
            const T gw = by_cross * vx - by_square * vv * wz;
            gz = j == nose ? gv : j == neck ? -gv : j == left ? gw : -gw;
        }
    }
    """,
    'angle_loss_grad',
)


def _face(xy: NdArray, z: NdArray, joints: tuple[int, ...]) -> tuple[Any, ...]:
    """(v_x, v_z, w_x, w_z, |v||w|, sin b), each (B,)."""
    nose, neck, left, right = joints
    x = xy[:, :, 0]
    v_x, v_z = x[:, nose] - x[:, neck], z[:, nose] - z[:, neck]
    w_x, w_z = x[:, left] - x[:, right], z[:, left] - z[:, right]
    # One root of the product keeps value and gradient finite at zero length.
    length = np.sqrt((v_x**2 + v_z**2) * (w_x**2 + w_z**2) + z.dtype.type(TINY))
    return v_x, v_z, w_x, w_z, length, (v_x * w_z - v_z * w_x) / length


class _AngleLoss(ArrayNode):
    def __init__(self, real: NdArray, joints: FaceJoints) -> None:
        self.real, self.joints = real, tuple(map(int, joints))

    def compute(self, z: NdArray) -> tuple[NdArray, ...]:
        if is_on_device(z):
            parts = [c[:, joint] for c in (self.real[:, :, 0], z) for joint in self.joints]
            return (_loss(*parts, TINY, len(z)),)
        return (np.asarray(np.maximum(0, -_face(self.real, z, self.joints)[-1]).mean()),)

    def gradients(self, gys: list[Any], z: NdArray) -> tuple[NdArray, ...]:
        if is_on_device(z):
            sizes = len(z), z.shape[1], *self.joints
            return (_loss_grad(self.real, z, gys[0], *sizes, TINY, size=z.size).reshape(z.shape),)
        v_x, v_z, w_x, w_z, length, sine = _face(self.real, z, self.joints)
        by_cross = np.where(sine < 0, -gys[0] / z.dtype.type(len(z)), 0) / length
        by_square = sine * by_cross / length
        # d(cross / length) = d cross / length - sine d(length^2) / (2 length^2)
        gv = -by_cross * w_x - by_square * (w_x**2 + w_z**2) * v_z
        gw = by_cross * v_x - by_square * (v_x**2 + v_z**2) * w_z
        gz = np.zeros_like(z)
        for joint, of_joint in zip(self.joints, (gv, -gv, gw, -gw)):
            gz[:, joint] += of_joint
        return (gz,)


def sin_beta(pose: np.ndarray, depth: np.ndarray, joints: FaceJoints) -> np.ndarray:
    """Sine of the angle from the shoulder line to the face on the zx-plane, (B,).

    Section 3.4 with the sign that its figure shows: v = nose - neck,
    w = left shoulder - right shoulder, sin b = (v_x w_z - v_z w_x) / |v||w|,
    which is positive for a person and negative for its copy with z inverted.
    If v or w has no length on the plane, it is 0. Poses are (B, J, 2), depths (B, J).
    """
    return _face(pose, depth, joints)[-1]


def angle_loss(real: NdArray, depth: Variable | NdArray, joints: FaceJoints | None) -> Variable:
    """The heuristic loss of eq. (3): mean of max(0, -sin b), a Variable of shape ().

    Arguments as of `sin_beta`; joints are None for a skeleton without them, whose loss is 0.
    """
    if joints is None:
        return chainer.Variable(chainer.backend.get_array_module(real).zeros_like(real[0, 0, 0]))
    return _AngleLoss(real, joints).apply((depth,))[0]
