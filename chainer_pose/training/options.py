"""The options of training, declared once.

From the fields of `TrainingOptions` come the command line of training, options.json, the
comparison on --resume and `methods.PAPER`.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chainer_pose.errors import InputError
from chainer_pose.training import run_directory
from chainer_pose.utils import cli, comm
from chainer_pose.utils.cli import flag

# What --preset stands for.
PRESETS: dict[str, dict[str, Any]] = {
    'paper': {},
    'plus': {
        'camera_pitch': 'learn',
        'consistency': [10.0, 1.0],
        'bone_weight': 100.0,
        'ema': 0.999,
        'zero_root': True,
    },
}

# Each network's own defaults.
MODELS: dict[str, dict[str, Any]] = {
    'kudo': {},
    'martinez': {'batchsize': 64, 'alpha': 1e-3, 'beta1': 0.9, 'weight_decay': 0.0},
}


def _pitch(text):
    return text if text == 'learn' else cli.number(float, low=-89, high=89)(text)


# Of a field's metadata: `method`, whether it is part of the method; `stored`, whether options.json
# has it (default: True); `resumable`, whether --resume may change it; all else is `cli.option`'s.
_data = functools.partial(cli.option, group='data')
_method = functools.partial(cli.option, group='method', method=True)
_run = functools.partial(cli.option, group='run')
_length = functools.partial(cli.option, group='length and intervals', low=1)
_optimisation = functools.partial(cli.option, group='optimisation', method=True)
_model = functools.partial(cli.option, group='model', method=True)


# fmt: off
@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """Options of a training run, named as in options.json; `train.py --help` explains them.

    The defaults are the paper's setting, as its authors' code runs it.
    """

    dataset: str = _data('synthetic', """pose file to learn from; a name means data/NAME.h5, or
        NAME.h5 under $CHAINER_POSE_DATA; "synthetic" is made when first needed
        (default: %(default)s)""", metavar='NAME|FILE.h5')
    keypoints: str = _data('gt', """2D joints to learn from: gt for pose2d, NAME for the
        detections pose2d_NAME (sections 4.3 and 4.4; default: %(default)s)""",
        metavar='gt|NAME')
    holdout: float = _data(0.0, """share of the training clips to set aside and to validate on
        instead of the test split, which then chooses nothing (default: %(default)s, as the
        authors' code)""", low=0, high=0.9)

    preset: str = cli.option('paper', """plus: --camera-pitch learn --consistency 10 1
        --bone-weight 100 --ema 0.999 --zero-root; options typed beside it override it
        (default: %(default)s)""", choices=PRESETS, group='method')
    mode: str = _method('unsupervised', """learn from 2D alone; from 2D, and depth where it is
        labelled (section 5.2); or from labelled poses alone, without a discriminator
        (default: %(default)s)""", choices=('unsupervised', 'semi-supervised', 'supervised'))
    model: str = _method('kudo', """the paper's generator; or, with --mode supervised, the
        network of Martinez et al. 2017, from pixels to millimetres, with its own defaults:
        --batchsize 64 --alpha 0.001 --beta1 0.9 --weight-decay 0 (default: %(default)s)""",
        choices=MODELS)
    labelled: float = _method(1.0, """share of the poses whose depth --mode semi-supervised or
        supervised may see, chosen by clip and seed (default: %(default)s)""", above=0, high=1)
    depth_weight: float = _method(10.0, """factor of the depth error in --mode semi-supervised
        (default: %(default)s)""", above=0)
    camera_pitch: float | str = _method(0.0, """angle by which the cameras look down, in degrees,
        to turn the poses about the true vertical; learn: one angle for the data set, learned with
        the generator (default: %(default)s, the horizontal cameras of section 4.3)""",
        type=_pitch, metavar='DEG|learn')
    consistency: Sequence[float] = _method([0.0, 0.0], """lift the turned pose again and turn it
        back: factors of the squared errors of the original 2D and of the turned depth
        (Chen et al. 2019; default: 0 0)""", low=0, nargs=2, metavar=('W2D', 'WDEPTH'))
    bone_weight: float = _method(0.0, """factor of the error of each bone's share in the pose
        against its running mean: people's proportions are similar (default: %(default)s)""", low=0)
    ema: float = _method(0.0, """measure, draw and save an exponential moving average of the
        generator (default: %(default)s, the generator itself)""",
        low=0, high=0.999999, metavar='DECAY')
    zero_root: bool = _method(False, "make the root's depth zero by construction (default: no)")

    out: str = _run('', """run directory, new or empty
        (default: results/DATASET-DATE-TIME)""", metavar='DIR', stored=False)
    resume: str | None = _run(None, """continue a run from its newest snapshot, or from the one
        named; without a value, the run in --out. Its options apply; only %(resumable)s may be
        changed""", nargs='?', const='', metavar='RUN|SNAPSHOT', stored=False)
    gpu: int = _run(-1, 'CUDA device to train on, -1 for the CPU (default: %(default)s)',
        low=-1, resumable=True)
    record: bool = _run(True, """on a GPU, replay each step as a CUDA graph; --no-record runs it
        eagerly, for debugging (default: yes)""", resumable=True)
    communicator: str | None = _run(None, """train with ChainerMN, under mpiexec -n N: on CPUs,
        or on GPUs from --gpu on, one for each process; N processes with --batchsize B/N train as
        one does with B (default: one process)""", choices=comm.NAMES)
    seed: int = _run(0, """seed of the weights, the order of the poses and the angles; on the CPU
        the same seed gives the same run bit for bit (default: %(default)s)""", low=0)
    ranks: int = _run(1, 'number of processes that train', low=1, typed=False)

    epoch: int = _length(50, """passes over the training poses (section 4.2;
        default: %(default)s)""", resumable=True)
    iterations: int | None = _length(None, 'batches to train for, instead of --epoch',
        resumable=True)
    snapshot_interval: int | None = _length(None, """iterations after which to save the trainer
        (the newest are kept: --keep) and the generator (default: an epoch, or a tenth of
        --iterations)""")
    keep: int = _length(2, 'newest trainer snapshots to keep (default: %(default)s)',
        resumable=True)
    evaluate_interval: int | None = _length(None, """iterations after which to measure the
        validation error and keep the best generator (default: an epoch, or a twentieth of
        --iterations; at least a twelfth of the number of validation poses, a
        multiple of the log's)""")
    draw_interval: int | None = _length(None, """iterations after which to draw poses and plots
        (default: a fifth of the run; at least 4000, on a GPU 100000)""", resumable=True)
    log_interval: int | None = _length(None, """iterations over which logged, printed and plotted
        values are averaged (default: 1000, or a twentieth of a run shorter than 20,000)""")

    batchsize: int = _optimisation(16, """poses a batch, of each process (section 4.2;
        default: %(default)s)""", low=1)
    alpha: float = _optimisation(2e-4, """step size of both Adams (authors' code;
        default: %(default)s)""", above=0)
    beta1: float = _optimisation(0.5, """decay of Adam's first moment (authors' code;
        default: %(default)s)""", low=0, high=0.9999)
    weight_decay: float = _optimisation(1e-5, """share of each parameter added to its gradient
        (authors' code; default: %(default)s)""", low=0)
    accuracy_cap: float = _optimisation(0.9, """the discriminator rests on batches where its
        accuracy is above X, the generator where it is below 1 - X (section 4.2;
        default: %(default)s)""", low=0.5, high=1)
    rescale_fakes: bool = _optimisation(False, """normalise the turned poses as the real ones
        (section 3.3) before the discriminator sees them. Not in the paper: for bodies that are
        longer than high, whose size in the image changes as they turn and gives the fakes away
        (default: no)""")

    angle_weight: float = _model(1.0, """factor of the angle loss, 0 for none (section 3.4,
        eq. 4; default: %(default)s)""", low=0)
    n_unit: int = _model(1024, 'units of each hidden layer (section 3.2; default: %(default)s)',
        low=1)
    init_std: float = _model(0.02, """standard deviation of the initial weights; section 4.2
        prints 0.14, the root of the authors' code's 0.02, and does worse: README.md, Results
        (default: %(default)s)""", above=0)

    def to_json(self) -> dict[str, Any]:
        """What options.json holds of the options, as JSON values."""
        return {name: getattr(self, name) for name in STORED}
# fmt: on


DEFAULTS = TrainingOptions()
FIELDS = dataclasses.fields(TrainingOptions)
STORED = {field.name: field for field in FIELDS if field.metadata.get('stored', True)}
RESUMABLE = ', '.join(flag(field.name) for field in FIELDS if field.metadata.get('resumable'))


# Without effect if there is no discriminator, or no generator of the paper's.
_ADVERSARIAL = ('camera_pitch', 'consistency', 'bone_weight', 'rescale_fakes')
_OF_GENERATORS = ('ema', 'zero_root')


def contradiction(options: TrainingOptions) -> str:
    """What options contradict each other: text, '' for none."""
    if options.model == 'martinez' and options.mode != 'supervised':
        return f'argument --model martinez: expected --mode supervised, found {options.mode}'
    if options.mode == 'unsupervised' and options.labelled < 1:
        return 'argument --labelled: expected --mode semi-supervised or supervised too'
    for names, wrong, why in (
        (_ADVERSARIAL, options.mode == 'supervised', 'a --mode with a discriminator'),
        (_OF_GENERATORS, options.model == 'martinez', '--model kudo'),
    ):
        for name in names:
            if wrong and getattr(options, name) != getattr(DEFAULTS, name):
                return (
                    f'argument {flag(name)}: expected {why}, '
                    f'found --mode {options.mode} --model {options.model}'
                )
    return ''


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
                f'{Path(run) / "options.json"}: expected a value of {flag(name)}, '
                f'found {value!r:.80}'
            )
    return TrainingOptions(**found)


def _accepts(field, value):
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
    is_complete = len(values) == argument.get('nargs', 1)
    return same and is_complete and value in argument.get('choices', [value])
