"""Convert poses of a source to a pose file: a subcommand for each entry of `SOURCES`.

A source is a frozen dataclass of its options whose `prepare(path)` writes the pose file. It may
have a `default_name`, and `rules` on the options that have an effect, for `cli.check_effect`.
"""

import argparse
import dataclasses
import inspect
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from chainer_pose import datasets, skeletons
from chainer_pose.datasets import keypoints, pose_file
from chainer_pose.datasets.keypoints import dataset as keypoint_dataset
from chainer_pose.datasets.readers import (
    centered,
    cmu,
    h36m,
    h36m_layouts,
    mpi_inf_3dhp,
    mpii,
    synthetic,
)
from chainer_pose.errors import InputError
from chainer_pose.utils import cli, files


def _root(help: str) -> Any:
    return cli.option(None, help, metavar='DIR', required=True)


def _out(name: str = '') -> Any:
    more = {'type': cli.path_of('.h5'), 'metavar': 'FILE.h5'}
    if not name:
        return cli.option(None, 'pose file to write', required=True, **more)
    return cli.option('', f"""pose file to write (default: {name} in $CHAINER_POSE_DATA, or in
        data/)""", **more)  # fmt: skip


def _part(chosen: Sequence, whole: Sequence, every: Sequence = ()) -> list[str]:
    """Return what is chosen, in order, for a file's name; nothing if it is the whole."""
    return [] if set(chosen) == set(whole) else [str(i) for i in every or whole if i in chosen]


# fmt: off
@dataclasses.dataclass(frozen=True)
class H36M:
    """Convert Human3.6M, from any of its public copies.

    They are 3d-pose-baseline's HDF5 files with cameras.h5, VideoPose3D's npz files, and the
    official archive's CDF files, of vision.imar.ro/human3.6m, for academic use.
    """

    root: str = _root('folder of one of the copies; the script prints which')
    layout: str | None = cli.option(None, 'the copy to read (default: the first of these)',
        choices=tuple(h36m_layouts.LAYOUTS))
    out: str = _out(f'{h36m.NAME}.h5, of a part h36m-S9-S11.h5 or h36m-50Hz.h5')
    partial: bool = cli.option(False, 'convert a copy that lacks recordings, too (default: no)')
    add_detections: bool = cli.option(False, """add the detections of the copy to the pose file
        --out, prepared from any copy; runs on it remain valid (default: no)""")
    detections: bool = cli.option(True, 'convert detections, too, of every take (default: yes)')
    frames: str | None = cli.option(None, 'all: every frame, 50 Hz, the same as --step 1',
        choices=('all',))
    step: int = cli.option(5, """keep every N-th of the 50 frames a second (default: %(default)s,
        10 Hz as in the authors' code)""", low=1)
    all_cameras: bool = cli.option(False, """keep S11's Directions by camera 54138969, which has
        no detections and which the authors' code leaves out (default: no)""")
    subjects: Sequence[str] = cli.option(h36m.SUBJECTS, """subjects (default: S1 S5 S6 S7 S8 to
        train, S9 S11 to test)""", nargs='+', choices=h36m.SUBJECTS, metavar='S')

    @property
    def default_name(self) -> str:
        parts = [h36m.NAME, *_part(self.subjects, h36m.SUBJECTS), 'all-cameras' * self.all_cameras]
        rate = f'{h36m.FPS / self._step:g}Hz' * (self._step != 5)
        return '-'.join(filter(None, [*parts, rate]))

    @property
    def _step(self) -> int:
        return 1 if self.frames else self.step

    @property
    def rules(self) -> list[cli.Rule]:
        kept = 'root', 'layout', 'out', 'add_detections'
        others = {*vars(self), 'overwrite'}.difference(kept)
        return [
            (others, not self.add_detections, 'beside --add-detections'),
            (['step'], not self.frames, 'beside --frames'),
            (['all_cameras'], h36m.MISSING[0] in self.subjects, f'without {h36m.MISSING[0]}'),
        ]

    def prepare(self, path: Path) -> None:
        layout = h36m_layouts.find(self.root, self.layout, self.subjects)
        print(f'{layout.root}: {layout.kind}; detections: {", ".join(layout.detections) or "none"}')
        copies = h36m_layouts.detections(self.root)
        if len(copies) > 1 and not self.layout:
            listed = [f'{k} (detections: {" ".join(v) or "none"})' for k, v in copies.items()]
            print(f'the folder has: {", ".join(listed)}; --layout takes one')
        with cli.Progress() as progress:
            if self.add_detections:
                h36m.add_detections(layout, path, progress)
                return
            counts = h36m.convert(
                layout, path, self._step, self.all_cameras, progress, self.partial, self.detections
            )
        print('\n'.join(h36m.summary(counts)))


