"""How a run compares with the paper: its length, its options, its data, as tables name them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainer_pose import datasets
from chainer_pose.datasets import PoseData
from chainer_pose.datasets.readers import h36m, mpi_inf_3dhp
from chainer_pose.errors import InputError
from chainer_pose.evaluations import reports
from chainer_pose.inference import weights as weights_file
from chainer_pose.training import TrainingOptions, n_iterations, run_directory
from chainer_pose.training.options import DEFAULTS, FIELDS, MODELS, flag

# The options that say what a run learns by, at the paper's values.
PAPER: dict[str, Any] = {
    field.name: getattr(DEFAULTS, field.name) for field in FIELDS if field.metadata.get('method')
}

# What runs that are averaged have in common.
_SAME = (*PAPER, 'keypoints', 'holdout', 'epoch', 'iterations', 'ranks')

MARTINEZ_PUBLISHED = 'Martinez et al. [15]'  # a row of published_results.csv
# By what weights were chosen.
LAST, HELD_OUT, UNKNOWN = 'the last of the run', 'error on held-out clips', 'not known'
TEST_ERROR = 'test error, which flatters it'
# What the paper trains on, of the data that it measures.
SUBJECTS = {h36m.NAME: h36m.SPLITS['train'], mpi_inf_3dhp.NAME: mpi_inf_3dhp.TRAIN_SUBJECTS}


class Run(NamedTuple):
    """What is known of how a generator was trained.

    Attributes:
        options: those of its options.json, empty if it is in no run.
        weights: its file.
        iteration: as of `weights.Trained`.
        in_mm: whether it predicts mm.
    """

    options: Mapping[str, Any]
    weights: Path
    iteration: int | None = None
    in_mm: bool = False

    def get(self, name: str) -> Any:
        """Return an option of the run, the paper's where an older run has none."""
        return self.options.get(name, getattr(DEFAULTS, name))

    @property
    def is_martinez(self) -> bool:
        """Whether the network is that of Martinez et al., which it alone shows."""
        return self.in_mm or self.get('model') == 'martinez'

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
        poses = self.data.get('poses')
        if self.done[1] == 'epochs':
            return epoch
        if iterations or poses is None:
            return iterations
        if self.get('mode') == 'supervised':
            poses = max(1, round(self.get('labelled') * poses))
        options = TrainingOptions(
            epoch=epoch, batchsize=self.get('batchsize'), ranks=self.get('ranks')
        )
        return n_iterations(options, poses)


def check_seeds(runs: Sequence[Run]) -> None:
    """Raise an InputError unless runs differ in their seeds, and in nothing else that matters."""
    first, seeds = runs[0], [run.options.get('seed') for run in runs]
    for run in runs:
        differs = [
            f'{flag(name)} {run.get(name)} beside {first.get(name)}'
            for name in _SAME
            if run.get(name) != first.get(name)
        ]
        if not run_directory.used_same_data(first.options, run.options):
            differs.append(f'other data than of {first.weights.parent}')
        if len(set(seeds)) < len(seeds):
            differs.append(f'seeds {" ".join(map(str, seeds))}')
        if differs:
            raise InputError(
                f'expected runs that differ in --seed only, found {differs[0]}',
                snapshot=run.weights.parent,
            )


def of(runs: Sequence[Run], data: PoseData, keypoints: str) -> reports.Method:
    """Name the method of a run, or of runs that differ in their seeds, and what departs.

    Args:
        runs: whose mean is measured; the options of the first stand for all.
        data: what is measured; of `SUBJECTS`, the paper's numbers are beside it.
        keypoints: name of its 2D joints.
    """
    run = runs[0]
    name, supervision, published = _name(run)
    if len(runs) > 1:
        name += f', seeds {" ".join(str(each.options["seed"]) for each in runs)}'
    chosen, coverage = _chosen_by(run), _coverage(run, data)
    planned = run.planned(MODELS['martinez']['epoch'] if run.is_martinez else DEFAULTS.epoch)
    dones = sorted({each.done[0] for each in runs if each.done[0] is not None})
    length = ' '.join([*map(str, dones), *(['of', str(planned)] if planned else []), run.done[1]])
    length = length if dones else 'iterations not known'
    found = [
        '' if dones == [planned] else length,
        *_departures(run, data, keypoints),
        'chosen by test error' if chosen == TEST_ERROR else '',
        'choice of the weights not known' if run.options and chosen == UNKNOWN else '',
        coverage[0].partition(':')[0],
    ]
    departures = tuple(filter(None, found))
    if departures and supervision == reports.WITHOUT_3D:
        name += ', other options'
    trained = {
        'iterations': dones,
        'length': length,
        'data': run.data.get('name') or run.options.get('dataset'),
        **{key: run.data.get(key) for key in ('poses', 'subjects', 'lacks', 'fps')},
        'keypoints': run.options.get('keypoints'),
        'seeds': [each.options['seed'] for each in runs if 'seed' in each.options],
        'chosen_by': chosen,
    }
    published = '' if departures else published
    return reports.Method(
        name, supervision, published, typed_options(run.options), departures, trained, *coverage
    )


