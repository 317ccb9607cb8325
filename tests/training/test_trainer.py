import dataclasses
import os
import signal

import numpy as np
import pytest

from chainer_pose.commands.train import parse_options
from chainer_pose.errors import InputError, Stopped
from chainer_pose.inference import weights as weights_file
from chainer_pose.training import run_directory
from chainer_pose.training import trainer as trainers
from chainer_pose.training.arrays import training_poses
from chainer_pose.utils import devices

SMALL = ('--out', 'unused', '--iterations', '4', '--n-unit', '8', '--batchsize', '4')


def make(small_splits, *given, validation=None):
    options = parse_options([*SMALL, *given])
    return trainers.make_trainer(options, small_splits['train'], validation, devices.get_device(-1))


def test_martinez_step_size_falls_by_4_percent_in_100000_iterations(small_splits, tmp_path):
    given = '--mode', 'supervised', '--model', 'martinez', '--alpha', '0.01'
    trainer = make(small_splits, *given, '--out', str(tmp_path))
    trainer.run()
    alpha = trainer.updater.get_optimizer('gen').alpha
    assert alpha == pytest.approx(0.01 * 0.96 ** (4 / 100000), rel=1e-12)
    assert alpha < 0.01


def test_a_learned_pitch_starts_looking_down(small_splits):
    """The mirror image in depth with the opposite pitch looks the same to the discriminator."""
    poses = training_poses(small_splits['train'])
    for learned, deviation in (('learn', 1e-4), ('each', 5)):
        pitch = make(small_splits, '--camera-pitch', learned).updater.pitch
        assert np.degrees(pitch(poses).array) == pytest.approx(10, abs=deviation)


def test_labels_are_those_of_the_share(small_splits):
    updater = make(small_splits, '--mode', 'supervised', '--labelled', '0.1').updater
    n = len(small_splits['train'])
    pose, depth = updater.get_iterator('main').arrays
    assert len(pose) == len(depth) == round(0.1 * n)
    updater = make(small_splits, '--mode', 'semi-supervised', '--labelled', '0.1').updater
    assert len(updater.get_iterator('main').arrays[0]) == n
    # The same clips for the same seed, whichever the mode.
    for array, expected in zip(updater.get_iterator('labelled').arrays, (pose, depth)):
        np.testing.assert_array_equal(array, expected)


def test_the_share_is_of_the_complete_poses(small_splits):
    data = small_splits['train']
    valid = np.ones(data.pose2d.shape[:2], bool)
    valid[::3, 4] = False
    holes = {'train': dataclasses.replace(data, valid=valid)}
    updater = make(holes, '--mode', 'supervised', '--labelled', '0.3').updater
    n_complete = valid.all(axis=1).sum()
    assert len(updater.get_iterator('main').arrays[0]) == round(0.3 * n_complete)


def test_a_snapshot_of_another_run_is_none_of_this(small_splits, tmp_path):
    few = {'train': small_splits['train'].select(slice(1))}
    make(few, '--out', str(tmp_path)).run()
    message = 'expected a snapshot of this training, found: .*order of shape .1,.'
    with pytest.raises(InputError, match=message):
        run_directory.load_snapshot(tmp_path / 'snapshot_4.npz', make(small_splits))


def test_what_is_written_is_the_average(small_splits, tmp_path):
    make(small_splits, '--ema', '0.9', '--out', str(tmp_path)).run()
    snapshot = weights_file.read_arrays(tmp_path / 'snapshot_4.npz')
    written = weights_file.read_arrays(tmp_path / 'gen_4.npz')['l2/W']
    np.testing.assert_array_equal(written, snapshot['updater/average/average/l2/W'])
    assert (written != snapshot['updater/model:gen/l2/W']).any()


@pytest.mark.parametrize(
    ('given', 'log', 'evaluate', 'draw'),
    [
        # Every twentieth of a run, but not so often that it takes a tenth of the time.
        (['--iterations', '100000'], 1000, 5000, 20000),
        (['--iterations', '5000'], 250, 250, 5000),
        # None in a run that is shorter than what takes a tenth of the time.
        (['--iterations', '100'], 5, 10, None),
        (['--iterations', '9'], 1, None, None),
        (['--iterations', '9', '--evaluate-interval', '20'], 1, 20, None),
        (['--iterations', '200', '--log-interval', '7', '--evaluate-interval', '3',
          '--draw-interval', '5'], 7, 3, 5),
    ],
)  # fmt: skip
def test_intervals(small_splits, given, log, evaluate, draw):
    assert len(small_splits['test']) == 120  # so not measured more often than every tenth step
    trainer = make(small_splits, *given, validation=small_splits['test'])
    found = {name: entry.trigger for name, entry in trainer._extensions.items()}
    assert found['read_reports'].interval == log
    assert ('validation' in found) is (evaluate is not None)
    assert found.get('validation', found['PosePlot']).interval == (evaluate or draw)
    assert found['PosePlot'].interval == found['plot_loss'].interval == draw


@pytest.mark.slow
def test_lifted_poses_are_drawn_not_measured(small_splits, tmp_path):
    lifted = dataclasses.replace(small_splits['test'], units_3d='px')
    often = '--evaluate-interval', '2', '--draw-interval', '2', '--out', str(tmp_path)
    make(small_splits, *often, validation=lifted).run()
    assert (tmp_path / 'poses' / '4.png').exists()
    assert not (tmp_path / 'gen_best.npz').exists()


def test_a_signal_in_the_iteration_of_a_snapshot_writes_it_once(
    small_splits, tmp_path, monkeypatch
):
    write, written = weights_file.write_arrays, []
    monkeypatch.setattr(
        weights_file, 'write_arrays', lambda path, *more: (written.append(path), write(path, *more))
    )
    trainer = make(small_splits, '--snapshot-interval', '2', '--out', str(tmp_path))
    update = trainer.updater.update

    def stopped() -> None:
        update()
        if trainer.updater.iteration == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(trainer.updater, 'update', stopped)
    with pytest.raises(Stopped):
        trainer.run(show_loop_exception_msg=False)
    assert written.count(str(tmp_path / 'snapshot_2.npz')) == 1
