"""Lift anyone's 2D keypoints to 3D with trained weights."""

import contextlib
import os
from pathlib import Path
from typing import NoReturn

from chainer_pose.errors import InputError
from chainer_pose.inference.pretrained import DEFAULT, PRETRAINED, pretrained_path
from chainer_pose.utils import cli, files

# Named here too, so that --help need not import NumPy; a test compares.
FORMATS = ('openpose', 'coco', 'coco-results', 'alphapose', 'mmpose', 'csv', 'numpy', 'pose-file')
OUTPUTS = ('json', 'csv', 'npz')


def make_parser():
    licences = '\n'.join(f'  {name}: {text}' for name, text in PRETRAINED.items())
    parser = cli.Parser(
        description=__doc__ + '\n\n'
        'Every person of every frame is lifted; 3D is written relative to the root joint, in\n'
        "the camera frame (x right, y down, z away) and in the input's pixels.",
        epilog='Weights that come with the package, and who may use them\n'
        f'(chainer_pose/inference/pretrained/MODEL_CARD.md):\n{licences}',
    )
    group = parser.add_argument_group('weights')
    group.add_argument(
        '--snapshot',
        metavar='RUN|FILE.npz',
        help='run directory (its gen_best.npz, else its last gen_N.npz) or a generator file',
    )
    group.add_argument(
        '--weights',
        choices=tuple(PRETRAINED),
        help=f'weights that come with the package (default, without --snapshot: {DEFAULT})',
    )
    group.add_argument(
        '--generator',
        choices=('best', 'last'),
        default='best',
        help='of a run directory, which generator (default: %(default)s)',
    )

    group = parser.add_argument_group('input')
    group.add_argument(
        '--input',
        metavar='PATH',
        help='keypoints: JSON of OpenPose (or a folder of frames), COCO, AlphaPose or MMPose, '
        'CSV, npz or npy, or a pose file; data/README.md describes each',
    )
    group.add_argument(
        '--format', choices=FORMATS, help='format of --input (default: found out from the file)'
    )
    group.add_argument(
        '--skeleton',
        metavar='NAME|FILE.json',
        help='the joints of --input (default: found out from the file, else those of the '
        'weights); python -m chainer_pose.skeletons lists the names',
    )
    group.add_argument(
        '--min-confidence',
        type=cli.number(float, low=0),
        default=0.3,
        metavar='X',
        help='a joint below is missing: it is never used, but filled in from the others and '
        'marked (default: %(default)s)',
    )
    group.add_argument(
        '--keypoints',
        default='gt',
        metavar='gt|NAME',
        help='of a pose file, pose2d or pose2d_NAME (default: %(default)s)',
    )
    group.add_argument(
        '--split', choices=('train', 'test'), help='of a pose file, one split (default: all)'
    )

    group = parser.add_argument_group('output')
    group.add_argument(
        '--out',
        metavar='DIR',
        help='folder for poses.json, poses.csv, poses.npz and pictures; files of these names '
        'are replaced (default: predictions/NAME of the input)',
    )
    group.add_argument(
        '--write',
        nargs='+',
        choices=OUTPUTS,
        default=list(OUTPUTS),
        metavar='|'.join(OUTPUTS),
        help='which of them (default: all)',
    )
    group.add_argument(
        '--height',
        type=cli.number(float, above=0),
        metavar='MM',
        help='height of the people: writes pose3d_mm too, by legs and trunk as lifted',
    )
    group.add_argument(
        '--bone-length',
        type=_bone_length,
        metavar='JOINT:JOINT=MM',
        help='the same by the distance of two joints, LHip:LKnee=430 say',
    )
    group.add_argument(
        '--figure',
        type=cli.number(int, low=1),
        nargs='?',
        const=8,
        metavar='N',
        help='draw N people (without N, 8), evenly spread: figure.png',
    )
    group.add_argument(
        '--gif',
        nargs='?',
        const='',
        choices=('turn', 'play', ''),
        metavar='turn|play',
        help='draw one person: a pose that turns (its first), or the sequence that plays '
        '(without a value: play, where there are several frames): motion.gif',
    )
    group.add_argument('--mp4', action='store_true', help='the same by ffmpeg: motion.mp4')
    group.add_argument(
        '--bvh',
        action='store_true',
        help='motion of one person: motion.bvh; bones of constant length, root in its place',
    )
    group.add_argument(
        '--person',
        metavar='ID',
        help='which person to film or write as BVH (default: the only one; with several people, '
        'for --gif and --mp4 the one seen most often)',
    )
    group.add_argument(
        '--fps',
        type=cli.number(float, above=0),
        metavar='X',
        help="frames a second of --gif, --mp4 and --bvh (default: the input's, else 25)",
    )
    group.add_argument(
        '--onnx',
        metavar='FILE.onnx',
        help='write the generator as an ONNX model too, or without --input only (pip install '
        "'.[onnx]')",
    )

    group = parser.add_argument_group('device')
    group.add_argument(
        '--gpu',
        type=cli.number(int, low=-1),
        default=-1,
        metavar='N',
        help='CUDA device to lift on, -1 for the CPU (default: %(default)s)',
    )
    group.add_argument(
        '--batchsize',
        type=cli.number(int, low=1),
        default=4096,
        metavar='N',
        help='poses lifted at a time (default: %(default)s)',
    )
    return parser


