import numpy as np
import pytest

import train
from chainer_pose import datasets, devices, run_directory, trainers
from chainer_pose.extensions import MovingAverage
from chainer_pose.flat_adam import FlatAdam
from chainer_pose.optimizers import Adam


def make(small_splits, *given):
    options = train.parse_options(
        ['--out', 'unused', '--iterations', '4', '--n-unit', '8', '--batchsize', '4', *given]
    )
    data = small_splits['train']
    rows = datasets.training_rows(data)
    return trainers.make_trainer(options, data, rows, None, devices.get_device(-1))


@pytest.mark.parametrize(
    ('given', 'weights'),
    [
        ([], {'loss': 1, 'angle': 1}),
        (['--angle-weight', '0'], {'loss': 1}),
        (['--consistency', '10', '0'], {'loss': 1, 'angle': 1, 'consistency_2d': 10,
                                        'consistency_depth': 0}),
        (['--bone-weight', '100', '--angle-weight', '2'], {'loss': 1, 'angle': 2, 'bones': 100}),
        (['--mode', 'semi-supervised', '--depth-weight', '5'], {'loss': 1, 'angle': 1, 'depth': 5}),
        (['--preset', 'plus'], {'loss': 1, 'angle': 1, 'consistency_2d': 10,
                                'consistency_depth': 1, 'bones': 100}),
    ],
)  # fmt: skip
def test_the_terms_that_the_options_ask_for(small_splits, given, weights):
    updater = make(small_splits, *given).updater
    found = {name: weight for term in updater.terms for name, weight in term.weights.items()}
    assert found == weights


def test_the_default_is_the_papers_method(small_splits):
    trainer = make(small_splits)
    assert trainer.updater.pitch is None
    assert set(trainer.updater.get_all_optimizers()) == {'gen', 'dis'}
    with pytest.raises(ValueError, match='moving_average'):
        trainer.get_extension('moving_average')
    assert trainer.updater.get_optimizer('gen').target.l4.W.array[0].any()


def test_martinez_step_size_falls_by_4_percent_in_100000_iterations(small_splits, tmp_path):
    given = '--mode', 'supervised', '--model', 'martinez', '--alpha', '0.01'
    trainer = make(small_splits, *given, '--out', str(tmp_path))
    trainer.run()
    alpha = trainer.updater.get_optimizer('gen').alpha
    assert alpha == pytest.approx(0.01 * 0.96 ** (4 / 100000), rel=1e-12)
    assert alpha < 0.01


def test_plus(small_splits):
    trainer = make(small_splits, '--preset', 'plus')
    optimizers = trainer.updater.get_all_optimizers()
    assert optimizers['pitch'].target is trainer.updater.pitch
    assert (optimizers['pitch'].alpha, optimizers['pitch'].weight_decay) == (1e-3, 0)
    assert float(trainer.updater.pitch.angle.array) == 0
    average = trainer.get_extension('moving_average')
    assert isinstance(average, MovingAverage)
    # Measured, drawn and saved is the average, not the generator itself.
    assert average.average is not optimizers['gen'].target
    assert not optimizers['gen'].target.l4.W.array[0].any()  # the root's depth


def test_a_given_pitch_is_not_learned(small_splits):
    updater = make(small_splits, '--camera-pitch', '-12.5').updater
    assert 'pitch' not in updater.get_all_optimizers()
    assert float(updater.pitch.angle.array) == pytest.approx(np.radians(-12.5))


def test_labels_are_those_of_the_share(small_splits):
    updater = make(small_splits, '--mode', 'supervised', '--labelled', '0.1').updater
    n = len(small_splits['train'])
    assert len(updater.get_iterator('main').rows) == round(0.1 * n)
    semi = make(small_splits, '--mode', 'semi-supervised', '--labelled', '0.1').updater
    assert len(semi.get_iterator('main').rows) == n
    (depth,) = [term for term in semi.terms if 'depth' in term.weights]
    # The same clips for the same seed, whichever the mode.
    labelled = {row.tobytes() for row in updater.get_iterator('main').rows}
    assert {row.tobytes() for row in depth._iterator.rows} == labelled


def test_old_seeds_keep_their_meaning():
    assert trainers.STREAMS[:5] == ('gen', 'dis', 'shuffle', 'angles', 'holdout')


def test_the_run_measures_the_average(script, small_file, tmp_path):
    """gen_N.npz is the average that the snapshot holds beside the generator."""
    run = tmp_path / 'run'
    finished = script(
        'train.py', '--dataset', small_file, '--out', run, '--iterations', 6, '--n-unit', 8,
        '--ema', 0.9, '--snapshot-interval', 3, '--evaluate-interval', 6, '--log-interval', 6,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    snapshot = run_directory.read_arrays(run / 'snapshot_6.npz')
    written = run_directory.read_arrays(run / 'gen_6.npz')
    key = 'updater/model:gen/l2/W'
    assert (written['l2/W'] != snapshot[key]).any()
    average = next(k for k in snapshot if k.endswith('average/l2/W'))
    np.testing.assert_array_equal(written['l2/W'], snapshot[average])


@pytest.mark.parametrize(
    'given', [[], ['--preset', 'plus'], ['--mode', 'semi-supervised', '--labelled', '0.2'],
              ['--mode', 'supervised'], ['--mode', 'supervised', '--model', 'martinez']]
)  # fmt: skip
def test_what_a_gpu_is_given_trains_to_the_same_parameters(small_splits, monkeypatch, given):
    """One array a network, a gate that Python does not ask: on arrays of NumPy."""
    weights = []
    for is_gpu in (False, True):
        monkeypatch.setattr(trainers, '_is_gpu', lambda device, answer=is_gpu: answer)
        updater = make(small_splits, *given).updater
        for _ in range(20):
            updater.update()
        kinds = {type(optimizer) for optimizer in updater.get_all_optimizers().values()}
        assert kinds == {FlatAdam if is_gpu else Adam}
        weights.append(
            {
                name + key: param.array
                for name, optimizer in updater.get_all_optimizers().items()
                for key, param in optimizer.target.namedparams()
            }
        )
    for key, expected in weights[0].items():
        np.testing.assert_allclose(weights[1][key], expected, atol=1e-7, err_msg=key)
