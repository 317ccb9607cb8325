"""The same code on a CUDA GPU. Run where there is one: pytest -m gpu."""

import numpy as np
import pytest
from chainer.backends import cuda

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not (cuda.available and cuda.cupy.is_available()), reason='no CUDA GPU or no CuPy'
    ),
]


@pytest.fixture
def device():
    from chainer_pose import devices

    device = devices.get_device(0)
    device.use()
    return device


def test_geometry_and_functions_agree_with_the_cpu(device, rng):
    from chainer_pose import functions, geometry
    from chainer_pose.skeleton import H36M17

    pose = rng.normal(size=(64, 17, 3)).astype('f')
    angle = rng.uniform(-np.pi, np.pi, 64).astype('f')
    rows, depth = functions.to_rows(pose[:, :, :2]), pose[:, :, 2]
    joints = H36M17.angle_joints
    for function, arguments in (
        (lambda p: geometry.normalize(p, 0)[0], (pose,)),
        (geometry.rotate_about_vertical, (pose, angle)),
        (lambda *a: functions.rotate_and_project(*a).array, (rows, depth, angle)),
        (lambda *a: functions.angle_loss(*a, joints).array, (rows, depth)),
        (lambda *a: functions.rescale(*a).array, (rows,)),
        (lambda a: functions.rotations(a, 0.2).array, (angle,)),
        (lambda p: functions.bone_ratios(p, H36M17.bones).array, (pose,)),
    ):
        on_gpu = function(*(device.send(a) for a in arguments))
        assert isinstance(on_gpu, cuda.cupy.ndarray)
        np.testing.assert_allclose(on_gpu.get(), function(*arguments), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    'given',
    [
        [],
        ['--preset', 'plus'],
        ['--mode', 'semi-supervised', '--labelled', '0.1'],
        ['--mode', 'supervised'],
        ['--mode', 'supervised', '--model', 'martinez'],
    ],
)
def test_twenty_updates_agree_with_the_cpu(device, small_file, given):
    import train
    from chainer_pose import datasets, devices, pose_file, trainers

    data = pose_file.read(small_file, 'train')
    rows = datasets.training_rows(data)
    options = train.parse_options(
        ['--dataset', str(small_file), '--iterations', '20', '--out', 'unused']
        + ['--n-unit', '64', *given]
    )
    weights = []
    for where in (devices.get_device(-1), device):
        where.use()
        updater = trainers.make_trainer(options, data, rows, None, where).updater
        assert isinstance(updater.get_iterator('main').next(), where.xp.ndarray)
        for _ in range(20):
            updater.update()
        weights.append(
            {
                name + key: cuda.to_cpu(param.array)
                for name, optimizer in updater.get_all_optimizers().items()
                for key, param in optimizer.target.namedparams()
            }
        )
    for key, expected in weights[0].items():
        np.testing.assert_allclose(weights[1][key], expected, atol=2e-4, err_msg=key)


def test_train_and_evaluate(script, small_file, tmp_path):
    run = tmp_path / 'run'
    trained = script(
        'train.py', '--gpu', 0, '--dataset', small_file, '--iterations', 30, '--out', run,
        '--snapshot-interval', 15,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    resumed = script('train.py', '--resume', run, '--iterations', 40)
    assert resumed.returncode == 0, resumed.stderr
    for gpu in (0, -1):
        evaluated = script('evaluate.py', '--snapshot', run, '--gpu', gpu)
        assert evaluated.returncode == 0, evaluated.stderr


def test_the_ready_weights_lift_as_on_the_cpu(device, rng):
    from chainer_pose import load_lifter

    pose2d = rng.normal(400, 90, (50, 17, 2)).astype('f')
    pose2d[3, 5] = np.nan
    on_cpu, on_gpu = (load_lifter('cmu', gpu=gpu)(pose2d, skeleton='coco17') for gpu in (-1, 0))
    assert isinstance(on_gpu, np.ndarray)
    np.testing.assert_allclose(on_gpu, on_cpu, rtol=1e-3, atol=0.1)


def test_a_gate_that_only_the_device_knows(device, rng):
    """`FlatAdam`'s kernels: Adam where the gate is open, nothing where it is closed."""
    from chainer_pose import links, optimizers
    from chainer_pose.flat_adam import FlatAdam

    here = links.Generator(17, 64, 0.3, rng)
    there = here.copy(mode='copy')
    there.to_device(device)
    adams = [kind(1e-3, 0.5, 1e-2).setup(net) for kind, net in
             ((optimizers.Adam, here), (FlatAdam, there))]  # fmt: skip
    for i in range(9):
        opened = i % 3 > 0
        for one, other in zip(here.params(), there.params()):
            gradient = rng.normal(size=one.shape).astype('f')
            optimizers.take(one, gradient)
            optimizers.take(other, device.send(gradient))
        if opened:
            adams[0].update()
        adams[1].when = device.xp.asarray(opened)
        adams[1].update()
    for one, other in zip(here.params(), there.params()):
        np.testing.assert_allclose(other.array.get(), one.array, rtol=1e-5, atol=1e-6)
