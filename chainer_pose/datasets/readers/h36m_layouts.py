"""The public copies of Human3.6M behind one interface, `Layout`."""

import contextlib
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
) -> 'Layout':
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
        self._cameras: dict[str, Any] = {}  # by subject and name

    @staticmethod
    def names_of_detections(root: Path, subjects: Sequence[str]) -> list[str]:
        """Return the names of the detections in a folder, by default those of the Hourglass."""
        return [
            name
            for name, folder in _DETECTION_FOLDERS.items()
            if any((root / subject / folder).is_dir() for subject in subjects)
        ]

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
        paths = {
            (take, camera): path
            for subject, camera in itertools.product(self.subjects, h36m.CAMERAS)
            for take, path in _glob_takes(
                self.root / subject / _DETECTION_FOLDERS[name], subject, f'.{camera}.h5'
            ).items()
        }

        def read(take: Take, camera: str) -> np.ndarray | None:
            path = paths.get((take, camera))
            return None if path is None else _pixels(path, _read_h5(path, 'poses'))

        return read

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
        if take.subject not in self._cameras:
            self._cameras[take.subject] = self._find_cameras(take.subject)
        seen = {}
        for name in self.views(take):
            where = f'{self.root}: {take}, camera {name}'
            camera = self._cameras[take.subject].get(name)
            _require(camera, where, 'its 2D, or cameras.h5', 'neither')
            pose3d = in_cameras[name] if name in in_cameras else camera.world_to_camera(world)
            pose2d = images[name][: len(pose3d)] if name in images else None
            in_image = cameras.sees(camera, pose3d)
            _require(in_image, where, 'poses in its image', 'them behind it or far outside')
            projected = camera.project(pose3d)
            if self._cameras_file and name in in_cameras:
                place = pose3d @ camera.R + camera.T
                world = place if world is None else world
                error = np.abs(place[: len(world)] - world[: len(place)]).max()
                expected = '3D where D3_Positions or another camera has it'
                _require(error <= _MAX_ERROR, where, expected, f'a difference of {error:.3g} mm')
            pose2d = projected if pose2d is None else pose2d
            n, n_images = len(pose3d), len(pose2d)
            _require(n_images == n, where, f'{n} frames', n_images)
            error = np.abs(pose2d - projected).max(initial=0)
            expected = '2D that are the projection of the 3D'
            found = f'a difference of {error:.3g} px'
            _require(error <= resection.MAX_DIFFERENCE, where, expected, found)
            seen[name] = pose2d, pose3d
        return seen

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
            if both:
                with files.reading(f'{self.root}: {subject}', f'poses that show camera {name}'):
                    points, pixels = (np.concatenate(arrays) for arrays in zip(*both))
                    found[name] = resection.resect(
                        points.reshape(-1, 3), pixels.reshape(-1, 2), name, not in_world
                    )
        return found


def _require(condition: object, where: StrPath, expected: str, found: object) -> None:
    if not condition:
        raise InputError(f'{where}: expected {expected}, found {found}')


def _glob_takes(folder: Path, subject: str, suffix: str) -> dict[Take, Path]:
    """The files of a folder that are named as takes."""
    files: dict[Take, Path] = {}
    for path in sorted(folder.glob(f'*{suffix}')):
        take = h36m.parse_take(subject, path.name[: -len(suffix)])
        if take is not None:
            _require(take not in files, path, f'one file of {take}', f'{files.get(take)}, too')
            files[take] = path
    return files


def _finite(where: StrPath, array: Any, n_joints: tuple[int, ...], dims: int) -> np.ndarray:
    """An array, or rows, of finite poses as (F, J, D) with one of these numbers of joints."""
    array = np.asarray(array)
    sizes = [dims * n for n in n_joints]
    wanted = f'frames of {" or ".join(map(str, n_joints))} joints'
    fits = array.ndim > 1 and len(array) and array[0].size in sizes
    _require(fits, where, wanted, f'shape {array.shape}')
    array = array.reshape(len(array), -1, dims)
    for frame in np.flatnonzero(~np.isfinite(array).all(axis=(1, 2))):
        raise InputError(f'{where}: expected finite numbers, found others in frame {frame}')
    return array


