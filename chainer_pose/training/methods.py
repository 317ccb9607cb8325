"""The method that a run's options amount to, as tables name it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from chainer_pose.evaluations.reports import NOT_KNOWN, PARTLY, WITH_3D, WITHOUT_3D
from chainer_pose.inference import weights as weights_file
from chainer_pose.training import run_directory
from chainer_pose.training.options import (
    DEFAULTS,
    FIELDS,
    MODELS,
    TrainingOptions,
    flag,
    n_iterations,
)
from chainer_pose.utils.files import StrPath

# The options that say what a run learns by, at the paper's values.
PAPER: dict[str, Any] = {
    field.name: getattr(DEFAULTS, field.name) for field in FIELDS if field.metadata.get('method')
}

OURS, MARTINEZ = 'Ours (paper)', 'Martinez et al. [15]'  # rows of published_results.csv


class Method(NamedTuple):
    """How weights were trained, as tables name it.

    Attributes:
        label: name of its row.
        supervision: the group of rows it belongs to, one of `reports.SUPERVISIONS`.
        published: the paper's row to compare it with, '' for none.
        options: options that differ from the paper's and the network's own, as on the
            command line.
    """

    label: str
    supervision: str
    published: str
    options: str = ''


def of(options: Mapping[str, Any]) -> Method:
    """Name the method of a run by its options.json; empty options if it is not known."""
    if not options:
        return Method('Ours', NOT_KNOWN, OURS, 'not known')
    usual = {**PAPER, **MODELS.get(str(options.get('model')), {})}
    given = {key: options.get(key, value) for key, value in usual.items()}
    changed = ' '.join(_typed(key, value) for key, value in given.items() if value != usual[key])
    labelled = WITH_3D if given['labelled'] == 1 else PARTLY
    if given['model'] == 'martinez':
        return Method('Martinez et al.', labelled, MARTINEZ, changed)
    if given['mode'] == 'supervised':
        return Method('Ours, supervised', labelled, '', changed)
    if given['mode'] == 'semi-supervised':
        return Method('Ours, semi-supervised', labelled, '', changed)
    return Method('Ours, other options' if changed else 'Ours', WITHOUT_3D, OURS, changed)


def _typed(key: str, value: Any) -> str:
    if value is True:
        return flag(key)
    values = value if isinstance(value, list) else [value]
    return ' '.join([flag(key), *(f'{v:g}' if isinstance(v, float) else str(v) for v in values)])


class Run(NamedTuple):
    """What is known of how a generator was trained.

    Attributes:
        options: those of its options.json, empty if it is in no run.
        weights: its file.
        iteration: as of `weights.Trained`.
    """

    options: Mapping[str, Any]
    weights: Path
    iteration: int | None = None

    @property
    def data(self) -> Mapping[str, Any]:
        """What options.json holds of the data; empty in older ones."""
        return self.options.get('data') or {}

    @property
    def done(self) -> tuple[int | None, str]:
        """What the generator was trained for, None if not known: a number and its unit."""
        number = re.fullmatch(r'gen_(\d+)', self.weights.stem)
        if self.iteration is not None or not self.options or not number:
            return self.iteration, 'iterations'
        by = self.options.get('iterations'), self.options.get('snapshot_interval')
        return int(number[1]), 'epochs' if by == (None, None) else 'iterations'

    def planned(self, epoch: int, iterations: int | None = None) -> int | None:
        """How many of the unit of `done` that length has on the run's poses, None if not known."""
        options, poses = self.options, self.data.get('poses')
        if self.done[1] == 'epochs' or iterations or poses is None:
            return epoch if self.done[1] == 'epochs' else iterations
        if options.get('mode') == 'supervised':
            poses = max(1, round(options.get('labelled', 1.0) * poses))
        batch = {key: options[key] for key in ('batchsize', 'ranks') if key in options}
        return n_iterations(TrainingOptions(epoch=epoch, **batch), poses)


def progress(run: StrPath) -> tuple[int, int | None]:
    """Return how long the newest generator of a run was trained, and how long the run is to be.

    Both in iterations, in epochs for a run of an older version; the second is None if not known.

    Raises:
        InputError: if the folder is not a run, or its generator is damaged.
    """
    options = run_directory.read_options(run)
    newest = weights_file.numbered(run, 'gen')
    iteration = weights_file.load_generator(newest[0]).iteration if newest else 0
    found = Run(options, newest[0] if newest else Path(), iteration)
    epoch = options.get('epoch', DEFAULTS.epoch)
    return found.done[0] or 0, found.planned(epoch, options.get('iterations'))
