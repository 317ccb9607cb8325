"""The steps of commit 2aebe78, whose numbers lie in data/before, against today's."""

import re
from pathlib import Path

import chainer
import numpy as np
import pytest

from chainer_pose.datasets import pose_file
from chainer_pose.training.options import load_options
from chainer_pose.training.trainer import make_trainer

BEFORE = Path(__file__).parent / 'data' / 'before'
# Batch normalisation takes off the mean: what a bias before it learns is rounding alone.
NOTHING_BUT_ROUNDING = re.compile(r'/linear/b(/m|/v)?$')
MODES = ('paper', 'pitch', 'plus', 'rescaled', 'semi_supervised', 'supervised', 'martinez')


def make_updater(mode):
    options = load_options(BEFORE / mode)
    data = pose_file.read(BEFORE / 'poses.h5', 'train')
    return make_trainer(options, data, None, chainer.get_device('@numpy')).updater


def links_of(updater):
    return {name: optimizer.target for name, optimizer in updater.get_all_optimizers().items()}


def arrays_of(updater):
    """dict from the fixture's names to the arrays of a state, and how to set them."""
    arrays = {}
    for net, link in links_of(updater).items():
        for name, param in link.namedparams():
            state = param.update_rule.state or {}
            arrays[f'{net}{name}'] = param.array
            arrays |= {f'{net}{name}/{key}': state[key] for key in state}
        for child in link.links():
            for key in child._persistent:
                value = getattr(child, key)
                if getattr(value, 'shape', ()):
                    name = next(n for n, c in link.namedlinks() if c is child)
                    arrays[f'{net}{name if name != "/" else ""}/{key}'] = value
    if getattr(updater, 'average', None) is not None:
        for name, param in updater.average.average.namedparams():
            arrays[f'average{name}'] = param.array
    for regularizer in getattr(updater, 'regularizers', ()):
        if hasattr(regularizer, 'mean'):
            arrays['bones/mean'] = regularizer.mean
    return arrays


def set_state(updater, steps, i):
    arrays = arrays_of(updater)
    for name, array in arrays.items():
        array[...] = steps[name][i]
    for net, optimizer in updater.get_all_optimizers().items():
        optimizer.t = int(steps[f'{net}/t'][i])
        optimizer.alpha = float(steps[f'{net}/alpha'][i])
        for param in optimizer.target.params():
            param.update_rule.t = optimizer.t
    if getattr(updater, 'average', None) is not None:
        updater.average._t[...] = i
    return arrays


@pytest.mark.parametrize('mode', MODES)
def test_each_step_from_the_same_state(mode):
    """Every element within 0.01 of a step's length, and every report, with gates closing."""
    steps = np.load(BEFORE / mode / 'steps.npz')
    updater = make_updater(mode)
    for i in range(20):
        arrays = set_state(updater, steps, i)
        observation = {}
        with chainer.Reporter().scope(observation):
            updater.update()  # the same draws, too, or nothing would agree
        for name, array in arrays.items():
            if NOTHING_BUT_ROUNDING.search(name):
                continue
            expected = steps[name][i + 1]
            is_parameter = re.search(r'/(W|b|gamma|beta|angle)$', name) and 'average' not in name
            scale = steps[f'{name.split("/")[0]}/alpha'][i] if is_parameter else abs(expected).max()
            assert np.abs(array - expected).max() <= 0.01 * scale, f'{name} in step {i}'
        for net, optimizer in updater.get_all_optimizers().items():
            assert optimizer.t == steps[f'{net}/t'][i + 1]
        for name, value in observation.items():
            assert value == pytest.approx(steps[f'report/{name}'][i], rel=2e-5, abs=1e-6), name
