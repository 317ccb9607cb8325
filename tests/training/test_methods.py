"""The names of methods, and the paper's values."""

import dataclasses

import pytest
from chainer.serializers import DictionarySerializer

from chainer_pose.commands.train import parse_options
from chainer_pose.inference.weights import write_generator
from chainer_pose.links import Generator
from chainer_pose.skeletons import H36M17
from chainer_pose.training import methods, run_directory
from chainer_pose.training.options import MODELS, PRESETS

PAPER = {
    'batchsize': 16, 'alpha': 2e-4, 'angle_weight': 1.0, 'accuracy_cap': 0.9,
    'n_unit': 1024, 'init_std': 0.02, 'beta1': 0.5, 'weight_decay': 1e-5,
    'mode': 'unsupervised', 'model': 'kudo', 'labelled': 1.0, 'depth_weight': 10.0,
    'camera_pitch': 0.0, 'consistency': [0.0, 0.0], 'bone_weight': 0.0, 'ema': 0.0,
    'zero_root': False, 'rescale_fakes': False,
}  # fmt: skip


def test_the_default_is_the_paper():
    assert methods.PAPER == PAPER
    assert list(methods.PAPER) == list(PAPER)  # in this order options are named
    for names in (*PRESETS.values(), *MODELS.values()):
        assert set(names) <= set(PAPER)
    options = parse_options([]).to_json()
    assert methods.of(options) == ('Ours', 'w/o 3D dataset', 'Ours (paper)', '')
    assert methods.of({'seed': 3}).options == ''  # of a run before an option was there
    assert methods.of({})[:2] == ('Ours', 'not known whether w/ 3D dataset')


MARTINEZ = {'mode': 'supervised', 'model': 'martinez', **MODELS['martinez']}


@pytest.mark.parametrize(
    ('changed', 'named'),
    [
        ({'ema': 0.999}, ('Ours, other options', 'w/o 3D dataset', 'Ours (paper)')),
        ({'mode': 'semi-supervised'}, ('Ours, semi-supervised', 'w/ 3D dataset', '')),
        ({'mode': 'semi-supervised', 'labelled': 0.01},
         ('Ours, semi-supervised', 'w/ part of a 3D dataset', '')),
        ({'mode': 'supervised'}, ('Ours, supervised', 'w/ 3D dataset', '')),
        ({**MARTINEZ, 'alpha': 0.01}, ('Martinez et al.', 'w/ 3D dataset', 'Martinez et al. [15]')),
    ],
)  # fmt: skip
def test_labels_and_additions_are_named(changed, named):
    assert methods.of({**methods.PAPER, **changed})[:3] == named


@pytest.mark.parametrize(
    ('given', 'named'),
    [
        (['--preset', 'plus', '--ema', '0'],
         '--camera-pitch learn --consistency 10 1 --bone-weight 100 --zero-root'),
        (['--mode', 'supervised', '--model', 'martinez', '--n-unit', '64'],
         '--n-unit 64 --mode supervised --model martinez'),
        (['--angle-weight', '0', '--alpha', '1e-5'], '--alpha 1e-05 --angle-weight 0'),
    ],
)  # fmt: skip
def test_the_options_named_give_the_same_run(given, named):
    options = parse_options(given)
    assert methods.of(options.to_json()).options == named
    again = parse_options(named.split())
    assert dataclasses.replace(again, preset=options.preset) == options


@pytest.mark.parametrize(
    ('options', 'stem', 'iteration', 'found'),
    [
        ({'iterations': 9}, 'gen_9', 9, (9, 9)),
        ({'epoch': 3}, 'gen_2', 14, (14, 19)),  # ceil(3 * 101 / 16)
        ({'epoch': 3, 'batchsize': 8, 'ranks': 2}, 'gen_3', 19, (19, 19)),
        ({'epoch': 2, 'mode': 'supervised', 'labelled': 0.1}, 'gen_1', 1, (1, 2)),
        ({'epoch': 3, 'data': {}}, 'gen_2', None, (2, 3)),  # of an older version: in epochs
        ({'iterations': 9, 'data': {}}, 'gen_6', None, (6, 9)),
        ({'epoch': 3}, None, None, (0, 19)),
    ],
)  # fmt: skip
def test_progress_of_a_run(tmp_path, options, stem, iteration, found):
    skeleton = H36M17
    run_directory.write_options(tmp_path, {'data': {'poses': 101}, **options}, skeleton)
    if stem:
        arrays = DictionarySerializer({})
        arrays.save(Generator(17, 8, 0.1))
        write_generator(tmp_path / f'{stem}.npz', arrays.target, skeleton, iteration=iteration)
    assert methods.progress(tmp_path) == found
