"""Figures of poses, drawn without a display.

Left is blue, right is red, the middle of the body gray; axes are equal. The
camera looks along z: x points right and y down, as in the image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose import datasets, geometry
from chainer_pose.datasets import PoseData
from chainer_pose.errors import InputError
from chainer_pose.evaluations import rescale
from chainer_pose.links import LiftingLink
from chainer_pose.skeletons import Skeleton

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from mpl_toolkits.mplot3d import Axes3D

Frame = tuple[np.ndarray, float]  # middle and half the side of a square or cube

COLORS = {'left': '#1f77b4', 'right': '#d62728', 'center': '#555555'}


def new_figure(width: float, height: float) -> Figure:
    """Make a matplotlib figure of a size in inches that needs no display."""
    # Not pyplot: it keeps every figure alive, and asks for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110)
    FigureCanvasAgg(figure)
    return figure


def frame_of(poses: np.ndarray, turning: bool = False) -> Frame:
    """Return (middle, half the side) of a square or cube that holds poses, (..., 2 or 3).

    With `turning` it holds them turned about the vertical axis by any angle.
    """
    points = poses.reshape(-1, poses.shape[-1])
    if turning:
        radius = np.hypot(points[:, 0], points[:, 2]).max()
        points = np.array([1, -1])[:, None] * [radius, 0, radius] + points[:, None] * [0, 1, 0]
        points = points.reshape(-1, 3)
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, max(1.08 * (high - low).max() / 2, 1e-6)


def draw_pose_2d(
    axes: Axes,
    pose: np.ndarray,
    skeleton: Skeleton,
    depth: np.ndarray | None = None,
    frame: Frame | None = None,
    imputed: np.ndarray | None = None,
) -> None:
    """Draw one 2D pose, (J, 2) with y pointing down, as its image shows it.

    With depths, (J,), nearer bones are drawn over those farther away. The frame is that of
    `frame_of`; None for one that fits. Joints that were `imputed`, (J,) bool, are hollow.
    """
    bones = list(skeleton.bones)
    if depth is not None:
        bones.sort(key=lambda bone: -depth[list(bone)].sum())
    for child, parent in bones:
        axes.plot(*pose[[parent, child]].T, color=COLORS[skeleton.sides[child]], linewidth=2)
    if depth is None:
        fill = ['#222222'] * len(pose) if imputed is None else np.where(imputed, 'w', '#222222')
        axes.scatter(
            pose[:, 0], pose[:, 1], s=6, c=fill, edgecolors='#222222', linewidths=0.8, zorder=3
        )
    middle, half = frame or frame_of(pose)
    axes.set(
        xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] + half, middle[1] - half),
        aspect='equal', xticks=[], yticks=[],
    )  # fmt: skip


def draw_pose_3d(
    axes: Axes3D, pose: np.ndarray, skeleton: Skeleton, frame: Frame | None = None
) -> None:
    """Draw one 3D pose, (J, 3) in the camera frame, seen from the camera a little from above.

    The frame is that of `frame_of`; None for one that fits.
    """
    # Matplotlib's third axis points up, its second away from the viewer.
    order, sign = [0, 2, 1], np.array([1, 1, -1])
    shown = pose[:, order] * sign
    for child, parent in skeleton.bones:
        axes.plot(*shown[[parent, child]].T, color=COLORS[skeleton.sides[child]], linewidth=2)
    middle, half = frame or frame_of(pose)
    limits = ((x - half, x + half) for x in middle[order] * sign)
    axes.set(**dict(zip(('xlim', 'ylim', 'zlim'), limits)))
    axes.set_box_aspect((1, 1, 1), zoom=1.25)
    axes.view_init(elev=12, azim=-75)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_ticklabels([])
        axis.set_tick_params(color=(0, 0, 0, 0))  # 3D axes ignore a length of 0


def spread_indices(n: int, count: int) -> np.ndarray:
    """Return `count` indices (or n, if fewer) spread evenly over n items: int array."""
    count = min(n, count)
    return ((np.arange(count) + 0.5) * n / max(count, 1)).astype(int)


def choose(
    data: PoseData, count: int, seed: int | None = None, indices: Sequence[int] = ()
) -> PoseData:
    """Choose poses with every joint to draw.

    Args:
        count: how many, at most.
        seed: choose at random with this seed; None to spread them evenly.
        indices: choose these instead, counted from 0.
    Raises:
        InputError: if an index is not that of a pose with every joint.
    """
    complete = np.flatnonzero(datasets.complete(data))
    for index in indices:
        if index not in complete:
            raise InputError(
                f'expected a pose with every joint, of the {len(data)} of {data.name} counted '
                f'from 0, found none',
                figures_index=index,
            )
    if indices:
        return data.select(np.array(indices, int))
    if seed is None:
        return data.select(complete[spread_indices(len(complete), count)])
    drawn = np.random.default_rng(seed).permutation(len(complete))[:count]
    return data.select(complete[np.sort(drawn)])


def _normalized_3d(
    generator: LiftingLink | np.ndarray | Mapping[str, LiftingLink], data: PoseData
) -> dict[str, np.ndarray]:
    """Ground truth, if the data have it, and predictions, all of the normalized input's size."""
    root = data.skeleton.root
    if isinstance(generator, np.ndarray):
        return {'prediction': rescale(generator, root)}
    named = generator if isinstance(generator, Mapping) else {'prediction': generator}
    poses = {name: network.lift(data.pose2d, root) for name, network in named.items()}
    if data.pose3d is not None and data.has_ground_truth:
        poses = {'ground truth': geometry.center(data.pose3d, root), **poses}
    return {name: rescale(pose, root) for name, pose in poses.items()}


