"""The differentiable part of section 3: eq. (1) to (4), as pure functions.

Links and functions see a pose as one row, interleaved x1 y1 x2 y2 ...;
`to_rows` and `from_rows` are where that is decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import chainer
import chainer.functions as F
import numpy as np

if TYPE_CHECKING:
    from chainer import Variable
    from chainer.types import NdArray

    from chainer_pose.skeleton import AngleJoints


_TINY = 1e-8  # |v|^2 |w|^2 of eq. (3) is about 1e-2 on normalised poses


def to_rows(pose: Variable | NdArray) -> Variable:
    """(N, J, 2) poses to (N, 2J) rows, what the links take."""
    return pose.reshape(len(pose), -1)


def from_rows(rows: Variable | NdArray) -> Variable:
    """(N, 2J) rows to (N, J, 2) poses; the inverse of `to_rows`."""
    return rows.reshape(len(rows), -1, 2)


def rotations(angle: Variable | NdArray, pitch: Variable | NdArray | None = None) -> Variable:
    """Turns about the world's vertical, as a camera that looks down by `pitch` sees it.

    With no pitch the turn is eq. (1)'s, about the image's vertical axis. With
    one it is Rx(-p) Ry(t) Rx(p): upright the pose by a rotation about x, turn
    it about y, tilt it back. Written as one rotation by t about the world's
    vertical n = (0, cos p, sin p) (Rodrigues):
    R = cos t I + (1 - cos t) n n' + sin t [n]x.

    Args:
        angle: (B,) array t, radians.
        pitch: a number, (B,) array or Variable p, radians, positive where the
            camera looks down; None for 0.
    Returns:
        chainer.Variable of shape (B, 3, 3), each to be applied to a column x, y, z.
    """
    xp = chainer.backend.get_array_module(angle)
    zero, one = xp.zeros_like(angle), xp.ones_like(angle)
    cos, sin = xp.cos(angle), xp.sin(angle)
    if pitch is None:  # the same at a glance, and nothing to differentiate
        matrix = xp.stack([cos, zero, sin, zero, one, zero, -sin, zero, cos], axis=1)
        return chainer.as_variable(matrix.reshape(-1, 3, 3))
    if not isinstance(pitch, chainer.Variable):
        pitch = xp.asarray(pitch, angle.dtype)
    pitch = F.broadcast_to(pitch, angle.shape)
    n_y, n_z = F.cos(pitch), F.sin(pitch)
    n = F.stack([zero, n_y, n_z], axis=1)
    cross = F.reshape(
        F.stack([zero, -n_z, n_y, n_z, zero, zero, -n_y, zero, zero], axis=1), (-1, 3, 3)
    )
    cos, sin = cos[:, None, None], sin[:, None, None]
    along = F.matmul(n[:, :, None], n[:, None, :])
    return cos * xp.eye(3, dtype=angle.dtype) + (
        F.broadcast_to(1 - cos, along.shape) * along + F.broadcast_to(sin, cross.shape) * cross
    )


def to_pose(rows: Variable | NdArray, depth: Variable | NdArray) -> Variable:
    """(B, 2J) rows and (B, J) depths to a Variable of (B, J, 3) poses."""
    pose = from_rows(rows)
    return F.stack([pose[:, :, 0], pose[:, :, 1], depth], axis=2)


def project(pose: Variable) -> Variable:
    """Drop the depth: (B, J, 3) poses to (B, 2J) rows."""
    return to_rows(pose[:, :, :2])


def turn(pose: Variable | NdArray, rotation: Variable, back: bool = False) -> Variable:
    """Apply a rotation to each pose, or its inverse.

    Args:
        pose: (B, J, 3).
        rotation: (B, 3, 3); see `rotations`.
        back: turn by the inverse.
    Returns:
        chainer.Variable of shape (B, J, 3).
    """
    return F.matmul(pose, rotation, transb=not back)


def rotate_and_project(
    rows: Variable | NdArray, depth: Variable | NdArray, angle: Variable | NdArray
) -> Variable:
    """Turn the lifted pose about the vertical axis and drop its depth, eq. (1).

    Args:
        rows: (B, 2J), 2D poses, root at the origin.
        depth: (B, J), what the generator says of each joint's z.
        angle: (B,), radians.
    Returns:
        chainer.Variable of shape (B, 2J): x cos t + z sin t beside y.
    """
    return project(turn(to_pose(rows, depth), rotations(angle)))


def size(rows: Variable | NdArray) -> Variable:
    """Mean distance of the joints from the origin, as section 3.3 takes it.

    Args:
        rows: (B, 2J), 2D poses, root at the origin or near it.
    Returns:
        chainer.Variable of shape (B, 1).
    """
    pose = from_rows(rows)
    distance = F.sqrt(F.sum(pose**2, axis=2) + _TINY)
    return F.sum(distance, axis=1, keepdims=True) / (pose.shape[1] - 1)


def rescale(rows: Variable | NdArray) -> Variable:
    """Normalise poses to a mean distance of 1 from the origin, as section 3.3 does the input.

    Args and returns: (B, 2J) rows, root at the origin or near it.
    """
    return rows / F.broadcast_to(size(rows), rows.shape)


def generator_loss(fake_logits: Variable | NdArray) -> Variable:
    """The generator's side of eq. (2), non-saturating: mean of -log D(fake)."""
    return _cross_entropy(fake_logits, real=True)


