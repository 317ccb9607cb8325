"""The public copies of Human3.6M behind one interface, `Layout`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainer_pose.datasets.readers import cameras, h36m, resection, shared
from chainer_pose.datasets.readers.h36m import Take
from chainer_pose.errors import InputError
from chainer_pose.geometry import Camera
from chainer_pose.utils import files, hdf5, unpickle
from chainer_pose.utils.files import StrPath

_TAKES_TO_CALIBRATE = 8  # takes of a subject from which its cameras are estimated
# The names of detections in the copies, and in the pose file.
_DETECTION_FOLDERS = {'sh': 'StackedHourglass', 'sh_ft': 'StackedHourglassFineTuned240'}
_DETECTION_FILES = {'sh_pt_mpii': 'sh', 'sh_ft_h36m': 'sh_ft', 'cpn_ft_h36m_dbb': 'cpn_ft'}
_STEM = 'data_2d_h36m_'  # of VideoPose3D's files
_MAX_ERROR = 5  # mm, between a pose's places in the world, by one camera and by another
Detected = Callable[[Take, str], np.ndarray | None]  # of a take and camera


def find(
    root: StrPath, layout: str | None = None, subjects: Sequence[str] = h36m.SUBJECTS
) -> Layout:
    """Find the copy of Human3.6M in a folder.

    Args:
        root: the folder, or one or two folders above it.
        layout: a key of `LAYOUTS`, for a folder with several; None for the first.
        subjects: those to read.
    Raises:
        InputError: if there is none, or it lacks a file without which the others are useless.
    """
    kinds = {layout: LAYOUTS[layout]} if layout else LAYOUTS
    found = _places(root, kinds)
    if not found:
        looked_for = '; '.join(f'{" or ".join(k.patterns)} ({k.name})' for k in kinds.values())
        raise InputError(f'expected Human3.6M, found none of: {looked_for}', root=root)
    first, place = next(iter(found.items()))
    return LAYOUTS[first](place, sorted(set(subjects), key=h36m.SUBJECTS.index))


def detections(root: StrPath) -> dict[str, list[str]]:
    """List the layouts in a folder, and names of the detections of each, without reading them."""
    return {
        name: LAYOUTS[name].names_of_detections(place, h36m.SUBJECTS)
        for name, place in _places(root, LAYOUTS).items()
    }


def _places(root: StrPath, kinds: Mapping[str, Any]) -> dict[str, Path]:
    root = shared.root_folder(root)
    places = [root, *sorted(p for p in root.glob('*') if p.is_dir()), root / 'data/h36m']
    return {
        name: place
        for name, kind in kinds.items()
        for place in reversed(places)
        if any(any(place.glob(pattern)) for pattern in kind.patterns)
    }


class Layout:
    """A copy of Human3.6M in a folder.

    A subclass reads `world` poses, and maybe the `images` and poses `in_cameras` that
    the copy itself holds. The rest is computed by the cameras of cameras.h5 or
    metadata.xml; without them they are estimated from the images.

    Attributes:
        root, kind: the folder, and text on what was found in it.
        subjects: those to read, sorted.
        takes, detections: the sorted takes, and names of the detections.
        coco: the names of detections with the joints of COCO.
        lacks_take: whether no such copy has the first take of `h36m.MISSING`.
    """

    name = ''
    patterns: tuple[str, ...] = ()
    how_to_get = ''
    coco: Sequence[str] = ()
    lacks_take = False

    def __init__(self, root: Path, subjects: Sequence[str]) -> None:
        self.root, self.subjects = root, subjects
        self.takes: list[Take] = []
        self.detections = self.names_of_detections(root, subjects)
        names = ('cameras.h5', 'metadata.xml')
        places = [folder / name for name in names for folder in (root, root.parent)]
        self._cameras_file = next((place for place in places if place.is_file()), None)
        found = self._cameras_file.name if self._cameras_file else 'estimated from its 2D'
        self.kind = f'{self.name}, cameras {found}'
        self._world: dict[Take, Any] = {}  # files or arrays
        self._cameras: dict[str, dict[str, Camera]] = {}

    @staticmethod
    def names_of_detections(root: Path, subjects: Sequence[str]) -> list[str]:
        """Return the names of the detections in a folder."""
        return []

    def require_detections(self, names: Sequence[str]) -> None:
        """Report now, not after an hour, detections that are missing."""

    def world(self, take: Take) -> np.ndarray:
        """Read the poses in the world, (F, 17, 3), mm, z up."""
        raise NotImplementedError

    def images(self, take: Take) -> Mapping[str, np.ndarray]:
        """Read the projections that the copy holds, by camera, (F or more, 17, 2) px."""
        return {}

    def in_cameras(self, take: Take) -> Mapping[str, np.ndarray]:
        """Read the poses in the camera frames that the copy holds, by camera, (F, 17, 3) mm."""
        return {}

    def detected(self, name: str) -> Detected:
        """Make the function from take and camera to detections, (F or more, 16 or 17, 2) px."""
        raise NotImplementedError

    def absent(self, take: Take, camera: str) -> str:
        """Return how to get what is absent of a view; '' if nothing is."""
        return ''

    def views(self, take: Take) -> list[str]:
        """Return the cameras of a take that can be read."""
        return [camera for camera in h36m.CAMERAS if not self.absent(take, camera)]

    def poses(self, take: Take) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Read the poses of a take.

        Returns:
            dict from camera to pose2d (F, 17, 2), px, and pose3d (F, 17, 3), mm in
            the camera frame.
        Raises:
            InputError: if the files are damaged, or 2D and 3D, or cameras, do not match.
        """
        images, in_cameras = self.images(take), self.in_cameras(take)
        world: Any = self.world(take) if take in self._world else None
        seen = {}
        for name in self.views(take):
            where = f'{self.root}: {take}, camera {name}'
            camera = self._cameras_of(take.subject).get(name)
            if camera is None:
                raise InputError(f'{where}: expected its 2D, or cameras.h5, found neither')
            pose2d, pose3d = images.get(name), in_cameras.get(name)
            if pose3d is None:
                pose3d = camera.world_to_camera(world)
            if pose2d is not None and len(pose2d) < len(pose3d):
                raise InputError(f'{where}: expected {len(pose3d)} frames, found {len(pose2d)}')
            if not cameras.sees(camera, pose3d):
                raise InputError(
                    f'{where}: expected poses in its image, found them behind it or far outside'
                )
            projected = camera.project(pose3d)
            if self._cameras_file and name in in_cameras:
                place = pose3d @ camera.R + camera.T
                world = place if world is None else world
                error = np.abs(place[: len(world)] - world[: len(place)]).max()
                if error > _MAX_ERROR:
                    raise InputError(
                        f'{where}: expected 3D where D3_Positions or another camera has it, found '
                        f'a difference of {error:.3g} mm'
                    )
            pose2d = projected if pose2d is None else pose2d[: len(pose3d)]
            difference = np.abs(pose2d - projected).max(initial=0)
            if difference > resection.MAX_DIFFERENCE:
                raise InputError(
                    f'{where}: expected 2D that are the projection of the 3D, found a difference '
                    f'of {difference:.3g} px'
                )
            seen[name] = pose2d, pose3d
        return seen

    def _cameras_of(self, subject: str) -> dict[str, Camera]:
        if subject not in self._cameras:
            self._cameras[subject] = self._find_cameras(subject)
        return self._cameras[subject]

    def _of_world(self, take: Take) -> bool:
        """Whether to calibrate by the 3D of a take in the world, not in the camera frames."""
        return True

    def _find_cameras(self, subject: str) -> dict[str, Camera]:
        takes = [take for take in self.takes if take.subject == subject]
        in_world = [take for take in takes if self._of_world(take)]
        takes = in_world or takes
        count = min(len(takes), _TAKES_TO_CALIBRATE)
        takes = [takes[i] for i in np.linspace(0, len(takes) - 1, count).astype(int)]
        worlds = [self.world(take) for take in takes if in_world]
        if self._cameras_file is not None:
            pairs = cameras.read(self._cameras_file, subject, h36m.CAMERAS)
            where = f'{self._cameras_file}: {subject}'
            world = np.concatenate([np.empty((0, 17, 3)), *worlds])
            return {n: cameras.choose_rotation(where, pair, world) for n, pair in pairs.items()}
        images = [self.images(take) for take in takes]
        points_of: list = [dict.fromkeys(h36m.CAMERAS, world) for world in worlds]
        points_of = points_of or [self.in_cameras(take) for take in takes]
        found = {}
        for name in h36m.CAMERAS:
            both = [
                (p[name], i[name][: len(p[name])])
                for p, i in zip(points_of, images)
                if name in p and name in i
            ]
            if not both:
                continue
            try:
                points, pixels = (np.concatenate(arrays) for arrays in zip(*both))
                found[name] = resection.resect(
                    points.reshape(-1, 3), pixels.reshape(-1, 2), name, in_camera=not in_world
                )
            except ValueError as error:  # InputError too
                raise InputError(f'{self.root}: {subject}: {error}') from error
        return found

    def _require(self, found: object, where: StrPath, expected: str) -> None:
        """Report a missing file now, not after an hour."""
        if not found:
            raise InputError(f'{where}: expected {expected}, found none; {self.how_to_get}')


