#!/usr/bin/env python
"""How do time and memory grow with the data, the network, the batch and the processes?

    python benchmarks/scale.py load       from starting train.py to its first step, and --help
    python benchmarks/scale.py size       a step by units and batch, against its matrix products
    python benchmarks/scale.py evaluate   evaluate.py on a test split as large as Human3.6M's
    python benchmarks/scale.py lift       the lifter by batch, and predict.py on many poses
    python benchmarks/scale.py prepare    converting made-up copies of Human3.6M, some 5 GB each
    python benchmarks/scale.py ranks      a step shared by the processes of ChainerMN

Data are made up. Each script runs in a process of its own, whose peak memory is printed too.
"""

import argparse
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from runs import ROOT, where

# isort: split
import numpy as np
from chainer.serializers import npz

from chainer_pose import links, load_lifter
from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import h36m, synthetic
from chainer_pose.inference import weights as weights_file
from chainer_pose.skeletons import H36M17
from chainer_pose.utils import comm as comm_module
from chainer_pose.utils import devices

# From a small process of its own, since a child's peak includes what its parent held.
PEAK = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""
# Runs train.py to the end of its first step and prints when it was imported, begun and done.
FIRST_STEP = """
import sys, time
times = [time.perf_counter()]
import chainer_pose, chainer
times.append(time.perf_counter())
from chainer_pose.commands import train

def run(trainer, *args, **kwargs):
    times.append(time.perf_counter())
    with chainer.Reporter().scope({}):
        trainer.updater.update()
    times.append(time.perf_counter())
    sys.exit(' '.join(str(b - a) for a, b in zip(times, times[1:])))
chainer.training.Trainer.run = run
train.main(sys.argv[1:])
"""


def call(*arguments):
    """Run a script of the project: (seconds, peak memory in MB)."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, '-c', PEAK, sys.executable, *map(str, arguments)],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr)
    return time.monotonic() - started, int(done.stderr.split()[-1]) / 1024


def write_poses(path, **poses):
    """Write a pose file of synthetic poses, repeated with noise; how many, by split."""
    rng, made, splits = np.random.default_rng(0), synthetic.make(), {}
    for split, n in poses.items():
        splits[split] = made[split].select(np.resize(np.arange(len(made[split])), n))
        splits[split].pose2d[:] += rng.normal(0, 1, splits[split].pose2d.shape)
        splits[split].pose3d[:] += rng.normal(0, 5, splits[split].pose3d.shape)
    pose_file.write(path, splits)


def header(*columns):
    """Print the first two lines of a Markdown table."""
    print('\n|', ' | '.join(columns), '|')
    print('| --- |' + ' ---: |' * (len(columns) - 1), flush=True)


def row(*cells):
    """Print a line of it."""
    print('|', ' | '.join(map(str, cells)), '|', flush=True)


def load(options, folder):
    data = folder / 'poses.h5'
    write_poses(data, train=options.poses, test=options.poses // 10)
    times = []
    for i in range(options.repeats):
        given = '--dataset', data, '--out', folder / str(i), '--gpu', str(options.gpu)
        command = [sys.executable, '-c', FIRST_STEP, *given]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        times.append([float(text) for text in done.stderr.split()[-3:]])
    header(f'train.py, {options.poses} poses, median of {options.repeats}', 's')
    labels = 'importing Chainer', 'from there to the first step', 'the first step'
    for label, seconds in zip(labels, zip(*times)):
        row(label, f'{statistics.median(seconds):.2f}')
    for script in ('train.py', 'evaluate.py', 'predict.py'):
        times = [call(ROOT / script, '--help')[0] for _ in range(options.repeats)]
        row(f'{script} --help', f'{statistics.median(times):.2f}')


def size(options, folder):
    from sides import Ours, arguments

    device, data = devices.get_device(options.gpu), synthetic.make()['train']
    header('units', 'batch', 'ms a step', 'steps a second', 'poses a second', 'GFLOP/s',
           'of the limit')  # fmt: skip
    with devices.using(device):
        for n_unit, batch in itertools.product(options.units, options.batchsizes):
            ours = Ours(arguments(n_unit, batch), data, device)
            seconds = statistics.median(ours.turn(3) for _ in range(options.repeats))
            # (n_out, n_in, rows) of each layer of G and of D, which sees real and fake poses.
            layers = [
                shape for n_out, rows in ((len(data.skeleton), batch), (1, 2 * batch))
                for shape in ((n_unit, 2 * len(data.skeleton), rows), (n_unit, n_unit, rows),
                              (n_unit, n_unit, rows), (n_out, n_unit, rows))
            ]  # fmt: skip
            # G's own input has no gradient.
            best = min(limit(device.xp, layers, ours.wait) for _ in range(options.repeats))
            flops = 2 * sum(map(np.prod, [*layers, *layers[1:], *layers]))
            row(n_unit, batch, f'{1000 * seconds:.1f}', f'{1 / seconds:.3g}',
                f'{batch / seconds:.0f}', f'{flops / seconds / 1e9:.0f}',
                f'{best / seconds:.0%}')  # fmt: skip


def limit(xp, layers, wait):
    """Seconds of a step's matrix products alone: outputs, gradients of inputs and of weights."""
    arrays = [[xp.full(s, 0.5, np.float32) for s in ((o, i), (i, b), (o, b))] for o, i, b in layers]
    wait()
    start = time.perf_counter()
    for k, (w, x, y) in enumerate(arrays):
        w.dot(x)
        y.dot(x.T)
        if k:
            w.T.dot(y)
    wait()
    return time.perf_counter() - start


