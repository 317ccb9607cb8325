import json
import pickle

import chainer
import numpy as np
import pytest

from chainer_pose import links
from chainer_pose.errors import InputError, NonFiniteError
from chainer_pose.inference import weights as weights_file
from chainer_pose.skeletons import H36M17, Skeleton


@pytest.fixture
def generator(rng):
    return links.Generator(17, 24, 0.1, rng)


@pytest.fixture
def path(generator, tmp_path):
    return save(tmp_path / 'gen_7.npz', generator)


def save(path, generator, skeleton=H36M17):
    weights_file.write_generator(path, chainer.serializers.npz.serialize(generator), skeleton)
    return path


def test_a_generator_rebuilds_from_its_file_alone(path, generator, rng):
    chainer.serializers.save_npz(path.parent / 'chainer.npz', generator)
    pose = rng.normal(size=(3, 17, 2)).astype('f')
    for file, joints in ((path, H36M17), (path.parent / 'chainer.npz', None)):
        loaded, skeleton, *_ = weights_file.load_generator(file)
        assert skeleton == joints
        np.testing.assert_array_equal(loaded(pose).array, generator(pose).array)


UNIT_BOX = json.dumps({'skeleton': H36M17.to_dict(), 'normalization': 'unit box'})
DUO = json.dumps({'skeleton': Skeleton('duo', ('a', 'b'), (-1, 0)).to_dict(), 'normalization': ''})


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'l1/W': None}, 'expected a generator with l1/W, found l1/b'),
        ({'l1/W': np.zeros((24, 30), 'f')}, r'l4/W .* \(15, 24\), found .*\(17, 24\)'),
        ({'l4/b': np.full(17, np.nan, 'f')}, 'expected finite weights, found l4/b'),
        ({'metadata': np.array(UNIT_BOX)}, r"root at the origin, .* found 'unit box'"),
        ({'metadata': np.array(DUO)}, 'the 2 joints of its skeleton, found 17'),
    ],
)
def test_arrays_that_are_no_generator(path, changes, message):
    with np.load(path) as file:
        arrays = {**file, **changes}
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
    with pytest.raises(InputError, match=message) as caught:
        weights_file.load_generator(path)
    assert str(caught.value).startswith(str(path))


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


def test_arrays_and_none_survive(tmp_path):
    arrays = {'a': np.arange(3), 'b/c': np.asarray(None), 'text': np.asarray('später')}
    weights_file.write_arrays(tmp_path / 'x.npz', arrays)
    back = weights_file.read_arrays(tmp_path / 'x.npz')
    np.testing.assert_array_equal(back['a'], [0, 1, 2])
    assert back['b/c'][()] is None
    assert str(back['text']) == 'später'
    with np.load(tmp_path / 'x.npz', allow_pickle=False) as file:
        assert all(file[key].dtype != object for key in file.files)


def test_weights_that_are_not_finite_do_not_replace_good_ones(path, generator):
    before = path.read_bytes()
    generator.l2.W.array[3, 3] = np.inf
    with pytest.raises(NonFiniteError, match='l2/W is not finite'):
        save(path, generator)
    arrays = {'updater/model:dis/l2/W': np.array([[1.0, np.nan]]), 'loss': np.array(np.nan)}
    with pytest.raises(NonFiniteError, match='model:dis/l2/W is not finite'):
        weights_file.write_arrays(path, arrays)
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1
    weights_file.write_arrays(path, {'loss': arrays['loss']})  # no parameter


def test_find_generator(tmp_path):
    with pytest.raises(InputError, match='found neither'):
        weights_file.find_generator(tmp_path)
    for name in ('gen_9', 'gen_10', 'gen_200', 'gen_x'):
        (tmp_path / f'{name}.npz').touch()
    assert weights_file.find_generator(tmp_path).name == 'gen_200.npz'
    (tmp_path / 'gen_best.npz').touch()
    assert weights_file.find_generator(tmp_path).name == 'gen_best.npz'
    assert weights_file.find_generator(tmp_path, last=True).name == 'gen_200.npz'
    assert weights_file.find_generator(tmp_path / 'gen_9.npz').name == 'gen_9.npz'


def test_check_joints():
    def check(n_joints, trained, expected=H36M17):
        weights_file.check_joints('g.npz', n_joints, trained, expected, 'flat')

    check(17, H36M17)
    check(17, None)
    with pytest.raises(InputError, match='the 17 joints of flat, found 16'):
        check(16, None)
    other = Skeleton('o', ('Pelvis', *H36M17.names[1:]), H36M17.parents)
    with pytest.raises(InputError, match="flat, found joint 'Hip' where 'Pelvis' is expected"):
        check(17, H36M17, other)