def _joints_17(where: StrPath, array: Any, dims: int) -> np.ndarray:
    """Poses of 17 or 32 joints, or rows of them, as (F, 17, D) float64."""
    array = _finite(where, np.asarray(array, np.float64), (32, 17), dims)
    return array if array.shape[1] == 17 else array[:, h36m.KEPT_OF_32]


def _in_mm(where: StrPath, world: np.ndarray, unit: str = 'mm') -> np.ndarray:
    """Convert to mm; a wrong unit would be a wrong number that nobody notices."""
    factor, most = {'mm': 1, 'm': 1000}[unit], np.abs(world).max()
    _require(20 <= most * factor <= 1e5, where, unit, f'values up to {most:.3g}')
    return world * factor


def _pixels(where: StrPath, array: Any, n_joints: tuple[int, ...] = (16, 17)) -> np.ndarray:
    return _finite(where, np.asarray(array, np.float32), n_joints, 2)


def _read_h5(path: Path, key: str) -> np.ndarray:
    with hdf5.opened(path, f'HDF5 with {key}') as file:
        return file[key][()]


class Baseline(Layout):
    """3d-pose-baseline (Martinez et al. 2017): a folder of HDF5 files for each subject."""

    name = "3d-pose-baseline's HDF5 files"
    patterns = ('S*/MyPoses/3D_positions',)
    how_to_get = 'older READMEs of 3d-pose-baseline on GitHub link to the archives'

    def __init__(self, root: Path, subjects: Sequence[str]) -> None:
        super().__init__(root, subjects)
        self.kind = self.name
        for subject in subjects:
            folder = root / subject / 'MyPoses' / '3D_positions'
            self._world |= _glob_takes(folder, subject, '.h5')
        self.takes = h36m.ordered(self._world)

    def world(self, take: Take) -> np.ndarray:
        path = self._world[take]
        return _in_mm(path, _joints_17(path, _read_h5(path, '3D_positions').T, 3))


class VideoPose3D(Layout):
    """VideoPose3D's npz files (Pavllo et al. 2019): dictionaries, in metres."""

    name = "VideoPose3D's npz files"
    patterns = ('data_3d_h36m.npz',)
    how_to_get = "see VideoPose3D's DATASETS.md on GitHub"
    lacks_take = True

    def __init__(self, root: Path, subjects: Sequence[str]) -> None:
        super().__init__(root, subjects)
        self._world = self._read(root / 'data_3d_h36m.npz', 'positions_3d')
        self.takes = h36m.ordered(self._world)
        path = self._files_of(root).get('gt')
        self._images = self._read(path, 'positions_2d') if path else {}
        expected = f'it, or cameras.h5 beside it; {self.how_to_get}'
        _require(path or self._cameras_file, root / f'{_STEM}gt.npz', expected, 'neither')
        self.coco = [name for name in self.detections if self._is_coco(name)]

    @staticmethod
    def names_of_detections(root: Path, subjects: Sequence[str]) -> list[str]:
        return [name for name in VideoPose3D._files_of(root) if name != 'gt']

    @staticmethod
    def _files_of(root: Path) -> dict[str, Path]:
        keys = {path.stem[len(_STEM) :]: path for path in sorted(root.glob(f'{_STEM}*.npz'))}
        return {_DETECTION_FILES.get(key, key): path for key, path in keys.items()}

    def _is_coco(self, name: str) -> bool:
        with contextlib.suppress(InputError, LookupError, TypeError):  # not all have metadata
            metadata = unpickle.read(self._files_of(self.root)[name], 'metadata')
            return metadata['layout_name'] == 'coco'
        return False

    def _read(self, path: Path, key: str) -> dict[Take, Any]:
        with files.reading(path, f'{key} by subject and action'):
            positions = unpickle.read(path, key)
            takes = {
                h36m.parse_take(subject, str(name)): value
                for subject in positions.keys() & self.subjects
                for name, value in positions[subject].items()
            }
        return {take: value for take, value in takes.items() if take is not None}

    def world(self, take: Take) -> np.ndarray:
        where = f'{self.root / "data_3d_h36m.npz"}: {take}'
        return _in_mm(where, _joints_17(where, self._world[take], 3), 'm')

    def images(self, take: Take) -> Mapping[str, np.ndarray]:
        path = self.root / f'{_STEM}gt.npz'
        return self._views(path, take, self._images[take], (17,)) if take in self._images else {}

    def _views(
        self, path: Path, take: Take, views: Any, n_joints: tuple[int, ...] = (16, 17)
    ) -> dict[str, np.ndarray]:
        is_list = isinstance(views, (list, tuple)) and len(views) == len(h36m.CAMERAS)
        _require(is_list, f'{path}: {take}', f'a list of {len(h36m.CAMERAS)} views', 'none')
        pixels = [_pixels(f'{path}: {take}', view, n_joints) for view in views]
        return dict(zip(h36m.CAMERAS, pixels))

    def detected(self, name: str) -> Detected:
        self._images = {}  # the poses have been read by now: free the memory
        path = self._files_of(self.root)[name]
        takes = self._read(path, 'positions_2d')

        def read(take: Take, camera: str) -> np.ndarray | None:
            return self._views(path, take, takes[take])[camera] if take in takes else None

        return read


