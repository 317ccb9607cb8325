"""The public copies of Human3.6M, each behind the same few members.

A layout has `kind` and `root` (what was found where), `takes` (`h36m.Take`,
sorted), `detections` (names), `how_to_get` (for messages), `poses(take)`: dict
from camera to (pose2d (F, 17, 2) px, pose3d (F, 17, 3) mm in the camera frame),
and `detected(name)`: a function from (take, camera) to the detections, (F', 16
or 17, 2) px, or None where there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainer_pose.datasets.readers import h36m, resection, shared
from chainer_pose.errors import InputError
from chainer_pose.geometry import Camera
from chainer_pose.utils import hdf5, unpickle

if TYPE_CHECKING:
    from chainer_pose.datasets.readers.h36m import Take
    from chainer_pose.utils.files import StrPath


_IMAGE = 1002  # px, width and height
_MAX_DIFFERENCE = 0.5  # px, between a projection that a copy holds and our own
# What the copies call the detections, and the pose file in all cases.
_DETECTION_FOLDERS = {'sh': 'StackedHourglass', 'sh_ft': 'StackedHourglassFineTuned240'}
_DETECTION_FILES = {'sh_pt_mpii': 'sh', 'sh_ft_h36m': 'sh_ft', 'cpn_ft_h36m_dbb': 'cpn_ft'}
_TAKES_TO_CALIBRATE = 8  # takes of a subject by which its cameras are found again


def find(root: StrPath, layout: str | None = None, subjects: Sequence[str] = h36m.SUBJECTS) -> Any:
    """Find out which copy of Human3.6M a folder holds.

    Args:
        root: the folder, or one or two folders above it.
        layout: a key of `LAYOUTS`, where a folder holds several; None for the first.
        subjects: those to read.
    Returns:
        a layout.
    Raises:
        InputError: if there is none, or a subject or a file is missing.
    """
    root = shared.root_folder(root)
    places = [root, *sorted(p for p in root.glob('*') if p.is_dir()), root / 'data' / 'h36m']
    for name in LAYOUTS if layout is None else (layout,):
        for place in places:
            if LAYOUTS[name].is_at(place):
                return LAYOUTS[name](place, subjects)
    looked_for = '; '.join(LAYOUTS[n].looked_for for n in (LAYOUTS if layout is None else [layout]))
    raise InputError(f'expected Human3.6M, found none of: {looked_for}', root=root)


def _glob_takes(folder, subject, suffix):
    """Files of a folder by the take that they name; other files are not takes."""
    files = {}
    for path in sorted(folder.glob(f'*{suffix}')):
        take = h36m.parse_take(subject, path.name[: -len(suffix)])
        if take is None:
            continue
        if take in files:
            raise InputError(f'{path}: expected one file of {take}, found {files[take].name} too')
        files[take] = path
    return files


def _require_takes(where, subject, files, how_to_get):
    if not files:
        raise InputError(
            f'{where}: expected the recordings of {subject}, found none; {how_to_get}; '
            f'--subjects converts only those that you have'
        )
    return files


def _joints_17(where, array, dims):
    """Bring (F, 32 or 17, D) or flat rows to (F, 17, D) float64, finite."""
    array = np.asarray(array, np.float64)
    if array.ndim == 2 and array.shape[1] % dims == 0:
        array = array.reshape(len(array), array.shape[1] // dims, dims)
    if array.ndim != 3 or not len(array) or array.shape[1:] not in ((17, dims), (32, dims)):
        raise InputError(f'{where}: expected frames of 32 joints, found shape {array.shape}')
    if array.shape[1] == 32:
        array = array[:, h36m.KEPT_OF_32]
    if not np.isfinite(array).all():
        frame, joint = np.argwhere(~np.isfinite(array).all(axis=2))[0]
        raise InputError(
            f'{where}: expected finite numbers, found others in frame {frame}, joint {joint}'
        )
    return array


def _in_mm(where, world):
    """Refuse metres: a wrong unit is a wrong number that nobody notices."""
    if np.abs(world).max() < 20:
        raise InputError(
            f'{where}: expected millimetres, found values up to {np.abs(world).max():.3g}'
        )
    return world


def _project(where, camera, pose3d):
    try:
        return camera.project(pose3d)
    except ValueError as error:
        raise InputError(f'{where}: {error}') from error


def read_cameras(path: StrPath, subject: str) -> dict[str, tuple[Camera, ...]]:
    """The four cameras of a subject from 3d-pose-baseline's cameras.h5.

    Args:
        path: cameras.h5; its R is stored transposed.
        subject: 'S1', ...
    Returns:
        dict from name to a pair of `geometry.Camera`: with R as stored by
        convention, and with R read the other way, for copies that differ.
    Raises:
        InputError: naming the file, the dataset, what was expected and found.
    """
    cameras = {}
    expected = f'subject{subject[1:]}/camera1 to camera4 with R T f c k p Name'
    with hdf5.opened(path, expected) as file:
        for number in range(1, len(h36m.CAMERAS) + 1):
            group = file[f'subject{subject[1:]}/camera{number}']
            name = ''.join(chr(int(code)) for code in np.ravel(group['Name'][()]))
            fields = {key: np.ravel(group[key][()]).astype(float) for key in 'Tfckp'}
            stored = np.asarray(group['R'][()], float)
            cameras[name] = tuple(Camera(R, **fields, name=name) for R in (stored.T, stored))
    sizes = {'T': 3, 'f': 2, 'c': 2, 'k': 3, 'p': 2}
    for name, (camera, _) in cameras.items():
        for key, size in sizes.items():
            value = getattr(camera, key)
            if value.shape != (size,) or not np.isfinite(value).all():
                raise InputError(
                    f'{path}: {subject}, camera {name}, {key}: expected {size} numbers, '
                    f'found {value.tolist()}'
                )
        with np.errstate(all='ignore'):  # of what is no rotation
            orthonormal = camera.R.shape == (3, 3) and np.allclose(
                camera.R @ camera.R.T, np.eye(3), atol=1e-3
            )
        if not orthonormal:
            raise InputError(f'{path}: {subject}, camera {name}: expected R to be a rotation')
    if set(cameras) != set(h36m.CAMERAS):
        raise InputError(
            f'{path}: {subject}: expected the cameras {" ".join(h36m.CAMERAS)}, '
            f'found {" ".join(sorted(cameras))}'
        )
    return cameras


def choose_rotation(where: str, pair: Sequence[Camera], world: np.ndarray) -> Camera:
    """The one of two cameras that sees the poses; if both do, the one that stands level.

    Args:
        where: for the message.
        pair: two `geometry.Camera`, with R as the convention has it, and transposed.
        world: (..., 3) array, mm, z up.
    Returns:
        `geometry.Camera`.
    Raises:
        InputError: if neither does: the camera is not of these poses.
    """
    seeing = [camera for camera in pair if _sees(camera, world)]
    if not seeing:
        raise InputError(
            f'{where}: expected camera {pair[0].name} to see the poses, found them behind it or '
            f'outside its image'
        )
    # The cameras of Human3.6M look across the room's corners and roll by less than
    # 4 degrees, so the right of a transposed one is some 20 degrees off level. The
    # margin lets no camera that is stored as the convention has it be turned.
    roll = [abs(camera.R[0, 2]) for camera in seeing]
    return seeing[1] if len(seeing) == 2 and roll[1] < roll[0] - 0.15 else seeing[0]


def _sees(camera, world):
    pose3d = camera.world_to_camera(world)
    if not (pose3d[..., 2] > 0).all():
        return False
    # A pose may leave the image, but not by another image's width.
    return bool((np.abs(camera.project(pose3d) - camera.c) < 1.5 * _IMAGE).all())


def _spread(items, count):
    items = list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, min(count, len(items))).astype(int)]


class _World:
    """What layouts of world poses share: cameras from cameras.h5, or found again.

    A layout gives `world(take)`, (F, 17, 3) mm, and may give `images(take)`, a
    dict from camera to the projections that it holds itself, (F, 17, 2) px. These
    are kept as they are, and by them the cameras are found again where there is
    no cameras.h5.
    """

    def __init__(self, root):
        self.root = root
        self.cameras_file = _find_cameras_file(root)
        self._cameras = {}

    def images(self, take):
        return {}

    def poses(self, take):
        world, images = self.world(take), self.images(take)
        where = f'{self.root}: {take}'
        seen = {}
        for name, camera in self.cameras(take.subject).items():
            pose3d = camera.world_to_camera(world)
            projected = _project(where, camera, pose3d)
            pose2d = images.get(name, projected)
            difference = np.abs(pose2d - projected).max(initial=0)
            if difference > _MAX_DIFFERENCE:
                raise InputError(
                    f'{where}, camera {name}: expected 2D that are the projection of the 3D, '
                    f'found a difference of {difference:.3g} px'
                )
            seen[name] = pose2d, pose3d
        return seen

    def cameras(self, subject):
        """The subject's cameras by name, as `geometry.Camera`."""
        if subject not in self._cameras:
            self._cameras[subject] = self._find_cameras(subject)
        return self._cameras[subject]

    def _world_takes(self, subject):
        return [take for take in self.takes if take.subject == subject]

    def _find_cameras(self, subject):
        takes = _spread(self._world_takes(subject), _TAKES_TO_CALIBRATE)
        worlds = [self.world(take) for take in takes]
        if self.cameras_file is not None:
            pairs = read_cameras(self.cameras_file, subject)
            where = f'{self.cameras_file}: {subject}'
            world = np.concatenate(worlds)
            return {name: choose_rotation(where, pairs[name], world) for name in h36m.CAMERAS}
        images = [self.images(take) for take in takes]
        found = {}
        for name in h36m.CAMERAS:
            pairs = [(w, i[name][: len(w)]) for w, i in zip(worlds, images) if name in i]
            try:
                found[name] = resection.resect(
                    np.concatenate([w.reshape(-1, 3) for w, _ in pairs]),
                    np.concatenate([i.reshape(-1, 2) for _, i in pairs]),
                    name,
                )
            except ValueError as error:  # InputError too
                raise InputError(f'{self.root}: {subject}: {error}') from error
        return found


