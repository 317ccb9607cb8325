#!/usr/bin/env python
"""How good are the pretrained weights? Measure them, or pack new ones from a run.

    python benchmarks/weights.py --pitched cmu_rig.h5 cmu_pitched.h5
    python benchmarks/weights.py --pack cmu results/weights-cmu cmu17
    python benchmarks/weights.py --measure cmu_rig.h5 cmu_pitched.h5 mpii.h5

A file holds the mean of the generators saved in the second half of the run (Izmailov et al.
2018), since a GAN swings from one to the next, as float16, with the skeleton and the mean and
covariance of the training poses.
"""

import argparse
import dataclasses
import json
from pathlib import Path

from runs import ROOT, where  # puts the project on the path

# isort: split
import numpy as np
from chainer.serializers import npz

from chainer_pose import geometry, links, skeletons
from chainer_pose.datasets import augmentation, imputation, pose_file
from chainer_pose.datasets.readers import rig
from chainer_pose.evaluations import metrics, rescale
from chainer_pose.inference import lifter
from chainer_pose.inference import weights as weights_file
from chainer_pose.inference.pretrained import PRETRAINED, pretrained_path
from chainer_pose.training.arrays import training_poses

CAMERA = 1147, 514, 507  # focal length and image center, px, of `rig`'s cameras on average
PITCHED = 'cameras of many pitches'
PITCHES, ROLL = range(-5, 36, 5), 5  # down, degrees; a standard deviation
LIMBS = skeletons.get(ROOT / 'examples' / 'skeletons' / 'limbs12.json')
_BONES = (('Hip', 'Knee'), ('Knee', 'Foot'), ('Shoulder', 'Elbow'), ('Elbow', 'Wrist'))


def pack(name, run, skeleton):
    """Write chainer_pose/inference/pretrained/NAME.npz out of a run."""
    run = Path(run)
    last = json.loads((run / 'log').read_text())[-1]['iteration']
    saved = [path for path in weights_file.numbered(run, 'gen') if int(path.stem[4:]) >= last / 2]
    trained = [weights_file.load_generator(path) for path in saved]
    networks = [npz.serialize(each.generator) for each in trained]
    arrays = {
        key: np.mean([arrays[key] for arrays in networks], axis=0, dtype=np.float64).astype('e')
        for key in networks[0]
    }
    half = imputation.Prior(*(part.astype(np.float32) for part in trained[-1].prior))
    out, sees = pretrained_path(name), trained[-1].line_of_sight
    weights_file.write_generator(out, arrays, skeletons.get(skeleton), half, None, sees)
    print(f'{out}, {out.stat().st_size / 2**20:.2f} MiB: mean of', *(path.name for path in saved))


def pitched(source, out):
    """Write a pose file's poses as cameras of many pitches and small rolls see them.

    The four cameras of `rig` saw them. Each clip is seen from where each of them stood, and with
    its intrinsics; the root joint stays at its place in the camera frame, and the camera is
    tilted about it. The pitch, drawn anew for each clip and camera, names the camera, so that two
    cameras of a clip may have the same name.
    """
    rng = np.random.default_rng(0)
    splits = {}
    for split in pose_file.splits_of(source):
        data = pose_file.read(source, split)
        pose2d, pose3d = np.empty_like(data.pose2d), np.empty_like(data.pose3d)
        pitch = np.empty(len(data), np.int32)
        for index, camera in enumerate(rig.four_cameras()):
            heading = np.arctan2(camera.R[2, 1], camera.R[2, 0])
            for clip in np.unique(data.columns['clip'][data.columns['camera'] == index]):
                of = (data.columns['camera'] == index) & (data.columns['clip'] == clip)
                chosen, roll = rng.integers(len(PITCHES)), rng.normal(0, ROLL)
                tilted = geometry.camera_rotation(heading, *np.radians([PITCHES[chosen], roll]))
                root = data.pose3d[of][:, [data.skeleton.root]]
                pose3d[of] = (data.pose3d[of] - root) @ camera.R @ tilted.T + root
                pose2d[of], pitch[of] = camera.project(pose3d[of]), chosen
        splits[split] = dataclasses.replace(
            data,
            pose2d=pose2d,
            pose3d=pose3d,
            columns={**data.columns, 'camera': pitch},
            names={**data.names, 'camera': [f'{degrees} degrees' for degrees in PITCHES]},
            source=f'{data.source}; cameras of many pitches',
            preparation=PITCHED,
        )
    pose_file.write(out, splits)


def limbs(pose, skeleton):
    """The 12 limb joints, with the middles of the hips and of the shoulders: (N, 14, D)."""
    index = [skeleton.index(LIMBS.names[j]) for j in LIMBS.detected]
    return LIMBS.add_virtual_joints(pose[:, index], np.ones((len(pose), len(index)), bool))[0]


