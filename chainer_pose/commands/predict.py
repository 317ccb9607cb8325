"""Lift anyone's 2D keypoints to 3D with trained weights."""

import argparse
import contextlib
import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from chainer_pose import geometry, skeletons, visualizations
from chainer_pose.datasets import PoseData, keypoints
from chainer_pose.errors import InputError
from chainer_pose.inference import bvh, motion, onnx, predictions, trc
from chainer_pose.inference import roll as camera_roll
from chainer_pose.inference import scale as scaling
from chainer_pose.inference.lifter import Lifted, Lifter, load_lifter
from chainer_pose.inference.predictions import Predictions
from chainer_pose.inference.pretrained import DEFAULT, PRETRAINED
from chainer_pose.links.line_of_sight import FOCAL, camera_of
from chainer_pose.utils import cli, files
from chainer_pose.visualizations import animations


def _bone_length(text: str) -> tuple[str, str, float]:
    joints, _, length = text.rpartition('=')
    start, _, end = joints.partition(':')
    if not start or not end or start == end:
        raise argparse.ArgumentTypeError(f'expected JOINT:JOINT=MM, found {text!r}')
    return start, end, cli.number(float, above=0)(length)


def _roll(text: str) -> float | str:
    return text if text == 'auto' else cli.number(float, -180, 180)(text)


_weights = functools.partial(cli.option, group='weights')
_input = functools.partial(cli.option, group='input')
_output = functools.partial(cli.option, group='output')
_device = functools.partial(cli.option, group='device')


# fmt: off
@dataclasses.dataclass(frozen=True)
class PredictionOptions:
    """Options of predict.py."""

    snapshot: str | None = _weights(None, """run directory (its gen_best.npz, else its last
        gen_N.npz) or a generator file""", metavar='RUN|FILE.npz')
    weights: str | None = _weights(None, f"""weights that come with the package (default, without
        --snapshot: {DEFAULT})""", choices=tuple(PRETRAINED))
    generator: str = _weights('best', 'of a run directory, which generator (default: %(default)s)',
        choices=('best', 'last'))

    input: str | None = _input(None, """keypoints: JSON of OpenPose (or a folder of frames), COCO,
        AlphaPose, MMPose or PoseNet, CSV, npz or npy, or a pose file; data/README.md describes
        each; or a folder of such folders, one a camera or video""", metavar='PATH')
    format: str | None = _input(None, 'format of --input (default: detected)',
        choices=keypoints.FORMATS)
    skeleton: str | None = _input(None, """the joints of --input (default: detected by their names,
        or by their number and how the bones lie); python -m chainer_pose.skeletons lists the
        names""", metavar='NAME|FILE.json')
    min_confidence: float = _input(0.3, """a joint below is missing: it is never used, but imputed
        from the others and marked (default: %(default)s)""", low=0)
    zeros_are_coordinates: bool = _input(False, """a joint at exactly 0, 0 is there (default: it is
        missing)""", action='store_true')
    image_size: Sequence[float] | None = _input(None, """width and height of the image: needed where
        x and y were divided by them; with weights trained with --line-of-sight, cmu for one, people
        who are not in its middle are lifted along their line of sight""",
        nargs=2, type=cli.number(float, above=0), metavar=('W', 'H'))
    focal: float | None = _input(None, """focal length of the camera, for the lines of sight
        (default: 1.1 image widths)""", above=0, metavar='PX')
    mirror: bool | None = _input(None, """lift the mirror image of each pose, too, and take the mean
        of the depths (default: with the package's own weights)""")
    keypoints: str = _input('gt', 'of a pose file, pose2d or pose2d_NAME (default: %(default)s)',
        metavar='gt|NAME')
    split: str | None = _input(None, 'of a pose file, one split (default: all)',
        choices=('train', 'test'))
    roll: float | str = _input(0.0, """by how many degrees the camera's roll turns people clockwise
        in the image; it is undone before lifting and put back after it; auto: by the direction
        from ankles to neck, of sequences (default: 0)""", type=_roll, metavar='DEG|auto')

    out: str | None = _output(None, """folder for poses.* and pictures; files of these names are
        replaced (default: predictions/NAME of the input)""", metavar='DIR')
    write: Sequence[str] = _output(['json', 'csv', 'npz'], """which of poses.json, poses.csv,
        poses.long.csv (a joint a row), poses.npz and poses.h5, a pose file (default: json csv
        npz)""",
        nargs='+', choices=tuple(predictions.WRITERS), metavar='|'.join(predictions.WRITERS))
    height: float | None = _output(None, """height of the people: writes pose3d_mm too, by legs and
        trunk as lifted""", low=300, metavar='MM')
    bone_length: tuple[str, str, float] | None = _output(None, """the same by the distance of two
        joints, for example LHip:LKnee=430""", type=_bone_length, metavar='JOINT:JOINT=MM')
    smooth: float | None = _output(None, """smooth each person's 3D over this time, by Savitzky and
        Golay's filter""", above=0, metavar='SECONDS')
    constant_bones: bool = _output(False, """give the bones of each person their median lengths, in
        all outputs; directions stay""", action='store_true')
    html: str | None = _output(None, """a page to look at the poses, in one file: poses.html, or
        FILE.html""", type=cli.path_of('.html'), nargs='?', const='', metavar='FILE.html')
    figure: int | None = _output(None, """draw N people (without N, 8), evenly spread, imputed
        joints hollow: figure.png""",
        low=1, nargs='?', const=8)
    gif: str | None = _output(None, """draw one person: a pose that turns (its first), or the
        sequence that plays (without a value: play, where there are several frames):
        motion.gif""", nargs='?', const='', choices=('turn', 'play', ''), metavar='turn|play')
    mp4: bool = _output(False, 'the same by ffmpeg: motion.mp4', action='store_true')
    bvh: bool = _output(False, """motion of one person: motion.bvh; bones of constant length, root
        in its place""", action='store_true')
    trc: bool = _output(False, """the same as markers for OpenSim, in mm: motion.trc; needs --height
        or --bone-length""", action='store_true')
    person: str | None = _output(None, """which person to film or write as BVH or TRC (default: the
        only one; with several people, for --gif and --mp4 the one seen most often)""",
        metavar='ID')
    fps: float | None = _output(None, """frames a second of the input, which what shows, writes or
        smooths motion needs (default: what the input says)""", low=0.01)
    onnx: str | None = _output(None, """write the generator as an ONNX model too, or without --input
        only (pip install '.[onnx]')""", type=cli.path_of('.onnx'), metavar='FILE.onnx')

    gpu: int = _device(-1, 'CUDA device to lift on, -1 for the CPU (default: %(default)s)', low=-1)
    batchsize: int = _device(4096, 'poses lifted at a time (default: %(default)s)', low=1)

    @property
    def moves(self) -> bool:
        """Whether the motion of one person is written."""
        return self.bvh or self.trc or self.mp4 or self.gif is not None

    @property
    def timed(self) -> bool:
        """Whether something depends on the frames a second."""
        return self.moves or self.html is not None or self.smooth is not None
