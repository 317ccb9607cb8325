#!/usr/bin/env python
"""Write the fixture that README.md beside this file describes.

To be run in a worktree of commit 2aebe78, whose training code it records:

    git worktree add ../before 2aebe78
    cd ../before
    PYTHONPATH=. python .../tests/data/before/make.py [FOLDER]

FOLDER is where to write, by default the folder of this file. The runs are those of
train.py's main(); what they draw, report and change is recorded from outside.
"""

import contextlib
import functools
import json
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from unittest import mock

import numpy as np

import chainer_pose  # noqa: F401 (makes Chainer run on new versions of NumPy)
import evaluate
import predict
import train

# isort: split
import chainer
from chainer.serializers import DictionarySerializer

from chainer_pose import datasets, martinez, random_state, terms, trainers, updaters
from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import synthetic

SEED, STEPS, BATCHSIZE, BATCHES = 3, 20, 16, 64
COMMON = {
    'dataset': 'poses.h5', 'seed': SEED, 'iterations': STEPS, 'n-unit': 8,
    'batchsize': BATCHSIZE, 'init-std': 0.3, 'log-interval': 5, 'evaluate-interval': 10,
    'snapshot-interval': STEPS,
}  # fmt: skip
# The caps are such that each network rests in some of the steps: 0.5625 is 18 of 32.
MODES = {
    'paper': '--accuracy-cap 0.5625',
    'pitch': '--accuracy-cap 0.5625 --init-std 0.4 --camera-pitch 10',
    'plus': '--accuracy-cap 0.55 --preset plus',
    'rescaled': '--accuracy-cap 0.5625 --rescale-fakes --consistency 10 1',
    'semi_supervised': '--accuracy-cap 0.55 --mode semi-supervised --labelled 0.3',
    'supervised': '--mode supervised --zero-root',
    'martinez': '--mode supervised --model martinez',
}
WITH_SNAPSHOT, WITH_LOG = ('paper', 'plus'), ('paper',)
EVALUATED = ('paper', 'plus', 'supervised', 'martinez')
DROPOUTS = ('enter', 'a1', 'a2', 'b1', 'b2')  # in the order in which they are drawn


def choose(data, clips, frames):
    """Poses of some clips, each as one camera sees it, and of some of their frames."""
    clip, camera, frame = (data.columns[key] for key in ('clip', 'camera', 'frame'))
    chosen = np.zeros(len(data), bool)
    for i, number in enumerate(np.unique(clip)[clips]):
        chosen |= (clip == number) & (camera == i % 4) & np.isin(frame, frames)
    return data.select(chosen)


def make_poses():
    """120 training poses of 12 clips and 40 test poses of 8: dict of `PoseData`."""
    made = synthetic.make()
    return {
        'train': choose(made['train'], np.arange(12) * 53, np.arange(0, 30, 3)),
        'test': choose(made['test'], np.arange(8) * 17, np.arange(2, 30, 6)),
    }


class Recorder:
    """Records a run of train.py: its trainer's state, and what each step draws and reports."""

    def __init__(self):
        self.trainer = None
        self.states = []  # before each step, and after the last
        self.drawn = defaultdict(list)  # by iterator, by 'angle', 'dropout' and 'dropout_state'
        self.logits = defaultdict(list)  # of 'real' and 'fake'
        self.reports = []

    @contextlib.contextmanager
    def recording(self):
        with contextlib.ExitStack() as stack:

            def around(owner, name, wrapper):
                original = getattr(owner, name)

                @functools.wraps(original)
                def wrapped(*arguments, **options):
                    return wrapper(original, *arguments, **options)

                stack.enter_context(mock.patch.object(owner, name, wrapped))

            around(trainers, 'make_trainer', self._make_trainer)
            around(updaters.PoseGANUpdater, 'update_core', self._update)
            around(updaters.SupervisedUpdater, 'update_core', self._update)
            around(datasets.PoseIterator, 'next', self._draw_batch)
            around(updaters.Angles, 'next', self._draw_angles)
            around(updaters, 'right', self._judge)
            around(martinez.F, 'dropout', self._drop)
            around(chainer, 'report', self._report)
            yield
        self.states.append(self._state())

    def _make_trainer(self, original, *arguments, **options):
        self.trainer = original(*arguments, **options)
        return self.trainer

    def _update(self, original, updater):
        self.states.append(self._state())
        self.reports.append({})
        if isinstance(updater, updaters.SupervisedUpdater):
            self.drawn['dropout_state'].append(json.dumps(updater._rng.bit_generator.state))
        original(updater)

    def _draw_batch(self, original, iterator):
        batch = original(iterator)
        self.drawn[iterator].append(batch.copy())
        return batch

    def _draw_angles(self, original, angles):
        angle = original(angles)
        self.drawn['angle'].append(angle.copy())
        return angle

    def _judge(self, original, real, fake):
        self.logits['real'].append(real[:, 0].copy())
        self.logits['fake'].append(fake[:, 0].copy())
        return original(real, fake)

    def _drop(self, original, h, mask):
        self.drawn['dropout'].append(mask > 0)
        return original(h, mask=mask)

    def _report(self, original, values, *arguments):
        self.reports[-1].update(values)
        original(values, *arguments)

    def _state(self):
        updater = self.trainer.updater
        state = {}
        for name, optimizer in updater.get_all_optimizers().items():
            state |= numbers_of(name, optimizer.target)
            state[f'{name}/t'] = np.array(optimizer.t)
            state[f'{name}/alpha'] = np.array(optimizer.alpha, np.float64)
            for key, param in optimizer.target.namedparams():
                moments = param.update_rule.state or {}  # none before the first step
                for moment in ('m', 'v'):
                    array = moments.get(moment, np.zeros_like(param.array))
                    state[f'{name}{key}/{moment}'] = np.array(array)
        with contextlib.suppress(ValueError):  # there is none without --ema
            average = self.trainer.get_extension('moving_average').average
            state |= numbers_of('average', average)
        for term in getattr(updater, 'terms', ()):
            if isinstance(term, terms.BoneRatios):
                mean = np.full(len(term._bones), np.nan) if term.mean is None else term.mean
                state['bones/mean'] = np.array(mean, np.float32)
        return state

    def arrays(self):
        """All that was recorded, by name."""
        arrays = {key: np.stack([state[key] for state in self.states]) for key in self.states[0]}
        for name in dict.fromkeys(name for report in self.reports for name in report):
            values = [float(report.get(name, np.nan)) for report in self.reports]
            arrays[f'report/{name}'] = np.array(values)
        for name, logits in self.logits.items():
            arrays[f'logits/{name}'] = np.stack(logits)
        updater = self.trainer.updater
        main = np.stack(self.drawn[updater.get_iterator('main')])
        if 'angle' in self.drawn:
            arrays['real'] = poses_of(main, 2)
            arrays['angle'] = np.stack(self.drawn['angle'])
            for term in updater.terms:
                if isinstance(term, terms.Depth):
                    arrays |= labelled(np.stack(self.drawn[term._iterator]))
        elif 'dropout' in self.drawn:
            n = main.shape[-1] // 5 * 2
            arrays['labelled_pose2d'] = poses_of(main[..., :n], 2)
            arrays['labelled_pose3d'] = poses_of(main[..., n:], 3)
            arrays['dropout_state'] = np.array(self.drawn['dropout_state'])
            for i, name in enumerate(DROPOUTS):
                arrays[f'dropout/{name}'] = np.stack(self.drawn['dropout'][i :: len(DROPOUTS)])
        else:
            arrays |= labelled(main)
        return arrays


