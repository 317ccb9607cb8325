import numpy as np
import pytest

from chainer_pose import functions


def test_losses_by_hand():
    real, fake = np.array([[0.0], [np.log(3)]], 'f'), np.array([[0.0], [-np.log(3)]], 'f')
    # -log D: log 2 at logit 0, log(4/3) at log 3; -log(1 - D) the same for the fakes.
    expected = np.log(2) + np.log(4 / 3)
    assert functions.discriminator_loss(real, fake).array == pytest.approx(expected, rel=1e-6)
    # The generator: log 2 at 0, log 4 at -log 3.
    expected = (np.log(2) + np.log(4)) / 2
    assert functions.generator_loss(fake).array == pytest.approx(expected, rel=1e-6)


def test_accuracy_by_hand():
    real, fake = np.array([[1.0], [2.0], [0.0], [-1.0]]), np.array([[-1.0], [0.0], [1.0], [2.0]])
    # A logit of 0 is wrong on either side.
    assert functions.accuracy(real, fake, 1.0, 1.0) == (3 / 8, 2 / 4, 1 / 4)


@pytest.mark.parametrize('losses', [(np.nan, 1), (1, np.inf), (np.inf, -np.inf)])
def test_accuracy_is_nan_if_a_loss_is_not_finite(losses):
    assert np.isnan(functions.accuracy(np.ones((2, 1)), np.ones((2, 1)), *losses)[0])
