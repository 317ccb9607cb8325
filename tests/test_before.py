"""The steps of commit 2aebe78, whose numbers lie in data/before, against today's."""

import re

import chainer
import numpy as np
import pytest
from before import BEFORE, MODES, NOTHING_BUT_ROUNDING, arrays_of, make_updater


def set_state(updater, steps, i):
    arrays = arrays_of(updater)
    for name, array in arrays.items():
        array[...] = steps[name][i]
    for net, optimizer in updater.get_all_optimizers().items():
        optimizer.t = int(steps[f'{net}/t'][i])
        optimizer.alpha = float(steps[f'{net}/alpha'][i])
        for param in optimizer.target.params():
            param.update_rule.t = optimizer.t
    if updater.average is not None:
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
