import json
import pickle

import chainer
import numpy as np
import pytest

from chainer_pose import links
from chainer_pose.datasets import PoseData
from chainer_pose.errors import InputError, NonFiniteError
from chainer_pose.inference import weights as weights_file
from chainer_pose.skeletons import H36M17, Skeleton
from chainer_pose.training import run_directory


@pytest.fixture
def generator(rng):
    return links.Generator(17, 24, 0.1, rng)


def save(path, generator, skeleton=H36M17):
    weights_file.write_generator(path, chainer.serializers.npz.serialize(generator), skeleton)
    return path


def rewrite(path, **changes):
    """Change arrays of an npz file; None removes one."""
    with np.load(path) as file:
        arrays = {**file, **{key.replace('__', '/'): value for key, value in changes.items()}}
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})


def test_a_generator_rebuilds_from_its_file_alone(generator, tmp_path, rng):
    path = save(tmp_path / 'gen_7.npz', generator)
    loaded, skeleton, _ = weights_file.load_generator(path)
    assert skeleton == H36M17
    pose = rng.normal(size=(3, 17, 2)).astype('f')
    np.testing.assert_array_equal(loaded(pose).array, generator(pose).array)


def test_weights_saved_by_chainer_itself_load_too(generator, tmp_path):
    chainer.serializers.save_npz(tmp_path / 'g.npz', generator)
    loaded, skeleton, _ = weights_file.load_generator(tmp_path / 'g.npz')
    assert skeleton is None
    np.testing.assert_array_equal(loaded.l1.W.array, generator.l1.W.array)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'l1__W': None}, 'expected a generator with l1/W, found l1/b'),
        ({'l1__W': np.zeros((24, 30), 'f')}, r'l4/W .* \(15, 24\), found .*\(17, 24\)'),
        ({'l2__W': np.zeros((24, 20), 'f')}, r'l2/W .* \(24, 24\), found .*\(24, 20\)'),
        ({'l3__b': None}, r'l3/b of floats of shape \(24,\), found nothing'),
        ({'l3__W': np.zeros((24, 24), int)}, 'found int64'),
        ({'l4__b': np.full(17, np.nan, 'f')}, 'expected finite weights, found l4/b'),
        ({'metadata': np.array('{')}, 'expected a skeleton and a normalization in its metadata'),
    ],
)  # fmt: skip
def test_what_is_no_generator_is_refused(generator, tmp_path, changes, message):
    path = save(tmp_path / 'gen_7.npz', generator)
    rewrite(path, **changes)
    with pytest.raises(InputError, match=message) as caught:
        weights_file.load_generator(path)
    assert str(caught.value).startswith(str(path))


def test_a_discriminator_is_no_generator(tmp_path, rng):
    chainer.serializers.save_npz(tmp_path / 'd.npz', links.Discriminator(17, 24, 0.1, rng))
    with pytest.raises(InputError, match=r'l4/W of floats of shape \(17, 24\), found .*\(1, 24\)'):
        weights_file.load_generator(tmp_path / 'd.npz')


def test_a_skeleton_that_does_not_fit_the_weights(generator, tmp_path):
    path = save(tmp_path / 'gen_7.npz', generator, Skeleton('duo', ('a', 'b'), (-1, 0)))
    with pytest.raises(InputError, match='the 2 joints of its skeleton, found 17'):
        weights_file.load_generator(path)


class Malice:
    def __reduce__(self):
        return (open, ('pickle-was-run', 'w'))


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / 'bad.npz', **{'l1/W': np.array([Malice()], object)})
    (tmp_path / 'worse.npz').write_bytes(pickle.dumps(Malice()))
    for name in ('bad.npz', 'worse.npz'):
        with pytest.raises(InputError, match=name):
            weights_file.load_generator(tmp_path / name)
    assert not (tmp_path / 'pickle-was-run').exists()


@pytest.mark.parametrize('content', [b'', b'PK', b'no archive', None])
def test_damaged_files_are_refused(tmp_path, content):
    path = tmp_path / 'gen_1.npz'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r'gen_1\.npz: expected an npz file'):
        weights_file.load_generator(path)


def test_a_truncated_file_is_refused(generator, tmp_path):
    path = save(tmp_path / 'gen_7.npz', generator)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match='expected an npz file'):
        weights_file.load_generator(path)


def test_arrays_and_none_survive(tmp_path):
    arrays = {'a': np.arange(3), 'b/c': np.asarray(None), 'text': np.asarray('später')}
    weights_file.write_arrays(tmp_path / 'x.npz', arrays)
    back = weights_file.read_arrays(tmp_path / 'x.npz')
    np.testing.assert_array_equal(back['a'], [0, 1, 2])
    assert back['b/c'][()] is None
    assert str(back['text']) == 'später'
    with np.load(tmp_path / 'x.npz', allow_pickle=False) as file:
        assert all(file[key].dtype != object for key in file.files)


def test_weights_that_are_not_finite_do_not_replace_good_ones(generator, tmp_path):
    path = save(tmp_path / 'gen_7.npz', generator)
    before = path.read_bytes()
    generator.l2.W.array[3, 3] = np.inf
    with pytest.raises(NonFiniteError, match='l2/W is not finite'):
        save(path, generator)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_snapshot_with_a_discriminator_gone_wrong_is_not_written(tmp_path):
    arrays = {'updater/model:dis/l2/W': np.array([[1.0, np.nan]]), 'loss': np.array(np.nan)}
    with pytest.raises(NonFiniteError, match='model:dis/l2/W is not finite'):
        weights_file.write_arrays(tmp_path / 'snapshot_1.npz', arrays)
    weights_file.write_arrays(tmp_path / 'x.npz', {'loss': arrays['loss']})  # no parameter


