"""Reproduce a table of the paper: prepare the data, train, measure and draw."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from chainer_pose import datasets
from chainer_pose.commands import evaluate, prepare, train
from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import h36m_layouts
from chainer_pose.errors import InputError
from chainer_pose.links import Discriminator, Generator
from chainer_pose.training import TrainingOptions, methods, n_iterations, run_directory
from chainer_pose.training import options as training_options
from chainer_pose.utils import cli, devices, files

# A small network in large batches, for minutes on a CPU; the deviation keeps the size of the
# signal that 0.02 gives 1024 units.
DEMO = ['--iterations', '6000', '--batchsize', '256', '--n-unit', '256', '--init-std', '0.04']


class Target(NamedTuple):
    """What reproduces a table: a data set, its 2D joints, and options of train.py and, by the
    name of the file that they write, of evaluate.py."""

    dataset: str
    measured: Mapping[str, Sequence[str]]
    keypoints: str = 'gt'
    training: Sequence[str] = ()


TARGETS = {
    'table1': Target('h36m', {'table': ['--table', '1']}),
    'table2': Target('h36m', {'table': ['--table', '2']}, 'sh'),
    'pck': Target('mpi_inf_3dhp', {
        'pck-authors': ['--protocol', 'pck-authors', '--split', 'train'],
        'pck': ['--protocol', 'pck'],
    }),
    'demo': Target('synthetic', {'errors': ['--protocol', 'all']}, training=DEMO),
}  # fmt: skip
# Those of train.py that a target, or an option of this command, decides.
_DECIDED = ('dataset', 'keypoints', 'out', 'resume', 'seed', 'communicator')


# fmt: off
@dataclasses.dataclass(frozen=True)
class ReproductionOptions:
    """Options of reproduce.py."""

    target: str = cli.option(None, """Tables 1 and 2 (Human3.6M), PCK (MPI-INF-3DHP, supplement), or
        a demo on synthetic people""", flags=['target'], choices=tuple(TARGETS))
    data: str | None = cli.option(None, """folder of the data set, or a pose file (default:
        h36m.h5 or mpi_inf_3dhp.h5 in $CHAINER_POSE_DATA or data/)""", metavar='DIR|FILE.h5')
    out: str = cli.option('results', """folder for runs, tables and figures (OUT/TARGET), and for
        the prepared data (default: %(default)s)""", metavar='DIR')
    seeds: Sequence[int] = cli.option([0], """a run for each; with several the table has mean and
        standard deviation (default: 0)""", nargs='+', low=0)
    gpu: int = cli.option(-1, 'CUDA device, -1 for the CPU (default: %(default)s)', low=-1)
    partial: bool = cli.option(False, 'prepare a copy in which recordings are missing, too',
        action='store_true')
    dry_run: bool = cli.option(False, 'say what would be done, and do nothing',
        action='store_true')
# fmt: on


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = cli.Parser(
        description=f'{__doc__}\n\nCalled again it goes on where it was stopped, and measures '
        f'finished runs. It neither\nremoves nor overwrites what it has not written.',
        epilog='Any other option is one of train.py: the table then says how the run differs '
        'from\nthe paper.',
    )
    parser.add_options(ReproductionOptions)
    known, rest = parser.parse_known_args(argv)
    options = ReproductionOptions(**vars(known))
    target = TARGETS[options.target]
    training = [*target.training, *rest]
    for name in vars(train.make_parser().parse_args(training)).keys() & set(_DECIDED):
        by = '--seeds' if name == 'seed' else options.target
        parser.error(f'argument {cli.flag(name)}: expected none, as {by} decides it')
    if options.partial and (target.dataset != 'h36m' or options.data is None):
        parser.error('argument --partial: expected --data with the folder of Human3.6M')
    devices.get_device(options.gpu)
    folder = Path(options.out) / options.target
    check_folder(folder, target)

    data = find_data(options, target)
    runs = {folder / f'seed-{seed}': seed for seed in dict.fromkeys(options.seeds)}
    if not data.is_file():
        check_prepared_as(data, options, runs)
        print(f'prepare {options.data}: {data}')
        if options.dry_run:
            print(f'then train, seeds {" ".join(map(str, options.seeds))}, and measure: {folder}')
            return
        with files.writing(options.out):
            data.parent.mkdir(parents=True, exist_ok=True)
        partial = ['--partial'] if options.partial else []
        _naming_data(
            prepare.main,
            [target.dataset, '--root', str(options.data), '--out', str(data), *partial],
        )
    check_keypoints(data, target.keypoints)

    new = ['--dataset', str(data), '--keypoints', target.keypoints]
    commands = plan(runs, [*training, '--gpu', str(options.gpu)], new, data)
    for argv_of_run in commands if not options.dry_run else ():
        train.main(argv_of_run)
    for name, measured in target.measured.items():
        path = folder / f'{name}.md'
        figures = folder / f'figures-{name}'
        print(f'measure: {path}, {figures}')
        if options.dry_run:
            continue
        evaluate.main([
            '--snapshot', *map(str, runs), '--generator', 'last', '--dataset', str(data),
            '--gpu', str(options.gpu), *measured, '--format', 'markdown', '--output', str(path),
            '--figures', '5', '--figures-dir', str(figures),
        ])  # fmt: skip
        print(path.read_text(encoding='utf-8'))


def check_folder(folder: Path, target: Target) -> None:
    """Raise an InputError if a folder holds anything that this command does not write."""
    names = '|'.join(map(re.escape, target.measured))
    ours = re.compile(rf'seed-\d+|({names})\.md|figures-({names})')
    found = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    foreign = [name for name in found if not ours.fullmatch(name)]
    if foreign:
        raise InputError(
            f'{folder}: expected a new folder, or one that this command has made, found '
            f'{foreign[0]} in it'
        )


def find_data(options: ReproductionOptions, target: Target) -> Path:
    """Return the pose file to use, which may have to be prepared from `options.data`.

    The name of a prepared one tells the folders apart that it may come from.

    Raises:
        InputError: if there is none, or the data cannot give what the table needs.
    """
    if options.data is None:
        return datasets.find(target.dataset)
    root = Path(options.data)
    if root.is_dir():
        of_root = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:8]
        path = Path(options.out) / f'{target.dataset}-{of_root}.h5'
        if not path.is_file() and target.keypoints != 'gt':
            found = _naming_data(h36m_layouts.find, root).detections
            _require_keypoints(root, target.keypoints, found)
        return path
    if root.is_file():
        return root
    raise InputError('expected a folder or a pose file, found none', data=root)


def check_prepared_as(data: Path, options: ReproductionOptions, runs: Iterable[Path]) -> None:
    """Raise an InputError if a run is on other data than those about to be prepared."""
    for run in runs:
        if (run / 'options.json').is_file():
            began = run_directory.read_options(run)['data']['path']
            if Path(began).name != data.name:
                raise InputError(
                    f'{run}: expected a run on {options.data}, found one on {began}; give another '
                    f'--out'
                )


def check_keypoints(path: Path, keypoints: str) -> None:
    """Raise an InputError if a pose file lacks these 2D joints."""
    _require_keypoints(path, keypoints, pose_file.keypoints_of(path))


def _require_keypoints(where: Path, keypoints: str, found: Sequence[str]) -> None:
    if keypoints not in found:
        raise InputError(
            f'{where}: expected detections {keypoints}, found {" ".join(found) or "none"}; they '
            f"are in 3d-pose-baseline's archive (StackedHourglass) and in VideoPose3D's "
            f'data_2d_h36m_sh_pt_mpii.npz; prepare_h36m.py --add-detections adds them'
        )


def _naming_data(call: Callable[[Any], Any], argument: Any) -> Any:
    """Call a function whose errors name an option --root, which is --data here."""
    try:
        return call(argument)
    except InputError as error:
        raise type(error)(str(error).removeprefix('root ')) from error


def plan(
    runs: Mapping[Path, int], training: Sequence[str], new: Sequence[str], data: Path
) -> list[list[str]]:
    """Print what is to be trained and how much disk it takes; return the arguments of train.py.

    `training` are its options for every run, `new` more of them for a new run.

    Raises:
        InputError: if a run is not what is asked for, or the disk is too full.
    """
    commands, n_bytes = [], 0
    for run, seed in runs.items():
        begin = [*training, *new, '--seed', str(seed), '--out', str(run)]
        options = train.parse_options(begin)
        if run.is_dir() and any(run.iterdir()):
            check_run(run, options, data)
            done, n = methods.progress(run)
            print(f'{run}: {done} of {n} iterations are done')
            if done < n:
                run_directory.latest_snapshot(run)  # an error now, not after the other runs
                commands.append([*training, '--resume', str(run)])
        else:
            poses, _ = train.load(options, data)
            n = n_iterations(options, int(np.count_nonzero(datasets.complete(poses))))
            print(f'{run}: to train for {n} iterations')
            commands.append(begin)
            n_bytes += _bytes_of_run(options, len(poses.skeleton))
    parents = [data.resolve(), *data.resolve().parents]
    free = shutil.disk_usage(next(path for path in parents if path.exists())).free
    if n_bytes:
        print(f'disk: new runs take about {n_bytes / 1e6:.0f} MB of {free / 1e6:.0f} MB free')
    if n_bytes > free:
        raise InputError('expected space for the new runs, found less', out=next(iter(runs)))
    return commands


def check_run(run: Path, wanted: TrainingOptions, data: Path) -> None:
    """Raise an InputError if a run was begun with other options, or with other data."""
    began = training_options.load_options(run)
    for name, field in training_options.STORED.items():
        asked, found = getattr(wanted, name), getattr(began, name)
        matters = not field.metadata.get('resumable') or name in ('epoch', 'iterations')
        if matters and asked != found and name != 'dataset':
            raise InputError(
                f'{run}: expected a run with {cli.flag(name)} {asked}, as asked for, found one '
                f'with {found}; ask for that, or give another --out'
            )
    used = {
        'dataset_sha256': files.sha256(data),
        'data': {'sha256': pose_file.digest(data, wanted.keypoints)},
    }
    if not run_directory.used_same_data(run_directory.read_options(run), used):
        raise InputError(
            f'{run}: expected a run on {data}, found one on other data; give another --out'
        )


def _bytes_of_run(options: TrainingOptions, n_joints: int) -> int:
    """About how many bytes a run takes: generators, and snapshots with Adam's two moments."""
    generator, discriminator = (
        4 * sum(map(math.prod, network.shapes(n_joints, options.n_unit).values()))
        for network in (Generator, Discriminator)
    )
    n_generators = 11 if options.iterations else options.epoch + 1
    return n_generators * generator + 3 * (options.keep + 1) * (generator + discriminator)


def run() -> NoReturn:
    """Run the command and end the process."""
    cli.run(main)