def _glob_takes(folder: Path, subject: str, suffix: str) -> dict[Take, Path]:
    """The files of a folder that are named as takes."""
    files: dict[Take, Path] = {}
    for path in sorted(folder.glob(f'*{suffix}')):
        take = h36m.parse_take(subject, path.name[: -len(suffix)])
        if take in files:
            raise InputError(f'{path}: expected one file of {take}, found {files[take].name} too')
        if take is not None:
            files[take] = path
    return files


def _joints_17(where: StrPath, array: Any, dims: int) -> np.ndarray:
    """(F, 17 or 32, D), or rows of them, as (F, 17, D) float64, finite."""
    array = np.asarray(array, np.float64)
    if array.ndim < 2 or not len(array) or array[0].size not in (17 * dims, 32 * dims):
        raise InputError(f'{where}: expected frames of 32 joints, found shape {array.shape}')
    array = array.reshape(len(array), -1, dims)
    if array.shape[1] == 32:
        array = array[:, h36m.KEPT_OF_32]
    if not np.isfinite(array).all():
        frame = np.argwhere(~np.isfinite(array))[0][0]
        raise InputError(f'{where}: expected finite numbers, found others in frame {frame}')
    return array


def _in_mm(where: StrPath, world: np.ndarray, unit: str = 'mm') -> np.ndarray:
    """Convert to mm; a wrong unit would be a wrong number that nobody notices."""
    factor = {'mm': 1, 'm': 1000}[unit]
    most = np.abs(world).max()
    if not 20 <= most * factor <= 1e5:
        raise InputError(f'{where}: expected {unit}, found values up to {most:.3g}')
    return world * factor


