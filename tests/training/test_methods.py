"""The names of methods, and the paper's values."""

import dataclasses

import numpy as np
import pytest

from chainer_pose.commands.train import parse_options
from chainer_pose.datasets import PoseData
from chainer_pose.datasets.readers import h36m, mpi_inf_3dhp
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17
from chainer_pose.training import methods
from chainer_pose.training.options import MODELS, PRESETS

PAPER = {
    'batchsize': 16, 'alpha': 2e-4, 'angle_weight': 1.0, 'accuracy_cap': 0.9,
    'n_unit': 1024, 'init_std': 0.02, 'beta1': 0.5, 'weight_decay': 1e-5,
    'mode': 'unsupervised', 'model': 'kudo', 'labelled': 1.0, 'depth_weight': 10.0,
    'camera_pitch': 0.0, 'line_of_sight': [], 'consistency': [0.0, 0.0], 'bone_weight': 0.0,
    'ema': 0.0, 'zero_root': False, 'augment': False, 'rescale_fakes': False,
}  # fmt: skip


def test_the_default_is_the_paper():
    assert methods.PAPER == PAPER
    assert list(methods.PAPER) == list(PAPER)  # in this order options are named
    for names in (*PRESETS.values(), *MODELS.values()):
        assert set(names) <= {*PAPER, 'epoch'}
    assert methods.typed_options(parse_options([])) == ''


TRAIN = list(h36m.SPLITS['train'])
DATA = {'name': 'h36m', 'poses': 101, 'subjects': TRAIN, 'fps': 10.0, 'preparation': '',
        'lacks': '', 'excused': 'a camera'}  # fmt: skip
WHOLE = PoseData(
    'h36m', H36M17, np.tile(np.arange(34.0).reshape(17, 2), (3, 1, 1)), fps=10, lacks='',
    names={'subject': ['S9', 'S11'], 'action': ['Directions'], 'camera': ['54138969', '55011271']},
    columns={key: np.array(index) for key, index in
             {'subject': [0, 1, 1], 'action': [0, 0, 0], 'camera': [0, 1, 1]}.items()},
)  # fmt: skip
OF_3DHP = {'name': 'mpi_inf_3dhp', 'subjects': list(mpi_inf_3dhp.TRAIN_SUBJECTS), 'fps': 0.0}
MEASURED_3DHP = {'name': 'mpi_inf_3dhp', 'fps': 0.0}
N = 316  # 50 epochs of 101 poses by 16
OTHER = 'Ours, other options'
MARTINEZ = {'mode': 'supervised', 'model': 'martinez', **MODELS['martinez'], 'iterations': 9}
JOINTS = '17 joints (theirs 16)'


def run_of(folder, options=None, data=None, done=N, name=None, seed=0):
    """A run of the paper's, but for some options and some of what is stored of the data."""
    options = dataclasses.replace(parse_options([]), seed=seed, **(options or {}))
    stored = options.to_json() | {'data': data if data == {} else {**DATA, **(data or {})}}
    weights = folder / (name or f'gen_{done}.npz')
    weights.touch()
    return methods.Run(weights, done, options=options, stored=stored)


def context_of(runs, data=WHOLE, keypoints='gt'):
    return methods.of(runs, data, 'test', keypoints, 'no.h5')


@pytest.fixture(autouse=True)
def no_file(monkeypatch):
    """Whose poses are whose is not of these tests."""
    monkeypatch.setattr('chainer_pose.training.run_directory.used', lambda *_: True)


@pytest.mark.parametrize(
    ('options', 'data', 'measured', 'name', 'departures'),
    [
        ({}, None, {}, 'Ours', []),
        ({'iterations': 9}, None, {}, OTHER, ['9 of 316 iterations']),
        ({'epoch': 60}, None, {}, OTHER, ['379 of 316 iterations']),
        ({'ema': 0.9}, None, {}, OTHER, ['--ema 0.9']),
        ({'holdout': 0.1}, None, {}, OTHER, ['--holdout 0.1']),
        ({}, {'name': 'cmu_rig'}, {}, OTHER, ['data cmu_rig']),
        ({}, {'subjects': TRAIN[:2], 'lacks': 'S6'}, {}, OTHER,
         ['trained on S1 S5', 'trained on a part']),
        ({}, {'lacks': None}, {}, OTHER, ['data not known']),
        ({}, {}, {}, OTHER, ['316 iterations', 'data not known']),
        ({}, {'fps': 50.0}, {'fps': 50.0}, OTHER, ['50 Hz']),
        ({}, None, {'fps': 50.0}, OTHER, ['measured at 50 Hz']),
        ({}, {'preparation': 'turned'}, {'preparation': 'turned'}, OTHER, ['turned']),
        ({}, None, {'preparation': 'turned'}, OTHER, ['turned']),
        ({'keypoints': 'sh_ft'}, None, {}, OTHER,
         ['keypoints sh_ft (Stacked Hourglass fine-tuned on Human3.6M)']),
        ({}, None, {'lacks': 'S9 Walking'}, OTHER, ['measured on a part only']),
        ({'ranks': 4}, None, {}, OTHER, ['batches of 64']),
        ({'batchsize': 4, 'ranks': 4}, None, {}, 'Ours', []),
        ({}, OF_3DHP, MEASURED_3DHP, 'Ours', []),
        ({}, None, MEASURED_3DHP, OTHER, ['data h36m']),
        ({}, {**OF_3DHP, 'subjects': ['S1'], 'lacks': 'S2 Seq1'}, {**MEASURED_3DHP, 'lacks': 'TS1'},
         OTHER, ['trained on S1', 'trained on a part', 'measured on a part only']),
        ({'mode': 'semi-supervised', 'labelled': 0.01}, None, {}, 'Ours, semi-supervised',
         ['--mode semi-supervised --labelled 0.01']),
        # Of other data there are no published numbers.
        ({'ema': 0.9}, {'fps': 20.0, 'lacks': None}, {'name': 'cmu_rig'}, OTHER, ['--ema 0.9']),
        ({**MARTINEZ, 'alpha': 0.01}, None, {}, 'Martinez et al.',
         ['9 of 316 iterations', '--alpha 0.01', JOINTS, '10 Hz (theirs 50 Hz)']),
        (MARTINEZ, {'fps': 50.0}, {'fps': 50.0}, 'Martinez et al.',
         ['9 of 316 iterations', JOINTS]),
    ],
)  # fmt: skip
def test_all_that_departs_from_the_paper_is_named(
    tmp_path, options, data, measured, name, departures
):
    begun = run_of(tmp_path, options)
    begun.weights.unlink()
    run = run_of(tmp_path, options, data, begun.planned())
    found = context_of([run], dataclasses.replace(WHOLE, **measured), run.options.keypoints)
    assert (found.label, found.departures) == (name, departures)
    assert found.published == ('' if departures else 'Ours (paper)')


