"""How a run compares with the paper: its length, its options, its data, as tables name them."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainer_pose import datasets
from chainer_pose.datasets import PoseData
from chainer_pose.datasets.readers import h36m, mpi_inf_3dhp
from chainer_pose.errors import InputError, as_typed
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

TEST_ERROR = 'test error, which flatters it'
# What the paper trains on, of the data that it measures.
SUBJECTS = {h36m.NAME: h36m.SPLITS['train'], mpi_inf_3dhp.NAME: mpi_inf_3dhp.TRAIN_SUBJECTS}


class Run(NamedTuple):
    """What is known of how a generator was trained.

    Attributes:
        weights: its file.
        iteration: as of `weights.Trained`.
        in_mm: whether it predicts mm.
        line_of_sight: as of `weights.Trained`.
        mirror: whether mirror images are lifted, too.
        camera: (focal, x, y) along whose lines of sight it is measured; () for the run's own.
        options: of its run, the paper's where they are not known.
        stored: what options.json holds; empty if the generator is in no run.
    """

    weights: Path
    iteration: int | None = None
    in_mm: bool = False
    line_of_sight: bool = False
    mirror: bool = False
    camera: Sequence[float] = ()
    options: TrainingOptions = DEFAULTS
    stored: Mapping[str, Any] = {}

    @property
    def model(self) -> str:
        """The network, which that of Martinez et al. alone shows."""
        return 'martinez' if self.in_mm else self.options.model

    @property
    def data(self) -> Mapping[str, Any]:
        """What options.json holds of the data; empty in older ones."""
        return self.stored.get('data') or {}

    def planned(self, **length: Any) -> int | None:
        """Return how many iterations a length has on the run's poses, None if not known."""
        poses, options = self.data.get('poses'), dataclasses.replace(self.options, **length)
        if poses is None:
            return options.iterations
        if options.mode == 'supervised':
            poses = max(1, round(options.labelled * poses))
        return n_iterations(options, poses)


def check_seeds(runs: Sequence[Run]) -> None:
    """Raise an InputError unless runs differ in their seeds, and in nothing else that matters."""
    first, seeds = runs[0], [run.stored.get('seed') for run in runs]
    for run in runs:
        differs = [
            f'{_typed(name, found)} beside {_typed(name, expected)}'
            for name in _SAME
            if (found := getattr(run.options, name)) != (expected := getattr(first.options, name))
        ]
        if run_directory.digest(run.stored) != run_directory.digest(first.stored):
            differs.append(f'other data than of {first.weights.parent}')
        if run is runs[-1] and len(set(seeds)) < len(seeds):
            differs.append(f'seeds {" ".join(map(str, seeds))}')
        if differs:
            raise InputError(
                f'expected runs that differ in --seed only, found {differs[0]}',
                snapshot=run.weights.parent,
            )


def of(
    runs: Sequence[Run], data: PoseData, split: str, keypoints: str, path: Path
) -> reports.Context:
    """Name the method of a run, or of runs that differ in their seeds, and what departs.

    Args:
        runs: whose mean is measured; the options of the first stand for all.
        data: what is measured; of `SUBJECTS`, the paper's numbers are beside it.
        split: its part.
        keypoints: name of its 2D joints.
        path: its file.
    """
    run, seeds = runs[0], [each.options.seed for each in runs if each.stored]
    label, supervision, published = _name(run)
    if len(runs) > 1:
        label += f', seeds {" ".join(map(str, seeds))}'
    chosen, (part, excused) = [*dict.fromkeys(map(_chosen_by, runs))], _coverage(run, data)
    paper_epoch = MODELS[run.model].get('epoch', DEFAULTS.epoch)
    planned = run.planned(epoch=paper_epoch, iterations=None)
    dones = sorted({each.iteration for each in runs if each.iteration is not None})
    length = ' '.join([*map(str, dones), f'of {planned} iterations' if planned else 'iterations'])
    length = length if dones else 'iterations not known'
    found = [
        '' if dones == [planned] else length,
        *_departures(run, data, keypoints),
        'chosen by test error' if TEST_ERROR in chosen else '',
        'choice of the weights not known' if run.stored and 'not known' in chosen else '',
        part.partition(':')[0],
    ]
    departures = list(filter(None, found))
    if departures and supervision == reports.WITHOUT_3D:
        label += ', other options'
    is_other = not run_directory.used(run.stored, path)
    return reports.Context(
        dataset=data.name,
        split=split,
        keypoints=keypoints,
        snapshots=[str(each.weights) for each in runs],
        label=label,
        supervision=supervision,
        published='' if departures else published,
        options=typed_options(run.options),
        departures=departures,
        trained={
            'iterations': dones,
            'length': length,
            'data': run.data.get('name') or run.stored.get('dataset'),
            **{key: run.data.get(key) for key in ('poses', 'subjects', 'lacks', 'fps')},
            'keypoints': run.stored.get('keypoints'),
            'seeds': seeds,
            'chosen_by': ', '.join(chosen),
        },
        source=data.source,
        target=data.target,
        part=part,
        excused=excused,
        other_data=f'measured on other data than it was trained on: {path}' if is_other else '',
        in_mm=run.in_mm,
    )