def _cameras_from(layout):
    return 'cameras.h5' if layout.cameras_file else 'found again from its 2D'


def _find_cameras_file(root):
    places = (root / 'cameras.h5', root.parent / 'cameras.h5')
    return next((place for place in places if place.is_file()), None)


class Baseline(_World):
    """3d-pose-baseline (Martinez et al. 2017): a folder of HDF5 files for each subject."""

    looked_for = "S1/MyPoses/3D_positions/*.h5 with cameras.h5 (3d-pose-baseline's h36m.zip)"
    how_to_get = "3d-pose-baseline's README on GitHub links to the archives"

    @staticmethod
    def is_at(root: Path) -> bool:
        return any(root.glob('S*/MyPoses/3D_positions'))

    def __init__(self, root: Path, subjects: Sequence[str]) -> None:
        super().__init__(root)
        self.kind = "3d-pose-baseline's HDF5 files"
        self._files: dict = {}
        for subject in subjects:
            folder = root / subject / 'MyPoses' / '3D_positions'
            files = _glob_takes(folder, subject, '.h5')
            self._files |= _require_takes(folder, subject, files, self.how_to_get)
        self.takes = sorted(self._files, key=h36m.order)
        if self.cameras_file is None:
            raise InputError(f'{root / "cameras.h5"}: expected it, found none; {self.how_to_get}')
        for subject in subjects:
            read_cameras(self.cameras_file, subject)  # say what is missing at once
        self._detected = {
            name: self._find_detections(folder, subjects)
            for name, folder in _DETECTION_FOLDERS.items()
            if any((root / subject / folder).is_dir() for subject in subjects)
        }
        self.detections = list(self._detected)

    def _find_detections(self, folder, subjects):
        """Their files by (take, camera); a missing one is said at once, not after an hour."""
        files = {}
        for subject in subjects:
            place = self.root / subject / folder
            if not place.is_dir():
                raise InputError(
                    f'{place}: expected detections as for the other subjects, found none; '
                    f'{self.how_to_get}'
                )
            for camera in h36m.CAMERAS:
                found = _glob_takes(place, subject, f'.{camera}.h5')
                files |= {(take, camera): path for take, path in found.items()}
        for take in self.takes:
            for camera in h36m.CAMERAS:
                if (take, camera) not in files and not h36m.lacks_detections(take, camera):
                    place = self.root / take.subject / folder
                    raise InputError(
                        f'{place}: expected detections of {take} by camera {camera}, found none; '
                        f'{self.how_to_get}'
                    )
        return files

    def world(self, take: Take) -> np.ndarray:
        path = self._files[take]
        array = _read_h5(path, '3D_positions')
        if array.ndim != 2 or 96 not in array.shape:
            raise InputError(f'{path}: 3D_positions: expected shape (96, F), found {array.shape}')
        frames = array.T if array.shape[0] == 96 else array
        return _in_mm(path, _joints_17(path, frames, 3))

    def detected(self, name: str) -> Any:
        def read(take, camera):
            path = self._detected[name].get((take, camera))
            return None if path is None else _detections(path, _read_h5(path, 'poses'))

        return read