def test_find_generator(tmp_path):
    with pytest.raises(InputError, match='found neither'):
        weights_file.find_generator(tmp_path)
    for n in (9, 10, 200):
        (tmp_path / f'gen_{n}.npz').touch()
    (tmp_path / 'gen_x.npz').touch()
    assert weights_file.find_generator(tmp_path).name == 'gen_200.npz'
    (tmp_path / 'gen_best.npz').touch()
    assert weights_file.find_generator(tmp_path).name == 'gen_best.npz'
    assert weights_file.find_generator(tmp_path / 'gen_9.npz').name == 'gen_9.npz'


def test_latest_snapshot_goes_by_number(tmp_path):
    with pytest.raises(InputError, match='found none'):
        run_directory.latest_snapshot(tmp_path)
    for n in (1000, 900):
        weights_file.write_arrays(tmp_path / f'snapshot_{n}.npz', {'n': np.array(n)})
    assert run_directory.latest_snapshot(tmp_path).name == 'snapshot_1000.npz'


@pytest.mark.parametrize('damage', ['truncated', 'flipped', 'empty'])
def test_a_damaged_snapshot_is_passed_over(tmp_path, damage):
    for n in (1, 2):
        weights_file.write_arrays(tmp_path / f'snapshot_{n}.npz', {'x': np.arange(999.0)})
    newest, warnings = tmp_path / 'snapshot_2.npz', []
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1  # one bit, in the middle of the numbers
    newest.write_bytes({'truncated': content[:-100], 'flipped': content, 'empty': b''}[damage])
    found = run_directory.latest_snapshot(tmp_path, warnings.append)
    assert found.name == 'snapshot_1.npz'
    assert len(warnings) == 1
    assert str(newest) in warnings[0]
    (tmp_path / 'snapshot_1.npz').write_bytes(b'')
    with pytest.raises(InputError, match='found 2 that cannot be read'):
        run_directory.latest_snapshot(tmp_path)


def test_create_and_read_options(tmp_path):
    run = tmp_path / 'a' / 'run'
    with run_directory.lock(run, new=True):
        run_directory.write_options(run, {'seed': 3}, H36M17)
    assert run_directory.read_options(run) == {'seed': 3}
    stored = json.loads((run / 'options.json').read_text())
    assert Skeleton.from_dict(stored['skeleton']) == H36M17
    assert stored['normalization'] == weights_file.NORMALIZATION
    with (
        pytest.raises(InputError, match='continue that run with --resume'),
        run_directory.lock(run, new=True),
    ):
        pass


def test_a_claim_keeps_others_out_until_it_ends(tmp_path):
    run = tmp_path / 'run'
    with run_directory.lock(run, new=True):
        for new in (True, False):
            with (
                pytest.raises(InputError, match='expected a run that nobody is training'),
                run_directory.lock(run, new),
            ):
                pass
    with run_directory.lock(run, new=True):
        pass


def test_a_claim_takes_away_what_was_half_written_and_nothing_else(tmp_path):
    run = tmp_path / 'run'
    run.mkdir()
    kept = {'log', 'options.json', 'gen_3.npz', 'my.npz', '.hidden', 'logbook.txt', '.lock'}
    for name in (*kept, '.snapshot_12-ab_d1234.npz', '.gen_best-abcd1234.npz',
                 '.options-abcd1234.json'):  # fmt: skip
        (run / name).write_text('x')
    (run / 'log8h_2kd0a').mkdir()
    with run_directory.lock(run, new=False):
        assert {path.name for path in run.iterdir()} == kept


def test_a_claim_on_a_folder_in_use_leaves_no_trace(tmp_path):
    (tmp_path / 'mine').write_text('x')
    with pytest.raises(InputError), run_directory.lock(tmp_path, new=True):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ['mine']


@pytest.mark.parametrize('text', [None, '', '[]', '{"options": 3}'])
def test_options_that_cannot_be_read(tmp_path, text):
    if text is not None:
        (tmp_path / 'options.json').write_text(text)
    with pytest.raises(InputError, match='options'):
        run_directory.read_options(tmp_path)


def test_a_claim_where_nothing_can_be_made(tmp_path):
    (tmp_path / 'file').write_text('x')
    for out in (tmp_path / 'file', tmp_path / 'file' / 'run'):
        with pytest.raises(InputError, match='expected a'), run_directory.lock(out, new=True):
            pass


def test_check_fit(generator, flat_data, rng):
    weights_file.check_fit('g.npz', generator, H36M17, flat_data)
    weights_file.check_fit('g.npz', generator, None, flat_data)
    with pytest.raises(InputError, match='the 17 joints of flat, found 16'):
        weights_file.check_fit('g.npz', links.Generator(16, 8, 0.1, rng), None, flat_data)
    names = ('Pelvis', *H36M17.names[1:])
    other = PoseData('o', Skeleton('o', names, H36M17.parents), flat_data.pose2d)
    with pytest.raises(InputError, match="joint 'Hip' where the data have 'Pelvis'"):
        weights_file.check_fit('g.npz', generator, H36M17, other)


def test_weights_for_poses_of_another_scale(generator, tmp_path):
    path = save(tmp_path / 'gen_7.npz', generator)
    metadata = {'skeleton': H36M17.to_dict(), 'normalization': 'unit box'}
    rewrite(path, metadata=np.array(json.dumps(metadata)))
    with pytest.raises(InputError, match=r"root at the origin, .* found 'unit box'"):
        weights_file.load_generator(path)