def typed_options(options: Mapping[str, Any], but: Collection[str] = ()) -> str:
    """Name the options that differ from the paper's and the network's own, as typed."""
    usual = {**PAPER, **MODELS.get(str(options.get('model')), {})}
    given = {key: options.get(key, usual[key]) for key in PAPER if key not in but}
    return ' '.join(_typed(key, value) for key, value in given.items() if value != usual[key])


def _coverage(run: Run, data: PoseData) -> tuple[str, tuple[str, ...]]:
    """Say what the measured split lacks of the whole, '' for nothing, and what is excused.

    Excused is what every user of a copy lacks, of what was trained and measured on. Nothing is
    said of data that the paper does not measure.
    """
    if data.name not in SUBJECTS:
        return '', ()
    left_out = ~datasets.complete(data)
    undetected = left_out & (data.name == h36m.NAME)
    for key, name in zip(('subject', 'action'), h36m.MISSING if undetected.any() else ()):
        undetected &= np.equal(data.names[key], name)[data.columns[key]]
    n, n_excused = np.sum(left_out & ~undetected), np.sum(undetected)
    excused = [run.data.get('excused'), data.excused]
    excused += [f'{n_excused} poses of S11 Directions, without detections'] if n_excused else []
    poses = f'{n} poses, with a joint missing or all joints at one place' if n else ''
    lacks = '; '.join(filter(None, [data.lacks, poses]))
    part = f'measured on a part only: lacks {lacks}' if lacks else ''
    if data.lacks is None:
        part = 'not known whether this is the whole split: prepare the file again'
    return part, tuple(dict.fromkeys(filter(None, excused)))


def _name(run: Run) -> tuple[str, str, str]:
    """Name of a method, its group, and the published row of the same."""
    labelled = reports.WITH_3D if run.get('labelled') == 1 else reports.PARTLY
    if run.is_martinez:
        return 'Martinez et al.', labelled, MARTINEZ_PUBLISHED
    if not run.options:
        return 'Ours', reports.NOT_KNOWN, reports.OURS_PUBLISHED
    if run.get('mode') == 'unsupervised':
        return 'Ours', reports.WITHOUT_3D, reports.OURS_PUBLISHED
    return f'Ours, {run.get("mode")}', labelled, ''


def _chosen_by(run: Run) -> str:
    if run.options and run.weights.name == 'gen_best.npz':
        return HELD_OUT if run.get('holdout') else TEST_ERROR
    newest = weights_file.numbered(run.weights.parent, 'gen')[:1]
    return LAST if run.options and newest == [run.weights] else UNKNOWN


def _departures(run: Run, measured: PoseData, keypoints: str) -> Iterator[str]:
    """Yield what differs from the paper in options and data, and '' here and there."""
    if not run.options:
        yield 'options not known'
    but = ('batchsize', 'mode', 'model') if run.is_martinez else ('batchsize',)
    yield typed_options(run.options, but)
    batch = run.get('batchsize') * run.get('ranks')
    usual = MODELS[run.get('model')].get('batchsize', DEFAULTS.batchsize)
    yield f'batches of {batch}' if batch != usual else ''
    yield f'--holdout {run.get("holdout"):g}' if run.get('holdout') else ''
    yield from dict.fromkeys([run.data.get('preparation', ''), measured.preparation])
    if measured.name in SUBJECTS:
        yield from _departures_of_data(run, measured, keypoints)


def _departures_of_data(run: Run, measured: PoseData, keypoints: str) -> Iterator[str]:
    data, subjects = run.data, list(SUBJECTS[measured.name])
    if data.get('name', measured.name) != measured.name:
        yield f'data {data["name"]}'
    else:
        if data.get('subjects', subjects) != subjects:
            yield f'trained on {" ".join(data["subjects"])}'
        yield 'data not known' if data.get('lacks') is None else ''
        yield 'trained on a part' if data.get('lacks') else ''
    trained = run.get('keypoints') if run.options else keypoints
    fine_tuned = ' (Stacked Hourglass fine-tuned on Human3.6M)' if trained == 'sh_ft' else ''
    yield f'keypoints {trained}{fine_tuned}' if trained not in ('gt', 'sh') else ''
    yield f'measured on keypoints {keypoints}' if keypoints != trained else ''
    if measured.name != h36m.NAME:
        return  # MPI-INF-3DHP's videos have several rates
    rate, theirs = h36m.FPS / 5, ''  # as the authors' code takes its frames
    if run.is_martinez:
        rate, theirs = h36m.FPS, f' (theirs {h36m.FPS:g} Hz)'
        yield f'{len(measured.skeleton)} joints (theirs 16)'
    fps = data.get('fps') or rate
    yield f'{fps:g} Hz{theirs}' if fps != rate else ''
    yield f'measured at {measured.fps:g} Hz' if measured.fps not in (rate, fps) else ''


def _typed(key: str, value: Any) -> str:
    if value is True:
        return flag(key)
    values = value if isinstance(value, list) else [value]
    return ' '.join([flag(key), *(f'{v:g}' if isinstance(v, float) else str(v) for v in values)])