# fmt: on


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    licences = '\n'.join(f'  {name}: {text}' for name, text in PRETRAINED.items())
    parser = cli.Parser(
        description=f'{__doc__}\n\nEvery person of every frame is lifted; 3D is written relative '
        "to the root joint, in\nthe camera frame (x right, y down, z away) and in the input's "
        'pixels.',
        argument_default=argparse.SUPPRESS,
        epilog='Weights that come with the package, and who may use them\n'
        f'(chainer_pose/inference/pretrained/MODEL_CARD.md):\n{licences}',
    )
    parser.add_options(PredictionOptions)
    typed = vars(parser.parse_args(argv))
    options = PredictionOptions(**typed)
    if not options.input and not options.onnx:
        parser.error('argument --input: expected keypoints, found none')
    cli.check_effect(typed, rules(options))
    if options.mp4:
        animations.require_ffmpeg()
    skeleton = skeletons.get(options.skeleton) if options.skeleton else None
    weights = options.snapshot or options.weights or DEFAULT
    lifter = load_lifter(
        weights, last=options.generator == 'last', gpu=options.gpu, mirror=options.mirror
    )
    if options.onnx:
        with files.writing(options.onnx):
            onnx.export(options.onnx, lifter)
        print(f'{options.onnx}: the generator of {lifter.weights}')
    if not options.input:
        return
    folder = Path(options.out or Path('predictions') / Path(options.input).resolve().stem)
    sequences = keypoints.sequences(options.input)
    if sequences and options.html:
        parser.error('argument --html: expected no FILE for several sequences, found one')
    for path in sequences:
        predict(options, lifter, skeleton, str(path), folder / path.name)
    if not sequences:
        predict(options, lifter, skeleton, options.input, folder)


