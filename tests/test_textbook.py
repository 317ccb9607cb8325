"""The training step against the same mathematics in plain Chainer."""

import chainer
import numpy as np
import pytest
import textbook
from chainer.backends import cuda
from chainer.serializers import DictionarySerializer, NpzDeserializer

from chainer_pose import datasets, links, optimizers
from chainer_pose.optimizers import adam
from chainer_pose.skeletons import H36M17
from chainer_pose.training import AngleIterator, PoseGANUpdater
from chainer_pose.utils import devices

STEPS, BATCH, UNITS, ALPHA, DECAY = 100, 16, 64, 2e-4, 1e-5
NETWORKS = 'gen', 'dis'
ON_GPU = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not (cuda.available and cuda.cupy.is_available()), reason='needs a CUDA GPU and CuPy'
    ),
]


def both(poses, cap, device):
    """Our updater and plain Chainer's, on networks of the poses' dtype."""
    rng = np.random.default_rng(3)
    with chainer.using_config('dtype', poses.dtype):
        ours = {
            'gen': links.Generator(17, UNITS, 0.1, rng),
            'dis': links.Discriminator(17, UNITS, 0.1, rng),
        }
        for link in ours.values():
            link.to_device(device)
        theirs = {name: textbook.copy_of(link) for name, link in ours.items()}
    ours = {name: optimizers.Adam(ALPHA, 0.5, DECAY).setup(link) for name, link in ours.items()}
    theirs = {name: textbook.adam(link, ALPHA, 0.5, DECAY) for name, link in theirs.items()}
    iterators = {
        'main': datasets.PoseIterator((device.send(poses),), BATCH, np.random.default_rng(1)),
        'angles': AngleIterator(BATCH, np.random.default_rng(2), device),
    }
    joints = H36M17.face_joints
    return (
        PoseGANUpdater(iterators, ours, joints, accuracy_cap=cap, device=device),
        textbook.TextbookUpdater(
            chainer.iterators.SerialIterator(poses, BATCH), theirs, joints, rng, cap, device=device
        ),
    )


def copy_state(optimizer, other):
    """Copy parameters, moments and the count of steps."""
    other.target.copyparams(optimizer.target)
    saved = DictionarySerializer()
    saved.save(optimizer)
    arrays = {key: np.array(array) for key, array in saved.target.items()}
    NpzDeserializer(arrays, strict=False).load(other)  # before the first step: no moments


@pytest.mark.parametrize('device', ['@numpy', pytest.param('@cupy:0', marks=ON_GPU)])
@pytest.mark.parametrize(('dtype', 'tolerance'), [('f', 1e-2), ('d', 1e-6)])
def test_each_step_is_plain_chainers(rng, monkeypatch, device, dtype, tolerance):
    monkeypatch.setattr(adam, 'BLOCK', 1024)  # several blocks a weight
    device = chainer.get_device(device)
    poses = rng.normal(size=(200, 17, 2)).astype(dtype)
    with devices.using(device):
        ours, theirs = both(poses, cap=0.55, device=device)
        updated = []
        for _ in range(STEPS):
            real = device.send(poses[rng.integers(len(poses), size=BATCH)])
            angle = device.send(rng.uniform(-np.pi, np.pi, BATCH).astype(dtype))
            for name in NETWORKS:
                copy_state(ours.get_optimizer(name), theirs.get_optimizer(name))
            before = {name: arrays(ours, name) for name in NETWORKS}
            reporter, expected = chainer.Reporter(), {}
            with reporter.scope(expected):
                theirs.step(real, angle)
            report = ours.step(real, angle)

            assert float(report['dis/accuracy']) == expected['dis/accuracy']
            loss = float(report['dis/loss'].array)
            assert loss == pytest.approx(float(expected['dis/loss'].array), rel=1e-5)
            updated.append([bool(report[f'{name}/updated']) for name in NETWORKS])
            for name, moved in zip(NETWORKS, updated[-1]):
                found = arrays(ours, name)
                for key, array in arrays(theirs, name).items():
                    assert array.dtype == found[key].dtype == dtype
                    assert np.abs(found[key] - array).max() < tolerance * ALPHA, key
                    if key.endswith('W'):  # not by rounding alone: a step is about alpha long
                        assert (np.abs(array - before[name][key]).max() > 0.1 * ALPHA) == moved
    assert {tuple(step) for step in updated} == {(True, True), (True, False), (False, True)}


def arrays(updater, name):
    """dict of a network's parameters on the host, copied."""
    target = updater.get_optimizer(name).target
    return {key: np.array(devices.to_host(param.array)) for key, param in target.namedparams()}
