"""The sides that step.py times: ours, plain Chainer's, ours of another commit."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

from lifting import ROOT  # puts the project on the path

sys.path.append(str(ROOT / 'tests'))

import chainer
import numpy as np
import textbook

from chainer_pose.commands.train import parse_options
from chainer_pose.training import arrays
from chainer_pose.training.trainer import make_trainer

REPORTED = 1000  # steps after which train.py reads a GPU's reports


def arguments(n_unit, batchsize, preset='paper'):
    """train.py's, of the run that is measured: list of str."""
    return ['--dataset', 'none.h5', '--out', 'none', '--iterations', '20000',
            '--log-interval', str(REPORTED), '--accuracy-cap', '1', '--preset', preset,
            '--n-unit', str(n_unit), '--batchsize', str(batchsize)]  # fmt: skip


class Side:
    """One way to do a step: called, it does one."""

    def __call__(self):
        raise NotImplementedError

    def wait(self):
        """Until the device has done what it was given."""

    def running(self):
        """What steps are done within, a context manager."""
        return chainer.Reporter().scope({})

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
    """The step as train.py runs it, with its reports and checks.

    Args:
        arguments: train.py's.
        data: `datasets.PoseData`.
        device: chainer device, within whose `devices.using` all is done.
        comm: ChainerMN communicator or None.
    """

    def __init__(self, arguments, data, device, comm=None):
        self.device = device
        self.options = parse_options(arguments)
        self.updater = make_trainer(self.options, data, None, device, comm).updater
        self.links = {name: self.updater.get_optimizer(name).target for name in ('gen', 'dis')}
        self._reads = device.xp is not np and comm is None

    def __call__(self):
        self.updater.update()
        if self._reads and self.updater.iteration % REPORTED == 0:
            self.updater.report(self.updater.iteration)

    def wait(self):
        if self.device.xp is not np:
            self.device.device.synchronize()

    @contextlib.contextmanager
    def running(self):
        config = chainer.using_config('type_check', False)
        with super().running(), config, np.errstate(all='ignore'):
            yield


class Bare(Side):
    """The recorded step of `Ours` alone: a batch copied in, the graph launched."""

    def __init__(self, ours):
        self.wait, self.running = ours.wait, ours.running
        iterators = (ours.updater.get_iterator(name) for name in ('main', 'angles'))
        (real,), angle = (iterator.next() for iterator in iterators)
        self._step, self._batch = ours.updater.recorded, (real, angle)

    def __call__(self):
        self._step(*self._batch)


class Plain(Side):
    """The step as a tutorial would write it, with Chainer as it comes."""

    def __init__(self, ours, data):
        self.wait, options = ours.wait, ours.options
        optimizers = {
            name: textbook.adam(
                textbook.copy_of(link), options.alpha, options.beta1, options.weight_decay
            )
            for name, link in ours.links.items()
        }
        self.updater = textbook.TextbookUpdater(
            chainer.iterators.SerialIterator(arrays.training_poses(data), options.batchsize),
            optimizers,
            data.skeleton.face_joints,
            np.random.default_rng(0),
            options.accuracy_cap,
            device=ours.device,
        )

    def __call__(self):
        self.updater.update()


class Before(Side):
    """The step of another commit, in a process of its own.

    Args:
        root: a worktree of it.
        gpu: number of the GPU, -1 for the CPU.
        arguments: train.py's.
    """

    def __init__(self, root, gpu, arguments):
        script = Path(__file__).with_name('before.py')
        self._process = subprocess.Popen(
            [sys.executable, script, root, str(gpu), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

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