def limb_errors(predicted, target):
    """Errors over the 12 limb joints, mm, for poses of any scale.

    From (N, 14, 3) arrays of `limbs`, the target in mm, to a dict of (N,) arrays. Both are moved
    to the middle of the hips, and the prediction gets the target's mean distance from it on the
    xy-plane, as in section 4.1. 'inverted' is the MPJPE of the copy with z inverted.
    """
    predicted, target = geometry.center(predicted, LIMBS.root), geometry.center(target, LIMBS.root)
    size = geometry.scale(target[:, :, :2], LIMBS.root)[:, None, None]
    predicted = rescale(predicted, LIMBS.root, size)
    joints = list(LIMBS.detected)
    predicted, target = predicted[:, joints], target[:, joints]
    return {
        'mpjpe': metrics.mpjpe(predicted, target),
        'inverted': metrics.mpjpe(predicted * np.array([1, 1, -1]), target),
        'p-mpjpe': metrics.p_mpjpe(predicted, target),
    }


def side_spread(pose3d, skeleton):
    """Deviation over the poses of ln(left / right) of a limb, mean over four: 0 for people."""
    spreads = []
    for start, end in _BONES:
        ends = ([skeleton.index(side + joint) for joint in (start, end)] for side in 'LR')
        left, right = (np.linalg.norm(pose3d[:, a] - pose3d[:, b], axis=1) for a, b in ends)
        visible = (left > 0) & (right > 0)  # flat, a limb may point at the camera
        spreads.append(np.std(np.log(left[visible] / right[visible])))
    return float(np.mean(spreads))


def as_detected(data):
    """The same poses with the noise, and the joints imputed, of `augmentation`."""
    prior = imputation.Moments().add(training_poses(data)).prior()
    poses, origin, size = geometry.normalize(data.pose2d, data.skeleton.root)
    noisy = augmentation.augment(poses, data.skeleton, prior, np.random.default_rng(0))
    return dataclasses.replace(data, pose2d=noisy * size + origin)


def parts(path):
    """(name, poses) of a test split to measure on: itself, with noise, by pitch."""
    data = pose_file.read(path, 'test')
    yield path.stem, data
    if data.preparation == PITCHED:
        for index, name in enumerate(data.names['camera']):
            yield f'{path.stem}, {name}', data.select(data.columns['camera'] == index)
    elif data.pose3d is not None:
        yield f'{path.stem}, as detected', as_detected(data)


def measure(paths, runs):
    """Print a table of each lifter on each test split."""
    print(where())
    print('| weights | test poses of | 12 limb joints: MPJPE, mm | P-MPJPE, mm | sin b >= 0, % '
          '| left against right |\n| --- | --- | ---: | ---: | ---: | ---: |')  # fmt: skip
    lifters = {f'`{name}`': lifter.load_lifter(name) for name in PRETRAINED}
    lifters |= {run: lifter.load_lifter(run, last=True, mirror=True) for run in runs}
    for name, data in [part for path in paths for part in parts(path)]:
        source = skeletons.get({'cmu_rig': 'cmu17', 'mpii': 'mpii17'}[data.name])
        flat = links.ZeroDepth().lift(data.pose2d, source.root)
        lifted = {'zero depth': (flat, source, '')}
        for weights, known in lifters.items():
            for camera in (
                ((), CAMERA) if known.line_of_sight and data.pose3d is not None else ((),)
            ):
                _, pose, _, sine = known.lift(data.pose2d, None, source, camera=camera)
                sees = f'{100 * (sine >= 0).mean():.1f}'
                lifted[weights + ', camera known' * bool(camera)] = pose, known.skeleton, sees
        for weights, (pose, skeleton, facing) in lifted.items():
            cells = ['', '']
            if data.pose3d is not None:
                both = limbs(pose, skeleton), limbs(data.pose3d, data.skeleton)
                cells = [f'{limb_errors(*both)[key].mean():.1f}' for key in ('mpjpe', 'p-mpjpe')]
            cells += [facing, f'{side_spread(pose, skeleton):.3f}']
            print(f'| {weights} | {name} |', ' | '.join(cells), '|')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--pack', nargs=3, metavar=('NAME', 'RUN', 'SKELETON'), help='weights to write, of a run'
    )
    parser.add_argument(
        '--measure',
        type=Path,
        nargs='+',
        metavar='FILE.h5',
        help='on cmu_rig.h5, mpii.h5, and what --pitched made',
    )
    parser.add_argument('--runs', nargs='+', default=[], metavar='RUN', help='measure these, too')
    parser.add_argument(
        '--pitched', nargs=2, metavar=('FILE.h5', 'OUT.h5'), help='write the poses to train on'
    )
    options = parser.parse_args()
    if options.pitched:
        pitched(*options.pitched)
    if options.pack:
        pack(*options.pack)
    if options.measure:
        measure(options.measure, options.runs)


if __name__ == '__main__':
    main()
