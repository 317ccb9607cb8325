"""Impute missing joints: put them where they most likely are.

Normalized poses (section 3.3) are taken to be normally distributed; a missing joint is put at
its mean given the visible joints. Position and size of the person, unknown if the root is
missing, get wide distributions of their own.
"""

from typing import NamedTuple

import numpy as np

MIN_SHARE = 0.5  # of the joints must be visible
_NOISE = 1e-4  # variance; keeps the covariance regular where joints move together
_SHIFT, _SCALE = 1e2, 1.0  # variances of the unknown position and relative size


class Prior(NamedTuple):
    """Mean (2J,), interleaved x1 y1 x2 y2, and covariance (2J, 2J) of normalized poses, float64."""

    mean: np.ndarray
    covariance: np.ndarray


class Moments:
    """Collects a `Prior` from poses that come in parts."""

    def __init__(self) -> None:
        self.count = 0
        self._sum, self._products = np.zeros(()), np.zeros(())

    def add(self, pose: np.ndarray) -> 'Moments':
        """Add (N, J, 2) normalized poses with all joints; return self."""
        rows = np.asarray(pose, np.float64).reshape(len(pose), 2 * pose.shape[1])
        self.count += len(rows)
        self._sum = self._sum + rows.sum(axis=0)
        self._products = self._products + rows.T @ rows
        return self

    def prior(self) -> Prior:
        """Return the `Prior` of the poses added, at least one."""
        mean = self._sum / self.count
        return Prior(mean, self._products / self.count - np.outer(mean, mean))


def impute(
    prior: Prior, pose2d: np.ndarray, visible: np.ndarray, enough: np.ndarray | bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Put the missing joints of each pose where they most likely are.

    Args:
        prior: of normalized poses.
        pose2d: (N, J, 2) float array, px.
        visible: (N, J) bool array, which joints have coordinates.
        enough: (N,) bool array, poses to impute even if less than `MIN_SHARE` is visible.
    Returns:
        (pose2d, imputed): a new array, in which the missing joints of other poses are NaN; and
        (N, J) bool, which joints were imputed.
    """
    pose2d = np.where(visible[:, :, None], pose2d, np.nan)
    imputed = np.zeros_like(visible)
    enough = enough | (visible.mean(axis=1) >= MIN_SHARE)
    incomplete = np.flatnonzero(enough & ~visible.all(axis=1))
    patterns, which = np.unique(visible[incomplete], axis=0, return_inverse=True)
    for i, seen in enumerate(patterns):
        rows = incomplete[which.reshape(-1) == i]  # NumPy 2.0 returns another shape
        pose2d[rows[:, None], ~seen] = _most_likely(prior, pose2d[rows][:, seen], seen)
        imputed[rows] = ~seen
    return pose2d, imputed


def _most_likely(prior: Prior, pose: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Conditional mean of the missing joints: (n, K, 2) px of those seen to (n, J - K, 2)."""
    xy_seen = np.repeat(seen, 2)
    mean, pose = prior.mean, pose.astype(np.float64)
    present = mean[xy_seen].reshape(-1, 2)
    middle = pose.mean(axis=1, keepdims=True)
    # A first guess of the size: the root of the mean square about the middle, found / expected.
    variance = np.diag(prior.covariance)[xy_seen].sum() + _NOISE
    expected = variance + ((present - present.mean(axis=0)) ** 2).sum()
    size = np.sqrt(((pose - middle) ** 2).sum(axis=(1, 2)) / expected)[:, None, None]
    size = np.where(size > 0, size, 1)
    shift = np.tile(np.eye(2), (len(seen), 1))  # (2J, 2): all x, all y
    wide = prior.covariance + _NOISE * np.eye(len(mean)) + _SHIFT * shift @ shift.T
    wide += _SCALE * np.outer(mean, mean)
    gain = np.linalg.solve(wide[np.ix_(xy_seen, xy_seen)], wide[np.ix_(xy_seen, ~xy_seen)])
    seen_xy = ((pose - middle) / size).reshape(len(pose), -1)
    guess = mean[~xy_seen] + (seen_xy - mean[xy_seen]) @ gain
    return guess.reshape(len(pose), -1, 2) * size + middle