def _bone_length(text):
    import argparse

    joints, _, length = text.rpartition('=')
    start, _, end = joints.partition(':')
    if not start or not end or start == end:
        raise argparse.ArgumentTypeError(f'expected JOINT:JOINT=MM, found {text!r}')
    return start, end, cli.number(float, above=0)(length)


def check_options(parser, options):
    """Refuse options that contradict each other or lack another."""
    if not options.input and not options.onnx:
        parser.error('argument --input: expected keypoints, found none')
    if options.snapshot and options.weights:
        parser.error(f'argument --weights: expected it without --snapshot, found {options.weights}')
    if options.height and options.bone_length:
        parser.error('argument --bone-length: expected it without --height, found both')
    films = options.bvh or options.gif is not None or options.mp4
    for name in ('person', 'fps'):
        if getattr(options, name) is not None and not films:
            parser.error(f'argument --{name}: expected --gif, --mp4 or --bvh too')


def lift(options, lifter, source, store):
    """Lift all of the input into the store; returns what looks doubtful."""
    from chainer_pose.datasets.keypoints.checks import Checks

    doubts = Checks(source.skeleton)
    with cli.Progress() as progress:
        for batch in source.batches():
            pose2d, visible = source.skeleton.add_virtual_joints(
                batch.pose2d, batch.visible(options.min_confidence)
            )
            doubts.add(pose2d, visible)
            lifted = lifter.lift(pose2d, visible, source.skeleton, options.batchsize)
            store.append(batch.frame, batch.person, lifted)
            progress(batch.done, source.total, f'{len(store)} people')
    assumed = [
        f'nothing tells which joints these are: they were taken for the '
        f'{len(source.skeleton.detected)} of {source.skeleton.name}; --skeleton names others'
    ]
    return (assumed if source.assumed else []) + doubts.warnings()


def choose_person(options, store, path):
    """Indices of the poses of the person to film; None where nobody was asked for."""
    if not (options.bvh or options.gif is not None or options.mp4):
        return None
    persons = {str(person): n for person, n in store.persons().items() if n}
    if options.person is not None:
        if options.person not in persons:
            raise InputError(
                f'--person {options.person}: expected one of {path} that could be lifted, found '
                f'{_some(persons)}'
            )
        chosen = options.person
    elif options.bvh and len(persons) > 1:
        raise InputError(
            f'--bvh: expected --person to choose one of several people, found {_some(persons)}'
        )
    else:
        chosen = max(persons, key=persons.get)
    return store.of_person(next(p for p in store.person if str(p) == chosen))


def _some(persons):
    names = list(persons)
    return ', '.join(names[:5]) + (f', ... ({len(names)})' if len(names) > 5 else '')


def draw_figure(lifter, store, count):
    """Draw a contact sheet of people, evenly spread over the input."""
    from chainer_pose import visualizations
    from chainer_pose.datasets import pose_file

    lifted = store.lifted().nonzero()[0]
    chosen = lifted[visualizations.spread_indices(len(lifted), count)]
    labels = [f'{store.frame[i]}: {store.person[i]}' for i in chosen]
    data = pose_file.PoseData(
        'predictions',
        lifter.skeleton,
        store.pose2d[chosen],
        columns={'action': list(range(len(chosen)))},
        names={'action': labels},
    )
    return visualizations.pose_sheet(lifter.generator, data, 'left is blue, right is red')