def _detections(where, array):
    array = np.asarray(array, np.float32)
    if array.ndim != 3 or array.shape[1] not in (16, 17) or array.shape[2] != 2:
        raise InputError(f'{where}: expected shape (F, 16, 2) or (F, 17, 2), found {array.shape}')
    if not np.isfinite(array).all():
        raise InputError(f'{where}: expected finite pixels, found others')
    return array


def _read_h5(path, key):
    with hdf5.opened(path, f'HDF5 with {key}') as file:
        return file[key][()]


class VideoPose3D(_World):
    """VideoPose3D's npz files (Pavllo et al. 2019): dictionaries, in metres."""

    looked_for = 'data_3d_h36m.npz (VideoPose3D)'
    how_to_get = "VideoPose3D's DATASETS.md on GitHub tells how to make or get the files"

    @staticmethod
    def is_at(root: Path) -> bool:
        return (root / 'data_3d_h36m.npz').is_file()

    def __init__(self, root: Path, subjects: Sequence[str]) -> None:
        super().__init__(root)
        self.kind = f"VideoPose3D's npz files, cameras {_cameras_from(self)}"
        self._subjects = subjects
        self._world = self._read('data_3d_h36m', 'positions_3d')
        self.takes = sorted(self._world, key=h36m.order)
        ground_truth = root / 'data_2d_h36m_gt.npz'
        self._images = {}
        if ground_truth.is_file():
            self._images = self._read('data_2d_h36m_gt', 'positions_2d')
            missing = [take for take in self.takes if take not in self._images]
            if missing:
                raise InputError(f'{ground_truth}: expected {missing[0]}, found none')
        elif self.cameras_file is None:
            raise InputError(
                f'{ground_truth}: expected it, or cameras.h5, to tell the cameras, found '
                f'neither; {self.how_to_get}'
            )
        self._files = {
            _DETECTION_FILES.get(key, key): path.stem
            for path in sorted(root.glob('data_2d_h36m_*.npz'))
            if (key := path.stem[len('data_2d_h36m_') :]) != 'gt'
        }
        self.detections = list(self._files)

    def _read(self, stem, key):
        path = self.root / f'{stem}.npz'
        positions = unpickle.read(path, key)
        if not isinstance(positions, dict):
            raise InputError(f'{path}: {key}: expected a dict of subjects, found another object')
        takes = {}
        for subject in self._subjects:
            recordings = positions.get(subject)
            found = {}
            for name, recording in recordings.items() if isinstance(recordings, dict) else ():
                take = h36m.parse_take(subject, str(name))
                if take in found:
                    raise InputError(f'{path}: {key}: expected {take} once, found it twice')
                if take is not None:
                    found[take] = recording
            takes |= _require_takes(path, subject, found, self.how_to_get)
        return takes

    def world(self, take: Take) -> np.ndarray:
        where = f'{self.root / "data_3d_h36m.npz"}: {take}'
        metres = _joints_17(where, self._world[take], 3)
        if np.abs(metres).max() > 100:
            raise InputError(
                f'{where}: expected metres, found values up to {np.abs(metres).max():.0f}'
            )
        return metres * 1000

    def images(self, take: Take) -> dict[str, np.ndarray]:
        if take not in self._images:
            return {}
        where = f'{self.root / "data_2d_h36m_gt.npz"}: {take}'
        views, n = _views(where, self._images[take]), len(self._world[take])
        for view in views.values():
            if view.shape[1] != 17 or len(view) < n:
                raise InputError(
                    f'{where}: expected shape ({n}, 17, 2) or longer, found {view.shape}'
                )
        return {camera: view[:n].astype(float) for camera, view in views.items()}

    def detected(self, name: str) -> Any:
        self._images = {}  # the poses have been read by now: free the memory
        views = self._read(self._files[name], 'positions_2d')

        def read(take, camera):
            if take not in views:
                return None
            where = f'{self.root / self._files[name]}.npz: {take}'
            return _views(where, views[take]).get(camera)

        return read