def _pixels(where: StrPath, array: Any, n_joints: tuple[int, ...] = (16, 17)) -> np.ndarray:
    array = np.asarray(array, np.float32)
    if array.ndim != 3 or array.shape[1] not in n_joints or array.shape[2] != 2:
        wanted = ' or '.join(f'(F, {n}, 2)' for n in n_joints)
        raise InputError(f'{where}: expected shape {wanted}, found {array.shape}')
    if not np.isfinite(array).all():
        raise InputError(f'{where}: expected finite pixels, found others')
    return array


def _read_h5(path: Path, key: str) -> np.ndarray:
    with hdf5.opened(path, f'HDF5 with {key}') as file:
        return file[key][()]


class Baseline(Layout):
    """3d-pose-baseline (Martinez et al. 2017): a folder of HDF5 files for each subject."""

    name = "3d-pose-baseline's HDF5 files"
    patterns = ('S*/MyPoses/3D_positions',)
    how_to_get = "3d-pose-baseline's README on GitHub links to the archives"

    def __init__(self, root: Path, subjects: Sequence[str]) -> None:
        super().__init__(root, subjects)
        self.kind = self.name
        for subject in subjects:
            folder = root / subject / 'MyPoses' / '3D_positions'
            self._world |= _glob_takes(folder, subject, '.h5')
        self.takes = h36m.ordered(self._world)
        for subject in dict.fromkeys(take.subject for take in self.takes):
            path = self._cameras_file or root / 'cameras.h5'
            cameras.read(path, subject, h36m.CAMERAS)  # report now what is missing
        self._detected = {
            (name, take, camera): path
            for name in self.detections
            for subject, camera in itertools.product(subjects, h36m.CAMERAS)
            for take, path in _glob_takes(
                root / subject / _DETECTION_FOLDERS[name], subject, f'.{camera}.h5'
            ).items()
        }

    @staticmethod
    def names_of_detections(root: Path, subjects: Sequence[str]) -> list[str]:
        return [
            name
            for name, folder in _DETECTION_FOLDERS.items()
            if any((root / subject / folder).is_dir() for subject in subjects)
        ]

    def require_detections(self, names: Sequence[str]) -> None:
        for view in itertools.product(names, self.takes, h36m.CAMERAS):
            name, take, camera = view
            found = view in self._detected or h36m.lacks_detections(take, camera)
            where = self.root / take.subject / _DETECTION_FOLDERS[name]
            self._require(found, where, f'detections of {take} by camera {camera}')

    def world(self, take: Take) -> np.ndarray:
        path = self._world[take]
        return _in_mm(path, _joints_17(path, _read_h5(path, '3D_positions').T, 3))

    def detected(self, name: str) -> Detected:
        def read(take: Take, camera: str) -> np.ndarray | None:
            path = self._detected.get((name, take, camera))
            return None if path is None else _pixels(path, _read_h5(path, 'poses'))

        return read


