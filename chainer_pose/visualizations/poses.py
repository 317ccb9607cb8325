"""Figures of poses, drawn without a display.

Left is blue, right is red, the middle of the body grey; axes are equal. The
camera looks along z: x points right and y down, as in the image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose import datasets, geometry
from chainer_pose.errors import InputError
from chainer_pose.evaluations import protocols

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from mpl_toolkits.mplot3d import Axes3D

    from chainer_pose.datasets import PoseData
    from chainer_pose.links import LiftingLink
    from chainer_pose.skeletons import Skeleton
COLORS = {'left': '#1f77b4', 'right': '#d62728', 'centre': '#555555'}


def new_figure(width: float, height: float) -> Figure:
    """A matplotlib figure of that size in inches, drawn without a display."""
    # Not pyplot: it keeps every figure alive, and asks for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110)
    FigureCanvasAgg(figure)
    return figure


def draw_pose_2d(
    axes: Axes,
    pose: np.ndarray,
    skeleton: Skeleton,
    depth: np.ndarray | None = None,
    frame: tuple | None = None,
) -> None:
    """Draw one 2D pose as its image shows it.

    Args:
        axes: matplotlib axes.
        pose: (J, 2) array, y pointing down.
        skeleton: `skeletons.Skeleton`.
        depth: (J,) array, by which nearer bones are drawn over those farther
            away; None without.
        frame: (middle, half) of the square to show; None for one that fits.
    """
    bones = list(skeleton.bones)
    if depth is not None:
        bones.sort(key=lambda bone: -depth[list(bone)].sum())
    for child, parent in bones:
        axes.plot(*pose[[parent, child]].T, color=COLORS[skeleton.sides[child]], linewidth=2)
    if depth is None:
        axes.scatter(pose[:, 0], pose[:, 1], s=6, color='#222222', zorder=3)
    middle, half = _frame(pose) if frame is None else frame
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] + half, middle[1] - half)
    axes.set_aspect('equal')
    axes.set_xticks([])
    axes.set_yticks([])


def draw_pose_3d(
    axes: Axes3D, pose: np.ndarray, skeleton: Skeleton, frame: tuple | None = None
) -> None:
    """Draw one 3D pose, seen from the camera's side, a little from above.

    Args:
        axes: matplotlib axes with projection='3d'.
        pose: (J, 3) array in the camera frame.
        skeleton: `skeletons.Skeleton`.
        frame: (middle, half) of the cube to show, in the camera frame; None for
            one that fits.
    """
    # Matplotlib's third axis points up, its second away from the viewer.
    order, sign = [0, 2, 1], np.array([1, 1, -1])
    shown = pose[:, order] * sign
    for child, parent in skeleton.bones:
        axes.plot(*shown[[parent, child]].T, color=COLORS[skeleton.sides[child]], linewidth=2)
    middle, half = _frame(pose) if frame is None else frame
    middle = middle[order] * sign
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    axes.set_zlim(middle[2] - half, middle[2] + half)
    axes.set_box_aspect((1, 1, 1), zoom=1.25)
    axes.view_init(elev=12, azim=-75)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_ticklabels([])
        axis.set_tick_params(color=(0, 0, 0, 0))  # 3D axes ignore a length of 0


def _frame(pose):
    low, high = pose.min(axis=0), pose.max(axis=0)
    return (low + high) / 2, max((high - low).max() / 2 * 1.08, 1e-6)


def spread_indices(n: int, count: int) -> np.ndarray:
    """`count` indices (or n, if fewer) spread evenly over n items: int array."""
    count = min(n, count)
    return ((np.arange(count) + 0.5) * n / max(count, 1)).astype(int)


def choose(
    data: PoseData, count: int, seed: int | None = None, indices: Sequence[int] | None = None
) -> PoseData:
    """Which poses to draw.

    Args:
        data: `datasets.PoseData`.
        count: how many, at most.
        seed: draw them at random with this seed; None to spread them evenly.
        indices: these, and neither of the former.
    Returns:
        `datasets.PoseData` of usable poses.
    Raises:
        InputError: if an index is not that of a pose with every joint.
    """
    complete = datasets.complete(data)
    if indices is not None:
        for index in indices:
            if index >= len(data) or not complete[index]:
                raise InputError(
                    f'expected a pose with every joint, of the '
                    f'{len(data)} of {data.name} counted from 0, found none',
                    figures_index=index,
                )
        return data.select(np.array(indices, int))
    complete = np.flatnonzero(complete)
    if seed is None:
        return data.select(complete[spread_indices(len(complete), count)])
    drawn = np.random.default_rng(seed).permutation(len(complete))[:count]
    return data.select(complete[np.sort(drawn)])


def _truth_and_predictions(generators, data):
    """All of about the size of the normalised input; no truth in 2D-only data."""
    skeleton = data.skeleton
    if not isinstance(generators, dict):
        generators = {'prediction': generators}
    predicted = {
        name: protocols.rescale(generator.lift(data.pose2d, skeleton.root), skeleton.root)
        for name, generator in generators.items()
    }
    if data.pose3d is None:
        return predicted
    centered = geometry.center(data.pose3d, skeleton.root)
    return {'truth': protocols.rescale(centered, skeleton.root), **predicted}


def _row_label(data, row):
    if 'action' not in data.columns:
        return ''
    return data.names['action'][data.columns['action'][row]]


def pose_sheet(
    generator: LiftingLink | Mapping[str, LiftingLink],
    data: PoseData,
    title: str = '',
    turned: bool = True,
) -> Figure:
    """A row for each pose: 2D input, truth, prediction, and both turned by 90 degrees.

    Without the last, these are the columns (a), (b) and (c) of Fig. 5 of the
    paper and, for data without truth, those of Fig. 6.

    Args:
        generator: `links.LiftingLink`, or a dict of several
            from the name that stands over each one's column.
        data: `datasets.PoseData`, from `choose`; without pose3d the columns of
            truth are left out.
        title: printed on top.
        turned: whether to draw the poses turned too.
    Returns:
        matplotlib.figure.Figure.
    """
    columns = _truth_and_predictions(generator, data)
    xy = geometry.normalize(data.pose2d, data.skeleton.root)[0]  # as the generator saw it
    if turned:
        columns.update(
            {
                f'{name},\nturned by 90°': geometry.rotate_about_vertical(poses, np.pi / 2)
                for name, poses in list(columns.items())
            }
        )
    rows, width = max(len(data), 1), 1 + len(columns)
    figure = new_figure(1.9 * width, 1.9 * rows + 0.65)
    for row in range(len(data)):
        axes = figure.add_subplot(rows, width, row * width + 1)
        draw_pose_2d(axes, xy[row], data.skeleton)
        if row == 0:
            axes.set_title('2D input', fontsize=9)
        axes.set_ylabel(_row_label(data, row), fontsize=9)
        frame = _frame(np.concatenate([poses[row] for poses in columns.values()]))
        for column, (name, poses) in enumerate(columns.items(), start=2):
            axes = figure.add_subplot(rows, width, row * width + column, projection='3d')
            draw_pose_3d(axes, poses[row], data.skeleton, frame)
            if row == 0:
                axes.set_title(name, fontsize=9)
    figure.suptitle(title, fontsize=10)
    top = 1 - 0.62 / figure.get_figheight()  # inches for the titles
    figure.subplots_adjust(left=0.04, right=0.99, bottom=0.01, top=top, wspace=0.04, hspace=0.04)
    return figure


def turned_sheet(
    generator: LiftingLink | Mapping[str, LiftingLink],
    data: PoseData,
    title: str = '',
) -> Figure:
    """Poses turned by every 30 degrees, clockwise as seen from above.

    As the figures of the paper's supplement: the truth, where there is one,
    above the prediction, each projected as the discriminator sees it. Bones
    that are nearer are drawn over those farther away.

    Args:
        generator, data, title: as `pose_sheet`.
    Returns:
        matplotlib.figure.Figure.
    """
    kinds = _truth_and_predictions(generator, data)
    lines = [(row, kind) for row in range(len(data)) for kind in kinds]
    angles = range(0, 360, 30)
    figure = new_figure(0.95 * len(angles) + 0.3, 0.97 * max(len(lines), 1) + 0.6)
    top = 1 - 0.5 / figure.get_figheight()
    grid = figure.add_gridspec(
        max(len(lines), 1), len(angles), left=0.045, right=0.995, bottom=0.01, top=top,
        wspace=0.02, hspace=0.04,
    )  # fmt: skip
    for line, (row, kind) in enumerate(lines):
        # One frame for all turns of a pose, wide enough for any of them.
        around = np.concatenate([poses[row] for poses in kinds.values()])
        half = 1.12 * max(np.hypot(around[:, 0], around[:, 2]).max(), np.ptp(around[:, 1]) / 2)
        middle = np.array([0, (around[:, 1].min() + around[:, 1].max()) / 2])
        for column, degrees in enumerate(angles):
            axes = figure.add_subplot(grid[line, column])
            pose = geometry.rotate_about_vertical(kinds[kind][row : row + 1], np.radians(degrees))
            draw_pose_2d(axes, pose[0, :, :2], data.skeleton, pose[0, :, 2], (middle, half))
            if line == 0:
                axes.set_title(f'{degrees}°', fontsize=9)
            if column == 0:
                axes.set_ylabel('\n'.join(filter(None, (_row_label(data, row), kind))), fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure
