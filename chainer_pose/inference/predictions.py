"""What predict.py writes: lifted people as JSON, CSV, npz, a pose file and a page to look at."""

import csv
import dataclasses
import functools
import itertools
import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainer_pose import __version__
from chainer_pose.datasets import PoseData, pose_file
from chainer_pose.datasets.keypoints import Keypoints, frame_numbers, ranks
from chainer_pose.datasets.readers.shared import Progress, silent
from chainer_pose.inference import motion
from chainer_pose.inference.lifter import Lifted
from chainer_pose.skeletons import Skeleton, conversions
from chainer_pose.utils import files
from chainer_pose.utils.files import StrPath

AXES = 'x right, y down, z away from the camera; 3D is relative to the root joint'
_AXES = {'pose3d': 'x_px y_px z_px', 'pose2d': 'u_px v_px', 'pose3d_mm': 'x_mm y_mm z_mm'}
_NUMBER = '%.6g'
_PART = 4096


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Lifted people, and where they come from.

    Attributes:
        source: N people.
        skeleton: of the J lifted joints.
        weights: path of the weights.
        poses: of the N people.
        pose3d_mm: (N, J, 3), its pose3d in mm; None where no length is known.
        scale: how pose3d_mm was scaled; empty without.
        fps: frames a second, 0 if unknown.
        processing: what else was done to the poses, one line each.
    """

    source: Keypoints
    skeleton: Skeleton
    weights: StrPath
    poses: Lifted
    pose3d_mm: np.ndarray | None = None
    scale: str = ''
    fps: float = 0.0
    processing: tuple[str, ...] = ()

    def persons(self) -> dict[int | str, np.ndarray]:
        """dict from each person's id to the indices of the lifted poses, in order."""
        found: dict[int | str, list[int]] = {}
        for i in np.flatnonzero(self.poses.lifted).tolist():
            found.setdefault(self.source.person[i], []).append(i)
        return {person: np.array(indices) for person, indices in found.items()}

    @functools.cached_property
    def steps(self) -> np.ndarray:
        """(N,) int, when each pose is; see `motion.steps`."""
        return motion.steps(self.source.frame)

    @functools.cached_property
    def confidence(self) -> np.ndarray:
        """(N, J) float32, the detector's confidence in each joint; in one made of others, a mean
        like that which made it; 0 where it was not seen."""
        source = self.source
        seen, given = source.confidence > 0, np.dstack([source.pose2d, source.confidence])
        whole = source.skeleton.add_virtual_joints(given, seen)
        found = np.nan_to_num(conversions.convert(*whole, source.skeleton, self.skeleton)[0])
        return np.clip(found[:, :, 2], 0, source.confidence.max(axis=1, keepdims=True))

    @functools.cached_property
    def summary(self) -> dict[str, Any]:
        """Counts, JSON values: people, lifted; imputed, dict from joints to how often, in those
        lifted; faces, how many have face and shoulders that were seen, and facing, how many of
        these have sin b >= 0 (eq. 3); None for a body without these joints."""
        lifted = self.poses.lifted
        imputed = self.poses.imputed[lifted].sum(axis=0).tolist()
        joints = self.skeleton.face_joints
        faces = lifted & ~self.poses.imputed[:, list(joints or ())].any(axis=1)
        return {
            'people': len(lifted),
            'lifted': int(lifted.sum()),
            'imputed': {name: n for name, n in zip(self.skeleton.names, imputed) if n},
            'faces': None if joints is None else int(faces.sum()),
            'facing': None if joints is None else int((self.poses.sin_beta[faces] >= 0).sum()),
        }

    @functools.cached_property
    def header(self) -> dict[str, Any]:
        """What each file says of its poses, JSON values."""
        units = {'pose2d': 'px', 'pose3d': 'px, of the input', 'pose3d_mm': 'mm'}
        optional = {'fps': self.fps, 'processing': list(self.processing)}
        return {
            'format': 'chainer-pose-predictions',
            'version': 1,
            'chainer_pose': __version__,
            'input': os.path.basename(os.path.normpath(self.source.path)),
            'input_skeleton': self.source.skeleton.name,
            'weights': Path(self.weights).name,
            'weights_sha256': files.sha256(self.weights),
            'scale': self.scale,
            'axes': AXES,
            'root': self.skeleton.names[self.skeleton.root],
            'units': {name: units[name] for name in self.points()},
            'skeleton': self.skeleton.to_dict(),
            'summary': self.summary,
            **{key: value for key, value in optional.items() if value},
        }

    def points(self) -> dict[str, np.ndarray]:
        """The arrays of points to write, by name."""
        points = {'pose2d': self.poses.pose2d, 'pose3d': self.poses.pose3d}
        return points if self.pose3d_mm is None else {**points, 'pose3d_mm': self.pose3d_mm}

    @functools.cached_property
    def imputed_names(self) -> list[list[str]]:
        """Of each pose, names of the joints that were imputed."""
        return [[self.skeleton.names[j] for j in np.flatnonzero(row)] for row in self.poses.imputed]