class VideoPose3D(Layout):
    """VideoPose3D's npz files (Pavllo et al. 2019): dictionaries, in metres."""

    name = "VideoPose3D's npz files"
    patterns = ('data_3d_h36m.npz',)
    how_to_get = "see VideoPose3D's DATASETS.md on GitHub"
    lacks_take = True

    def __init__(self, root: Path, subjects: Sequence[str]) -> None:
        super().__init__(root, subjects)
        self._world = self._read('data_3d_h36m', 'positions_3d')
        self.takes = h36m.ordered(self._world)
        where = root / f'{_STEM}gt.npz'
        self._images = self._read(where.stem, 'positions_2d') if where.is_file() else {}
        self._require(self._images or self._cameras_file, where, 'it, or cameras.h5 beside it')
        self.coco = [name for name in self.detections if self._layout_of(name) == 'coco']

    @staticmethod
    def names_of_detections(root: Path, subjects: Sequence[str]) -> list[str]:
        return [name for name in VideoPose3D._files_of(root) if name != 'gt']

    @staticmethod
    def _files_of(root: Path) -> dict[str, Path]:
        keys = {path.stem[len(_STEM) :]: path for path in sorted(root.glob(f'{_STEM}*.npz'))}
        return {_DETECTION_FILES.get(key, key): path for key, path in keys.items()}

    def _layout_of(self, name: str) -> str:
        """Return the layout_name of a file's metadata; '' without it."""
        path = self._files_of(self.root)[name]
        with files.opened_npz(path, 'an npz file of 2D poses') as archive:
            if 'metadata.npy' not in archive.namelist():
                return ''
        metadata = unpickle.read(path, 'metadata')
        return str(metadata.get('layout_name', '')) if isinstance(metadata, dict) else ''

    def _read(self, stem: str, key: str) -> dict[Take, Any]:
        path = self.root / f'{stem}.npz'
        positions = unpickle.read(path, key)
        takes: dict[Take, Any] = {}
        for subject in self.subjects:
            recordings = positions.get(subject) if isinstance(positions, dict) else None
            for name, value in recordings.items() if isinstance(recordings, dict) else ():
                take = h36m.parse_take(subject, str(name))
                if take is not None:
                    takes[take] = value
        return takes

    def world(self, take: Take) -> np.ndarray:
        where = f'{self.root / "data_3d_h36m.npz"}: {take}'
        return _in_mm(where, _joints_17(where, self._world[take], 3), 'm')

    def images(self, take: Take) -> Mapping[str, np.ndarray]:
        if take not in self._images:
            return {}
        return self._views(f'{_STEM}gt', self._images, take, (17,))

    def _views(
        self, stem: str, takes: Mapping[Take, Any], take: Take, n_joints: tuple[int, ...]
    ) -> dict[str, np.ndarray]:
        where, views = f'{self.root / stem}.npz: {take}', takes.get(take)
        if not isinstance(views, (list, tuple)) or len(views) != len(h36m.CAMERAS):
            raise InputError(f'{where}: expected a list of {len(h36m.CAMERAS)} views, found none')
        return {c: _pixels(where, view, n_joints) for c, view in zip(h36m.CAMERAS, views)}

    def detected(self, name: str) -> Detected:
        self._images = {}  # the poses have been read by now: free the memory
        stem = self._files_of(self.root)[name].stem
        takes = self._read(stem, 'positions_2d')

        def read(take: Take, camera: str) -> np.ndarray | None:
            return self._views(stem, takes, take, (16, 17))[camera] if take in takes else None

        return read


