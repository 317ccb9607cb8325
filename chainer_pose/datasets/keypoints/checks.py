"""What looks wrong about 2D poses that are valid all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist

if TYPE_CHECKING:
    from chainer_pose.skeletons import Skeleton


_EYES = 'LEye', 'REye'
_SHOULDERS = 'LShoulder', 'RShoulder'
_ENOUGH = 20  # poses, for what only most of them can show
_MOST = 0.9
_FEW_PIXELS = 2.5  # all coordinates within: no image is that small
_SAMPLE = 50


def tangle(skeleton: Skeleton, pose2d: np.ndarray, visible: np.ndarray) -> float:
    """How tangled the bones are if the joints are those of a skeleton.

    Args:
        skeleton: `skeletons.Skeleton`.
        pose2d: (N, K, 2) array, px, of its detected joints or of all.
        visible: (N, K) bool array.
    Returns:
        median over some of the poses of the bones' length over that of the shortest tree
        that joins the same points: about 1 for the right skeleton; infinite if too few
        joints are seen.
    """
    pose, seen = skeleton.add_virtual_joints(pose2d.astype(np.float64), visible)
    child, parent = np.array(skeleton.bones).T
    ratios = []
    most = np.argsort(-seen.sum(axis=1), kind='stable')[:_SAMPLE]
    for points, there in zip(pose[most], seen[most]):
        bones = there[child] & there[parent]
        joined = np.unique([child[bones], parent[bones]])
        if 2 * bones.sum() >= len(bones):
            distance = cdist(points[joined], points[joined])
            shortest = minimum_spanning_tree(distance).sum()
            length = np.linalg.norm(points[child[bones]] - points[parent[bones]], axis=1).sum()
            if shortest > 0:
                ratios.append(length / shortest)
    return float(np.median(ratios)) if ratios else np.inf


class Checks:
    """Watches poses go by and says at the end what their maker should look at.

    Args:
        skeleton: `skeletons.Skeleton` of the poses.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self._skeleton = skeleton
        self._largest = 0.0
        self._up = np.zeros(3, int)  # shoulders above hips, below, beside
        self._eyes = np.zeros(2, int)  # left and right in their places, swapped: as seen from
        self._shoulders = np.zeros(2, int)  # the front, with the shoulders above the hips

    def add(self, pose2d: np.ndarray, visible: np.ndarray) -> None:
        """Take in (N, J, 2) poses, px, and (N, J) bool, which joints were seen."""
        if visible.any():
            self._largest = max(self._largest, float(np.abs(pose2d[visible]).max()))
        if self._skeleton.angle is None:  # the rest is about people
            return
        names = self._skeleton.names
        at = {
            name: np.where(visible[:, j, None], pose2d[:, j], np.nan)
            for j, name in enumerate(names)
        }
        up = at[self._skeleton.angle['neck']] - at[names[self._skeleton.root]]
        aside = np.abs(up[:, 0]) > 1.5 * np.abs(up[:, 1])
        self._up += [(~aside & (up[:, 1] < 0)).sum(), (~aside & (up[:, 1] > 0)).sum(), aside.sum()]
        for counts, (left, right) in ((self._eyes, _EYES), (self._shoulders, _SHOULDERS)):
            if left in at and right in at:
                across = at[left] - at[right]
                # Positive if the left one is clockwise from up: a turned picture changes nothing.
                side = up[:, 0] * across[:, 1] - up[:, 1] * across[:, 0]
                counts += [(side > 0).sum(), (side < 0).sum()]

    def warnings(self) -> list[str]:
        """One line for each fault that seems likely."""
        found = []
        if 0 < self._largest <= _FEW_PIXELS:
            found.append(
                f'coordinates look normalized: none is larger than {self._largest:.3g}, pixels '
                f'were expected; if x and y were divided by different numbers, depths will be wrong'
            )
        (above, below, beside), (right, swapped) = self._up, self._eyes
        people = f'of {above + below + beside} people'
        mirrored = swapped > right
        if beside > max(above, below):
            found.append(
                f'the picture looks turned by 90 degrees: {beside} {people} have the shoulders '
                f'beside the hips; turn it, or the people lie'
            )
        elif below > above and right > swapped:
            found.append(
                f'people look upside down: {below} {people} have the shoulders under the hips; '
                f'a handstand is none of what the weights that come with the package have seen'
            )
        elif below > above:
            found.append(
                f'y seems to point up: {below} {people} have the shoulders under the hips; y was '
                f'expected to point down'
            )
            mirrored = False  # as y that points up does
        if mirrored:
            found.append(
                f'left and right look swapped: {swapped} of {swapped + right} people whose eyes '
                f'are seen have the left one on the right side of the face'
            )
        right, swapped = self._shoulders
        seen = swapped + right
        if not self._eyes.any() and seen >= _ENOUGH and swapped > _MOST * seen and above > below:
            found.append(
                f'left and right look swapped, or everyone is seen from behind: {swapped} of '
                f"{seen} people have the left shoulder at the person's right"
            )
        return found
