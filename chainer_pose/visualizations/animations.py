"""Moving pictures of lifted people: one pose turning, or a sequence playing."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from chainer_pose import geometry, visualizations
from chainer_pose.errors import InputError
from chainer_pose.skeletons import Skeleton
from chainer_pose.utils.files import StrPath

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    Film = tuple[Figure, Callable[[int], object], int, float]  # figure, draw, frames, fps

TURN_FRAMES, TURN_FPS = 36, 12.0
MAX_FRAMES = 240  # of a film; longer sequences are thinned out
GIF_FPS = 50  # viewers slow a GIF of more down; it is thinned out, too


def turning(pose2d: np.ndarray, pose3d: np.ndarray, skeleton: Skeleton) -> Film:
    """Show one input, (J, 2) px, and its pose, (J, 3), turned once about the vertical axis."""
    angles = np.linspace(0, 2 * np.pi, TURN_FRAMES, endpoint=False)
    turned = geometry.rotate_about_vertical(np.array([pose3d] * TURN_FRAMES), angles)
    titles = [f'turned by {degrees:.0f}°' for degrees in np.degrees(angles)]
    return _film(np.array([pose2d] * TURN_FRAMES), [(turned, titles)], skeleton, TURN_FPS)


def playing(pose2d: np.ndarray, pose3d: np.ndarray, skeleton: Skeleton, fps: float) -> Film:
    """Show a sequence: the input, (F, J, 2) px, and the poses, (F, J, 3), also from the side.

    With more than `MAX_FRAMES` frames only every k-th is drawn, at fps / k.
    """
    step = -(-len(pose3d) // MAX_FRAMES)
    pose2d, pose3d = pose2d[::step], pose3d[::step]
    side, n = geometry.rotate_about_vertical(pose3d, np.pi / 2), len(pose3d)
    columns = [(pose3d, ['lifted'] * n), (side, ['turned by 90°'] * n)]
    return _film(pose2d, columns, skeleton, fps / step)


def _film(
    pose2d: np.ndarray, columns: list[tuple[np.ndarray, list[str]]], skeleton: Skeleton, fps: float
) -> Film:
    """Of (F, J, 2) inputs and columns of (F, J, 3) poses, each with a title."""
    n = len(columns)
    figure = visualizations.new_figure(2.6 * (1 + n), 2.9)
    axes_2d = figure.add_subplot(1, 1 + n, 1)
    axes_3d = [figure.add_subplot(1, 1 + n, 2 + i, projection='3d') for i in range(n)]
    figure.subplots_adjust(left=0.02, right=0.98, bottom=0.03, top=0.9, wspace=0.05)
    frame_2d = visualizations.frame_of(pose2d)
    frame_3d = visualizations.frame_of(columns[0][0], turning=True)

    def draw(i: int) -> None:
        for axes in figure.axes:
            axes.clear()
        visualizations.draw_pose_2d(axes_2d, pose2d[i], skeleton, frame=frame_2d)
        axes_2d.set_title('2D input', fontsize=9)
        for axes, (poses, titles) in zip(axes_3d, columns):
            visualizations.draw_pose_3d(axes, poses[i], skeleton, frame_3d)
            axes.set_title(titles[i], fontsize=9)

    return figure, draw, len(pose2d), fps


def write(path: StrPath, film: Film, format: str) -> None:
    """Write a film of `turning` or `playing` as 'gif' (by Pillow) or 'mp4' (by ffmpeg).

    Raises:
        InputError: for mp4 without ffmpeg.
        OSError: if the file cannot be written.
    """
    from matplotlib import animation
    from PIL import Image

    figure, draw, frames, fps = film
    if format == 'gif':
        step = int(np.ceil(fps / GIF_FPS))
        images = []
        for i in range(0, frames, step):
            draw(i)
            figure.savefig(png := io.BytesIO(), format='png', dpi=figure.dpi)
            images.append(Image.open(png).convert('RGB'))
        # A GIF counts in hundredths of a second; rounded so that they add up.
        ends = np.round(100 * step / fps * np.arange(len(images) + 1))
        durations = (10 * np.diff(ends)).astype(int).tolist()
        images[0].save(
            path, 'GIF', save_all=True, append_images=images[1:], duration=durations, loop=0
        )
        return
    require_ffmpeg()
    # Players expect even numbers of pixels and this order of colors.
    extra = ['-pix_fmt', 'yuv420p', '-vf', 'pad=ceil(iw/2)*2:ceil(ih/2)*2']
    writer = animation.FFMpegWriter(fps, extra_args=extra)  # type: ignore[arg-type]
    with writer.saving(figure, str(path), figure.dpi):
        for i in range(frames):
            draw(i)
            writer.grab_frame()


def require_ffmpeg() -> None:
    """Raise an InputError if the program ffmpeg is missing."""
    if shutil.which('ffmpeg') is None:
        raise InputError('expected the program ffmpeg, found none; a GIF needs none', mp4=None)
