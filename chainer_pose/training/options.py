"""The options of training, declared once.

From the fields of `TrainingOptions` come the command line of training, options.json, the
comparison on --resume and `methods.PAPER`.
"""

import argparse
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chainer_pose.errors import InputError, as_typed
from chainer_pose.training import run_directory
from chainer_pose.utils import cli, comm
from chainer_pose.utils.cli import flag

# What --preset stands for.
PRESETS: dict[str, dict[str, Any]] = {
    'paper': {},
    'plus': {
        'accuracy_cap': 0.8,
        'camera_pitch': 'each',
        'consistency': [30.0, 3.0],
        'bone_weight': 100.0,
        'ema': 0.999,
        'zero_root': True,
    },
}

# Each network's own defaults.
MODELS: dict[str, dict[str, Any]] = {
    'kudo': {},
    'martinez': {
        'batchsize': 64, 'epoch': 200, 'alpha': 1e-3, 'beta1': 0.9, 'weight_decay': 0.0,
    },
}  # fmt: skip
# Values of other options with which an option has an effect.
ADVERSARIAL = {'mode': ('unsupervised', 'semi-supervised')}
LABELS = {'mode': ('semi-supervised', 'supervised')}
KUDO = {'model': ('kudo',)}


LEARNED = 'learn', 'each'  # one pitch, or one for each pose


def _pitch(text: str) -> float | str:
    try:
        return text if text in LEARNED else cli.number(float, low=-89, high=89)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f'expected {", ".join(LEARNED)} or a number from -89 to 89, found {text!r}'
        ) from error


# Of a field's metadata: `method`, whether it is part of the method; `stored`, whether options.json
# has it (default: True); `resumable`, whether --resume may change it; `needs`, the values of other
# options with which it has an effect; all else is `cli.option`'s.
_main = cli.option
_paper = functools.partial(cli.option, group="more of the paper's settings", method=True)
_beyond = functools.partial(cli.option, group='beyond the paper', method=True)
_length = functools.partial(cli.option, group='length, validation and intervals', low=1)
_device = functools.partial(cli.option, group='devices')