def main(argv=None):
    parser = make_parser()
    options = parser.parse_args(argv)
    check_options(parser, options)

    from chainer_pose import skeletons
    from chainer_pose.datasets.keypoints import reader as keypoints
    from chainer_pose.inference import lifter, predictions
    from chainer_pose.inference import onnx as onnx_export
    from chainer_pose.inference import scale as scaling
    from chainer_pose.visualizations import animations

    if options.mp4:
        animations.require_ffmpeg()
    skeleton = skeletons.get(options.skeleton) if options.skeleton else None
    weights = options.snapshot or pretrained_path(options.weights or DEFAULT)
    lift_with = lifter.load_lifter(weights, skeleton, options.generator == 'last', options.gpu)
    if options.onnx:
        with files.writing(options.onnx):
            onnx_export.export(options.onnx, lift_with)
        print(f'{options.onnx}: the generator of {lift_with.weights}')
    if not options.input:
        return

    source = keypoints.open_input(
        options.input, options.format, skeleton, lift_with.skeleton, options.split,
        options.keypoints,
    )  # fmt: skip
    scale, how = None, ''
    if options.height:
        scale = scaling.by_height(lift_with.skeleton, options.height)
        how = f'height {options.height:g} mm'
    elif options.bone_length:
        scale = scaling.by_bone(lift_with.skeleton, *options.bone_length)
        how = '{}:{} {:g} mm'.format(*options.bone_length)
    print(f'{options.input}: {source.format}, joints of {source.skeleton.name}')
    print(f'weights: {lift_with.weights}, joints of {lift_with.skeleton.name}')
    with predictions.Store(lift_with.skeleton, scale) as store:
        warnings = lift(options, lift_with, source, store)
        done = predictions.summary(store)
        if not done['lifted']:
            enough = 'half of their joints seen, or more'
            if lift_with.prior is None:
                enough = f'every joint seen, since {lift_with.weights} cannot fill any in'
            raise InputError(
                f'{options.input}: expected people with {enough}, found none among {len(store)}'
            )
        report(lift_with.skeleton, done, warnings)
        chosen = choose_person(options, store, options.input)
        origin = predictions.Origin(
            os.path.basename(os.path.normpath(options.input)),
            source.skeleton.name,
            Path(lift_with.weights).name,
            files.sha256(lift_with.weights),
            how,
        )
        folder = Path(
            options.out or Path('predictions') / Path(os.path.abspath(options.input)).stem
        )
        write(options, folder, lift_with, source, store, origin, chosen)


def report(skeleton, done, warnings):
    """Print what was done, and warnings to standard error."""
    cli.warn(warnings)
    left_out = done['people'] - done['lifted']
    print(
        f'{done["lifted"]} of {done["people"]} people lifted'
        + (f'; {left_out} with too few joints seen left out' if left_out else '')
    )
    if done['imputed']:
        imputed = ', '.join(f'{name} {n}' for name, n in done['imputed'].items())
        print(f'joints filled in: {imputed}')
    if done['facing'] is None:
        print(
            f'depth sign: not checked, {skeleton.name} has no joints of the angle loss; each '
            f'pose may be its mirror image in depth'
        )
    else:
        share = 100 * done['facing'] / max(done['lifted'], 1)
        print(
            f'depth sign: {done["facing"]} of {done["lifted"]} lifted ({share:.1f} %) have '
            f'sin b >= 0 (eq. 3)'
        )


def write(options, folder, lift_with, source, store, origin, chosen):
    """Write everything that was asked for, each file whole or not at all."""
    from chainer_pose.inference import bvh, predictions
    from chainer_pose.visualizations import animations

    skeleton = lift_with.skeleton
    fps = options.fps or source.fps or 25.0
    with contextlib.ExitStack() as stack:
        stack.enter_context(files.writing(folder))
        folder.mkdir(parents=True, exist_ok=True)
        written = []

        def new(name):
            written.append(name)
            return stack.enter_context(files.atomic_path(folder / name))

        with cli.Progress() as progress:
            for kind in dict.fromkeys(options.write):
                predictions.WRITERS[kind](new(f'poses.{kind}'), store, origin, progress)
        if options.figure:
            figure = draw_figure(lift_with, store, options.figure)
            figure.savefig(new('figure.png'))
        if options.bvh:
            pose3d = store.pose3d if store.pose3d_mm is None else store.pose3d_mm
            bvh.write(new('motion.bvh'), pose3d[chosen], skeleton, fps)
        for kind, wanted in (('gif', options.gif is not None), ('mp4', options.mp4)):
            if wanted:
                pose2d, pose3d = store.pose2d[chosen], store.pose3d[chosen]
                turns = options.gif == 'turn' or (options.gif != 'play' and len(chosen) == 1)
                film = (
                    animations.turning(pose2d[0], pose3d[0], skeleton)
                    if turns
                    else animations.playing(pose2d, pose3d, skeleton, fps)
                )
                animations.write(new(f'motion.{kind}'), film, kind)
    print(f'{folder}: {", ".join(written)}')


def run() -> NoReturn:
    """Run the command and end the process."""
    cli.run(main)