def evaluate(options, folder):
    data, snapshot = folder / 'poses.h5', folder / 'gen_1.npz'
    write_poses(data, test=options.poses)
    generator = links.Generator(len(H36M17), rng=np.random.default_rng(0))
    weights_file.write_generator(snapshot, npz.serialize(generator), H36M17)
    header(f'evaluate.py --protocol, {options.poses} poses', 's', 'peak memory, MB')
    for protocol in ('kudo', 'p-mpjpe', 'all'):
        script = ROOT / 'evaluate.py', '--snapshot', snapshot, '--dataset', data
        seconds, memory = call(*script, '--protocol', protocol)
        row(protocol, f'{seconds:.1f}', f'{memory:.0f}')


def lift(options, folder):
    rng, lifter = np.random.default_rng(0), load_lifter()

    def poses(n):
        return rng.normal(500, 90, (n, len(H36M17), 2)).astype(np.float32)

    header('lifter(pose2d), poses a call', 'poses a second', 'ms a call')
    for n in (1, 16, 256, 4096):
        pose2d, times = poses(n), []
        for _ in range(options.repeats * max(1, min(100, 4096 // n))):
            started = time.perf_counter()
            lifter(pose2d)
            times.append(time.perf_counter() - started)
        seconds = statistics.median(times)
        row(n, f'{n / seconds:.0f}', f'{1000 * seconds:.2f}')
    header('predict.py, poses, written', 's', 'poses a second', 'peak memory, MB')
    for n in (options.poses, 5 * options.poses):
        np.save(folder / 'poses.npy', poses(n))
        for label, more in (('npz', ['--write', 'npz']), ('JSON, CSV and npz', [])):
            script = ROOT / 'predict.py', '--input', folder / 'poses.npy', '--skeleton', 'h36m17'
            seconds, memory = call(*script, '--out', folder / 'out', *more)
            row(f'{n}, {label}', f'{seconds:.1f}', f'{n / seconds:.0f}', f'{memory:.0f}')


def prepare(options, folder):
    sys.path.append(str(ROOT / 'tests'))
    import trees

    writers = {
        'baseline': (trees.write_baseline, ('StackedHourglass',)),
        'videopose3d': (trees.write_videopose3d, ('sh_pt_mpii', 'cpn_ft_h36m_dbb')),
        'archive': (trees.write_archive,),
    }
    # Recordings whose frames add up to those published, or to a share of them, with the noise of
    # a motion capture, without which the file would compress to nothing.
    short, world, rng = trees.takes(100, actions=h36m.ACTIONS), {}, np.random.default_rng(0)
    for split, subjects in h36m.SPLITS.items():
        takes = [take for take in short if take.subject in subjects]
        total = h36m.PUBLISHED_FRAMES[split] // len(h36m.CAMERAS) * options.share
        for i, take in enumerate(takes):
            frames = int(total * (i + 1) / len(takes)) - int(total * i / len(takes))
            noise = rng.normal(0, 0.5, (frames, 17, 3))
            world[take] = (np.resize(short[take], (frames, 17, 3)) + noise).astype(np.float32)
    header('layout', 'step', 's', 'peak memory, MB', 'file, MB')
    for layout, (write, *detections) in writers.items():
        root, out = folder / layout, folder / 'out.h5'
        root.mkdir()
        write(root, world, *detections)
        for step in (1, 5):
            script = ROOT / 'data' / 'prepare_h36m.py', '--root', root, '--out', out
            seconds, memory = call(*script, '--step', step, '--all-cameras')
            row(layout, step, f'{seconds:.0f}', f'{memory:.0f}', f'{out.stat().st_size >> 20}')
            out.unlink()
        shutil.rmtree(root)


def ranks(options, folder):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])
    header('steps a second', *(f'{n} poses a step' for n in options.batchsizes))
    for n, threads in ((1, 1), (1, options.ranks), (options.ranks, 1)):
        command = [sys.executable, __file__, 'rank', *sys.argv[2:]]
        if n > 1:
            communicator = 'naive' if options.gpu < 0 else 'pure_nccl'
            command += ['--communicator', communicator]
            command = [shutil.which('mpiexec', path=path), '-n', str(n), *command]
        environment = {**os.environ, 'OMP_NUM_THREADS': str(threads)}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        row(f'{n} process(es), {threads} thread(s) each', *done.stdout.split())


def rank(options, folder):
    """Time the steps of one process; the first prints."""
    from sides import Ours, arguments

    comm = comm_module.connect(options.communicator)
    first, n, local = (0, 1, 0) if comm is None else (comm.rank, comm.size, comm.intra_rank)
    device = devices.get_device(options.gpu if options.gpu < 0 else options.gpu + local)
    data, rates = synthetic.make()['train'], []
    with devices.using(device):
        for poses in options.batchsizes:
            ours = Ours(arguments(options.units[-1], poses // n), data, device, comm)
            rates.append(1 / statistics.median(ours.turn(10) for _ in range(options.repeats)))
    if first == 0:
        print(*(f'{rate:.1f}' for rate in rates))


QUESTIONS = {f.__name__: f for f in (load, size, evaluate, lift, prepare, ranks, rank)}
POSES = {'load': 312000, 'evaluate': h36m.PUBLISHED_FRAMES['test'], 'lift': 100000}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('question', choices=QUESTIONS, help='see above; rank is one process of ranks')
    add('--poses', type=int, help='of the made-up data (default: as many as published)')
    add('--repeats', type=int, default=5, help='measurements, of which the median is printed')
    add('--gpu', type=int, default=-1, help='CUDA device of the steps, -1 for the CPU')
    add('--units', type=int, nargs='+', default=[256, 1024], help='of each hidden layer')
    add('--batchsizes', type=int, nargs='+', default=[16, 64, 256, 1024], help='poses a step')
    add('--share', type=float, default=1.0, help='of the published frames to prepare')
    add('--ranks', type=int, default=2, help='processes that share a step')
    add('--work', help="folder for temporary files (default: the system's)")
    add('--communicator', choices=comm_module.NAMES, help='of ChainerMN; set by ranks')
    options = parser.parse_args()
    options.poses = options.poses or POSES.get(options.question)
    if options.question != 'rank':
        print(where())
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        QUESTIONS[options.question](options, Path(folder))


if __name__ == '__main__':
    main()
