"""Figures of poses and errors, and moving pictures."""

from chainer_pose.visualizations.figures import action_bars, skeleton_sheet
from chainer_pose.visualizations.poses import (
    COLORS,
    choose,
    draw_pose_2d,
    draw_pose_3d,
    frame_of,
    new_figure,
    pose_sheet,
    spread_indices,
    turned_sheet,
)

__all__ = [
    'COLORS', 'action_bars', 'choose', 'draw_pose_2d', 'draw_pose_3d', 'frame_of', 'new_figure',
    'pose_sheet', 'skeleton_sheet', 'spread_indices', 'turned_sheet',
]  # fmt: skip