class Archive(Layout):
    """The official archive's CDF files, unpacked; read by cdflib."""

    name = "the official archive's CDF files"
    patterns = ('S*/MyPoseFeatures/D3_Positions', 'S*/MyPoseFeatures/D3_Positions_mono')
    how_to_get = 'register at vision.imar.ro/human3.6m and unpack Poses_D3_Positions_S*.tgz'

    def __init__(self, root: Path, subjects: Sequence[str]) -> None:
        super().__init__(root, subjects)
        _import_cdflib()
        self._mono: dict[tuple[Take, str], Path] = {}
        self._pixels: dict[tuple[Take, str], Path] = {}
        for subject in subjects:
            features = root / subject / 'MyPoseFeatures'
            self._world |= _glob_takes(features / 'D3_Positions', subject, '.cdf')
            for camera in h36m.CAMERAS:
                for paths, folder in (
                    (self._mono, 'D3_Positions_mono'),
                    (self._pixels, 'D2_Positions'),
                ):
                    found = _glob_takes(features / folder, subject, f'.{camera}.cdf')
                    paths |= {(take, camera): path for take, path in found.items()}
        self.takes = h36m.ordered({*self._world, *(take for take, _ in self._mono)})

    def absent(self, take: Take, camera: str) -> str:
        folder = ''
        if (take, camera) not in self._mono and take not in self._world:
            folder = 'D3_Positions_mono'
        elif (take, camera) not in self._pixels and self._cameras_file is None:
            folder = 'D2_Positions'
        also = ', or copy cameras.h5 or metadata.xml there' if folder == 'D2_Positions' else ''
        return folder and self.how_to_get.replace('D3_Positions', folder) + also

    def _of_world(self, take: Take) -> bool:
        is_needed = any((take, camera) not in self._mono for camera in self.views(take))
        return take in self._world and (self._cameras_file is not None or is_needed)

    def world(self, take: Take) -> np.ndarray:
        path = self._world[take]
        return _in_mm(path, _joints_17(path, _read_cdf(path), 3))

    def images(self, take: Take) -> Mapping[str, np.ndarray]:
        paths = {camera: self._pixels.get((take, camera)) for camera in h36m.CAMERAS}
        return {c: _joints_17(path, _read_cdf(path), 2) for c, path in paths.items() if path}

    def in_cameras(self, take: Take) -> Mapping[str, np.ndarray]:
        paths = {camera: self._mono.get((take, camera)) for camera in h36m.CAMERAS}
        return {
            camera: _in_mm(path, _joints_17(path, _read_cdf(path), 3))
            for camera, path in paths.items()
            if path
        }


def _import_cdflib() -> Any:
    try:
        import cdflib
    except ImportError as error:
        raise InputError(
            "expected cdflib to read the official archive's CDF files, found none; "
            "pip install '.[cdf]'",
            root=None,
        ) from error
    return cdflib


def _read_cdf(path: Path) -> np.ndarray:
    """Read the rows of a CDF file's variable Pose: (F, 96) or (F, 64)."""
    cdflib = _import_cdflib()
    with files.reading(path, 'CDF with Pose'):
        pose = np.asarray(cdflib.CDF(str(path)).varget('Pose'))
    return pose[0] if pose.ndim == 3 and len(pose) == 1 else pose


LAYOUTS: dict[str, Any] = {'baseline': Baseline, 'videopose3d': VideoPose3D, 'archive': Archive}