def _views(where, views):
    if not isinstance(views, (list, tuple)) or len(views) != len(h36m.CAMERAS):
        raise InputError(f'{where}: expected a list of 4 views, found another')
    return {c: _detections(where, view) for c, view in zip(h36m.CAMERAS, views)}


class Archive(_World):
    """The official archive's CDF files, unpacked; read by cdflib."""

    looked_for = (
        'S1/MyPoseFeatures/D3_Positions or D3_Positions_mono (the official archive, unpacked)'
    )
    how_to_get = 'register at vision.imar.ro/human3.6m and unpack Poses_D3_Positions_S*.tgz'

    @staticmethod
    def is_at(root: Path) -> bool:
        folders = ('D3_Positions', 'D3_Positions_mono')
        return any(any(root.glob(f'S*/MyPoseFeatures/{folder}')) for folder in folders)

    def __init__(self, root: Path, subjects: Sequence[str]) -> None:
        super().__init__(root)
        self.detections: list[str] = []
        _cdflib()
        self._world: dict = {}
        self._mono: dict = {}
        self._pixels: dict = {}
        for subject in subjects:
            features = root / subject / 'MyPoseFeatures'
            self._world |= _glob_takes(features / 'D3_Positions', subject, '.cdf')
            for files, folder in (
                (self._mono, 'D3_Positions_mono'),
                (self._pixels, 'D2_Positions'),
            ):
                for camera in h36m.CAMERAS:
                    found = _glob_takes(features / folder, subject, f'.{camera}.cdf')
                    files |= {(take, camera): path for take, path in found.items()}
        known = {*self._world, *(take for take, _ in self._mono)}
        for subject in subjects:
            where = root / subject / 'MyPoseFeatures' / 'D3_Positions'
            _require_takes(
                where, subject, {t for t in known if t.subject == subject}, self.how_to_get
            )
        self.takes = sorted(known, key=h36m.order)
        self._check_complete()

        whole = len(self._mono) == len(self._pixels) == len(self.takes) * len(h36m.CAMERAS)
        frame = 'poses in the camera frame' if whole else f'cameras {_cameras_from(self)}'
        self.kind = f"the official archive's CDF files, {frame}"

    def _check_complete(self):
        """Say at once which file is missing, not after an hour."""
        for take in self.takes:
            for camera in h36m.CAMERAS:
                has_2d, has_mono = ((take, camera) in d for d in (self._pixels, self._mono))
                features = self.root / take.subject / 'MyPoseFeatures'
                if not has_2d and self.cameras_file is None:
                    raise InputError(
                        f'{features / "D2_Positions"}: expected {take} by camera {camera}, or '
                        f'cameras.h5 in {self.root}, found neither; {self.how_to_get}'
                    )
                if not has_mono and take not in self._world:
                    raise InputError(
                        f'{features / "D3_Positions_mono"}: expected {take} by camera {camera}, '
                        f'found none; {self.how_to_get}'
                    )

    def poses(self, take: Take) -> Any:
        whole = all((take, camera) in self._mono for camera in h36m.CAMERAS)
        world = None if whole else self.world(take)
        seen = {}
        for camera in h36m.CAMERAS:
            pose3d = self._camera_frame(take, camera, world)
            if (take, camera) in self._pixels:
                path, pose2d = self._pixels[take, camera], self._image(take, camera)
                if len(pose2d) < len(pose3d):
                    raise InputError(f'{path}: expected {len(pose3d)} frames, found {len(pose2d)}')
            else:
                calibrated = self.cameras(take.subject)[camera]
                pose2d = _project(f'{self.root}: {take}', calibrated, pose3d)
            seen[camera] = pose2d[: len(pose3d)], pose3d
        return seen

    def _world_takes(self, subject):
        return [take for take in super()._world_takes(subject) if take in self._world]

    def _find_cameras(self, subject):
        if not self._world_takes(subject):  # only to project poses in the camera frame
            pairs = read_cameras(self.cameras_file, subject)
            return {name: camera for name, (camera, _) in pairs.items()}
        return super()._find_cameras(subject)

    def _camera_frame(self, take, camera, world):
        path = self._mono.get((take, camera))
        if path is None:
            return self.cameras(take.subject)[camera].world_to_camera(world)
        return _in_mm(path, _joints_17(path, _read_cdf(path), 3))

    def _image(self, take, camera):
        path = self._pixels[take, camera]
        return _joints_17(path, _read_cdf(path), 2)

    def world(self, take: Take) -> np.ndarray:
        path = self._world[take]
        return _in_mm(path, _joints_17(path, _read_cdf(path), 3))

    def images(self, take: Take) -> dict[str, np.ndarray]:
        return {
            camera: self._image(take, camera)
            for camera in h36m.CAMERAS
            if (take, camera) in self._pixels
        }


def _cdflib():
    try:
        import cdflib
    except ImportError as error:
        raise InputError(
            "expected cdflib to read the official archive's CDF files, found none; "
            "pip install '.[cdf]'",
            root=None,
        ) from error
    return cdflib


def _read_cdf(path):
    """Rows of a CDF file's variable Pose: (F, 96) or (F, 64)."""
    try:
        cdflib = _cdflib()
        pose = np.asarray(cdflib.CDF(str(path)).varget('Pose'))
    except InputError:
        raise
    except Exception as error:  # cdflib raises whatever a damaged file leads it to
        raise InputError(f'{path}: expected CDF with Pose, found: {error!r:.80}') from error
    return pose[0] if pose.ndim == 3 and len(pose) == 1 else pose


LAYOUTS: dict[str, Any] = {'baseline': Baseline, 'videopose3d': VideoPose3D, 'archive': Archive}