def rules(options: PredictionOptions) -> list[cli.Rule]:
    """Tell which options have an effect."""
    fields = dataclasses.fields(options)
    lifting = {field.name for field in fields if field.metadata['group'] in ('input', 'output')}
    kind = options.input and (options.format or keypoints.recognise(options.input))
    is_run = options.snapshot and not Path(options.snapshot).is_file()
    return [
        (lifting - {'skeleton', 'onnx'}, options.input, 'without --input'),
        ({'keypoints', 'split'}, kind == 'pose-file', 'without a pose file'),
        ({'zeros_are_coordinates'}, kind != 'pose-file', 'with a pose file'),
        ({'focal'}, options.image_size, 'without --image-size'),
        ({'person'}, options.moves, 'without --gif, --mp4, --bvh or --trc'),
        ({'fps'}, options.timed, 'without --gif, --mp4, --bvh, --trc, --html or --smooth'),
        ({'trc'}, options.height or options.bone_length, 'without --height or --bone-length'),
        ({'generator'}, is_run, 'without --snapshot RUN'),
        ({'bone_length'}, not options.height, 'with --height'),
        ({'weights'}, not options.snapshot, 'with --snapshot'),
    ]


def predict(
    options: PredictionOptions, lifter: Lifter, skeleton: skeletons.Skeleton | None, path: str,
    folder: Path,
) -> None:  # fmt: skip
    """Lift an input, write the results to a folder and print what was done."""
    to_mm, scale = None, ''
    if options.height:
        to_mm = scaling.by_height(lifter.skeleton, options.height)
        scale = f'height {options.height:g} mm'
    elif options.bone_length:
        to_mm = scaling.by_bone(lifter.skeleton, *options.bone_length)
        scale = '{}:{} {:g} mm'.format(*options.bone_length)
    camera, sight = find_camera(options, lifter)
    with cli.Progress() as progress:
        source = keypoints.read(
            path, options.format, skeleton, lifter.skeleton, options.split, options.keypoints,
            options.zeros_are_coordinates, progress, options.image_size, lifter.line_of_sight,
        )  # fmt: skip
        fps = options.fps or source.fps
        moves = options.moves and (options.bvh or options.trc or options.gif != 'turn')
        if not fps and (options.smooth or (moves and len(set(source.frame)) > 1)):
            raise InputError(f'expected the frames a second of {path}, found none in it', fps=None)
        pose2d, visible = source.poses(options.min_confidence)
        reach = np.max(pose2d[visible], axis=0, initial=0)
        if camera and (reach > 2.5 * np.array(camera[1:])).any():
            raise InputError(
                f'expected the size of the image that the joints are in, found joints at '
                f'{reach[0]:.0f}, {reach[1]:.0f}',
                image_size=' '.join(f'{length:g}' for length in options.image_size or ()),
            )
        roll, processing = find_roll(options.roll, source, pose2d, visible)
        processing += sight
        processing += ['mean of the depths of each pose and its mirror image'] * lifter.mirror
        parts = []
        for start in range(0, len(source), options.batchsize):
            part = slice(start, start + options.batchsize)
            poses = lifter.lift(
                pose2d[part], visible[part], source.skeleton, options.batchsize, roll[part],
                camera,
            )  # fmt: skip
            parts.append(poses)
            progress(start + len(poses.pose2d), len(source), 'people lifted')
    poses = Lifted(*map(np.concatenate, zip(*parts)))
    print(f'{path}: {source.format}, joints of {source.skeleton.name}')
    print(''.join(f'{path}: {note}\n' for note in source.notes), end='')
    print(f'weights: {lifter.weights}, joints of {lifter.skeleton.name}')
    print(''.join(f'{path}: {note}\n' for note in sight), end='')
    upright = geometry.rotate_in_image(pose2d, -roll)
    faults = keypoints.find_faults(source.skeleton, upright, visible)
    cli.warn(f'{path}: {fault}' for fault in faults)
    if not poses.lifted.any():
        enough = 'half of their joints, or both shoulders or both hips and two more, seen'
        if lifter.prior is None:
            enough = f'every joint seen, since {lifter.weights} cannot impute any'
        raise InputError(
            f'{path}: expected people with {enough}, found none among {len(source)}'
            + keypoints.unseen(source.skeleton, visible)
        )
    pose3d_mm = None if to_mm is None else poses.pose3d * to_mm(poses.pose3d)[:, None, None]
    found = Predictions(source, lifter.skeleton, lifter.weights, poses, pose3d_mm, scale, fps)
    found = process(options, found, processing)
    report(found)
    write(options, found, folder)


