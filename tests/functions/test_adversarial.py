import chainer
import numpy as np
import pytest
from chainer import gradient_check

from chainer_pose import functions


def test_losses_by_hand():
    real, fake = np.array([[0.0], [np.log(3)]], 'f'), np.array([[0.0], [-np.log(3)]], 'f')
    # -log D: log 2 at logit 0, log(4/3) at log 3; -log(1 - D) the same for the fakes.
    expected = np.log(2) + np.log(4 / 3)
    assert functions.discriminator_loss(real, fake).array == pytest.approx(expected, rel=1e-6)
    # The generator: log 2 at 0, log 4 at -log 3.
    expected = (np.log(2) + np.log(4)) / 2
    assert functions.generator_loss(fake).array == pytest.approx(expected, rel=1e-6)


def test_losses_of_great_logits_are_finite_with_their_gradients():
    great = np.array([[1e4], [-1e4]], 'f')
    for loss, arguments in (
        (functions.generator_loss, 1),
        (functions.discriminator_loss, 2),
    ):
        logits = [chainer.Variable(great) for _ in range(arguments)]
        value = loss(*logits)
        value.backward()
        assert np.isfinite(value.array)
        assert all(np.isfinite(y.grad).all() for y in logits)


def test_gradients_of_the_losses(rng):
    real, fake = rng.normal(size=(2, 5, 1))
    gradient_check.check_backward(functions.generator_loss, fake, None, dtype='d')
    gradient_check.check_backward(functions.discriminator_loss, (real, fake), None, dtype='d')


def test_accuracy_by_hand():
    real, fake = np.array([[1.0], [2.0], [0.0], [-1.0]]), np.array([[-1.0], [0.0], [1.0], [2.0]])
    # A logit of 0 is wrong on either side.
    assert functions.accuracy(real, fake, 1.0, 1.0) == (3 / 8, 2 / 4, 1 / 4)


@pytest.mark.parametrize('losses', [(np.nan, 1), (1, np.inf), (np.inf, -np.inf)])
def test_no_accuracy_passes_a_gate_where_a_loss_is_not_finite(losses):
    both, *_ = functions.accuracy(np.ones((2, 1)), np.ones((2, 1)), *losses)
    assert not both >= 0
    assert not both <= 1


def test_halves(rng):
    y = rng.normal(size=(6, 1))
    for found, expected in zip(functions.halves(y), (y[:3], y[3:])):
        np.testing.assert_array_equal(found.array, expected)
    for used in (slice(0, 2), slice(0, 1), slice(1, 2)):
        gys = (*rng.normal(size=(2, 3, 1)),)[used]
        gradient_check.check_backward(lambda y, u=used: functions.halves(y)[u], y, gys, dtype='d')