def discriminator_loss(
    real_logits: Variable | NdArray, fake_logits: Variable | NdArray
) -> Variable:
    """The discriminator's side of eq. (2): mean of -log D(real) - log(1 - D(fake))."""
    return _cross_entropy(real_logits, real=True) + _cross_entropy(fake_logits, real=False)


def _cross_entropy(logits, real):
    xp = chainer.backend.get_array_module(logits)
    return F.sigmoid_cross_entropy(logits, xp.full(logits.shape, real, np.int32))


class _SinBeta(chainer.FunctionNode):
    """`sin_beta` of x and z, (B, J) each, as one node; of Chainer's functions it takes fifty."""

    def __init__(self, joints):
        self._joints = joints

    def forward(self, inputs):
        self.retain_inputs((0, 1))
        (v_x, v_z), (w_x, w_z) = self._vectors(*inputs)
        cross = v_x * w_z - v_z * w_x
        # One root of the product keeps value and gradient finite at zero length.
        xp = chainer.backend.get_array_module(v_x)
        self._length = xp.sqrt((v_x**2 + v_z**2) * (w_x**2 + w_z**2) + _TINY)
        self._sine = cross / self._length
        return (self._sine,)

    def backward(self, indexes, grad_outputs):
        x, z = (variable.array for variable in self.get_retained_inputs())
        (v_x, v_z), (w_x, w_z) = self._vectors(x, z)
        # d(cross / length) = d cross / length - sine d(length^2) / (2 length^2)
        by_cross = grad_outputs[0].array / self._length
        by_square = self._sine * by_cross / self._length
        by_v, by_w = by_square * (w_x**2 + w_z**2), by_square * (v_x**2 + v_z**2)
        gradients = (
            self._scatter(x, by_cross * w_z - by_v * v_x, -by_cross * v_z - by_w * w_x),
            self._scatter(z, -by_cross * w_x - by_v * v_z, by_cross * v_x - by_w * w_z),
        )
        return tuple(chainer.Variable(gradients[i]) for i in indexes)

    def _vectors(self, x, z):
        nose, neck, left, right = self._joints
        face = [c[:, nose] - c[:, neck] for c in (x, z)]
        shoulders = [c[:, left] - c[:, right] for c in (x, z)]
        return face, shoulders

    def _scatter(self, like, face, shoulders):
        gradient = chainer.backend.get_array_module(like).zeros_like(like)
        for joint, of_joint in zip(self._joints, (face, -face, shoulders, -shoulders)):
            gradient[:, joint] += of_joint
        return gradient


def sin_beta(rows: Variable | NdArray, depth: Variable | NdArray, joints: AngleJoints) -> Variable:
    """Sine of the angle from the shoulder line to the face on the zx-plane.

    Section 3.4 with the sign that its figure shows: v = nose - neck,
    w = left shoulder - right shoulder, sin b = (v_x w_z - v_z w_x) / |v||w|,
    which is positive for a person and negative for its copy with z inverted.
    Where v or w has no length on the plane, it is 0.

    Args:
        rows: (B, 2J), 2D poses.
        depth: (B, J), depths.
        joints: `skeleton.AngleJoints`.
    Returns:
        chainer.Variable of shape (B,).
    """
    return _SinBeta(joints).apply((from_rows(rows)[:, :, 0], depth))[0]


def angle_loss(
    rows: Variable | NdArray, depth: Variable | NdArray, joints: AngleJoints
) -> Variable:
    """The heuristic loss of eq. (3): mean of max(0, -sin b); see `sin_beta`."""
    return F.mean(F.relu(-sin_beta(rows, depth, joints)))


def bone_ratios(pose: Variable, bones: Sequence[tuple[int, int]]) -> Variable:
    """Each bone's length over the mean of the pose's bones: no unit, no size.

    Yu et al. 2021 and Wandt et al. 2022 hold people's proportions to be alike.

    Args:
        pose: (B, J, 3).
        bones: pairs of joints (child, parent).
    Returns:
        chainer.Variable of shape (B, number of bones).
    """
    children, parents = (list(joints) for joints in zip(*bones))
    bone = pose[:, children] - pose[:, parents]
    length = F.sqrt(F.sum(bone**2, axis=2) + _TINY)
    return length / F.broadcast_to(F.mean(length, axis=1, keepdims=True), length.shape)