def find_roll(
    roll: float | str, source: keypoints.Keypoints, pose2d: np.ndarray, visible: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """Return the roll of each pose, (N,), radians, and print how it was found, if it was."""
    found = np.full(len(source), 0.0 if roll == 'auto' else np.radians(roll))
    notes = [f'roll of {roll} degrees undone before lifting and put back'] if found.any() else []
    if roll == 'auto' and len(set(source.frame)) > 1:
        camera = [''] * len(source)
        if source.format == 'pose-file':  # people are CLIP@CAMERA
            camera = [str(person).partition('@')[2] for person in source.person]
        for name in dict.fromkeys(camera):
            rows = np.array(camera) == name
            found[rows], note = camera_roll.find(source.skeleton, pose2d[rows], visible[rows])
            notes.append(f'roll{name and f" of camera {name}"}: {note}')
    elif roll == 'auto':
        notes.append('roll: not looked for in a single picture')
    print(''.join(f'{source.path}: {note}\n' for note in notes), end='')
    return found, notes


def find_camera(options: PredictionOptions, lifter: Lifter) -> tuple[Sequence[float], list[str]]:
    """Return (focal, x, y) of the camera, px, or () where none is known, and what is assumed."""
    if not lifter.line_of_sight:
        if not options.focal:
            return (), []
        raise InputError(
            f'expected weights trained with --line-of-sight, found {lifter.weights}; leave it out',
            focal=f'{options.focal:g}',
        )
    if not options.image_size:
        return (), ['no --image-size: lifted as if in the middle of the image']
    camera, width = camera_of(options.image_size, options.focal), options.image_size[0]
    if not width / 5 <= camera[0] <= 20 * width:
        raise InputError(
            f'expected pixels, a fifth of the image width or more and at most 20 widths of '
            f'{width:g}, found {camera[0]:g}',
            focal=None,
        )
    known = '' if options.focal else f', assumed to be {FOCAL} image widths'
    focal, *center = camera
    middle = ', '.join(f'{x:g}' for x in center)
    return camera, [f'lines of sight: focal length {focal:g} px{known}, image center {middle}']


def process(options: PredictionOptions, found: Predictions, notes: list[str]) -> Predictions:
    """Smooth the poses of each person, and give them bones of constant length."""
    if options.smooth:
        if round(options.smooth * found.fps) < motion.SHORTEST:
            least = f'{motion.SHORTEST} frames or more, {motion.SHORTEST / found.fps:.2g} s'
            raise InputError(f'expected {least}, found {options.smooth:g} s', smooth=None)
        notes.append(f"smoothed over {options.smooth:g} s by Savitzky and Golay's filter")
    if options.constant_bones:
        notes.append('bones of constant length')
    for rows in found.persons().values():
        for pose in (found.poses.pose3d, found.pose3d_mm):
            if pose is not None and options.smooth:
                pose[rows] = motion.smooth(pose[rows], found.steps[rows], found.fps, options.smooth)
            if pose is not None and options.constant_bones:
                pose[rows] = bvh.constant_bones(pose[rows], found.skeleton)
    return dataclasses.replace(found, processing=tuple(notes))


def report(found: Predictions) -> None:
    """Print what was done."""
    done = found.summary
    left_out = done['people'] - done['lifted']
    note = f'; {left_out} with too few joints seen left out' if left_out else ''
    print(f'{done["lifted"]} of {done["people"]} people lifted{note}')
    if done['imputed']:
        print('joints imputed:', ', '.join(f'{name} {n}' for name, n in done['imputed'].items()))
    if done['facing'] is None:
        print(
            f'depth sign: not checked, {found.skeleton.name} has no joints of the angle loss; each '
            f'pose may be its mirror image in depth'
        )
    elif not done['faces']:
        print('depth sign: not checked, no pose has its face and both shoulders seen')
    else:
        print(
            f'depth sign: of {done["faces"]} poses whose face and shoulders were seen, '
            f'{done["facing"]} have sin b >= 0 (eq. 3); others may be mirrored in depth'
        )


def choose_person(options: PredictionOptions, found: Predictions) -> np.ndarray:
    """Return the indices of the poses of the person to film."""
    persons = {str(person): indices for person, indices in found.persons().items()}
    names = ', '.join(list(persons)[:5]) + (f', ... ({len(persons)})' if len(persons) > 5 else '')
    if options.person is not None and options.person not in persons:
        raise InputError(
            f'expected one of {found.source.path} that could be lifted, found {names}',
            person=options.person,
        )
    if options.person is None and (options.bvh or options.trc) and len(persons) > 1:
        raise InputError(f'expected one of several people to be chosen, found {names}', person=None)
    return persons[options.person or max(persons, key=lambda name: len(persons[name]))]


def write(options: PredictionOptions, found: Predictions, folder: Path) -> None:
    """Write everything that was asked for, each file whole or not at all."""
    source = found.source
    if options.moves:
        chosen = choose_person(options, found)
        fps = found.fps or 1.0  # of a single picture
        timing = motion.keep_time(found.steps[chosen], fps)
        print(f'motion: {timing.note}\n' if timing.note else '', end='')
        played2d, played3d = (timing.blend(array[chosen]) for array in found.poses[:2])
        played = played3d if found.pose3d_mm is None else timing.blend(found.pose3d_mm[chosen])
    written = []
    with contextlib.ExitStack() as stack:
        stack.enter_context(files.writing(folder))
        folder.mkdir(parents=True, exist_ok=True)

        def new(name: str) -> str:
            written.append(name)
            stack.enter_context(files.writing(folder / name))  # an absolute name stays
            return stack.enter_context(files.atomic_path(folder / name))

        with cli.Progress() as progress:
            for kind in dict.fromkeys(options.write):
                name = '.'.join(['poses', *kind.split('-')[::-1]])  # poses.long.csv
                predictions.WRITERS[kind](new(name), found, progress)
            if options.html is not None:
                page = Path(options.html).absolute() if options.html else 'poses.html'
                predictions.write_html(new(str(page)), found, progress)
        if options.figure:
            lifted = np.concatenate([*found.persons().values()])  # each person's in order
            shown = lifted[visualizations.spread_indices(len(lifted), options.figure)]
            labels = [f'frame {source.frame[i]}\nperson {source.person[i]}' for i in shown]
            columns, names = {'action': np.arange(len(shown))}, {'action': labels}
            pose2d, imputed = found.poses.pose2d[shown], found.poses.imputed[shown]
            data = PoseData(
                'predictions', found.skeleton, pose2d, valid=~imputed, imputed=imputed,
                columns=columns, names=names,
            )  # fmt: skip
            lifted3d = found.poses.pose3d[shown]
            title = 'left is blue, right is red, imputed joints hollow'
            sheet = visualizations.pose_sheet(lifted3d, data, title)
            sheet.savefig(new('figure.png'))
        if options.bvh:
            moved = bvh.write(new('motion.bvh'), played, found.skeleton, fps)
            size, of = geometry.scale(played, found.skeleton.root), 'mean distance from the root'
            if face := found.skeleton.face_joints:
                size, of = np.linalg.norm(played[:, face.neck], axis=1), 'trunk'
            moved *= 100 / np.median(size)
            print(
                f'motion.bvh: with its constant bones the joints are {moved.mean():.1f} % of the '
                f'{of} from those lifted, at worst {moved.max():.0f} %'
                + ('' if options.constant_bones else '; --constant-bones fits all outputs first')
            )
        if options.trc:
            trc.write(new('motion.trc'), played, found.skeleton, fps, 'motion.trc')
        for kind in ('gif', 'mp4'):
            if getattr(options, kind) in (None, False):
                continue
            if options.gif == 'turn' or (options.gif != 'play' and len(chosen) == 1):
                film = animations.turning(played2d[0], played3d[0], found.skeleton)
            else:
                film = animations.playing(played2d, played3d, found.skeleton, fps)
            animations.write(new(f'motion.{kind}'), film, kind)
    print(f'{folder}: {", ".join(written)}')


run = functools.partial(cli.run, main)  # ends the process, too
