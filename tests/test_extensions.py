import types

import chainer
import pytest

from chainer_pose import evaluation, links
from chainer_pose.extensions import PoseEvaluator, PosePlot
from chainer_pose.triggers import EveryAndLast


@pytest.fixture
def generator(rng):
    return links.Generator(17, 16, 0.1, rng)


def trainer_at(iteration, out='.'):
    return types.SimpleNamespace(updater=types.SimpleNamespace(iteration=iteration), out=str(out))


def test_the_evaluator_reports_the_average_and_every_action(generator, small_splits):
    data = small_splits['test']
    observation = {}
    with chainer.Reporter().scope(observation):
        PoseEvaluator(generator, data, batchsize=50)(trainer_at(1))
    score = evaluation.evaluate(generator, data).scores['kudo']
    assert observation['validation/mpjpe'] == pytest.approx(score.average, rel=1e-6)
    assert observation['validation/mpjpe/Sitting'] == pytest.approx(
        score.actions['Sitting'], rel=1e-6
    )
    assert len(observation) == 16
    assert {type(value) for value in observation.values()} == {float}


def test_the_plot_is_drawn(generator, small_splits, flat_data, tmp_path):
    for iteration, data in ((5, small_splits['test']), (6, flat_data)):
        PosePlot(generator, data)(trainer_at(iteration, tmp_path))
        picture = (tmp_path / 'poses' / f'{iteration}.png').read_bytes()
        assert picture.startswith(b'\x89PNG')


@pytest.mark.parametrize(
    ('interval', 'last', 'fired'), [(4, 10, [4, 8, 10]), (5, 10, [5, 10]), (20, 3, [3])]
)
def test_every_and_last(interval, last, fired):
    trigger = EveryAndLast(interval, last)
    assert [i for i in range(1, last + 1) if trigger(trainer_at(i))] == fired