def numbers_of(name, link):
    """A link's parameters and persistent values by name, copied."""
    serializer = DictionarySerializer()
    serializer.save(link)
    return {f'{name}/{key}': np.array(array) for key, array in serializer.target.items()}


def poses_of(rows, n_axes):
    return rows.reshape(*rows.shape[:2], -1, n_axes)


def labelled(rows):
    n = rows.shape[-1] // 3 * 2
    return {'labelled_pose': poses_of(rows[..., :n], 2), 'labelled_depth': rows[..., n:]}


def arguments_of(mode):
    """What train.py is given."""
    given = MODES[mode].split()
    common = {key: value for key, value in COMMON.items() if f'--{key}' not in given}
    if mode == 'martinez':
        del common['init-std']  # of the other generator
    flags = [f'--{key}={value}' for key, value in common.items()]
    return [*flags, *given, f'--out={mode}']


def run(mode, folder):
    """Train in the working folder and put what is to be kept into `folder`."""
    recorder = Recorder()
    with recorder.recording():
        train.main(arguments_of(mode))
    kept = ['options.json', f'gen_{STEPS}.npz']
    kept += [f'snapshot_{STEPS}.npz'] if mode in WITH_SNAPSHOT else []
    kept += ['log'] if mode in WITH_LOG else []
    folder.mkdir(exist_ok=True)
    for name in kept:
        shutil.copyfile(Path(mode) / name, folder / name)
    arrays = dict(sorted(recorder.arrays().items()))
    np.savez_compressed(folder / 'steps.npz', **arrays)
    for name in ('gen', 'dis'):
        if (updated := arrays.get(f'report/{name}/updated')) is not None:
            print(f'{mode}: {name} rested in {int((updated == 0).sum())} of {len(updated)} steps')


def draw(n):
    """What the streams of the seed give first: dict of arrays."""
    rng = random_state.streams(SEED, trainers.STREAMS)
    angles = updaters.Angles(BATCHSIZE, rng['angles'], chainer.get_device('@numpy'))
    iterator = datasets.PoseIterator(np.arange(n), BATCHSIZE, rng['shuffle'])
    drawn = defaultdict(list)
    for _ in range(BATCHES):
        drawn['angle'].append(angles.next().copy())
        drawn['index'].append(iterator.next())
        drawn['epoch'].append(iterator.epoch)
        drawn['is_new_epoch'].append(iterator.is_new_epoch)
    return {key: np.stack(values) for key, values in drawn.items()}


def measure(scratch):
    """Write evaluate.json and predictions.json from the runs kept in the working folder."""
    results = {}
    for mode in EVALUATED:
        path = scratch / f'{mode}.json'
        evaluate.main(
            ['--snapshot', mode, '--dataset', 'poses.h5', '--protocol', 'all']
            + ['--format', 'json', '--output', str(path)]
        )
        results[mode] = json.loads(path.read_text())
    Path('evaluate.json').write_text(json.dumps(results, indent=1) + '\n')
    keypoints = Path(predict.__file__).parent / 'examples' / 'keypoints.json'
    predict.main(
        ['--snapshot', 'paper', '--input', str(keypoints), '--write', 'json']
        + ['--out', str(scratch / 'predictions')]
    )
    shutil.copyfile(scratch / 'predictions' / 'poses.json', 'predictions.json')


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # so that all names in the files are relative
        poses = make_poses()
        pose_file.write('poses.h5', poses)
        shutil.copyfile('poses.h5', folder / 'poses.h5')
        for mode in MODES:
            run(mode, folder / mode)
        np.savez_compressed(folder / 'draws.npz', **draw(len(poses['train'])))
        os.chdir(folder)
        measure(Path(scratch))


if __name__ == '__main__':
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent).resolve())
