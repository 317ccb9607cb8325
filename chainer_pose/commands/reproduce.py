"""Reproduce a table of the paper: prepare the data, train, measure and draw."""

import contextlib
import dataclasses
import functools
import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from chainer_pose import datasets
from chainer_pose.commands import evaluate, prepare, train
from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import h36m, h36m_layouts
from chainer_pose.errors import InputError
from chainer_pose.links import Discriminator, Generator
from chainer_pose.training import TrainingOptions, load_options, methods, run_directory
from chainer_pose.training.options import STORED
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
# Options of train.py that a target or an option of this command decides.
_DECIDED = {'dataset', 'keypoints', 'resume', 'seed', 'communicator'}


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
    layout: str | None = cli.option(None, """the copy to read, if the folder of Human3.6M has
        several (default: the first)""", choices=tuple(h36m_layouts.LAYOUTS))
    partial: bool = cli.option(False, """prepare a copy of Human3.6M in which recordings are
        missing, too""", action='store_true')
    dry_run: bool = cli.option(False, 'say what would be done, and do nothing',
        action='store_true')
# fmt: on


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = cli.Parser(
        usage='%(prog)s TARGET [options]',
        description=f'{__doc__}\n\nThe same command goes on where it was stopped, and measures '
        f'finished runs.',
        epilog='Any other option is one of train.py: the table then says how the run differs '
        'from\nthe paper.',
    )
    parser.add_options(ReproductionOptions)
    known, rest = parser.parse_known_args(argv)
    options, target = ReproductionOptions(**vars(known)), TARGETS[known.target]
    training = [*target.training, *rest]
    typed = {**vars(known), **vars(train.make_parser().parse_args(training))}
    is_file = options.data is not None and Path(options.data).is_file()
    of_h36m = options.data is not None and not is_file and target.dataset == 'h36m'
    cli.check_effect(typed, [
        (_DECIDED, False, f'beside {options.target} and --seeds'),
        ({'data'}, is_file or target.dataset != 'synthetic', 'beside demo, unless a pose file'),
        ({'partial', 'layout'}, of_h36m, 'without --data DIR of Human3.6M'),
    ])  # fmt: skip
    devices.get_device(options.gpu)
    folder = Path(options.out) / options.target
    check_folder(folder, target)

    data = find_data(options, target)
    if not data.is_file():
        print(f'to prepare from {options.data or "nothing"}: {data}')
        if options.dry_run:
            print(f'to train and measure, seeds {" ".join(map(str, options.seeds))}: {folder}')
            return
        make_data(data, options, target)
    found = pose_file.keypoints_of(data)
    _require_keypoints(data, target.keypoints, found, ' '.join(found))
    for measured in target.measured.values():
        split = evaluate.parse_options(['--snapshot', '', *measured]).split
        if not pose_file.read(data, split, target.keypoints).has_ground_truth:
            raise InputError(f'{data}: {split}: expected poses with 3D in mm, found none')

    runs = {folder / f'seed-{seed}': seed for seed in options.seeds}
    common = [*training, '--gpu', str(options.gpu), '--dataset', str(data)]
    commands = plan(runs, common, target.keypoints, data)
    for argv_of_run in commands if not options.dry_run else ():
        train.main(argv_of_run)
    for name, measured in target.measured.items():
        path, figures = folder / f'{name}.md', folder / f'figures-{name}'
        print(f'to measure: {path}, {figures}')
        if options.dry_run:
            continue
        evaluate.main([
            '--snapshot', *map(str, runs), '--generator', 'last', '--dataset', str(data),
            '--gpu', str(options.gpu), *measured, '--format', 'markdown', '--output', str(path),
            '--figures', '5', '--figures-dir', str(figures),
        ])  # fmt: skip
        print(path.read_text(encoding='utf-8'))


def check_folder(folder: Path, target: Target) -> None:
    """Raise an InputError if what is to be written is there without a run that it is of."""
    if any(folder.glob('seed-*/options.json')):
        return
    for name in target.measured:
        for path in (folder / f'{name}.md', folder / f'figures-{name}'):
            if path.exists():
                raise InputError(f'{path}: expected none beside no run; give another --out')


def find_data(options: ReproductionOptions, target: Target) -> Path:
    """Return the pose file to use, which may have to be prepared from `options.data`.

    The name of a prepared one tells the copies apart that it may come from, by names, sizes
    and times of their files.

    Raises:
        InputError: if there is none, or the data cannot give what the table needs.
    """
    if options.data is None:
        if target.dataset == 'synthetic':
            return datasets.data_directory() / f'{target.dataset}.h5'
        try:
            return datasets.find(target.dataset)
        except InputError as error:
            absent = str(error).partition(', ')[2]
            raise InputError(f'expected a folder or a pose file, {absent}', data=None) from error
    root = Path(options.data)
    if root.is_dir():
        out, inside = Path(options.out).resolve(), root.resolve()
        own = inside in out.parents  # what this command writes is no part of the data
        listed = [
            (str(path.relative_to(root)), path.stat().st_size, path.stat().st_mtime_ns)
            for path in sorted(files.walk(root))
            if path.is_file() and not (own and path.resolve().is_relative_to(out))
        ]
        contents = hashlib.sha256(repr(listed).encode()).hexdigest()[:8]
        how = [option.removeprefix('--') for option in _how(options, target)]
        path = Path(options.out) / f'{"-".join([target.dataset, *how, contents])}.h5'
        if not path.is_file() and target.keypoints != 'gt':
            with _root_is_data():
                h36m_layouts.find(root, options.layout)
            found = h36m_layouts.detections(root)
            chosen = found.get(options.layout or next(iter(found), ''), [])
            copies = (f'{name} with {" ".join(has) or "none"}' for name, has in found.items())
            _require_keypoints(root, target.keypoints, chosen, f'--layout {" or ".join(copies)}')
        return path
    if root.is_file():
        return root
    prepared = ' or '.join(map(str, sorted(Path(options.out).glob(f'{target.dataset}-*.h5'))))
    found_none = f'none; prepared before: {prepared}' if prepared else 'none'
    raise InputError(f'expected a folder or a pose file, found {found_none}', data=root)


