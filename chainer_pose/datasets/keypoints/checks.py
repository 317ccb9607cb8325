"""What looks wrong about 2D poses that are valid all the same."""

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist

from chainer_pose.skeletons import Skeleton

_ENOUGH = 20  # poses, for what only most of them can show
_MOST = 0.9
_FEW_PIXELS = 2.5  # nearly all coordinates within: no image is that small
_SAMPLE = 50


def tangle(skeleton: Skeleton, pose: np.ndarray, seen: np.ndarray) -> float:
    """Return how tangled the bones of (N, J, 2) poses are if the joints are a skeleton's.

    It is the median over some poses of the bones' length over that of the shortest tree that
    joins the same points, about 1 for the right skeleton, plus how far, in trunks and at most
    0.5, a left joint is above its right one, of those on one joint, as eyes and hips are.
    Infinite if too few joints are seen.
    """
    child, parent = np.array(skeleton.bones).T
    pairs = [[skeleton.index(name) for name in pair] for pair in skeleton.pairs]
    level = np.array([(a, b) for a, b in pairs if skeleton.parents[a] == skeleton.parents[b]])
    neck = skeleton.index(skeleton.angle['neck']) if skeleton.angle else skeleton.root
    ratios = []
    most = np.argsort(-seen.sum(axis=1), kind='stable')[:_SAMPLE]
    for points, there in zip(pose[most], seen[most]):
        bones = there[child] & there[parent]
        joined = np.unique([child[bones], parent[bones]])
        if 2 * bones.sum() >= len(bones):
            distance = cdist(points[joined], points[joined])
            shortest = minimum_spanning_tree(distance).sum()
            length = np.linalg.norm(points[child[bones]] - points[parent[bones]], axis=1).sum()
            trunk = np.nan_to_num(points[neck] - points[skeleton.root])
            above = [abs(np.nan_to_num(points[a] - points[b]) @ trunk) for a, b in level]
            if shortest > 0:
                tilt = max(above, default=0) / max(trunk @ trunk, 1e-9)
                ratios.append(length / shortest + min(tilt, 0.5))
    return float(np.median(ratios)) if ratios else np.inf


def looks_normalized(pose2d: np.ndarray, visible: np.ndarray) -> bool:
    """Whether (N, J, 2) coordinates were divided by an image's size: landmarks may lie outside."""
    return bool(visible.any() and np.quantile(np.abs(pose2d[visible]), 0.95) <= _FEW_PIXELS)


def unseen(skeleton: Skeleton, visible: np.ndarray) -> str:
    """Return '; never seen: ...' with the joints that no pose of (N, J) visible has, else '; ... is
    seen in N of N' of the one that the fewest have, '' if all have all."""
    names = [skeleton.names[j] for j in np.flatnonzero(~visible.any(axis=0))]
    if names:
        return f'; never seen: {", ".join(names)}'
    fewest = (counts := visible.sum(axis=0)).min()
    if fewest == len(visible):
        return ''
    return f'; {skeleton.names[counts.argmin()]} is seen in {fewest} of {len(visible)}'


def find_faults(skeleton: Skeleton, pose2d: np.ndarray, visible: np.ndarray) -> list[str]:
    """Return one line for each fault that (N, J, 2) px poses, (N, J) visible, seem to have."""
    found = []
    if looks_normalized(pose2d, visible):
        found.append(
            f'coordinates look normalized: hardly any is larger than {_FEW_PIXELS}, pixels were '
            f"expected; if x and y were divided by the image's size, give it, else depths are wrong"
        )
    if skeleton.angle is None:  # the rest is about people
        return found
    at = dict(zip(skeleton.names, np.where(visible[:, :, None], pose2d, np.nan).swapaxes(0, 1)))
    up = at[skeleton.angle['neck']] - at[skeleton.names[skeleton.root]]
    lies = np.abs(up[:, 0]) > 1.5 * np.abs(up[:, 1])
    above, below = (~lies & (up[:, 1] < 0)).sum(), (~lies & (up[:, 1] > 0)).sum()
    beside, nowhere = lies.sum(), np.full_like(up, np.nan)

    def sides(left: str, right: str) -> tuple[int, int]:
        """How many have left and right in their places as seen from the front, and swapped."""
        across = at.get(left, nowhere) - at.get(right, nowhere)
        # Positive if the left one is clockwise from up: a turned picture changes nothing.
        side = up[:, 0] * across[:, 1] - up[:, 1] * across[:, 0]
        return (side > 0).sum(), (side < 0).sum()

    people = f'of {above + below + beside} people'
    right, swapped = sides('LEye', 'REye')
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
    if swapped > right and (above >= below or beside > below):  # as y that points up does, too
        found.append(
            f'left and right look swapped: {swapped} of {swapped + right} people whose eyes '
            f'are seen have the left one on the right side of the face'
        )
    no_eyes = right + swapped == 0
    right, swapped = sides('LShoulder', 'RShoulder')
    seen = swapped + right
    if no_eyes and seen >= _ENOUGH and swapped > _MOST * seen and above > below:
        found.append(
            f'left and right look swapped, or everyone is seen from behind: {swapped} of '
            f"{seen} people have the left shoulder at the person's right"
        )
    return found
