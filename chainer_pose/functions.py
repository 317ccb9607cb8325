"""The differentiable part of section 3: eq. (1) to (4), as pure functions.

Links and functions see a pose as one row, interleaved x1 y1 x2 y2 ...;
`to_rows` and `from_rows` are where that is decided.
"""

import chainer
import chainer.functions as F

_TINY = 1e-8  # |v|^2 |w|^2 of eq. (3) is about 1e-2 on normalised poses


def to_rows(pose):
    """(N, J, 2) poses to (N, 2J) rows, what the links take."""
    return pose.reshape(len(pose), -1)


def from_rows(rows):
    """(N, 2J) rows to (N, J, 2) poses; the inverse of `to_rows`."""
    return rows.reshape(len(rows), -1, 2)


def rotate_and_project(rows, depth, angle):
    """Turn the lifted pose about the vertical axis and drop its depth, eq. (1).

    Args:
        rows: (B, 2J), 2D poses, root at the origin.
        depth: (B, J), what the generator says of each joint's z.
        angle: (B,), radians.
    Returns:
        chainer.Variable of shape (B, 2J): x cos t + z sin t beside y.
    """
    pose = from_rows(rows)
    x, y = pose[:, :, 0], pose[:, :, 1]
    xp = chainer.backend.get_array_module(angle)
    cos, sin = xp.cos(angle)[:, None], xp.sin(angle)[:, None]
    cos, sin = xp.broadcast_to(cos, x.shape), xp.broadcast_to(sin, x.shape)
    turned = x * cos + depth * sin
    return to_rows(F.stack([turned, F.broadcast_to(y, turned.shape)], axis=2))


def rescale(rows):
    """Normalise poses to a mean distance of 1 from the origin, as section 3.3 does the input.

    Args:
        rows: (B, 2J), 2D poses, root at the origin or near it.
    Returns:
        chainer.Variable of shape (B, 2J).
    """
    pose = from_rows(rows)
    distance = F.sqrt(F.sum(pose**2, axis=2) + _TINY)
    size = F.sum(distance, axis=1, keepdims=True) / (pose.shape[1] - 1)
    return rows / F.broadcast_to(size, rows.shape)


def generator_loss(fake_logits):
    """The generator's side of eq. (2), non-saturating: mean of -log D(fake)."""
    return F.mean(F.softplus(-fake_logits))


def discriminator_loss(real_logits, fake_logits):
    """The discriminator's side of eq. (2): mean of -log D(real) - log(1 - D(fake))."""
    return F.mean(F.softplus(-real_logits)) + F.mean(F.softplus(fake_logits))


def sin_beta(rows, depth, joints):
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
    x = from_rows(rows)[:, :, 0]
    v_x = x[:, joints.nose] - x[:, joints.neck]
    v_z = depth[:, joints.nose] - depth[:, joints.neck]
    w_x = x[:, joints.left_shoulder] - x[:, joints.right_shoulder]
    w_z = depth[:, joints.left_shoulder] - depth[:, joints.right_shoulder]
    # One root of the product keeps value and gradient finite at zero length.
    lengths = F.sqrt((v_x**2 + v_z**2) * (w_x**2 + w_z**2) + _TINY)
    return (v_x * w_z - v_z * w_x) / lengths


def angle_loss(rows, depth, joints):
    """The heuristic loss of eq. (3): mean of max(0, -sin b); see `sin_beta`."""
    return F.mean(F.relu(-sin_beta(rows, depth, joints)))
