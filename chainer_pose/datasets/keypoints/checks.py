"""What looks wrong about 2D poses that are valid all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from chainer_pose.skeletons import Skeleton


_EYES = 'LEye', 'REye'
_SHOULDERS = 'LShoulder', 'RShoulder'
_ENOUGH = 20  # poses, for what only most of them can tell
_MOST = 0.9
_FEW_PIXELS = 2.5  # all coordinates within: no image is that small


class Checks:
    """Watches poses go by and says at the end what their maker should look at.

    Args:
        skeleton: `skeletons.Skeleton` of the poses.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self._skeleton = skeleton
        self._largest = 0.0
        self._upright = np.zeros(2, int)  # shoulders above hips, below
        self._eyes = np.zeros(2, int)  # left eye right of the right one, left
        self._shoulders = np.zeros(2, int)

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
        neck, root = at[self._skeleton.angle['neck']], at[names[self._skeleton.root]]
        self._upright += _split(root[:, 1] - neck[:, 1])
        for counts, (left, right) in ((self._eyes, _EYES), (self._shoulders, _SHOULDERS)):
            if left in at and right in at:
                counts += _split(at[left][:, 0] - at[right][:, 0])

    def warnings(self) -> list[str]:
        """One line for each doubt: list of texts."""
        found = []
        if 0 < self._largest <= _FEW_PIXELS:
            found.append(
                f'coordinates look normalised: none is larger than {self._largest:.3g}, pixels '
                f'were expected; if x and y were divided by different numbers, depths will be wrong'
            )
        above, below = self._upright
        if below > above:
            found.append(
                f'y seems to point up: {below} of {below + above} people have the shoulders under '
                f'the hips; y was expected to point down'
            )
        right, swapped = self._eyes
        if swapped > right:
            found.append(
                f'left and right look swapped: {swapped} of {swapped + right} people whose eyes '
                f"are seen have the left one at the image's left"
            )
        right, swapped = self._shoulders
        seen = swapped + right
        if not self._eyes.any() and seen >= _ENOUGH and swapped > _MOST * seen:
            found.append(
                f'left and right look swapped, or everyone is seen from behind: {swapped} of '
                f"{seen} people have the left shoulder at the image's left"
            )
        return found


def _split(difference):
    """How many are positive, how many negative."""
    return np.array([(difference > 0).sum(), (difference < 0).sum()])