@dataclasses.dataclass(frozen=True)
class MPII:
    """Convert MPII Human Pose: people in the wild, 2D only.

    Reads the official mpii_human_pose_v1_u12_1.mat or its JSON form, train.json and valid.json.
    """

    root: str = _root('folder with the .mat or the JSON files')
    out: str = _out(f'{mpii.NAME}.h5')
    joints: str = cli.option('mpii16', """mpii16: MPII's own 16, as in the paper; h36m17:
        Human3.6M's 17, Neck/Nose the midpoint of neck and head top (default: %(default)s)""",
        choices=tuple(mpii.SKELETONS))
    partial: bool = cli.option(False, 'keep people with a joint missing, too (default: no)')
    detections: Sequence[str] = cli.option((), """2D poses of a detector, in the layout of
        train.json""", nargs='+', metavar='FILE.json')
    detector: str = cli.option('sh', """name of the detector: its poses become pose2d_NAME, for
        --keypoints NAME (default: %(default)s, Stacked Hourglass)""", metavar='NAME')
    test_share: float = cli.option(0.1, """share of the .mat's images that test; the JSON files
        have a split of their own (default: %(default)s)""", low=0, high=0.9)
    seed: int = cli.option(0, 'seed of that choice (default: %(default)s)', low=0)

    @property
    def rules(self) -> list[cli.Rule]:
        return [
            (['detector'], self.detections, 'without --detections'),
            (['test_share', 'seed'], 'mat' in mpii.find(self.root), 'beside train.json'),
            (['seed'], self.test_share, 'beside --test-share 0'),
        ]

    def prepare(self, path: Path) -> None:
        found = mpii.find(self.root)
        print('reading ' + ', '.join(map(str, found.values())))
        if 'mat' in found:
            people = mpii.read_mat(found['mat'])
            splits = mpii.split_people(people, self.test_share, self.seed)
        else:
            splits = {split: mpii.read_json(file) for split, file in found.items()}
        detections = [person for file in self.detections for person in mpii.read_json(file)]
        counts = mpii.convert(splits, path, self.joints, self.partial, detections, self.detector)
        for split, (written, detected) in counts.items():
            also = f', {detected} with detections' if detections else ''
            print(f'{split}: {len(splits[split])} people labelled, {written} written{also}')


