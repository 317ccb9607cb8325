"""What tests share of the runs of commit 2aebe78, whose files lie in data/before."""

import dataclasses
import re
from pathlib import Path

import chainer

from chainer_pose.datasets import pose_file
from chainer_pose.training import load_options, make_trainer

BEFORE = Path(__file__).parent / 'data' / 'before'
CPU = chainer.get_device('@numpy')
MODES = ('paper', 'pitch', 'plus', 'rescaled', 'semi_supervised', 'supervised', 'martinez')
SINCE = {'each': ('plus', {'camera_pitch': 'each'})}  # a mode of then, with other options
# On a GPU: Martinez et al.'s dropout masks are drawn on the host.
RECORDED = (*MODES[:-1], *SINCE)
# Batch normalisation takes off the mean: what a bias before it learns is rounding alone.
NOTHING_BUT_ROUNDING = re.compile(r'/linear/b(/m|/v)?$')


def make_updater(mode, device=CPU, comm=None, **changes):
    """The updater of a run's options, some of them changed, on the few poses of then."""
    run, since = SINCE.get(mode, (mode, {}))
    options = dataclasses.replace(load_options(BEFORE / run), **since, **changes)
    data = pose_file.read(BEFORE / 'poses.h5', 'train')
    return make_trainer(options, data, None, device, comm).updater


def arrays_of(updater):
    """dict from the names in steps.npz to the arrays of an updater's state."""
    arrays = {}
    for net, optimizer in updater.get_all_optimizers().items():
        link = optimizer.target
        for name, param in link.namedparams():
            state = param.update_rule.state or {}
            arrays[f'{net}{name}'] = param.array
            arrays |= {f'{net}{name}/{key}': state[key] for key in state}
        for name, child in link.namedlinks():
            for key in child._persistent:
                if getattr(getattr(child, key), 'shape', ()):
                    arrays[f'{net}{name.rstrip("/")}/{key}'] = getattr(child, key)
    if updater.average is not None:
        for name, param in updater.average.average.namedparams():
            arrays[f'average{name}'] = param.array
    for regularizer in getattr(updater, 'regularizers', ()):
        if hasattr(regularizer, 'mean'):
            arrays['bones/mean'] = regularizer.mean
    return arrays
