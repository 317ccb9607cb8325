"""Figures that are not of lifted poses: bars of errors, and a skeleton."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose.skeletons import Skeleton
from chainer_pose.visualizations.poses import COLORS, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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


def _standing(skeleton: Skeleton) -> np.ndarray | None:
    """(J, 2) places of a person's joints, or None for another body."""
    places = []
    # The Head of MPI-INF-3DHP, which has a HeadTop, is its middle.
    head = 'Nose' if 'HeadTop' in skeleton.names else 'Head'
    for name, side in zip(skeleton.names, skeleton.sides):
        key = head if name == 'Head' else name
        if side != 'center':
            key = 'L' + name[1:] if 'L' + name[1:] in _STANDING else name[1:]
        if key not in _STANDING:
            return None
        x, y = _STANDING[key]
        places.append((-x if side == 'right' else x, y))
    return np.array(places)


def _tree(skeleton: Skeleton) -> np.ndarray:
    """(J, 2) places of any skeleton's joints: a level down for each bone from the root."""
    places = np.zeros((len(skeleton), 2))
    order = {'right': 0, 'center': 1, 'left': 2}  # of somebody who faces the viewer
    leaves = iter(range(len(skeleton)))

    def place(joint: int, level: int) -> None:
        children = sorted(skeleton.children(joint), key=lambda j: order[skeleton.sides[j]])
        for child in children:
            place(child, level + 1)
        places[joint] = places[children, 0].mean() if children else next(leaves), level

    place(skeleton.root, 0)
    return places


def skeleton_sheet(skeleton: Skeleton) -> Figure:
    """Draw a skeleton with its joints named: people stand, other bodies hang as a tree."""
    standing = _standing(skeleton)
    stands = standing is not None
    places = _tree(skeleton) if standing is None else standing
    figure = new_figure(6.0, 7.5) if stands else new_figure(1.1 * np.ptp(places[:, 0]) + 2.5, 5.0)
    axes = figure.add_subplot()
    for child, parent in skeleton.bones:
        color = COLORS[skeleton.sides[child]]
        axes.plot(*places[[parent, child]].T, color=color, linewidth=2.5)
    detected = np.isin(np.arange(len(skeleton)), skeleton.detected)
    for which, face, label in ((detected, '#222222', 'detected'), (~detected, 'white', 'virtual')):
        x, y = places[which].T
        axes.scatter(x, y, s=26, facecolor=face, edgecolor='#222222', zorder=3, label=label)
    if not detected.all():
        figure.legend(loc='lower center', ncols=2, fontsize=8, frameon=False)
    for place, name, side in zip(places, skeleton.names, skeleton.sides):
        right = stands and side == 'right'
        shift = (-6 if right else 6, 5 if side == 'center' else 0)  # off the bones
        axes.annotate(
            name, place, shift, textcoords='offset points', fontsize=7,
            ha='right' if right else 'left', va='center', rotation=0 if stands else 35,
        )  # fmt: skip
    axes.invert_yaxis()
    axes.set_aspect('equal' if stands else 'auto')
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
    """Draw the error by action, and the average last.

    `measured` is drawn as bars, `references` as marks: dicts from label to numbers in the
    order of `names`, None for none; `unit` is that of the numbers.
    """
    figure = new_figure(max(6.0, 0.62 * len(names) + 1.2), 4.6)
    axes = figure.add_subplot()
    place = np.arange(len(names), dtype=float)
    place[-1] += 0.5  # the average stands apart
    width = 0.8 / len(measured)
    colors = _BAR_COLORS[-len(measured) :]  # the same with the paper's row and without
    handles: list = []
    for i, (label, numbers) in enumerate(measured.items()):
        shift = (i - (len(measured) - 1) / 2) * width
        values = np.array(numbers, float)  # None becomes NaN
        handles.append(axes.bar(place + shift, values, width, label=label, color=colors[i]))
    for (label, numbers), marker in zip(references.items(), 'ovs^DP' * len(references)):
        handles += axes.plot(
            place, np.array(numbers, float), marker, color='#222222', markersize=5, label=label,
            markerfacecolor='white',
        )  # fmt: skip
    axes.set_xticks(place, names, rotation=40, ha='right', rotation_mode='anchor', fontsize=9)
    axes.set_ylabel(unit)
    axes.grid(axis='y', color='#dddddd')
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)
    figure.suptitle(title, fontsize=10)
    figure.legend(handles=handles, loc='lower center', ncols=4, fontsize=8, frameon=False)
    left = 0.9 / figure.get_figwidth()  # numbers and label are as wide in a narrow figure
    bottom = 0.22 + 0.05 * -(-len(handles) // 4)
    figure.subplots_adjust(left=left, right=0.99, top=0.92, bottom=bottom)
    return figure
