import chainer
import numpy as np
import pytest
from chainer import gradient_check

from chainer_pose import load_lifter
from chainer_pose.errors import InputError
from chainer_pose.inference import weights as weights_file
from chainer_pose.links import martinez
from chainer_pose.training import arrays


@pytest.fixture
def network(rng, small_splits):
    network = martinez.Martinez(17, 16, rng)
    network.standardize(*arrays.pixel_poses(small_splits['train']))
    return network


def test_five_layers_in_two_residual_blocks(network, rng):
    weights = {name: param.shape for name, param in network.namedparams() if param.ndim == 2}
    assert weights == {
        '/enter/linear/W': (16, 34),
        '/leave/W': (51, 16),
        **{f'/{layer}/linear/W': (16, 16) for layer in ('a1', 'a2', 'b1', 'b2')},
    }
    # Blocks whose last layers give nothing leave what came before them as it was.
    pose = rng.normal(500, 90, (6, 17, 2)).astype('f')
    with chainer.using_config('train', False):
        for layer in (network.a2, network.b2):
            layer.norm.gamma.array[:] = 0
            layer.norm.beta.array[:] = 0
        entered = network.enter((pose.reshape(6, 34) - network.in_mean) / network.in_std)
        np.testing.assert_allclose(
            network(pose).array, network.leave(entered).array, rtol=1e-5, atol=1e-5
        )


def test_input_and_output_are_standardised(network, small_splits):
    for name, pose in zip(('in', 'out'), arrays.pixel_poses(small_splits['train'])):
        part = pose.reshape(len(pose), -1)
        mean, std = getattr(network, f'{name}_mean'), getattr(network, f'{name}_std')
        np.testing.assert_allclose(mean, part.mean(axis=0), rtol=1e-4, atol=1e-2)
        np.testing.assert_allclose(std, part.std(axis=0), rtol=1e-4, atol=1e-2)
    assert not network.lift(small_splits['test'].pose2d, 0)[:, 0].any()  # the root, always zero


def test_half_the_units_are_dropped_by_a_given_stream(rng):
    layer = martinez.Layer(4, 4096, chainer.initializers.HeNormal(rng=rng))
    x = np.random.default_rng(0).normal(size=(4, 4)).astype('f')
    whole, dropped = layer(x).array, layer(x, np.random.default_rng(0)).array
    kept = dropped != 0
    assert kept.sum() / (whole != 0).sum() == pytest.approx(0.5, abs=0.03)
    np.testing.assert_allclose(dropped[kept], 2 * whole[kept], rtol=1e-6)


@pytest.mark.parametrize('length', [0.5, 30])
def test_weights_are_used_with_a_norm_of_at_most_one(rng, length):
    with chainer.using_config('dtype', np.float64):
        layer = martinez.MaxNormLinear(5, 7, chainer.initializers.HeNormal(rng=rng))
    x = rng.normal(size=(4, 5))
    layer.W.array *= length / np.linalg.norm(layer.W.array)
    np.testing.assert_allclose(layer(x).array, x @ layer.W.array.T / max(length, 1))
    assert np.linalg.norm(layer.W.array) == pytest.approx(length)  # stored as long as it is
    gradient_check.check_backward(
        lambda x, *_: layer(x), x, rng.normal(size=(4, 7)), list(layer.params()), atol=1e-4
    )


def test_its_file_rebuilds_it_and_is_no_generators(network, small_splits, tmp_path):
    data, path, stored = small_splits['test'], tmp_path / 'gen_5.npz', {}
    network.serialize(chainer.serializers.DictionarySerializer(stored))
    weights_file.write_generator(path, stored, data.skeleton)
    again = weights_file.load_generator(path).generator
    np.testing.assert_array_equal(again.lift(data.pose2d, 0), network.lift(data.pose2d, 0))
    with pytest.raises(InputError, match=r'gen_5.npz: expected a generator, which lifts'):
        load_lifter(path)
