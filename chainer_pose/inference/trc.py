"""Motion of one person as TRC, the markers' file of OpenSim and Pose2Sim."""

import numpy as np

from chainer_pose.skeletons import Skeleton
from chainer_pose.utils.files import StrPath

_UP = np.array([1.0, -1.0, -1.0])  # x right, y up, z towards the camera


def write(path: StrPath, pose_mm: np.ndarray, skeleton: Skeleton, fps: float, name: str) -> None:
    """Write (F, J, 3) poses in the camera frame, mm, as `fps` frames a second.

    The root stays in its place: its way through the room is not known. `name` is that of the
    file, in its first line.
    """
    n, j = pose_mm.shape[:2]
    keys = 'DataRate CameraRate NumFrames NumMarkers Units OrigDataRate OrigDataStartFrame'
    lines = [
        ['PathFileType', '4', '(X/Y/Z)', name],
        [*keys.split(), 'OrigNumFrames'],
        [f'{fps:g}', f'{fps:g}', str(n), str(j), 'mm', f'{fps:g}', '1', str(n)],
        ['Frame#', 'Time', *(cell for joint in skeleton.names for cell in (joint, '', ''))],
        ['', '', *(f'{axis}{i}' for i in range(1, j + 1) for axis in 'XYZ')],
        [],
    ]
    for i, numbers in enumerate((pose_mm * _UP).reshape(n, -1)):
        lines.append([str(i + 1), f'{i / fps:.6f}', *(f'{number:.3f}' for number in numbers)])
    with open(path, 'w', encoding='utf-8', newline='') as file:
        file.writelines('\t'.join(line) + '\n' for line in lines)
