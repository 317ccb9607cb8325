#!/usr/bin/env python
"""Train on skeletons other than Human3.6M's and measure: limbs without a head, and an animal.

Compares runs on 12 joints of arms and legs out of cmu_rig with runs on all 17, over the same
12; and trains on the quadruped. Finished runs are kept; the last generator is measured.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import quadruped

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / 'benchmarks'))

from runs import call, spread, train, where  # noqa: E402
from weights import limb_errors, limbs  # noqa: E402

from chainer_pose import geometry  # noqa: E402
from chainer_pose.datasets import pose_file  # noqa: E402
from chainer_pose.evaluations import metrics, protocols  # noqa: E402
from chainer_pose.inference import weights  # noqa: E402


def figures(snapshot, data):
    """MPJPE, that of the better mirror image, % better inverted, and |r| of the depths.

    Over the limbs, for a person. The last is |r| with another pose: any two depths of a long
    body are similar up to the sign.
    """
    predicted, target = protocols.lift(weights.load_generator(snapshot).generator, data)
    if data.name == 'quadruped':
        predicted = geometry.center(predicted, data.skeleton.root)
        mpjpe = metrics.mpjpe(predicted, target)
        inverted = metrics.mpjpe(predicted * np.array([1, 1, -1]), target)
    else:
        predicted, target = (limbs(pose, data.skeleton) for pose in (predicted, target))
        errors = limb_errors(predicted, target)
        mpjpe, inverted = errors['mpjpe'], errors['inverted']
    other = np.random.default_rng(0).permutation(len(target))
    r, chance = (depth_correlation(predicted, pose) for pose in (target, target[other]))
    better = 100 * (inverted < mpjpe)
    columns = mpjpe, np.minimum(mpjpe, inverted), better, 100 * np.abs(r), 100 * np.abs(chance)
    return [column.mean() for column in columns]


def depth_correlation(predicted, target):
    """Pearson's correlation of each pose's depths: (N, J, 3) twice to (N,)."""
    a, b = predicted[:, :, 2], target[:, :, 2]
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    power = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return (a * b).sum(axis=1) / np.where(power > 0, power, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--dataset', required=True, metavar='cmu_rig.h5')
    parser.add_argument('--iterations', type=int, default=20000)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--out', type=Path, default=Path('results/skeletons'))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    people, animal = options.out / 'limbs12.h5', options.out / 'quadruped.h5'
    limbs12 = ROOT / 'examples' / 'skeletons' / 'limbs12.json'
    arguments = (options.dataset, '--out', people, '--skeleton', limbs12)
    call('data/prepare_keypoints.py', *arguments, output=sys.stderr)
    pose_file.write(animal, quadruped.make())
    print(where())
    print('| skeleton | MPJPE, mm | of the better mirror image | inverted better, % | 100 abs r | '
          'by chance |\n| --- | ---: | ---: | ---: | ---: | ---: |')  # fmt: skip
    for path in (Path(options.dataset), people, animal):
        more = ['--rescale-fakes'] if path == animal else []  # it is longer than high
        test, rows = pose_file.read(path, 'test'), []
        for seed in options.seeds:
            run = options.out / f'{path.stem}-seed{seed}'
            rows.append(figures(train(run, path, options.iterations, '--seed', seed, *more), test))
        print(f'| {path.stem} | {" | ".join(map(spread, zip(*rows)))} |', flush=True)


if __name__ == '__main__':
    main()
