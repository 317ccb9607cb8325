"""The training steps that step.py times: ours, plain Chainer's, another checkout's."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

from runs import ROOT  # puts the project on the path

sys.path.append(str(ROOT / 'tests'))

import chainer
import numpy as np
import textbook

from chainer_pose.commands.train import parse_options
from chainer_pose.training import arrays, make_trainer

REPORTED = 1000  # steps after which train.py reads a GPU's reports


def arguments(n_unit, batchsize, preset='paper', dataset='none.h5', out='none'):
    """train.py's options of the run that is measured: list of str."""
    return ['--dataset', str(dataset), '--out', str(out), '--iterations', '20000',
            '--log-interval', str(REPORTED), '--accuracy-cap', '1', '--preset', preset,
            '--n-unit', str(n_unit), '--batchsize', str(batchsize)]  # fmt: skip


class Side:
    """A training step, which is called; `turn` times it."""

    def wait(self):
        """Block until the device is done."""

    @contextlib.contextmanager
    def running(self):
        """What steps need around them, as train.py does."""
        config = chainer.using_config('type_check', False)
        with chainer.Reporter().scope({}), config, np.errstate(all='ignore'):
            yield

    def turn(self, steps):
        """Seconds of each of so many steps."""
        with self.running():
            self()
            self.wait()
            start = time.perf_counter()
            for _ in range(steps):
                self()
            self.wait()
            return (time.perf_counter() - start) / steps


class Ours(Side):
    """The step as train.py runs it by its arguments, on a device that is current."""

    def __init__(self, arguments, data, device, comm=None):
        self.device, self.options = device, parse_options(arguments)
        self.updater = make_trainer(self.options, data, None, device, comm).updater
        optimizers = self.updater.get_all_optimizers()
        self.links = {name: optimizer.target for name, optimizer in optimizers.items()}
        self._reads = device.xp is not np and comm is None

    def __call__(self):
        self.updater.update()
        if self._reads and self.updater.iteration % REPORTED == 0:
            self.updater.report(self.updater.iteration)

    def wait(self):
        if self.device.xp is not np:
            self.device.device.synchronize()


class Plain(Side):
    """The step of tests/textbook.py, in plain Chainer, with Chainer's type checks."""

    def __init__(self, ours, data):
        self.wait, options = ours.wait, ours.options
        constants = options.alpha, options.beta1, options.weight_decay
        self.updater = textbook.TextbookUpdater(
            chainer.iterators.SerialIterator(arrays.training_poses(data), options.batchsize),
            {
                name: textbook.adam(textbook.copy_of(link), *constants)
                for name, link in ours.links.items()
            },
            data.skeleton.face_joints,
            np.random.default_rng(0),
            options.accuracy_cap,
            device=ours.device,
        )

    def __call__(self):
        self.updater.update()

    def running(self):
        return chainer.Reporter().scope({})


class Before(Side):
    """The step of another checkout, in a process of its own; the data set must exist."""

    def __init__(self, root, arguments):
        command = [sys.executable, Path(__file__).with_name('before.py'), root, *arguments]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    def turn(self, steps):
        with contextlib.suppress(BrokenPipeError):
            print(steps, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            sys.exit(f'before.py ended with status {self._process.wait()}')
        return float(answer)

    def close(self):
        """End the process."""
        self._process.communicate()
