import numpy as np
import pytest

from chainer_pose.errors import InputError
from chainer_pose.inference import weights as weights_file
from chainer_pose.skeletons import H36M17
from chainer_pose.training import run_directory


def lock(path, resume=False, **options):
    return run_directory.lock(path, options, H36M17, resume)


@pytest.mark.parametrize('damage', ['truncated', 'flipped', 'empty'])
def test_the_newest_snapshot_that_can_be_read(tmp_path, damage, capsys):
    with pytest.raises(InputError, match='found none'):
        run_directory.latest_snapshot(tmp_path)
    for n in (900, 1000):
        weights_file.write_arrays(tmp_path / f'snapshot_{n}.npz', {'x': np.arange(999.0)})
    newest = tmp_path / 'snapshot_1000.npz'
    assert run_directory.latest_snapshot(tmp_path) == newest
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1  # one bit, in the middle of the numbers
    newest.write_bytes({'truncated': content[:-100], 'flipped': content, 'empty': b''}[damage])
    assert run_directory.latest_snapshot(tmp_path).name == 'snapshot_900.npz'
    assert f'warning: {newest}: ' in capsys.readouterr().err
    (tmp_path / 'snapshot_900.npz').write_bytes(b'')
    with pytest.raises(InputError, match='found 2 that cannot be read'):
        run_directory.latest_snapshot(tmp_path)


@pytest.mark.parametrize(
    'text',
    [
        None, '', '[]', '{"options": 3}', '{}', '[' * 99999, '{"options": {"data": "abc"}}',
        '{"options": {"data": {"poses": "7"}}}', '{"options": {"data": {"path": 5}}}',
    ],
)  # fmt: skip
def test_options_that_cannot_be_read(tmp_path, text):
    if text is not None:
        (tmp_path / 'options.json').write_text(text)
    with pytest.raises(InputError, match=r'options\.json: expected the options of a run, found'):
        run_directory.read_options(tmp_path)


def test_a_lock_keeps_others_out_until_it_ends(tmp_path):
    run = tmp_path / 'a' / 'run'
    again = pytest.raises(InputError, match='expected a run that nobody is training')
    with lock(run), again, lock(run, resume=True):
        pass
    with lock(run, resume=True):
        pass


def test_a_run_goes_on_with_the_data_that_it_began_with(tmp_path):
    with lock(tmp_path / 'run', dataset='a.h5', data={'sha256': 'abc'}):
        pass
    with lock(tmp_path / 'run', resume=True, dataset='b.h5', data={'sha256': 'abc'}):
        pass
    other = lock(tmp_path / 'run', resume=True, dataset='b.h5', data={'sha256': 'xyz'})
    message = '^dataset b.h5: expected the poses that the run began with, of SHA-256 abc'
    with pytest.raises(InputError, match=message), other:
        pass


def test_a_lock_removes_temporary_files_and_nothing_else(tmp_path):
    kept = {'log', 'options.json', 'gen_3.npz', 'my.npz', '.hidden', 'logbook.txt', '.lock'}
    for name in (*kept, '.snapshot_12-abcd1234.npz', '.gen_best-abcd1234.npz',
                 '.options-abcd1234.json'):  # fmt: skip
        (tmp_path / name).write_text('{"options": {}}')
    (tmp_path / 'log8h_2kd0a').mkdir()
    (tmp_path / 'poses').mkdir()
    (tmp_path / 'poses' / '.30-abcd1234.png').touch()
    (tmp_path / 'poses' / '20.png').touch()
    kept.add('poses')
    with lock(tmp_path, resume=True):
        assert {path.name for path in tmp_path.iterdir()} == kept
        assert [path.name for path in (tmp_path / 'poses').iterdir()] == ['20.png']


def test_no_new_run_in_a_folder_in_use_or_where_none_can_be_made(tmp_path):
    (tmp_path / 'mine').write_text('x')
    for out in (tmp_path, tmp_path / 'mine'):
        expected = 'found a file' if out.is_file() else 'continue that run with --resume'
        with pytest.raises(InputError, match=expected), lock(out):
            pass
    expected = 'expected a place that can be written'
    with pytest.raises(InputError, match=expected), lock(tmp_path / 'mine' / 'run'):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ['mine']