def write_json(path: StrPath, predictions: Predictions, progress: Progress = silent) -> None:
    """Write the poses as JSON: the header's keys, then ``poses``, one a line.

    A pose has frame, person, pose2d (null for a joint not known), pose3d (null where not
    lifted), pose3d_mm where a length is known, confidence (of the joints, 0 where not seen),
    imputed (names of joints) and sin_beta.
    """
    with open(path, 'w', encoding='utf-8') as file:
        file.writelines(_json(predictions, progress, 'writing poses.json'))


def _json(predictions: Predictions, progress: Progress, what: str) -> Iterator[str]:
    source = predictions.source
    points = predictions.points() | {'confidence': predictions.confidence}
    numbers = _rows([*points.values(), predictions.poses.sin_beta])
    template = json.dumps({k: np.full(a.shape[1:], _NUMBER).tolist() for k, a in points.items()})
    template = template[1:-1].replace(f'"{_NUMBER}"', _NUMBER)
    text = json.dumps(predictions.header, indent=1)
    yield text[: text.rindex('\n')] + ',\n "poses": ['
    for i, (*row, angle) in enumerate(_each(numbers, progress, what)):
        pose = template % tuple(row)
        if 'nan' in pose:
            pose = re.sub(r'\[nan.*?\]', 'null', pose)
            pose = re.sub(r'("pose3d\w*": )\[null.*?\]', r'\1null', pose)
        frame, person = json.dumps(source.frame[i]), json.dumps(source.person[i])
        imputed = json.dumps(predictions.imputed_names[i])
        tail = 'null' if math.isnan(angle) else _NUMBER % angle
        yield (
            f'{"," if i else ""}\n  {{"frame": {frame}, "person": {person}, {pose}, '
            f'"imputed": {imputed}, "sin_beta": {tail}}}'
        )
    yield '\n ]\n}\n'


def write_html(path: StrPath, predictions: Predictions, progress: Progress = silent) -> None:
    """Write a page that shows the poses and needs nothing else: page.html, with poses.json in it.

    Frames are shown by their numbers, unless these are far apart.
    """
    page = Path(__file__).with_name('page.html').read_text(encoding='utf-8')
    before, after = page.split('{{poses}}')
    known, rank = np.unique(predictions.steps, return_inverse=True)
    timed = motion.close(known)
    time = {'steps': (predictions.steps if timed else rank).tolist(), 'timed': timed}
    with open(path, 'w', encoding='utf-8') as file:
        file.write(before.replace('{{time}}', json.dumps(time)))
        for part in _json(predictions, progress, 'writing the page'):
            file.write(part.replace('<', '\\u003c'))  # no text can end the script
        file.write(after)


def write_csv(path: StrPath, predictions: Predictions, progress: Progress = silent) -> None:
    """Write the poses as CSV, one a row; the first line, after "#", says what the axes are.

    Columns: frame, person, sin_beta, imputed (joints, with ";" between), then JOINT_x_px,
    JOINT_y_px, JOINT_z_px of pose3d, JOINT_u_px, JOINT_v_px of pose2d and, where a length is
    known, JOINT_x_mm and so on. What is not known stays empty.
    """
    points, joints = _axes(predictions), predictions.skeleton.names
    columns = ['frame', 'person', 'sin_beta', 'imputed']
    columns += [f'{joint}_{axis}' for axes in points for joint in joints for axis in axes.split()]
    numbers = _rows([predictions.poses.sin_beta, *points.values()])
    imputed = [';'.join(names) for names in predictions.imputed_names]
    starts = zip(predictions.source.frame, predictions.source.person, imputed)
    values = _text(numbers, progress, 'writing poses.csv')
    rows = ([*ids, angle, names, *more] for (*ids, names), (angle, *more) in zip(starts, values))
    _write_csv(path, predictions, columns, rows)


def write_long_csv(path: StrPath, predictions: Predictions, progress: Progress = silent) -> None:
    """Write the poses as CSV, one joint a row, after the same first line.

    Columns: frame, person, joint, x_px, y_px, z_px, u_px, v_px and, where a length is known,
    x_mm, y_mm, z_mm; confidence; imputed, 1 or 0. What is not known stays empty.
    """
    source, points = predictions.source, _axes(predictions)
    columns = ['frame', 'person', 'joint', *' '.join(points).split(), 'confidence', 'imputed']
    numbers = np.dstack([*points.values(), predictions.confidence, predictions.poses.imputed])
    starts = itertools.product(zip(source.frame, source.person), predictions.skeleton.names)
    values = _text(numbers.reshape(-1, numbers.shape[2]), progress, 'writing poses.long.csv')
    rows = ([*ids, joint, *row] for (ids, joint), row in zip(starts, values))
    _write_csv(path, predictions, columns, rows)