class Archive(Layout):
    """The official archive's CDF files, unpacked; read by cdflib."""

    name = "the official archive's CDF files"
    patterns = ('S*/MyPoseFeatures/D3_Positions', 'S*/MyPoseFeatures/D3_Positions_mono')
    how_to_get = 'register at vision.imar.ro/human3.6m and unpack Poses_D3_Positions_S*.tgz'

    def __init__(self, root: Path, subjects: Sequence[str]) -> None:
        super().__init__(root, subjects)
        try:
            import cdflib
        except ImportError as error:
            raise InputError(
                "expected cdflib to read the official archive's CDF files, found none; "
                "pip install '.[cdf]'",
                root=None,
            ) from error
        self._open = cdflib.CDF
        self._mono: dict[tuple[Take, str], Path] = {}
        self._pixels: dict[tuple[Take, str], Path] = {}
        for subject in subjects:
            features = root / subject / 'MyPoseFeatures'
            self._world |= _glob_takes(features / 'D3_Positions', subject, '.cdf')
            for paths, folder in (
                (self._mono, 'D3_Positions_mono'),
                (self._pixels, 'D2_Positions'),
            ):
                for camera in h36m.CAMERAS:
                    found = _glob_takes(features / folder, subject, f'.{camera}.cdf')
                    paths |= {(take, camera): path for take, path in found.items()}
        self.takes = h36m.ordered({*self._world, *(take for take, _ in self._mono)})

    def absent(self, take: Take, camera: str) -> str:
        if (take, camera) not in self._mono and take not in self._world:
            return self.how_to_get.replace('D3_Positions', 'D3_Positions_mono')
        if (take, camera) in self._pixels or self._cameras_file is not None:
            return ''
        also = ', or copy cameras.h5 or metadata.xml there'
        return self.how_to_get.replace('D3_Positions', 'D2_Positions') + also

    def _of_world(self, take: Take) -> bool:
        is_needed = any((take, camera) not in self._mono for camera in self.views(take))
        return take in self._world and (self._cameras_file is not None or is_needed)

    def world(self, take: Take) -> np.ndarray:
        return self._read(self._world[take])

    def images(self, take: Take) -> Mapping[str, np.ndarray]:
        return {c: self._read(path, 2) for (t, c), path in self._pixels.items() if t == take}

    def in_cameras(self, take: Take) -> Mapping[str, np.ndarray]:
        return {c: self._read(path) for (t, c), path in self._mono.items() if t == take}

    def _read(self, path: Path, dims: int = 3) -> np.ndarray:
        """Read a CDF file's variable Pose, of shape (F, 32 D) or (1, F, 32 D)."""
        with files.reading(path, 'CDF with Pose'):
            pose = np.asarray(self._open(str(path)).varget('Pose'))
        pose = _joints_17(path, pose.reshape(-1, pose.shape[-1]), dims)
        return _in_mm(path, pose) if dims == 3 else pose


LAYOUTS: dict[str, Any] = {'baseline': Baseline, 'videopose3d': VideoPose3D, 'archive': Archive}