@dataclasses.dataclass(frozen=True)
class MPIINF3DHP:
    """Convert MPI-INF-3DHP: training sequences and test set.

    Reads S1..S8/Seq1,Seq2/annot.mat and TS1..TS6/annot_data.mat.
    """

    root: str = _root('folder with S1 to S8 and TS1 to TS6, or subfolders with them')
    out: str = _out(f'{mpi_inf_3dhp.NAME}.h5, of a part mpi_inf_3dhp-S1-TS1.h5, ...')
    step: int = cli.option(5, """keep every N-th training frame; all test frames are kept
        (default: %(default)s)""", low=1)
    cameras: Sequence[int] = cli.option(mpi_inf_3dhp.CHEST_HEIGHT, """training cameras, 0 to 13
        (default: 0 2 4 7 8, at the height of the chest)""",
        nargs='+', low=0, high=mpi_inf_3dhp.N_CAMERAS - 1)
    subjects: Sequence[str] = cli.option(mpi_inf_3dhp.SUBJECTS, """subjects (default: S1 to S8 to
        train, TS1 to TS6 to test)""", nargs='+', choices=mpi_inf_3dhp.SUBJECTS, metavar='S')

    @property
    def default_name(self) -> str:
        subjects = _part(self.subjects, mpi_inf_3dhp.SUBJECTS)
        cameras = _part(
            self.cameras, mpi_inf_3dhp.CHEST_HEIGHT, range(mpi_inf_3dhp.N_CAMERAS)
        )
        more = 'cameras' * bool(cameras), *cameras, f'step{self.step}' * (self.step != 5)
        return '-'.join(filter(None, [mpi_inf_3dhp.NAME, *subjects, *more]))

    @property
    def rules(self) -> list[cli.Rule]:
        trains = set(self.subjects) & set(mpi_inf_3dhp.TRAIN_SUBJECTS)
        return [(['step', 'cameras'], trains, 'without training subjects')]

    def prepare(self, path: Path) -> None:
        sequences, cameras = mpi_inf_3dhp.find(self.root, self.subjects), sorted(set(self.cameras))
        with cli.Progress() as progress:
            counts = mpi_inf_3dhp.convert(sequences, path, self.step, cameras, progress)
        for sequence, (written, faulty) in counts.items():
            published = mpi_inf_3dhp.PUBLISHED_VALID.get(sequence.subject, 0)
            left_out = f'; {faulty} left out, with left and right swapped' * bool(faulty)
            compared = f'; published {published}: {written - published:+d}' * bool(published)
            print(f'{sequence}: {written} poses{left_out}{compared}')


@dataclasses.dataclass(frozen=True)
class CMU:
    """Convert CMU motion capture (ASF/AMC), seen by four cameras.

    The files are at mocap.cs.cmu.edu, free for research and commercial use.
    """

    root: str = _root('folder with the subjects, NN/NN.asf beside NN/NN_MM.amc')
    out: str = _out(f'{cmu.NAME}.h5')
    test_subjects: Sequence[str] | None = cli.option(None, """subjects of the test split, the
        others train (default: the last fifth, at least one of two)""", nargs='*', metavar='NN')
    step: int = cli.option(12, """keep every N-th of the 120 frames a second (default: %(default)s,
        10 Hz as in the authors' code)""", low=1)
    heading: Sequence[float] = cli.option((), """degrees by which to turn each clip about the
        vertical, a copy for each (default: one, at random)""", nargs='+', metavar='DEG')
    actions: str | None = cli.option(None, 'actions: lines "02_01,walking" (default: none)',
        metavar='FILE.csv')
    seed: int = cli.option(0, 'seed of the random headings (default: %(default)s)', low=0)

    @property
    def rules(self) -> list[cli.Rule]:
        return [(['seed'], not self.heading, 'beside --heading')]

    def prepare(self, path: Path) -> None:
        actions = cmu.read_actions(self.actions) if self.actions else None
        with cli.Progress() as progress:
            splits, left_out = cmu.convert(
                self.root, self.test_subjects, self.step, self.heading, actions, self.seed, progress
            )
        for clip, n_frames in left_out.items():
            print(f'{clip}: {n_frames} frames left out, too far from the middle of the room')
        pose_file.write(path, splits)


@dataclasses.dataclass(frozen=True)
class Synthetic:
    """Make the synthetic data: a stand-in for real motion, made in seconds."""

    out: str = _out(f'{synthetic.NAME}.h5')
    seed: int = cli.option(0, 'seed of the postures (default: %(default)s)', low=0)

    def prepare(self, path: Path) -> None:
        pose_file.write(path, synthetic.make(self.seed))