def _axes(predictions: Predictions) -> dict[str, np.ndarray]:
    """The arrays of points by the names of their axes."""
    points = predictions.points()
    return {axes: points[name] for name, axes in _AXES.items() if name in points}


def _text(numbers: np.ndarray, progress: Progress, what: str) -> Iterator[list[str]]:
    """Rows as texts, empty for NaN."""
    template = ','.join([_NUMBER] * numbers.shape[1])
    for row in _each(numbers, progress, what):
        yield (template % tuple(row)).replace('nan', '').split(',')


def _write_csv(
    path: StrPath, predictions: Predictions, columns: list[str], rows: Iterator[list]
) -> None:
    header = predictions.header
    notes = '; '.join([f'weights: {header["weights"]}', *predictions.processing])
    with open(path, 'w', encoding='utf-8', newline='') as file:
        file.write(
            f'# {AXES} ({header["root"]}); u v: 2D in the image; px: pixels of the input; {notes}\n'
        )
        csv.writer(file, lineterminator='\n').writerows(itertools.chain([columns], rows))


def write_npz(path: StrPath, predictions: Predictions, progress: Progress = silent) -> None:
    """Write the poses as an npz file of plain arrays.

    Arrays: pose2d, pose3d, imputed, confidence, sin_beta, frame, person, joint_names,
    joint_parents and, where a length is known, pose3d_mm; NaN where not known. metadata is the
    header as JSON.
    """
    arrays: dict[str, Any] = predictions.points()
    np.savez(
        path,
        **arrays,
        imputed=predictions.poses.imputed,
        confidence=predictions.confidence,
        sin_beta=predictions.poses.sin_beta,
        frame=_ids(predictions.source.frame),
        person=_ids(predictions.source.person),
        joint_names=np.array(predictions.skeleton.names),
        joint_parents=np.array(predictions.skeleton.parents),
        metadata=np.array(json.dumps(predictions.header)),
    )


def _ids(values: list) -> np.ndarray:
    whole = all(isinstance(value, int) and abs(value) < 2**63 for value in values)
    return np.array(values if whole else [str(value) for value in values])


def write_h5(path: StrPath, predictions: Predictions, progress: Progress = silent) -> None:
    """Write the lifted poses as a pose file; those not lifted are left out.

    pose3d is in the input's pixels, relative to the root joint: a scale-free method has no
    millimetres. Splits, columns and names are those of an input that is a pose file; of
    others all is the test split, and a person a clip.
    """
    source, poses = predictions.source, predictions.poses
    splits = source.splits
    if not splits:
        frame = frame_numbers(source.frame) or ranks(source.frame)
        if max(frame) >= 2**31:  # times rather than numbers
            start = min(frame)
            frame = [number - start for number in frame]
        frame = frame if max(frame) < 2**31 else ranks(source.frame)
        whole = PoseData(
            Path(source.path).stem, source.skeleton, source.pose2d, licence='not stated',
            source=f'2D keypoints: {source.path}',
            columns={'frame': np.array(frame), 'clip': np.array(ranks(source.person))},
        )  # fmt: skip
        splits = {'test': whole}
    first = next(iter(splits.values()))
    header = dataclasses.replace(
        first,
        skeleton=predictions.skeleton,
        source=f'{first.source}; pose3d predicted by chainer_pose from keypoints '
        f'{source.keypoints}',
        fps=predictions.fps,
        units_3d='px',
        extra={'keypoints': source.keypoints, 'processing': '; '.join(predictions.processing)}
        | {key: predictions.header[key] for key in ('weights', 'weights_sha256')},
    )
    start = 0
    with pose_file.writing(path, header) as writer:
        for split, data in splits.items():
            kept = np.flatnonzero(poses.lifted[start : start + len(data)])
            pose2d, pose3d, imputed, _ = (array[start + kept] for array in poses)
            if data.imputed is not None and data.skeleton.names == predictions.skeleton.names:
                imputed = imputed | data.imputed[kept]
            columns = {name: column[kept] for name, column in data.columns.items()}
            writer.append(split, ~imputed, imputed, pose2d=pose2d, pose3d=pose3d, **columns)
            start += len(data)


WRITERS = {
    'json': write_json, 'csv': write_csv, 'csv-long': write_long_csv, 'npz': write_npz,
    'h5': write_h5,
}  # fmt: skip


def _rows(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.hstack([array.reshape(len(array), -1) for array in arrays])


def _each(numbers: np.ndarray, progress: Progress, what: str) -> Iterator[list[float]]:
    for start in range(0, len(numbers), _PART):
        yield from numbers[start : start + _PART].tolist()
        progress(min(start + _PART, len(numbers)), len(numbers), what)
