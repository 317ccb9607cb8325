"""Figures that are not of lifted poses: bars of errors, and a skeleton."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose.visualizations.poses import COLORS, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from chainer_pose.skeletons import Skeleton


_BAR_COLORS = ('#9ecae1', '#2171b5', '#bbbbbb')


# Where a standing person's joints are, facing the viewer: heights of the body
# (Drillis and Contini 1966) down from the head top; x of the left ones.
_STANDING = {
    'Head': (0, 0), 'HeadTop': (0, 0), 'Nose': (0, 0.09), 'Neck/Nose': (0, 0.09),
    'Eye': (0.035, 0.05), 'Ear': (0.085, 0.07), 'UpperNeck': (0, 0.14), 'Neck': (0, 0.182),
    'Thorax': (0, 0.182), 'Spine': (0, 0.33), 'Hip': (0, 0.47), 'MidHip': (0, 0.47),
    'Pelvis': (0, 0.47), 'LShoulder': (0.13, 0.19), 'Elbow': (0.17, 0.37), 'Wrist': (0.2, 0.515),
    'LHip': (0.095, 0.475), 'Knee': (0.1, 0.715), 'Ankle': (0.1, 0.961), 'Foot': (0.1, 0.961),
    'Heel': (0.08, 0.985), 'BigToe': (0.13, 1.0), 'SmallToe': (0.16, 0.985),
}  # fmt: skip


def _standing(skeleton):
    """(J, 2) places of a person's joints, or None for another body."""
    places = []
    head = 'Head'
    if 'HeadTop' in skeleton.names:
        head = 'Nose'  # MPI-INF-3DHP's Head is its middle
    for name, side in zip(skeleton.names, skeleton.sides):
        key = head if name == 'Head' else name
        if side != 'centre':
            key = 'L' + name[1:] if 'L' + name[1:] in _STANDING else name[1:]
        if key not in _STANDING:
            return None
        x, y = _STANDING[key]
        places.append((-x if side == 'right' else x, y))
    return np.array(places)


def _tree(skeleton):
    """(J, 2) places of any skeleton's joints: a level down for each bone from the root."""
    places = np.zeros((len(skeleton), 2))
    order = {'right': 0, 'centre': 1, 'left': 2}  # as of somebody who faces the viewer
    n_leaves = 0

    def place(joint, level):
        nonlocal n_leaves
        children = sorted(skeleton.children(joint), key=lambda j: order[skeleton.sides[j]])
        for child in children:
            place(child, level + 1)
        if children:
            places[joint] = places[children, 0].mean(), level
        else:
            places[joint] = n_leaves, level
            n_leaves += 1

    place(skeleton.root, 0)
    return places


def skeleton_sheet(skeleton: Skeleton) -> Figure:
    """A skeleton with its joints named: people stand, other bodies hang as a tree.

    Args:
        skeleton: `skeletons.Skeleton`.
    Returns:
        matplotlib.figure.Figure.
    """
    places = _standing(skeleton)
    stands = places is not None
    if not stands:
        places = _tree(skeleton)
    figure = new_figure(6.0, 7.5) if stands else new_figure(1.1 * np.ptp(places[:, 0]) + 2.5, 5.0)
    axes = figure.add_subplot()
    for child, parent in skeleton.bones:
        color = COLORS[skeleton.sides[child]]
        axes.plot(*places[[parent, child]].T, color=color, linewidth=2.5)
    detected = np.isin(np.arange(len(skeleton)), skeleton.detected)
    x, y = places.T
    axes.scatter(x[detected], y[detected], s=22, color='#222222', zorder=3, label='detected')
    if not detected.all():
        axes.scatter(
            x[~detected], y[~detected], s=30, facecolor='white', edgecolor='#222222', zorder=3,
            label='mean of others',
        )  # fmt: skip
        figure.legend(loc='lower center', ncols=2, fontsize=8, frameon=False)
    for (x, y), name, side in zip(places, skeleton.names, skeleton.sides):
        right = stands and side == 'right'
        shift = (-6 if right else 6, 5 if side == 'centre' else 0)  # off the bones
        axes.annotate(
            name, (x, y), shift, textcoords='offset points', fontsize=7,
            ha='right' if right else 'left', va='center', rotation=0 if stands else 35,
        )  # fmt: skip
    axes.invert_yaxis()
    if stands:
        axes.set_aspect('equal')
    axes.margins(0.2, 0.06)
    axes.set_axis_off()
    axes.set_title(f'{skeleton.name} (left is blue, right is red)', fontsize=10)
    return figure


def action_bars(
    names: Sequence[str],
    measured: Mapping[str, Sequence[float | None]],
    references: Mapping[str, Sequence[float | None]],
    unit: str,
    title: str = '',
) -> Figure:
    """Error by action: bars of our rows, marks of the others'.

    Args:
        names: of the actions, and of the average last.
        measured: dict from label to a list of numbers, drawn as bars.
        references: the same, None where there is no number, drawn as marks.
        unit: of the numbers, for the axis.
        title: printed on top.
    Returns:
        matplotlib.figure.Figure.
    """
    figure = new_figure(max(6.0, 0.62 * len(names) + 1.2), 4.6)
    axes = figure.add_subplot()
    place = np.arange(len(names), dtype=float)
    place[-1] += 0.5  # the average stands apart
    width = 0.8 / max(len(measured), 1)
    colors = _BAR_COLORS[-len(measured) :]  # the same with the paper's row and without
    for i, (label, numbers) in enumerate(measured.items()):
        values = [np.nan if number is None else number for number in numbers]
        shift = (i - (len(measured) - 1) / 2) * width
        axes.bar(place + shift, values, width, label=label, color=colors[i % len(colors)])
    for i, (label, numbers) in enumerate(references.items()):
        values = [np.nan if number is None else number for number in numbers]
        marker = 'ovs^DP'[i % 6]
        axes.plot(
            place, values, marker, color='#222222', markersize=5, label=label,
            markerfacecolor='white',
        )  # fmt: skip
    axes.set_xticks(place, names, rotation=40, ha='right', rotation_mode='anchor', fontsize=9)
    axes.set_ylabel(unit)
    axes.grid(axis='y', color='#dddddd')
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)
    figure.suptitle(title, fontsize=10)
    rows = -(-(len(measured) + len(references)) // 4)
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: labels[i] not in measured)  # bars first
    figure.legend(
        [handles[i] for i in order], [labels[i] for i in order], loc='lower center', ncols=4,
        fontsize=8, frameon=False,
    )  # fmt: skip
    left = 0.9 / figure.get_figwidth()  # numbers and label are as wide in a narrow figure
    figure.subplots_adjust(left=left, right=0.99, top=0.92, bottom=0.22 + 0.05 * rows)
    return figure
