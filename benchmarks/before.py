"""The training step of another commit, for step.py: python before.py WORKTREE GPU OPTION ...

Told a number of steps on standard input, it answers with the seconds that each took, again and
again. It imports the package of that worktree, so nothing here may import this one's.
"""

import contextlib
import sys
import time
from pathlib import Path

ROOT, GPU, *ARGUMENTS = sys.argv[1:]
sys.path.insert(0, str(Path(ROOT).resolve()))

import chainer_pose  # noqa: E402, I001
import chainer  # noqa: E402
import numpy as np  # noqa: E402

from chainer_pose import datasets  # noqa: E402
from chainer_pose.datasets.readers import synthetic  # noqa: E402

EVERY = 1000  # steps after which train.py reads a GPU's reports


def make(device, stack):
    """A function that does one step, with what belongs to it."""
    data = synthetic.make()['train']
    try:
        from chainer_pose.training.options import parse_options
        from chainer_pose.training.trainer import make_trainer
        from chainer_pose.utils.devices import using
    except ImportError:  # up to 2aebe78
        import train
        from chainer_pose import trainers

        device.use()
        options, rows = train.parse_options(ARGUMENTS), datasets.training_rows(data)
        trainer = trainers.make_trainer(options, data, rows, None, device)
    else:
        stack.enter_context(using(device))
        trainer = make_trainer(parse_options(ARGUMENTS), data, None, device)
    updater = trainer.updater
    reads = device.xp is not np and hasattr(updater, 'report')
    averages = [
        entry.extension
        for entry in trainer._extensions.values()
        if type(entry.extension).__name__ == 'MovingAverage'
    ]

    def step():
        updater.update()
        for average in averages:
            average(trainer)
        if reads and updater.iteration % EVERY == 0:
            updater.report(updater.iteration)

    return step


def main():
    root = Path(chainer_pose.__file__).resolve().parent.parent
    if root != Path(ROOT).resolve():
        sys.exit(f'{ROOT}: expected its chainer_pose, found that of {root}')
    device = chainer.get_device('@numpy' if int(GPU) < 0 else f'@cupy:{GPU}')
    with contextlib.ExitStack() as stack:
        stack.enter_context(chainer.Reporter().scope({}))
        stack.enter_context(chainer.using_config('type_check', False))
        stack.enter_context(np.errstate(all='ignore'))
        step = make(device, stack)

        def run(steps):
            for _ in range(steps):
                step()
            if device.xp is not np:
                device.xp.cuda.Device().synchronize()

        for line in sys.stdin:
            run(1)
            start = time.perf_counter()
            run(int(line))
            print((time.perf_counter() - start) / int(line), flush=True)


if __name__ == '__main__':
    main()