@dataclasses.dataclass(frozen=True)
class Keypoints:
    """Convert 2D keypoints of detectors or annotators, to learn from them.

    Reads OpenPose, COCO, AlphaPose and MMPose JSON, CSV, npz and npy, of any skeleton;
    and pose files, to take some of their joints by name, with their 3D.
    """

    input: Sequence[str] = cli.option((), """a file, a folder with a JSON file a frame, or a
        folder of such folders; each file or inner folder is a clip of its own""",
        flags=['input'], nargs='+', metavar='INPUT')
    skeleton: str | None = cli.option(None, """the joints (default: those of the format);
        python -m chainer_pose.skeletons lists the names""", metavar='NAME|FILE.json')
    out: str = _out()
    format: str | None = cli.option(None, """format of the inputs (default: detected, for each)""",
        choices=keypoints.FORMATS)
    min_confidence: float = cli.option(0.3, """a joint below is missing (default: %(default)s)""",
        low=0)
    zeros_are_coordinates: bool = cli.option(False, 'a joint at 0, 0 is there (default: missing)')
    image_size: Sequence[float] | None = cli.option(None, """width and height of the images,
        where x and y were divided by them""", nargs=2, type=cli.number(float, above=0),
        metavar=('W', 'H'))
    impute: bool = cli.option(False, """impute missing joints of people with at least half of
        them; training leaves the others out (default: no)""")
    test: Sequence[str] = cli.option((), """inputs that test (default: a share of the frames)""",
        nargs='+', metavar='INPUT')
    test_share: float = cli.option(0.1, """share of the frames that test, without --test
        (default: %(default)s)""", low=0, high=0.9)
    seed: int = cli.option(0, 'seed of that choice (default: %(default)s)', low=0)
    licence: str = cli.option('not stated', """who may use the poses, for the record
        (default: %(default)s)""")

    @property
    def _of_pose_file(self) -> bool:
        listed = [*self.input, *self.test]
        return 'pose-file' in [self.format or keypoints.recognise(file) for file in listed]

    @property
    def rules(self) -> list[cli.Rule]:
        kept = 'input', 'skeleton', 'out', 'format'
        return [
            ({*vars(self)}.difference(kept), not self._of_pose_file, 'for a pose file'),
            (['test_share', 'seed'], not self.test, 'beside --test'),
            (['seed'], self.test_share, 'beside --test-share 0'),
        ]

    def prepare(self, path: Path) -> None:
        skeleton = skeletons.get(self.skeleton) if self.skeleton else None
        if self._of_pose_file:
            self._reduce(path, skeleton)
            return
        listed = [
            (split, str(each))
            for split, given in (('train', self.input), ('test', self.test))
            for file in given
            for each in keypoints.sequences(file) or [Path(file)]
        ]
        places = [os.path.realpath(file) for _, file in listed]
        for (_, file), place in zip(listed, places):
            if places.count(place) > 1:
                raise InputError(f'{file}: expected each input once, found it twice')
        inputs: dict[str, list[keypoints.Keypoints]] = {'train': [], 'test': []}
        known = skeleton
        for split, file in listed:
            with cli.Progress() as progress:
                source = keypoints.read(
                    file, self.format, skeleton, known, progress=progress,
                    zeros_are_coordinates=self.zeros_are_coordinates, image_size=self.image_size,
                )
            if known is not None and source.skeleton != known:
                raise InputError(
                    f'{file}: expected the joints of {known.name}, as before, found those of '
                    f'{source.skeleton.name}'
                )
            known = source.skeleton
            inputs[split].append(source)
            print(f'{file}: {source.format}, joints of {known.name}')
            print(''.join(f'{file}: {note}\n' for note in source.notes), end='')
        counts, warnings = keypoint_dataset.convert(
            path, inputs, path.stem, self.min_confidence, self.impute,
            0.0 if self.test else self.test_share, self.seed, self.licence,
        )
        cli.warn(warnings)
        for split, (whole, imputed, partial) in counts.items():
            print(
                f'{split}: {whole} people with every joint, {imputed} with joints imputed, '
                f'{partial} with joints missing, which training leaves out'
            )

    def _reduce(self, path: Path, skeleton: skeletons.Skeleton | None) -> None:
        """Write a pose file with the joints of another skeleton."""
        old = self.input[0]
        if len(self.input) > 1:
            raise InputError(f'{old}: expected one pose file, found more inputs')
        if skeleton is None:
            raise InputError('expected the joints to take, found none', skeleton=None)
        splits = {
            split: datasets.select_joints(pose_file.read(old, split), skeleton)
            for split in pose_file.splits_of(old)
        }
        pose_file.write(path, splits)


