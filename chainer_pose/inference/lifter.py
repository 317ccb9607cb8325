"""From 2D poses of anyone's detector to 3D, with trained weights.

::

    from chainer_pose import load_lifter
    lifter = load_lifter('results/mine')     # or 'cmu', a gen_N.npz
    pose3d = lifter(pose2d)                  # (N, J, 2) px to (N, J, 3) px
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainer_pose import functions, geometry, links, skeletons
from chainer_pose.datasets import imputation
from chainer_pose.datasets.imputation import Prior
from chainer_pose.errors import InputError
from chainer_pose.inference import weights as weights_file
from chainer_pose.inference.pretrained import DEFAULT, PRETRAINED, pretrained_path
from chainer_pose.links import LiftingLink
from chainer_pose.skeletons import H36M17, Skeleton, conversions
from chainer_pose.utils import devices
from chainer_pose.utils.files import StrPath

_ENDS = ('Shoulder', 'Hip')  # of the trunk


class Lifted(NamedTuple):
    """Poses with their depth.

    Attributes:
        pose2d: (N, J, 2) float32, px, of the weights' joints; NaN where a joint is missing and
            could not be imputed.
        pose3d: (N, J, 3) float32, in the camera frame relative to the root joint, px: x right,
            y down, z away; NaN for a pose not lifted.
        imputed: (N, J) bool, joints of pose2d that were imputed, not seen.
        sin_beta: (N,) float32, the criterion of the angle loss (eq. 3): at least 0 where the
            face looks away from the back; NaN for a pose not lifted, or a body without the
            joints.
    """

    pose2d: np.ndarray
    pose3d: np.ndarray
    imputed: np.ndarray
    sin_beta: np.ndarray

    @property
    def lifted(self) -> np.ndarray:
        """(N,) bool, which poses were lifted: enough joints seen, and some size."""
        return np.isfinite(self.pose3d).all(axis=(1, 2))


@dataclasses.dataclass(eq=False)
class Lifter:
    """Lifts 2D poses; made by `load_lifter`.

    Attributes:
        generator: the network.
        skeleton: of the joints that it lifts.
        prior: by which missing joints are imputed; None if the weights have none, and poses
            with a joint missing stay unlifted.
        weights: their path.
        line_of_sight: whether the weights were trained along lines of sight, and can be given a
            `camera`; see `links.LineOfSight`.
        mirror: whether to lift mirror images, too; see `links.Mirrored`.
    """

    generator: LiftingLink
    skeleton: Skeleton
    prior: Prior | None = None
    weights: StrPath = ''
    line_of_sight: bool = False
    mirror: bool = False

    def __call__(
        self,
        pose2d: np.ndarray,
        visible: np.ndarray | None = None,
        skeleton: Skeleton | str | None = None,
        roll: float | np.ndarray = 0.0,
        camera: Sequence[float] = (),
    ) -> np.ndarray:
        """Lift poses.

        Args:
            pose2d: (N, J, 2) array, px, x right and y down; or (J, 2), one pose. The joints are
                those of `skeleton`; virtual joints may be left out. NaN marks a joint that was
                not seen.
            visible: (N, J) or (J,) bool array, which joints were seen; all that are not NaN by
                default.
            skeleton: `Skeleton` or its name, if not that of the weights.
            roll: by how much the camera's roll turns the poses clockwise, in radians, a number
                or (N,); undone before lifting, and put back.
            camera: (focal, x, y), focal length and image center, px, where `line_of_sight`; see
                `links.line_of_sight.camera_of`. Without it people are lifted as if they were in
                the middle of the image, and lean by the elevation of their line of sight.
        Returns:
            (N, J, 3) or (J, 3) float32 array, `Lifted.pose3d`.
        Raises:
            ValueError: if a shape does not fit, the camera has not three numbers, or a coordinate
                is infinite.
            InputError: if the weights' joints cannot be found from the skeleton's, or a camera
                is given to weights trained without lines of sight.
        """
        more: dict[str, Any] = {'roll': roll, 'camera': camera}
        if np.ndim(pose2d) != 2:
            return self.lift(pose2d, visible, skeleton, **more).pose3d
        visible = None if visible is None else np.asarray(visible)[None]
        return self.lift(np.asarray(pose2d)[None], visible, skeleton, **more).pose3d[0]

    def lift(
        self,
        pose2d: np.ndarray,
        visible: np.ndarray | None = None,
        skeleton: Skeleton | str | None = None,
        batchsize: int = 4096,
        roll: float | np.ndarray = 0.0,
        camera: Sequence[float] = (),
    ) -> Lifted:
        """Lift (N, J, 2) poses, `batchsize` at a time, to `Lifted`; else as `__call__`."""
        source = _known(skeleton) or self.skeleton
        camera = tuple(camera)
        if len(camera) not in (0, 3):
            raise ValueError(f'expected a camera (focal, x, y), got {camera}')
        if camera and not self.line_of_sight:
            raise InputError(f'expected weights trained with --line-of-sight, found {self.weights}')
        network = links.Mirrored(self.generator, self.skeleton) if self.mirror else self.generator
        pose2d = np.asarray(pose2d, np.float32)
        shapes = (len(source), 2), (len(source.detected), 2)
        if pose2d.ndim != 3 or pose2d.shape[1:] not in shapes:
            raise ValueError(
                f'expected poses of shape (N, {shapes[1][0]}, 2) for {source.name}, '
                f'got {pose2d.shape}'
            )
        seen = ~np.isnan(pose2d).any(axis=2)
        if visible is not None:
            visible = np.asarray(visible, bool)
            if visible.shape != seen.shape:
                raise ValueError(f'expected visible of shape {seen.shape}, got {visible.shape}')
            seen &= visible
        if np.isinf(pose2d[seen]).any():
            raise ValueError('expected finite coordinates, got an infinite one')
        pose2d = geometry.rotate_in_image(pose2d, -np.asarray(roll))
        pose2d, seen = conversions.convert(
            *source.add_virtual_joints(pose2d, seen), source, self.skeleton
        )
        imputed = np.isfinite(pose2d).all(axis=2) & ~seen  # placed by a rule
        if self.prior is not None:
            pose2d, imputed = imputation.impute(self.prior, pose2d, seen, self._has_trunk(seen))
        pose2d = pose2d.astype(np.float32)
        root, joints = self.skeleton.root, self.skeleton.face_joints
        usable = np.isfinite(pose2d).all(axis=(1, 2))
        usable[usable] = geometry.scale(pose2d[usable], root) > 0
        pose3d = np.full((*pose2d.shape[:2], 3), np.nan, np.float32)
        sin_beta = np.full(len(pose2d), np.nan, np.float32)
        if usable.any():
            if camera:
                centers = np.tile(np.array(camera[1:], np.float32), (len(pose2d), 1, 1))
                centers = geometry.rotate_in_image(centers, -np.asarray(roll))[usable, 0]
                network = links.LineOfSight(network, camera[0], centers)
            pose = network.lift(pose2d[usable], root, batchsize)
            pose3d[usable] = geometry.center(pose, root)
            if joints is not None:
                sin_beta[usable] = functions.sin_beta(pose[:, :, :2], pose[:, :, 2], joints)
        pose2d, pose3d = (geometry.rotate_in_image(pose, roll) for pose in (pose2d, pose3d))
        return Lifted(pose2d, pose3d, imputed, sin_beta)

    def _has_trunk(self, seen: np.ndarray) -> np.ndarray:
        """Whether both shoulders or both hips, and two more joints, of (N, J) are seen."""
        names = self.skeleton.names
        ends = [[j for j, name in enumerate(names) if name[1:] == part] for part in _ENDS]
        both = [seen[:, pair].all(axis=1) for pair in ends if len(pair) == 2]
        return np.any(both, axis=0) & (seen.sum(axis=1) >= 4)


def _known(skeleton: Skeleton | str | None) -> Skeleton | None:
    return skeletons.get(skeleton) if isinstance(skeleton, str) else skeleton


def load_lifter(
    path: StrPath = DEFAULT,
    skeleton: Skeleton | str | None = None,
    last: bool = False,
    gpu: int = -1,
    mirror: bool | None = None,
) -> Lifter:
    """Load trained weights.

    Args:
        path: a run directory (its gen_best.npz, else its last gen_N.npz), a generator file, or
            the name of weights that come with the package.
        skeleton: `Skeleton` or its name, of weights whose file does not have it; by default,
            with 17 joints, Human3.6M's, as those of the authors' code.
        last: of a run directory, take the last even where there is a best.
        gpu: CUDA device to lift on, -1 for the CPU.
        mirror: whether to lift mirror images, too; by default with weights of the package only.
    Raises:
        InputError: naming the file, what was expected and what was found.
    """
    device = devices.get_device(gpu)
    named = str(path) in PRETRAINED and not Path(path).exists()
    path = pretrained_path(str(path)) if named else weights_file.find_generator(path, last)
    generator, known, prior, _, line_of_sight = weights_file.load_generator(path)
    given = _known(skeleton)
    known = known or given or (H36M17 if generator.n_joints == len(H36M17) else None)
    if known is None:
        raise InputError(f'{path}: expected weights that name their joints, found none')
    weights_file.check_joints(path, generator.n_joints, None, known, known.name)
    if generator.in_mm:
        raise InputError(
            f'{path}: expected a generator, which lifts the poses of any camera, found a network '
            f'of Martinez et al., which lifts those of the cameras it has seen'
        )
    generator.to_device(device)
    return Lifter(generator, known, prior, path, line_of_sight, named if mirror is None else mirror)
