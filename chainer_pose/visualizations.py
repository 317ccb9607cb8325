"""Figures of poses, drawn without a display.

Left is blue, right is red, the middle of the body grey; axes are equal. The
camera looks along z: x points right and y down, as in the image.
"""

import numpy as np

from chainer_pose import datasets, evaluation, functions, geometry

COLORS = {'left': '#1f77b4', 'right': '#d62728', 'centre': '#555555'}


def _figure(width, height):
    # Not pyplot: it keeps every figure alive, and asks for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110)
    FigureCanvasAgg(figure)
    return figure


def draw_pose_2d(axes, pose, skeleton):
    """Draw one 2D pose as its image shows it.

    Args:
        axes: matplotlib axes.
        pose: (J, 2) array, y pointing down.
        skeleton: `skeleton.Skeleton`.
    """
    for child, parent in skeleton.bones:
        axes.plot(*pose[[parent, child]].T, color=COLORS[skeleton.sides[child]], linewidth=2)
    axes.scatter(*pose.T, s=6, color='#222222', zorder=3)
    middle, half = _frame(pose)
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] + half, middle[1] - half)
    axes.set_aspect('equal')
    axes.set_xticks([])
    axes.set_yticks([])


def draw_pose_3d(axes, pose, skeleton):
    """Draw one 3D pose, seen from the camera's side, a little from above.

    Args:
        axes: matplotlib axes with projection='3d'.
        pose: (J, 3) array in the camera frame.
        skeleton: `skeleton.Skeleton`.
    """
    # Matplotlib's third axis points up, its second away from the viewer.
    shown = pose[:, [0, 2, 1]] * [1, 1, -1]
    for child, parent in skeleton.bones:
        axes.plot(*shown[[parent, child]].T, color=COLORS[skeleton.sides[child]], linewidth=2)
    middle, half = _frame(shown)
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    axes.set_zlim(middle[2] - half, middle[2] + half)
    axes.set_box_aspect((1, 1, 1), zoom=1.25)
    axes.view_init(elev=12, azim=-75)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_ticklabels([])
        axis.set_tick_params(length=0)


def _frame(pose):
    low, high = pose.min(axis=0), pose.max(axis=0)
    return (low + high) / 2, max((high - low).max() / 2 * 1.08, 1e-6)


def spread_indices(n, count):
    """`count` indices (or n, if fewer) spread evenly over n items: int array."""
    count = min(n, count)
    return ((np.arange(count) + 0.5) * n / max(count, 1)).astype(int)


def pose_sheet(generator, data, count=5, title=''):
    """A row for each of a few poses: input, truth, prediction, both turned by 90 degrees.

    Args:
        generator: `links.Generator`.
        data: `pose_file.PoseData`; without pose3d the columns of truth are left out.
        count: number of poses, spread evenly over the usable ones.
        title: printed on top.
    Returns:
        matplotlib.figure.Figure.
    """
    usable = np.flatnonzero(datasets.usable(data))
    shown = data.select(usable[spread_indices(len(usable), count)])
    skeleton, root = data.skeleton, data.skeleton.root
    xy = geometry.normalize(shown.pose2d, root)[0]
    depth = evaluation.lift_rows(generator, functions.to_rows(xy))
    predicted = np.concatenate([xy, depth[:, :, None]], axis=2)
    columns = {'prediction': predicted}
    if shown.pose3d is not None:
        centred = geometry.center(shown.pose3d, root)
        size = geometry.scale(shown.pose3d[:, :, :2], root)[:, None, None]
        columns = {'truth': centred / np.where(size > 0, size, 1), **columns}
    columns.update(
        {
            f'{name},\nturned by 90°': geometry.rotate_about_vertical(poses, np.pi / 2)
            for name, poses in list(columns.items())
        }
    )
    rows, width = max(len(shown), 1), 1 + len(columns)
    figure = _figure(1.9 * width, 1.9 * rows + 0.65)
    for row in range(len(shown)):
        axes = figure.add_subplot(rows, width, row * width + 1)
        draw_pose_2d(axes, xy[row], skeleton)
        if row == 0:
            axes.set_title('2D input', fontsize=9)
        if 'action' in shown.columns:
            action = shown.names['action'][shown.columns['action'][row]]
            axes.set_ylabel(action, fontsize=9)
        for column, (name, poses) in enumerate(columns.items(), start=2):
            axes = figure.add_subplot(rows, width, row * width + column, projection='3d')
            draw_pose_3d(axes, poses[row], skeleton)
            if row == 0:
                axes.set_title(name, fontsize=9)
    figure.suptitle(title, fontsize=10)
    top = 1 - 0.62 / figure.get_figheight()  # inches for the titles
    figure.subplots_adjust(left=0.04, right=0.99, bottom=0.01, top=top, wspace=0.04, hspace=0.04)
    return figure
