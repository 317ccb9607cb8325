import types

import chainer
import pytest

from chainer_pose import links
from chainer_pose.evaluations import protocols
from chainer_pose.training import arrays
from chainer_pose.training.extensions import LogPlot, PoseEvaluator, PosePlot, PrintLog
from chainer_pose.training.triggers import EveryAndLast, OrAfterMinutes


@pytest.fixture(params=[links.Generator, links.Martinez])
def generator(request, rng, small_splits):
    generator = request.param(17, 16, rng=rng)
    if generator.in_mm:
        generator.standardize(*arrays.pixel_poses(small_splits['train']))
    return generator


def trainer_at(iteration, out='.', log=()):
    return types.SimpleNamespace(
        updater=types.SimpleNamespace(iteration=iteration),
        out=str(out),
        get_extension=lambda name: types.SimpleNamespace(log=log),
    )


def test_the_evaluator_reports_the_average_and_every_action(generator, small_splits):
    data = small_splits['test']
    observation = {}
    with chainer.Reporter().scope(observation):
        PoseEvaluator(generator, data, batchsize=50)(trainer_at(1))
    score = protocols.evaluate(generator, data).scores['kudo']
    assert observation.pop('validation/mpjpe') == pytest.approx(score.average, rel=1e-6)
    expected = {f'validation/mpjpe/{name}': error for name, error in score.actions.items()}
    assert observation == pytest.approx(expected, rel=1e-6)
    assert {type(value) for value in observation.values()} == {float}


def test_poses_are_drawn(generator, small_splits, flat_data, tmp_path):
    for iteration, data in ((5, small_splits['test']), (6, flat_data)):
        PosePlot(generator, data)(trainer_at(iteration, tmp_path))
        picture = (tmp_path / 'poses' / f'{iteration}.png').read_bytes()
        assert picture.startswith(b'\x89PNG')


def test_the_log_is_plotted_where_it_has_something_to_plot(tmp_path):
    log = [{'iteration': 1, 'a': 2.0}, {'iteration': 2, 'a': 1.0, 'b': 3.0}]
    LogPlot(['a', 'b', 'c'], 'ab.png', 'mm')(trainer_at(2, tmp_path, log))
    LogPlot(['c'], 'c.png', 'mm')(trainer_at(2, tmp_path, log))
    assert [path.name for path in tmp_path.iterdir()] == ['ab.png']
    assert (tmp_path / 'ab.png').read_bytes().startswith(b'\x89PNG')


@pytest.mark.parametrize('terminal', [False, True])
def test_the_log_is_printed_with_the_time_a_run_takes_and_the_time_left(
    terminal, monkeypatch, capsys
):
    log = [{'iteration': 10, 'a': 1.0}]  # of before a resume
    now = iter([0.0, 4.0, 4.1, 6.0, 6.2, 66.0])
    monkeypatch.setattr('time.monotonic', lambda: next(now))
    monkeypatch.setattr('sys.stdout.isatty', lambda: terminal)
    printed = PrintLog(['iteration', 'a', 'gen/b'], last=50000, note='; a note')
    printed.initialize(trainer_at(10, log=log))
    log.append({'iteration': 20, 'a': 0.25})
    for iteration in (11, 21, 22, 26, 27, 176):
        printed(trainer_at(iteration, log=log))
    printed.finalize()
    out = capsys.readouterr().out.replace('\033[K', '<')
    number, header, entry, rest = out.split('\n', 3)
    assert number == '50000 iterations; a note'
    assert header.split() == ['iteration', 'a', 'gen/b']
    assert entry.strip('<').split() == ['20', '0.25']
    estimate = '49990 iterations, about 5.6 hours here (2.5 a second)\n'
    left = 'iteration 176 of 50000, 2.5 a second, 5.5 hours left'
    progress = f'<iteration 21 of 50000, 2.5 a second, 5.6 hours left\r<{estimate}<{left}\r<'
    assert rest == (progress if terminal else f'{estimate}{left}\n')


@pytest.mark.parametrize(
    ('interval', 'last', 'fired'),
    [(4, 10, [4, 8, 10]), (5, 10, [5, 10]), (20, 3, [3]), (None, 3, [])],
)
def test_every_and_last(interval, last, fired):
    trigger = EveryAndLast(interval, last)
    assert [i for i in range(1, last + 1) if trigger(trainer_at(i))] == fired


def test_a_trigger_that_fires_after_minutes_too(monkeypatch):
    """Of another trigger at 3, 6, ..., and a minute after the last time, whichever it was."""
    trigger = OrAfterMinutes(EveryAndLast(3, 100), minutes=1)
    times = {1: 1000, 2: 1059, 3: 1065, 4: 1120, 5: 1130, 6: 1140, 7: 1199, 8: 1200}
    fired = []
    for iteration, now in times.items():
        monkeypatch.setattr('time.monotonic', lambda now=now: float(now))
        fired += [iteration] if trigger(trainer_at(iteration)) else []
    assert fired == [3, 5, 6, 8]