def typed_options(options: TrainingOptions, but: Sequence[str] = ()) -> str:
    """Name the options that differ from the paper's and the network's own, as typed."""
    usual, typed = {**PAPER, **MODELS[options.model]}, []
    for name in [name for name in PAPER if name not in but]:
        value = getattr(options, name)
        if value != usual[name]:
            typed.append(_typed(name, value))
    return ' '.join(typed)


def _typed(name: str, value: Any) -> str:
    if value is None or value is False or value == []:
        return f'no {flag(name)}'
    return flag(name) if value is True else f'{flag(name)} {as_typed(value)}'


def _coverage(run: Run, data: PoseData) -> tuple[str, list[str]]:
    """What the measured split lacks of the whole, '' for nothing, and what is excused: what every
    user of a copy lacks. Only of data that the paper measures."""
    if data.name not in SUBJECTS:
        return '', []
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
    return part, list(dict.fromkeys(filter(None, excused)))


def _name(run: Run) -> tuple[str, str, str]:
    """Name of a method, its group, and the published row of the same."""
    labelled = reports.WITH_3D if run.options.labelled == 1 else reports.PARTLY
    if run.model == 'martinez':
        return 'Martinez et al.', labelled, 'Martinez et al. [15]'
    if run.options.mode != 'unsupervised':
        return f'Ours, {run.options.mode}', labelled, ''
    return 'Ours', reports.WITHOUT_3D if run.stored else reports.NOT_KNOWN, reports.OURS_PUBLISHED


def _chosen_by(run: Run) -> str:
    if run.stored and run.weights.name == 'gen_best.npz':
        return 'error on held-out clips' if run.options.holdout else TEST_ERROR
    newest = weights_file.numbered(run.weights.parent, 'gen')[:1]
    return 'the last of the run' if run.stored and newest == [run.weights] else 'not known'


def _departures(run: Run, measured: PoseData, keypoints: str) -> Iterator[str]:
    """Yield what differs from the paper in options and data, and '' here and there."""
    data, options = run.data, run.options
    yield '' if run.stored else 'options not known'
    is_martinez = run.model == 'martinez'
    yield typed_options(options, ['batchsize', *(['mode', 'model'] if is_martinez else [])])
    batch = options.batchsize * options.ranks
    usual = MODELS[options.model].get('batchsize', DEFAULTS.batchsize)
    yield f'batches of {batch}' if batch != usual else ''
    yield f'--holdout {options.holdout:g}' if options.holdout else ''
    yield 'measured with --mirror' if run.mirror else ''
    if run.camera and [*run.camera] != [*options.line_of_sight]:
        yield f'measured with {_typed("line_of_sight", run.camera)}'
    yield from dict.fromkeys([data.get('preparation', ''), measured.preparation])
    if measured.name not in SUBJECTS:
        return
    subjects = list(SUBJECTS[measured.name])
    if data.get('name', measured.name) != measured.name:
        yield f'data {data["name"]}'
    else:
        if data.get('subjects', subjects) != subjects:
            yield f'trained on {" ".join(data["subjects"])}'
        yield 'data not known' if data.get('lacks') is None else ''
        yield 'trained on a part' if data.get('lacks') else ''
    trained = options.keypoints if run.stored else keypoints
    fine_tuned = ' (Stacked Hourglass fine-tuned on Human3.6M)' if trained == 'sh_ft' else ''
    yield f'keypoints {trained}{fine_tuned}' if trained not in ('gt', 'sh') else ''
    yield f'measured on keypoints {keypoints}' if keypoints != trained else ''
    if measured.name != h36m.NAME:
        return  # MPI-INF-3DHP's videos have several rates
    rate, theirs = h36m.FPS / 5, ''  # as the authors' code takes its frames
    if is_martinez:
        rate, theirs = h36m.FPS, f' (theirs {h36m.FPS:g} Hz)'
        yield f'{len(measured.skeleton)} joints (theirs 16)'
    fps = data.get('fps') or rate
    yield f'{fps:g} Hz{theirs}' if fps != rate else ''
    yield f'measured at {measured.fps:g} Hz' if measured.fps not in (rate, fps) else ''
