"""The training step of another checkout, for step.py: python before.py DIR OPTION ...

Runs that checkout's train.py up to its first step. Then it reads numbers of steps from standard
input and answers with the seconds that each took. Nothing here may import this checkout.
"""

import runpy
import sys
import time
from pathlib import Path

ROOT = Path(sys.argv[1]).resolve()
sys.path[0] = str(ROOT)

import chainer_pose  # noqa: E402, I001 (before Chainer, which it adapts to NumPy)
import chainer  # noqa: E402
import numpy as np  # noqa: E402

EVERY = 1000  # steps after which train.py reads a GPU's reports


def serve(trainer, *args, **kwargs):
    """Take the place of `Trainer.run`."""
    updater = trainer.updater
    device = next(iter(updater.get_all_optimizers().values())).target.device
    reads = device.xp is not np and hasattr(updater, 'report')

    def run(steps):
        for _ in range(steps):
            updater.update()
            if reads and updater.iteration % EVERY == 0:
                updater.report(updater.iteration)
        if device.xp is not np:
            device.xp.cuda.Device().synchronize()

    config = chainer.using_config('type_check', False)
    with chainer.Reporter().scope({}), config, np.errstate(all='ignore'):
        for line in sys.stdin:
            run(1)
            start = time.perf_counter()
            run(int(line))
            print((time.perf_counter() - start) / int(line), file=ANSWERS, flush=True)
    sys.exit()


if __name__ == '__main__':
    root = Path(chainer_pose.__file__).resolve().parent.parent
    if root != ROOT:
        sys.exit(f'{ROOT}: expected its chainer_pose, found that of {root}')
    ANSWERS, sys.stdout = sys.stdout, sys.stderr  # what train.py prints is no answer
    chainer.training.Trainer.run = serve
    sys.argv = ['train.py', *sys.argv[2:]]
    runpy.run_path(str(ROOT / 'train.py'), run_name='__main__')
