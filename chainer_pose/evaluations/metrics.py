"""Errors between poses: plain functions of arrays of shape (N, J, 3), in mm.

They compare poses as they are: centering on the root joint is up to the protocol. Shapes
that differ raise a ValueError.
"""

import numpy as np


def _float64(predicted: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if predicted.shape != target.shape:
        raise ValueError(f'expected equal shapes, found {predicted.shape} and {target.shape}')
    # Sums over joints in float32 lose digits that a table prints.
    return predicted.astype(np.float64), target.astype(np.float64)


def joint_errors(predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Euclidean distance of each joint: float64 array of shape (N, J), mm."""
    predicted, target = _float64(predicted, target)
    return np.sqrt(((predicted - target) ** 2).sum(axis=2))


def mpjpe(predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Mean per-joint position error: float64 array of shape (N,), mm, one error a pose."""
    return joint_errors(predicted, target).mean(axis=1)


def n_mpjpe(predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
    """MPJPE after the scale of the prediction that fits best in the least squares, as `mpjpe`.

    Rhodin et al. 2018, section 4. A prediction that is all zeros stays so.
    """
    predicted, target = _float64(predicted, target)
    power = (predicted**2).sum(axis=(1, 2))
    fit = (predicted * target).sum(axis=(1, 2)) / np.where(power > 0, power, 1)
    return mpjpe(predicted * fit[:, None, None], target)


def p_mpjpe(predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
    """MPJPE after the similarity (scale, rotation, shift) that fits best, as `mpjpe`.

    Procrustes analysis by singular values (Umeyama 1991); reflections are not
    allowed, so a mirrored pose keeps an error.
    """
    predicted, target = _float64(predicted, target)
    mean_target = target.mean(axis=1, keepdims=True)
    p, t = predicted - predicted.mean(axis=1, keepdims=True), target - mean_target
    u, singular, vt = np.linalg.svd(np.swapaxes(p, 1, 2) @ t)
    # det(u vt) = -1 would be a reflection: invert the weakest axis.
    sign = np.sign(np.linalg.det(u @ vt))
    singular[:, 2] *= sign
    u[:, :, 2] *= sign[:, None]
    power = (p**2).sum(axis=(1, 2))
    fit = singular.sum(axis=1) / np.where(power > 0, power, 1)
    return mpjpe(fit[:, None, None] * (p @ (u @ vt)) + mean_target, target)


def pck(predicted: np.ndarray, target: np.ndarray, threshold: float = 150.0) -> np.ndarray:
    """Share of joints nearer than a threshold in mm (Mehta et al. 2017): (N,), 0 to 1."""
    return (joint_errors(predicted, target) < threshold).mean(axis=1)


def auc(predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Mean of `pck` over thresholds of 0, 5, ..., 150 mm: (N,), 0 to 1."""
    errors = joint_errors(predicted, target)
    return np.mean([(errors < t).mean(axis=1) for t in range(0, 151, 5)], axis=0)