def test_which_weights_are_measured_is_told(tmp_path):
    def chosen(run):
        found = context_of([run])
        return found.trained['chosen_by'], found.departures

    assert chosen(run_of(tmp_path)) == ('the last of the run', [])
    best = run_of(tmp_path, name='gen_best.npz')
    assert chosen(best) == ('test error, which flatters it', ['chosen by test error'])
    both = context_of([run_of(tmp_path), best])
    assert both.trained['chosen_by'] == 'the last of the run, test error, which flatters it'
    assert both.departures == ['chosen by test error']
    along = run_of(tmp_path, {'line_of_sight': [1100.0, 500.0, 500.0]})
    for camera, measured in (
        ((1100.0, 500.0, 500.0), []),
        ((10.0, 9.0, 9.0), ['measured with --line-of-sight 10 9 9']),
    ):
        found = context_of([along._replace(camera=camera)]).departures
        assert found == ['--line-of-sight 1100 500 500', *measured]
    held = run_of(tmp_path, {'holdout': 0.1}, name='gen_best.npz')
    assert chosen(held)[0] == 'error on held-out clips'
    (tmp_path / 'gen_999.npz').touch()
    assert chosen(run_of(tmp_path)) == ('not known', ['choice of the weights not known'])
    lone = methods.Run(tmp_path / 'gen_7.npz')
    assert chosen(lone)[1] == ['iterations not known', 'options not known', 'data not known']


def test_poses_left_out_are_a_part_but_for_the_excused(tmp_path):
    valid = np.ones((3, 17), bool)
    valid[1:, 5] = False  # S11 Directions, which some copies have no detections of
    data = dataclasses.replace(WHOLE, valid=valid)

    def measured(data):
        return context_of([run_of(tmp_path)], data)

    excused = ['a camera', '2 poses of S11 Directions, without detections']
    assert (measured(data).part, measured(data).excused) == ('', excused)
    valid[0, 5] = False
    assert 'a part only: lacks 1 poses' in measured(data).part
    assert 'prepare the file again' in measured(dataclasses.replace(WHOLE, lacks=None)).part
    assert measured(dataclasses.replace(data, name='cmu_rig', lacks=None)).part == ''


def test_runs_that_are_averaged_differ_in_their_seeds_only(tmp_path):
    runs = [run_of(tmp_path, seed=seed) for seed in range(3)]
    methods.check_seeds(runs)
    found = context_of(runs)
    assert (found.label, found.trained['seeds']) == ('Ours, seeds 0 1 2', [0, 1, 2])
    for other, message in (
        (run_of(tmp_path, {'ema': 0.9}, seed=3), 'found --ema 0.9 beside --ema 0'),
        (
            run_of(tmp_path, {'line_of_sight': [1147.0, 514.0, 507.0]}, seed=3),
            'found --line-of-sight 1147 514 507 beside no --line-of-sight',
        ),
        (run_of(tmp_path, {'keypoints': 'sh'}), 'found --keypoints sh beside --keypoints gt'),
        (run_of(tmp_path, data={'sha256': 'x'}, seed=3), 'found other data than of'),
        (run_of(tmp_path), 'found seeds 0 1 2 0'),
    ):
        with pytest.raises(InputError, match=message):
            methods.check_seeds([*runs, other])


@pytest.mark.parametrize(
    ('given', 'named'),
    [
        (['--preset', 'plus', '--ema', '0'],
         '--accuracy-cap 0.8 --camera-pitch each --consistency 30 3 --bone-weight 100 '
         '--zero-root'),
        (['--mode', 'supervised', '--model', 'martinez', '--n-unit', '64'],
         '--n-unit 64 --mode supervised --model martinez'),
        (['--angle-weight', '0', '--alpha', '1e-5'], '--alpha 1e-05 --angle-weight 0'),
    ],
)  # fmt: skip
def test_the_options_named_give_the_same_run(given, named):
    options = parse_options(given)
    assert methods.typed_options(options) == named
    again = parse_options(named.split())
    assert dataclasses.replace(again, preset=options.preset) == options