def _action(data: PoseData, row: int) -> str:
    """The action of a pose, '' for none."""
    return data.names['action'][data.columns['action'][row]] if 'action' in data.columns else ''


def pose_sheet(
    generator: LiftingLink | np.ndarray | Mapping[str, LiftingLink],
    data: PoseData,
    title: str = '',
    turned: bool = True,
) -> Figure:
    """Draw a row for each pose: 2D input, ground truth, prediction, and both turned by 90 degrees.

    Imputed joints are hollow. Without the turned ones these are the columns (a), (b) and (c) of
    Fig. 5 of the paper and, for data without ground truth, those of Fig. 6.

    Args:
        generator: a network, a dict of several from the titles of their columns, or (N, J, 3)
            poses lifted before.
        data: from `choose`; without pose3d there is no ground truth.
        turned: whether to draw the poses turned, too.
    """
    columns = _normalized_3d(generator, data)
    xy = geometry.normalize(data.pose2d, data.skeleton.root)[0]
    if turned:
        columns |= {
            f'{name},\nturned by 90°': geometry.rotate_about_vertical(poses, np.pi / 2)
            for name, poses in columns.items()
        }
    rows, width = max(len(data), 1), 1 + len(columns)
    figure = new_figure(1.9 * width, 1.9 * rows + 0.65)
    labels = [_action(data, row) for row in range(len(data))]
    for row in range(len(data)):
        first = figure.add_subplot(rows, width, row * width + 1)
        imputed = None if data.imputed is None else data.imputed[row]
        draw_pose_2d(first, xy[row], data.skeleton, imputed=imputed)
        longest = max(map(len, labels[row].split('\n')))
        first.set_ylabel(labels[row], fontsize=min(9, 230 / max(longest, 1)))  # fits into the row
        first.set_title('' if row else '2D input', fontsize=9)
        frame = frame_of(np.stack([poses[row] for poses in columns.values()]))
        for column, (name, poses) in enumerate(columns.items(), start=2):
            axes = figure.add_subplot(rows, width, row * width + column, projection='3d')
            draw_pose_3d(axes, poses[row], data.skeleton, frame)
            axes.set_title('' if row else name, fontsize=9)
    figure.suptitle(title, fontsize=10, y=1 - 0.08 / figure.get_figheight())
    top = 1 - 0.62 / figure.get_figheight()  # inches for the titles
    left = (0.1 + 0.17 * (1 + any('\n' in label for label in labels))) / figure.get_figwidth()
    figure.subplots_adjust(left=left, right=0.99, bottom=0.01, top=top, wspace=0.04, hspace=0.04)
    return figure


def turned_sheet(
    generator: LiftingLink | Mapping[str, LiftingLink], data: PoseData, title: str = ''
) -> Figure:
    """Draw poses turned by every 30 degrees, clockwise as seen from above.

    As in the figures of the paper's supplement: the ground truth, if the data have it,
    above the prediction, each projected as the discriminator sees it. Arguments as of
    `pose_sheet`.
    """
    kinds = _normalized_3d(generator, data)
    lines = [(row, kind) for row in range(len(data)) for kind in kinds]
    angles = range(0, 360, 30)
    figure = new_figure(0.95 * len(angles) + 0.3, 0.97 * max(len(lines), 1) + 0.6)
    grid = figure.add_gridspec(
        max(len(lines), 1), len(angles), left=0.045, right=0.995, bottom=0.01,
        top=1 - 0.5 / figure.get_figheight(), wspace=0.02, hspace=0.04,
    )  # fmt: skip
    for line, (row, kind) in enumerate(lines):
        frame = frame_of(np.stack([poses[row] for poses in kinds.values()]), turning=True)
        for column, degrees in enumerate(angles):
            axes = figure.add_subplot(grid[line, column])
            pose = geometry.rotate_about_vertical(kinds[kind][row : row + 1], np.radians(degrees))
            draw_pose_2d(axes, pose[0, :, :2], data.skeleton, pose[0, :, 2], frame)
            axes.set_title('' if line else f'{degrees}°', fontsize=9)
            if column == 0:
                axes.set_ylabel('\n'.join(filter(None, (_action(data, row), kind))), fontsize=8)
    figure.suptitle(title, fontsize=10, y=1 - 0.08 / figure.get_figheight())
    return figure
