#!/usr/bin/env python
"""Skeletons that are not Human3.6M's: what is lost without a head, and an animal.

Takes 12 joints of arms and legs out of cmu_rig, trains on them and compares with
runs on all 17 joints, over the same 12; and trains on the made-up quadruped.
What is trained already is kept. The generator measured is the last one.
"""

import argparse
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lifting
import numpy as np
from runs import call, train

from chainer_pose import geometry
from chainer_pose.datasets import pose_file
from chainer_pose.evaluations import metrics, protocols
from chainer_pose.inference import weights as weights_file

EXAMPLES = lifting.ROOT / 'examples' / 'skeletons'


def lift(snapshot, data):
    """(predicted, target), mm, root-relative; z = 0 without a snapshot."""
    generator = snapshot and weights_file.load_generator(snapshot).generator
    predicted, target = protocols.lift(generator, data)
    return geometry.center(predicted, data.skeleton.root), target


def limb_figures(snapshot, data):
    """Means over the test poses: MPJPE, better of the two mirror images, P-MPJPE, inverted."""
    predicted, target = (lifting.limbs(pose, data.skeleton) for pose in lift(snapshot, data))
    errors = lifting.limb_errors(predicted, target)
    best = np.minimum(errors['mpjpe'], errors['inverted'])
    inverted = 100 * (errors['inverted'] < errors['mpjpe']).mean()
    return [errors['mpjpe'].mean(), best.mean(), errors['p-mpjpe'].mean(), inverted]


def animal_figures(snapshot, data):
    """The same over all joints, and the depths' correlation up to the mirror."""
    predicted, target = lift(snapshot, data)
    mpjpe = metrics.mpjpe(predicted, target)
    inverted = metrics.mpjpe(predicted * np.array([1, 1, -1]), target)
    correlation = lifting.depth_correlation(predicted, target)
    # An animal is long: any two depths of it are alike up to the sign.
    other = np.random.default_rng(0).permutation(len(target))
    chance = lifting.depth_correlation(predicted, target[other])
    return [
        mpjpe.mean(),
        np.minimum(mpjpe, inverted).mean(),
        np.abs(correlation).mean(),
        np.median(np.abs(correlation)),
        np.abs(chance).mean(),
        100 * (inverted < mpjpe).mean(),
    ]


def table(columns, rows, digits):
    """A Markdown table with the means and deviations of rows labelled (name, seed)."""
    print(f'| skeleton, seed | {" | ".join(columns)} |')
    print('| --- |' + ' ---: |' * len(columns))

    def line(label, figures):
        print(f'| {label} | ' + ' | '.join(f'{x:.{d}f}' for x, d in zip(figures, digits)) + ' |')

    for name in dict.fromkeys(name for name, _ in rows):
        of_name = {seed: figures for (n, seed), figures in rows.items() if n == name}
        for seed, figures in of_name.items():
            line(name if seed is None else f'{name}, {seed}', figures)
        if len(of_name) > 1:
            line(f'{name}, mean', [statistics.mean(x) for x in zip(*of_name.values())])
            line(f'{name}, deviation', [statistics.stdev(x) for x in zip(*of_name.values())])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--dataset', required=True, metavar='cmu_rig.h5')
    parser.add_argument('--iterations', type=int, default=20000, help='of the people')
    parser.add_argument('--animal-iterations', type=int, default=10000)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--jobs', type=int, default=2, help='runs at a time, one thread each')
    parser.add_argument('--out', type=Path, default=Path('results/skeletons'))
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    files = {name: options.out / f'{name}.h5' for name in ('limbs12', 'quadruped')}
    if not files['limbs12'].exists():
        call(
            'data/prepare_keypoints.py', options.dataset,
            '--skeleton', EXAMPLES / 'limbs12.json', '--out', files['limbs12'], output=sys.stderr,
        )  # fmt: skip
    if not files['quadruped'].exists():
        call(
            'data/prepare_synthetic.py', '--body', 'quadruped', '--out', files['quadruped'],
            output=sys.stderr,
        )  # fmt: skip
    files['cmu_rig'] = Path(options.dataset)
    length = dict.fromkeys(files, options.iterations) | {'quadruped': options.animal_iterations}
    more = {'quadruped': ['--rescale-fakes']}  # it is longer than high
    grid = [(name, seed) for name in ('cmu_rig', 'limbs12', 'quadruped') for seed in options.seeds]

    def trained(cell):
        name, seed = cell
        run = options.out / f'{name}-seed{seed}'
        return train(run, files[name], length[name], '--seed', seed, *more.get(name, ()))

    with ThreadPoolExecutor(options.jobs) as pool:
        lasts = list(pool.map(trained, grid))
    test = {name: pose_file.read(path, 'test') for name, path in files.items()}
    print(lifting.where(), end='\n\n')
    rows = {
        (name, seed): limb_figures(last, test[name])
        for (name, seed), last in zip(grid, lasts)
        if name != 'quadruped'
    }
    rows['z = 0', None] = limb_figures(None, test['cmu_rig'])
    table(
        ['MPJPE, mm', 'of the better mirror image', 'P-MPJPE', 'inverted better, %'],
        rows,
        (1, 1, 1, 1),
    )
    print()
    rows = {
        (name, seed): animal_figures(last, test[name])
        for (name, seed), last in zip(grid, lasts)
        if name == 'quadruped'
    }
    flat = animal_figures(None, test['quadruped'])
    columns = ['MPJPE, mm', 'of the better mirror image', 'mean of abs r', 'median', 'by chance',
               'inverted better, %']  # fmt: skip
    table(columns, rows, (0, 0, 3, 3, 3, 1))
    print(f'| z = 0 | {flat[0]:.0f} | | | | | |')


if __name__ == '__main__':
    main()