# fmt: off
@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """Options of a training run, named as in options.json; `train.py --help` explains them.

    The defaults are the paper's settings, as its authors' code has them. `choose` gives those of a
    preset or of another model.
    """

    dataset: str = _main('synthetic', """pose file, or the name of one in data/ or
        $CHAINER_POSE_DATA (default: %(default)s); --resume takes the same data from elsewhere""",
        metavar='NAME|FILE', resumable=True)
    out: str = _main('', 'new run directory (default: results/DATASET-TIME)',
        metavar='DIR', stored=False)
    resume: str | None = _main(None, """continue a run (default: --out) from its newest snapshot, or
        from FILE; may change only %(resumable)s""",
        nargs='?', const='', metavar='RUN|FILE', stored=False)
    gpu: int = _main(-1, 'CUDA device, -1 for the CPU (default: %(default)s)',
        low=-1, resumable=True)
    seed: int = _main(0, 'on the CPU it fixes a run bit for bit (default: %(default)s)', low=0)
    epoch: int = _main(50, 'passes over the poses (section 4.2; default: %(default)s)',
        low=1, resumable=True, needs={'iterations': (None,)})
    batchsize: int = _main(16, 'poses a batch and process (4.2; default: %(default)s)',
        low=1, method=True)
    alpha: float = _main(2e-4, "Adam's step size (authors' code; default: %(default)s)",
        above=0, method=True)
    angle_weight: float = _main(1.0, 'factor of the angle loss (eq. 4; default: %(default)s)',
        low=0, method=True, needs=ADVERSARIAL)
    accuracy_cap: float = _main(0.9, """accuracy above which the discriminator rests, the
        generator below 1 - X (4.2; default: %(default)s)""",
        low=0.5, high=1, method=True, needs=ADVERSARIAL)

    keypoints: str = _paper('gt', """2D joints: gt for pose2d, NAME for pose2d_NAME (4.3, 4.4;
        default: %(default)s)""", metavar='gt|NAME', method=False)
    n_unit: int = _paper(1024, 'units of a hidden layer (3.2; default: %(default)s)', low=1)
    init_std: float = _paper(0.02, """standard deviation of initial weights (authors' code; 4.2
        prints its root, 0.14; default: %(default)s)""", above=0, needs=KUDO)
    beta1: float = _paper(0.5, "Adam's beta1 (authors' code; default: %(default)s)",
        low=0, high=0.9999)
    weight_decay: float = _paper(1e-5, """share of each parameter added to its gradient (authors'
        code; default: %(default)s)""", low=0)

    preset: str = _beyond('paper', """plus: --accuracy-cap 0.8 --camera-pitch each --consistency
        30 3 --bone-weight 100 --ema 0.999 --zero-root, but for what is typed (default:
        %(default)s)""",
        choices=PRESETS, method=False)
    mode: str = _beyond('unsupervised', """learn from 2D; from 2D and labelled depth (5.2); or from
        labelled poses alone (default: %(default)s)""",
        choices=('unsupervised', 'semi-supervised', 'supervised'))
    model: str = _beyond('kudo', """martinez: network of Martinez et al. 2017 for --mode
        supervised; defaults to --batchsize 64 --epoch 200 --alpha 0.001 --beta1 0.9
        --weight-decay 0 (default: %(default)s)""", choices=MODELS)
    labelled: float = _beyond(1.0, """share of the poses, by clip, that are labelled (default:
        %(default)s)""", above=0, high=1, needs=LABELS)
    depth_weight: float = _beyond(10.0, """factor of the depth error in --mode semi-supervised
        (default: %(default)s)""", above=0, needs={'mode': ('semi-supervised',)})
    camera_pitch: float | str = _beyond(0.0, """degrees by which the cameras look down: poses turn
        about the true vertical; learn: one angle of all cameras, learned; each: one of each pose,
        learned (default: %(default)s)""", type=_pitch, metavar='X|learn|each', needs=ADVERSARIAL)
    line_of_sight: Sequence[float] = _beyond([], """focal length and image center of the cameras,
        px: lift each pose as a camera sees it that is turned onto its root joint (default: no)""",
        nargs=3, low=10, metavar=('FOCAL', 'X', 'Y'), needs=KUDO)
    consistency: Sequence[float] = _beyond([0.0, 0.0], """lift the turned pose and turn it back:
        factors of 2D and depth errors (Chen et al. 2019; default: 0 0)""",
        low=0, nargs=2, metavar=('X', 'Z'), needs=ADVERSARIAL)
    bone_weight: float = _beyond(0.0, """factor of the error of bone lengths' ratios against
        their running mean (default: %(default)s)""", low=0, needs=ADVERSARIAL)
    ema: float = _beyond(0.0, """decay of a moving average of the generator, to evaluate and save
        (default: %(default)s, none)""", low=0, high=0.999999, metavar='DECAY', needs=KUDO)
    zero_root: bool = _beyond(False, "fix the root's depth at 0 (default: no)", needs=KUDO)
    augment: bool = _beyond(False, """learn from poses as imperfect as detected ones: once, before
        the training, joints are moved and some imputed; labelled poses stay (default: no)""",
        needs=ADVERSARIAL)
    rescale_fakes: bool = _beyond(False, """normalize turned poses, too (3.3), for bodies that are
        longer than high (default: no)""", needs=ADVERSARIAL)

    iterations: int | None = _length(None, 'batches to train for, instead of --epoch',
        resumable=True)
    holdout: float = _length(0.0, """validate on this share of the training clips instead of the
        test split (default: %(default)s)""", low=0, high=0.9)
    log_interval: int | None = _length(None, """iterations of which the log has means (default:
        1000, at most 1/20 of the run)""")
    evaluate_interval: int | None = _length(None, """iterations between validations, which choose
        gen_best.npz (default: an epoch, or 1/20 of --iterations; more for large splits; none
        in a run that is too short to pay for it)""")
    draw_interval: int | None = _length(None, """iterations between pictures (default: 1/5 of the
        run, at least 4000, on a GPU 100000; none in a shorter run)""", resumable=True)
    snapshot_interval: int | None = _length(None, """iterations between generators, each with a
        snapshot (default: an epoch, or 1/10 of --iterations, at least 1000)""")
    snapshot_minutes: float = _length(10.0, """minutes after which a snapshot is written besides
        (default: %(default)s)""", low=0.01, resumable=True)
    keep: int = _length(2, 'newest snapshots to keep (default: %(default)s)', resumable=True)

    record: bool = _device(True, """replay a GPU's step as a CUDA graph; --no-record runs it
        eagerly, for debugging""", resumable=True, needs=KUDO)
    communicator: str | None = _device(None, """ChainerMN's, under mpiexec -n N: on CPUs, or on
        GPUs from --gpu on; N processes with --batchsize B train as one with N B""",
        choices=comm.NAMES)
    ranks: int = _device(1, 'number of processes that train', low=1, typed=False)

    def to_json(self) -> dict[str, Any]:
        """What options.json holds of the options, as JSON values."""
        return {name: getattr(self, name) for name in STORED}
# fmt: on