def make_data(path: Path, options: ReproductionOptions, target: Target) -> None:
    """Write the pose file that `find_data` has named."""
    if options.data is None:
        datasets.find(target.dataset)
        return
    with files.writing(options.out):
        path.parent.mkdir(parents=True, exist_ok=True)
    how = ['--root', options.data, '--out', str(path), *_how(options, target)]
    with _root_is_data():
        prepare.main([target.dataset, *how])


@contextlib.contextmanager
def _root_is_data() -> Iterator[None]:
    """Name the folder alone where an error names prepare.py's --root, which is --data here."""
    try:
        yield
    except InputError as error:
        raise type(error)(str(error).removeprefix('root ')) from error


def _how(options: ReproductionOptions, target: Target) -> list[str]:
    """Options of prepare.py. Table 1 does not depend on detections, which may be damaged."""
    return [
        *(['--layout', options.layout] if options.layout else []),
        *(['--partial'] if options.partial else []),
        *(['--no-detections'] if target.dataset == 'h36m' and target.keypoints == 'gt' else []),
    ]


def _require_keypoints(where: Path, keypoints: str, has: Sequence[str], found: str) -> None:
    if keypoints not in has:
        raise InputError(
            f'{where}: expected 2D joints {keypoints}, found {found}; '
            f'{h36m.HAVE_DETECTIONS}; data/prepare_h36m.py --add-detections --root COPY --out '
            f'FILE.h5 adds them to a pose file'
        )


def plan(
    runs: Mapping[Path, int], common: Sequence[str], keypoints: str, data: Path
) -> list[list[str]]:
    """Print what is to be trained and how much disk it takes; return the arguments of train.py.

    Raises:
        InputError: if a run is not what is asked for, or the disk is too full.
    """
    commands, n_bytes = [], 0
    for run, seed in runs.items():
        new = [*common, '--keypoints', keypoints, '--seed', str(seed), '--out', str(run)]
        options = train.parse_options(new)
        done = 0
        if any(run.glob('[!.]*')):
            n, done = check_run(run, options, data), run_directory.progress(run)
            print(f'{run}: {done} of {n} iterations are done{", to go on" if done < n else ""}')
        else:
            print(f'{run}: to train')
        if not done:
            commands.append(new)
            n_bytes += _bytes_of_run(options)
        elif done < n:
            run_directory.latest_snapshot(run)  # an error now, not after the other runs
            commands.append([*common, '--resume', str(run)])
    out = next(iter(runs)).resolve()
    free = shutil.disk_usage(next(path for path in out.parents if path.exists())).free
    if n_bytes:
        print(f'disk: new runs take about {n_bytes / 1e6:.0f} MB of {free / 1e6:.0f} MB free')
    if n_bytes > free:
        raise InputError('expected space for the new runs, found less', out=out)
    return commands


def check_run(run: Path, wanted: TrainingOptions, data: Path) -> int:
    """Return the iterations of a run; InputError if it has other options, or other data."""
    advice = f'for another run, give another --out and --data {data}'
    began, stored = load_options(run), run_directory.read_options(run)
    for name, field in STORED.items():
        asked, found = getattr(wanted, name), getattr(began, name)
        matters = not field.metadata.get('resumable') or name in ('epoch', 'iterations')
        if matters and asked != found:
            raise InputError(
                f'{run}: expected a run {_with(name, asked)}, as asked for, found one '
                f'{_with(name, found)}; {advice}'
            )
    if not run_directory.used(stored, data):
        raise InputError(f'{run}: expected a run on {data}, found one on other data; {advice}')
    return methods.Run(run, options=began, stored=stored).planned() or 0


def _with(name: str, value: object) -> str:
    flag = cli.flag(name)
    return f'without {flag}' if value in (None, False) else f'with {flag} {value}'


def _bytes_of_run(options: TrainingOptions) -> int:
    """About how many bytes a run on 17 joints takes: generators, and snapshots with Adam's two
    moments."""
    generator, discriminator = (
        4 * network(17, options.n_unit).count_params() for network in (Generator, Discriminator)
    )
    n_generators = 11 if options.iterations else options.epoch + 1
    return n_generators * generator + 3 * (options.keep + 1) * (generator + discriminator)


run = functools.partial(cli.run, main)  # ends the process, too
