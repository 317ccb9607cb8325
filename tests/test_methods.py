"""The paper's options in one place, which train.py takes for its own."""

import pytest

import train as train_script
from chainer_pose import methods, reports


def test_every_name_is_an_option_of_train():
    options = {action.dest for action in train_script.make_parser()._actions}
    for names in (methods.PAPER, *methods.PRESETS.values(), *methods.MODELS.values()):
        assert set(names) <= options
    for names in (*methods.PRESETS.values(), *methods.MODELS.values()):
        assert set(names) <= set(methods.PAPER)


def test_what_is_not_given_is_the_papers():
    options = vars(train_script.parse_options([]))
    assert {key: options[key] for key in methods.PAPER} == methods.PAPER
    assert methods.of(options) == ('Ours', 'w/o 3D dataset', 'Ours (paper)', '')
    assert methods.of({'seed': 3}).options == ''  # of a run before an option was there


@pytest.mark.parametrize(
    ('given', 'named'),
    [
        (['--preset', 'plus', '--ema', '0'],
         '--camera-pitch learn --consistency 10 1 --bone-weight 100 --zero-root'),
        (['--mode', 'supervised', '--model', 'martinez', '--n-unit', '64'],
         '--mode supervised --model martinez --n-unit 64'),
        (['--angle-weight', '0', '--alpha', '1e-5'], '--alpha 1e-05 --angle-weight 0'),
    ],
)  # fmt: skip
def test_the_options_named_give_the_same_run(given, named):
    options = train_script.parse_options(given)
    assert methods.of(vars(options)).options == named
    again = train_script.parse_options(named.split())
    again.preset = options.preset
    assert vars(again) == vars(options)


@pytest.mark.parametrize('damage', [[], {}, None, 5])
def test_options_of_no_sense_are_named_all_the_same(damage):
    for key in methods.PAPER:
        assert f'--{key.replace("_", "-")}' in methods.of({key: damage}).options


def test_each_method_is_beside_a_row_of_the_paper():
    for number in (1, 2):
        assert {methods.OURS, methods.MARTINEZ} <= {
            row['method'] for row in reports.published(number)
        }
        assert {row['supervision'] for row in reports.published(number)} <= set(
            methods.SUPERVISIONS
        )