DEFAULTS = TrainingOptions()
FIELDS = dataclasses.fields(TrainingOptions)
STORED = {field.name: field for field in FIELDS if field.metadata.get('stored', True)}
RESUMABLE = ', '.join(flag(field.name) for field in FIELDS if field.metadata.get('resumable'))


def choose(typed: Mapping[str, Any]) -> TrainingOptions:
    """Return the options of a new run: what is typed, else the preset's, the model's, the default.

    Raises:
        InputError: if one that is typed would have no effect beside the others.
    """
    model = MODELS[typed.get('model', DEFAULTS.model)]
    preset = PRESETS[typed.get('preset', DEFAULTS.preset)]
    options = TrainingOptions(**{**model, **preset, **typed})
    if options.model == 'martinez' and options.mode != 'supervised':
        raise InputError(f'expected mode supervised, found {options.mode}', model='martinez')
    _check_effect(options, typed)
    return options


def _check_effect(options: TrainingOptions, typed: Mapping[str, Any]) -> None:
    """Refuse what is typed, itself or by its preset, and would have no effect."""
    preset = typed.get('preset', DEFAULTS.preset)
    for field in FIELDS:
        name, needs = field.name, field.metadata.get('needs', {})
        unmet = [other for other, values in needs.items() if getattr(options, other) not in values]
        if unmet and name in {**typed, **PRESETS[preset]}:
            given = {name: typed[name]} if name in typed else {'preset': preset}
            of = '' if name in typed else f' of {flag(name)}'
            found = f'found none{of} with {flag(unmet[0])} {getattr(options, unmet[0])}'
            raise InputError(f'expected to have an effect, {found}', **given)


def resume(path: Path, typed: Mapping[str, Any]) -> TrainingOptions:
    """Return the options that a run began with, and what is typed that may be changed.

    Raises:
        InputError: if `path` is neither a run nor a snapshot in one, if another option is changed,
            or if one that is typed would have no effect.
    """
    if path.suffix != '.npz' and not path.is_dir():
        raise InputError('expected a run directory or a snapshot, found none', resume=path)
    run = path if path.is_dir() else path.parent
    if Path(typed.get('out', run)).resolve() != run.resolve():
        raise InputError(f'expected {run}, which is resumed, or none', out=typed['out'])
    options = load_options(run)
    for name, field in STORED.items():
        began = getattr(options, name)
        value = typed.get(name, began)
        if value != began and not field.metadata.get('resumable'):
            raise InputError(
                f'expected {as_typed(began)}, as the run {run} began; --resume may change only '
                f'{RESUMABLE}',
                **{name: value},
            )
    options = dataclasses.replace(options, **{**typed, 'out': str(run), 'resume': str(path)})
    _check_effect(options, typed)
    return options


def check_ranks(options: TrainingOptions, ranks: int) -> None:
    """Raise an InputError if that number of processes cannot train a run."""
    if options.resume is not None and options.ranks != ranks:
        n = options.ranks
        raise InputError(
            f'expected {n} rank(s), as the run began, found {ranks}; use mpiexec -n {n}',
            resume=options.resume,
        )
    if ranks > 1 and options.model == 'martinez':
        raise InputError(
            'expected the model kudo, found martinez, whose batch normalization would differ',
            communicator=options.communicator,
        )


def n_iterations(options: TrainingOptions, n_poses: int) -> int:
    """Number of iterations of a whole run on that many poses (those it learns from)."""
    poses_an_iteration = options.batchsize * options.ranks
    return options.iterations or -(-options.epoch * n_poses // poses_an_iteration)


def load_options(run: str | Path) -> TrainingOptions:
    """Read a run's options.json; absent options have their defaults, unknown ones are ignored.

    Raises:
        InputError: if the run has none, or a value is wrong.
    """
    stored = run_directory.read_options(run)
    found = {name: stored[name] for name in STORED if name in stored}
    for name, value in found.items():
        if not _accepts(STORED[name], value):
            raise InputError(
                f'{Path(run) / "options.json"}: expected a value of {name}, found {value!r:.80}'
            )
    return TrainingOptions(**found)


def _accepts(field: dataclasses.Field, value: Any) -> bool:
    """Whether a JSON value is one that a field takes."""
    default = getattr(DEFAULTS, field.name)
    if value is None or isinstance(value, bool) or isinstance(default, bool):
        return type(value) is type(default)
    argument = cli.argument_of(TrainingOptions, field)
    parse = argument.get('type', str)
    values = value if isinstance(default, list) and isinstance(value, list) else [value]
    try:
        same = [parse(str(item)) for item in values] == values
    except argparse.ArgumentTypeError:
        return False
    is_complete = value == default or len(values) == argument.get('nargs', 1)
    return same and is_complete and value in argument.get('choices', [value])