@dataclasses.dataclass(frozen=True)
class Centered:
    """Turn the cameras of a pose file onto the root joint.

    The method assumes that people are seen along the optical axis. The intrinsics are given, or
    estimated from the file's own 3D in the camera frames, by camera.
    """

    dataset: str = cli.option(None, 'pose file to read', metavar='NAME|FILE.h5', required=True)
    out: str = _out()
    keypoints: str = cli.option('gt', """2D joints to take: gt for pose2d, NAME for pose2d_NAME
        (default: %(default)s)""", metavar='gt|NAME')
    focal: Sequence[float] | None = cli.option(None, """focal lengths along x and y of all
        cameras, px (default: from the 3D)""", nargs=2, type=cli.number(float, above=0),
        metavar=('X', 'Y'))
    center: Sequence[float] | None = cli.option(None, """principal point of all cameras, px
        (default: from the 3D)""", nargs=2, type=cli.number(float), metavar=('X', 'Y'))

    def prepare(self, path: Path) -> None:
        source = datasets.find(self.dataset)
        splits = {}
        for split in pose_file.splits_of(source):
            data = pose_file.read(source, split, self.keypoints)
            splits[split] = centered.turn_cameras(data, self.focal, self.center)
        pose_file.write(path, splits)
# fmt: on


SOURCES: dict[str, Any] = {
    'h36m': H36M,
    'mpii': MPII,
    'mpi_inf_3dhp': MPIINF3DHP,
    'cmu': CMU,
    'synthetic': Synthetic,
    'keypoints': Keypoints,
    'centered': Centered,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command: a source's name, then its options.

    Args:
        argv: the arguments; None for those of the process.
    """
    program = os.path.basename(sys.argv[0])
    parser = cli.Parser(prog=program, description='Convert the poses of a source to a pose file.')
    commands = parser.add_subparsers(dest='source', required=True, metavar='SOURCE')
    for name, source in SOURCES.items():
        text = inspect.getdoc(source) or ''
        # A script of one source, data/prepare_h36m.py say, adds the source's name itself.
        prog = program if program.startswith('prepare_') else f'{program} {name}'
        added = commands.add_parser(
            name, prog=prog, help=text.split('\n')[0], description=text,
            argument_default=argparse.SUPPRESS,
        )  # fmt: skip
        added.add_options(source)
        added.add_argument('--overwrite', action='store_true', help='replace an existing file')
    typed = vars(parser.parse_args(argv))
    name = typed.pop('source')
    options = SOURCES[name](**{key: typed[key] for key in typed if key != 'overwrite'})
    cli.check_effect(typed, getattr(options, 'rules', ()))
    folder, file_name = datasets.data_directory(), getattr(options, 'default_name', name)
    path = Path(options.out or folder / f'{file_name}.h5')
    with files.writing(path):
        if not options.out:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.stat()  # filelock would make the folder
        busy = InputError('expected a file that nobody is preparing', out=path)
        real = Path(os.path.realpath(path))
        stem, suffix = re.escape(real.stem), re.escape(real.suffix)
        with files.locked(real.with_name(f'.{real.name}.lock'), busy, stem, suffix):
            is_old = getattr(options, 'add_detections', False)
            if path.exists() and not ('overwrite' in typed or is_old):
                raise InputError('expected a new file, or --overwrite, found one', out=path)
            options.prepare(path)
    print(pose_file.describe(path))


def run(*arguments: str) -> NoReturn:
    """Run the command and end the process; `arguments` precede those of the process."""
    cli.run(lambda: main([*arguments, *sys.argv[1:]]))
