"""The options of training: the command line, options.json, --resume."""

import dataclasses
import json

import pytest

from chainer_pose.commands.train import parse_options
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17
from chainer_pose.training import load_options, run_directory


def write(run, **stored):
    """Write an options.json by hand."""
    (run / 'options.json').write_text(json.dumps({'options': stored}))


@pytest.mark.parametrize(
    ('typed', 'expected'),
    [
        ([], {'ema': 0.0, 'batchsize': 16}),
        (['--preset', 'plus'], {'ema': 0.999, 'zero_root': True, 'consistency': [30.0, 3.0]}),
        (['--preset', 'plus', '--ema', '0', '--no-zero-root'],
         {'ema': 0.0, 'zero_root': False, 'bone_weight': 100.0}),
        (['--mode', 'supervised', '--model', 'martinez', '--alpha', '1'],
         {'batchsize': 64, 'alpha': 1.0, 'weight_decay': 0.0, 'epoch': 200}),
    ],
)  # fmt: skip
def test_typed_goes_before_preset_before_model_before_default(typed, expected):
    parsed = parse_options(typed)
    assert {name: getattr(parsed, name) for name in expected} == expected


SUPERVISED = ['--mode', 'supervised']
MARTINEZ = [*SUPERVISED, '--model', 'martinez']


@pytest.mark.parametrize(
    ('typed', 'beside', 'refusal'),
    [
        *((typed, SUPERVISED,
           f'^{typed[0][2:].replace("-", "_")}[: ].* none with --mode supervised')
          for typed in (['--angle-weight', '2'], ['--accuracy-cap', '0.9'], ['--camera-pitch', '0'],
                        ['--consistency', '1', '1'], ['--bone-weight', '1'], ['--rescale-fakes'],
                        ['--depth-weight', '10'])),
        (['--preset', 'plus'], SUPERVISED,
         '^preset plus: .* found none of --accuracy-cap with --mode supervised'),
        (['--labelled', '1'], [], '^labelled 1: .* found none with --mode unsupervised'),
        (['--depth-weight', '1'], [], '^depth_weight 1: .* found none with --mode unsupervised'),
        *((typed, MARTINEZ, f'^{typed[0][2:].replace("-", "_")}[: ].* none with --model martinez')
          for typed in (['--ema', '0.9'], ['--zero-root'], ['--init-std', '1'], ['--record'])),
        (['--epoch', '3'], ['--iterations', '9'],
         '^epoch 3: expected to have an effect, found none with --iterations 9'),
    ],
)  # fmt: skip
def test_what_has_no_effect_is_refused_where_it_is_typed_only(tmp_path, typed, beside, refusal):
    with pytest.raises(InputError, match=refusal):
        parse_options([*beside, *typed])
    began = dataclasses.asdict(parse_options(beside)) | {'angle_weight': 3.0, 'epoch': 5}
    write(tmp_path, **began)
    assert parse_options(['--resume', str(tmp_path)]).angle_weight == 3


def test_round_trip_through_options_json(tmp_path):
    parsed = parse_options(['--preset', 'plus', '--out', 'x', '--iterations', '9', '--no-record'])
    parsed = dataclasses.replace(parsed, ranks=2)
    run_directory.write_options(tmp_path, parsed.to_json(), H36M17)
    assert load_options(tmp_path) == dataclasses.replace(parsed, out='')


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('alpha', '0.1'), ('alpha', float('nan')), ('batchsize', True), ('batchsize', 0),
        ('mode', 'sleep'), ('model', ['kudo']), ('consistency', [1]), ('consistency', [1, 'x']),
        ('camera_pitch', 'down'), ('zero_root', 1), ('communicator', 'mpi'),
    ],
)  # fmt: skip
def test_a_wrong_value_in_options_json(tmp_path, name, value):
    write(tmp_path, **{name: value})
    with pytest.raises(InputError, match=f'options.json: expected a value of {name}, found'):
        load_options(tmp_path)


def test_resume(tmp_path):
    write(tmp_path, alpha=0.1, iterations=40)
    resumed = parse_options(['--out', str(tmp_path), '--resume'])
    assert (resumed.out, resumed.resume, resumed.alpha) == (str(tmp_path), str(tmp_path), 0.1)
    snapshot = str(tmp_path / 'snapshot_9.npz')
    same = ['--resume', snapshot, '--alpha', '0.1', '--ema', '0']
    new = ['--iterations', '50', '--keep', '3', '--gpu', '1', '--no-record',
           '--draw-interval', '4', '--snapshot-minutes', '1']  # fmt: skip
    assert parse_options([*same, *new]) == dataclasses.replace(
        resumed, resume=snapshot, iterations=50, keep=3, gpu=1, record=False, draw_interval=4,
        snapshot_minutes=1.0,
    )  # fmt: skip
    for typed, message in (
        (['--alpha', '0.2'], '^alpha 0.2: expected 0.1, as the run'),
        (['--ema', '0.9'], '^ema 0.9: expected 0, as'),  # a default that the file lacks
        (['--preset', 'plus'], '^preset plus: expected paper'),
        (['--epoch', '2'], '^epoch 2: .* none with --iterations 40'),
    ):
        with pytest.raises(InputError, match=message):
            parse_options(['--resume', str(tmp_path), *typed])
    assert parse_options(['--resume', snapshot, '--out', str(tmp_path)]).resume == snapshot
    with pytest.raises(InputError, match=f'^out elsewhere: expected {tmp_path}, which is resumed'):
        parse_options(['--resume', snapshot, '--out', 'elsewhere'])
