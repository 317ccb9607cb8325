#!/usr/bin/env python
"""How good are the pretrained weights? Measure them, or pack new ones from a run.

    python benchmarks/weights.py --pack cmu --run results/weights-cmu --skeleton cmu17
    python benchmarks/weights.py --measure --data ../shared/data

A file holds the mean of the generators saved in the second half of the run (Izmailov et al.
2018), since a GAN swings from one to the next, as float16, with the skeleton and the mean and
covariance of the training poses.
"""

import argparse
import json
import sys
from pathlib import Path

import lifting
import numpy as np

from chainer_pose import datasets, links, skeletons
from chainer_pose.datasets import imputation, pose_file
from chainer_pose.evaluations import protocols
from chainer_pose.inference import lifter
from chainer_pose.inference import weights as weights_file
from chainer_pose.inference.pretrained import DEFAULT, PRETRAINED, pretrained_path
from chainer_pose.training import run_directory
from chainer_pose.training.arrays import training_poses

DATA = {'cmu': ('cmu_rig', 'cmu17'), 'mpii': ('mpii', 'mpii17')}


def pack(run, name, skeleton):
    """Write chainer_pose/inference/pretrained/NAME.npz out of a run."""
    import chainer

    log = json.loads((run / 'log').read_text())
    last = log[-1]['iteration']
    saved = {int(path.stem[4:]): path for path in run.glob('gen_[0-9]*.npz')}
    chosen = sorted(n for n in saved if n >= last / 2)
    layers = [weights_file.load_generator(saved[n]).generator for n in chosen]
    options = run_directory.read_options(run)
    train = pose_file.read(datasets.find(options['dataset']), 'train', options['keypoints'])
    prior = imputation.Moments().add(training_poses(train)).prior()
    mean = layers[0]
    for path, parameter in mean.namedparams():
        stacked = [dict(other.namedparams())[path].array for other in layers]
        parameter.array[...] = np.mean(stacked, axis=0, dtype=np.float64)
    serializer = chainer.serializers.DictionarySerializer()
    serializer.save(mean)
    arrays = {key: array.astype(np.float16) for key, array in serializer.target.items()}
    half = imputation.Prior(*(part.astype(np.float32) for part in prior))
    out = pretrained_path(name)
    out.parent.mkdir(exist_ok=True)
    weights_file.write_generator(out, arrays, skeletons.get(skeleton), half)
    print(f'{out}: mean of the generators after {", ".join(map(str, chosen))} iterations')
    print(f'{out.stat().st_size / 2**20:.2f} MiB')


def measure(folder):
    """A table of each lifter on each test split."""
    print(lifting.where())
    print(
        '| weights | test poses of | 12 limb joints: MPJPE, mm | P-MPJPE, mm | sin b >= 0, % '
        '| left against right |'
    )
    print('| --- | --- | ---: | ---: | ---: | ---: |')
    for name, arrangement in DATA.values():
        data = pose_file.read(folder / f'{name}.h5', 'test')
        source = skeletons.named(arrangement)
        flat = links.ZeroDepth().lift(data.pose2d, source.root)
        print(row('z = 0', name, data, flat, source, None))
        for weights in PRETRAINED:
            known = lifter.load_lifter(weights)
            lifted = known.lift(data.pose2d, None, source)
            print(row(weights, name, data, lifted.pose3d, known.skeleton, lifted.sin_beta))
    data = pose_file.read(folder / 'cmu_rig.h5', 'test')
    result = protocols.evaluate(lifter.load_lifter('cmu').generator, data, protocols.PROTOCOLS)
    figures = ', '.join(f'{name} {score.average:.1f}' for name, score in result.scores.items())
    print(f'\ncmu on all 17 joints of cmu_rig, mean over actions, mm: {figures}')
    print(f'default: {DEFAULT}')


def row(weights, name, data, pose, skeleton, sin_beta):
    """One row of the table."""
    cells = ['', '']
    if data.pose3d is not None:
        errors = lifting.limb_errors(
            lifting.limbs(pose, skeleton), lifting.limbs(data.pose3d, data.skeleton)
        )
        cells = [f'{errors[key].mean():.1f}' for key in ('mpjpe', 'p-mpjpe')]
    cells.append('' if sin_beta is None else f'{100 * (sin_beta >= 0).mean():.1f}')
    cells.append(f'{lifting.side_spread(pose, skeleton):.3f}')
    return f'| {weights} | {name} | ' + ' | '.join(cells) + ' |'


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--pack', choices=tuple(PRETRAINED), help='name of the weights to write')
    parser.add_argument('--run', type=Path, help='run directory to pack')
    parser.add_argument('--skeleton', help='name of the joints it was trained on')
    parser.add_argument('--measure', action='store_true', help='print the table of all weights')
    shared = lifting.ROOT.parent / 'shared' / 'data'
    parser.add_argument('--data', type=Path, default=shared, help='folder of the pose files')
    options = parser.parse_args()
    if options.pack:
        if not options.run or not options.skeleton:
            parser.error('--pack: expected --run and --skeleton too')
        pack(options.run, options.pack, options.skeleton)
    if options.measure:
        measure(options.data)


if __name__ == '__main__':
    sys.exit(main())
