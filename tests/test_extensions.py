import types

import chainer
import numpy as np
import pytest

from chainer_pose import evaluation, links
from chainer_pose.extensions import MovingAverage, PoseEvaluator, PosePlot
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


def test_a_moving_average_by_hand_and_after_a_resume(rng):
    link = links.Generator(3, 4, 0.1, rng)
    extension = MovingAverage(link, 0.5)
    expected = link.l1.W.array.copy()
    for t in range(1, 16):
        link.l1.W.array[:] = t
        extension(trainer_at(t))
        decay = min(0.5, t / (t + 9))
        expected = decay * expected + (1 - decay) * t
        np.testing.assert_allclose(extension.average.l1.W.array, expected, rtol=1e-5)
    assert (link.l1.W.array == 15).all()
    stored = {}
    extension.serialize(chainer.serializers.DictionarySerializer(stored))
    other = MovingAverage(links.Generator(3, 4, 0.1, rng), 0.5)
    other.serialize(chainer.serializers.NpzDeserializer(stored))
    np.testing.assert_array_equal(other.average.l1.W.array, extension.average.l1.W.array)
