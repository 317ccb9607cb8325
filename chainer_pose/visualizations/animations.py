"""Moving pictures of lifted people: one pose turning, or a sequence playing."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose import geometry, visualizations
from chainer_pose.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from chainer_pose.skeletons import Skeleton
    from chainer_pose.utils.files import StrPath

    Film = tuple[Figure, Callable[[int], object], int, float]  # figure, draw, frames, fps

TURN_FRAMES, TURN_FPS = 36, 12.0
MAX_FRAMES = 240  # of a film; longer sequences are thinned out


def turning(pose2d: np.ndarray, pose3d: np.ndarray, skeleton: Skeleton) -> Film:
    """One pose, turned once round the vertical axis.

    Args:
        pose2d: (J, 2) array, px, the input.
        pose3d: (J, 3) array, relative to the root.
        skeleton: `skeletons.Skeleton`.
    Returns:
        (figure, draw, frames, fps), what `write` takes.
    """
    angles = np.linspace(0, 2 * np.pi, TURN_FRAMES, endpoint=False)
    frame = _frame(pose3d[None])
    figure, flat, solid = _axes(1)

    def draw(i):
        if i == 0:
            visualizations.draw_pose_2d(flat, pose2d, skeleton)
        solid[0].clear()
        turned = geometry.rotate_about_vertical(pose3d[None], angles[i])[0]
        visualizations.draw_pose_3d(solid[0], turned, skeleton, frame)
        solid[0].set_title(f'turned by {np.degrees(angles[i]):.0f}°', fontsize=9)

    return figure, draw, TURN_FRAMES, TURN_FPS


def playing(pose2d: np.ndarray, pose3d: np.ndarray, skeleton: Skeleton, fps: float) -> Film:
    """A sequence: the input, the lifted pose, and that turned by 90 degrees.

    Args:
        pose2d: (F, J, 2) array, px.
        pose3d: (F, J, 3) array, relative to the root.
        skeleton: `skeletons.Skeleton`.
        fps: frames a second.
    Returns:
        (figure, draw, frames, fps), what `write` takes; with more than
        `MAX_FRAMES` frames only every k-th is drawn, at fps / k.
    """
    step = -(-len(pose3d) // MAX_FRAMES)
    pose2d, pose3d = pose2d[::step], pose3d[::step]
    side = geometry.rotate_about_vertical(pose3d, np.pi / 2)
    frame = _frame(np.concatenate([pose3d, side]))
    low, high = pose2d.min(axis=(0, 1)), pose2d.max(axis=(0, 1))
    flat_frame = (low + high) / 2, max((high - low).max() / 2 * 1.08, 1e-6)
    figure, flat, solid = _axes(2)

    def draw(i):
        for axes in (flat, *solid):
            axes.clear()
        visualizations.draw_pose_2d(flat, pose2d[i], skeleton, frame=flat_frame)
        flat.set_title('2D input', fontsize=9)
        for axes, poses, title in zip(solid, (pose3d, side), ('lifted', 'turned by 90°')):
            visualizations.draw_pose_3d(axes, poses[i], skeleton, frame)
            axes.set_title(title, fontsize=9)

    return figure, draw, len(pose3d), fps / step


def write(path: StrPath, film: Film, format: str) -> None:
    """Write a film.

    Args:
        path: where to.
        film: of `turning` or `playing`.
        format: 'gif' (by Pillow) or 'mp4' (by ffmpeg).
    Raises:
        InputError: if there is no ffmpeg for mp4.
        OSError: if the file cannot be written.
    """
    from matplotlib import animation

    figure, draw, frames, fps = film
    if format == 'mp4':
        require_ffmpeg()
        # Even numbers of pixels and this order of colours are what players ask for.
        writer: animation.AbstractMovieWriter = animation.FFMpegWriter(
            fps=fps,  # type: ignore[arg-type]  # need not be whole
            extra_args=['-pix_fmt', 'yuv420p', '-vf', 'pad=ceil(iw/2)*2:ceil(ih/2)*2'],
        )
    else:
        writer = animation.PillowWriter(fps=fps)  # type: ignore[arg-type]
    with writer.saving(figure, str(path), figure.dpi):
        for i in range(frames):
            draw(i)
            writer.grab_frame()


def require_ffmpeg() -> None:
    """Refuse where there is no ffmpeg.

    Raises:
        InputError: saying so.
    """
    if shutil.which('ffmpeg') is None:
        raise InputError('expected the program ffmpeg, found none; --gif needs none', mp4=None)


def _frame(poses):
    """The cube that holds poses at every turn."""
    radius = np.hypot(poses[..., 0], poses[..., 2]).max()
    low, high = poses[..., 1].min(), poses[..., 1].max()
    half = 1.08 * max(radius, (high - low) / 2, 1e-6)
    return np.array([0, (low + high) / 2, 0]), half


def _axes(n_solid):
    figure = visualizations.new_figure(2.6 * (1 + n_solid), 2.9)
    flat = figure.add_subplot(1, 1 + n_solid, 1)
    flat.set_title('2D input', fontsize=9)
    solid = [figure.add_subplot(1, 1 + n_solid, 2 + i, projection='3d') for i in range(n_solid)]
    figure.subplots_adjust(left=0.02, right=0.98, bottom=0.03, top=0.9, wspace=0.05)
    return figure, flat, solid
