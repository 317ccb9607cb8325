import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from chainer_pose.errors import InputError
from chainer_pose.utils import unpickle

CONTENT = {
    'S1': {'Walking 1': np.arange(24, dtype='f4').reshape(2, 4, 3), 'Sitting': [np.eye(2), None]},
    'fortran': np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    'big-endian': np.arange(3, dtype='>i2'),
    'plain': [1, 2.5, True, ('text', np.float32(3))],
    4: b'bytes',
}


def write(path, content, protocol=None, name='positions'):
    """An npz as np.savez writes it, its object array pickled by any protocol."""
    array = np.empty((), object)
    array[()] = content
    stream = io.BytesIO()
    header = {'descr': '|O', 'fortran_order': False, 'shape': ()}
    np.lib.format.write_array_header_1_0(stream, header)
    stream.write(pickle.dumps(array, protocol=protocol))
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr(f'{name}.npy', stream.getvalue())
    return path


@pytest.mark.parametrize('protocol', [None, 2, 3, 4, 5])
def test_plain_data_come_back_as_numpy_would_read_them(tmp_path, protocol):
    path = tmp_path / 'data.npz'
    if protocol is None:
        np.savez_compressed(path, positions=CONTENT)
    else:
        write(path, CONTENT, protocol)
    back = unpickle.read(path, 'positions')
    np.testing.assert_equal(back, CONTENT)
    assert back['S1']['Walking 1'].dtype == np.float32
    assert back['big-endian'].dtype == '>i2'


class Malicious:
    """Unpickled, makes a folder; `call` and `arguments` say how."""

    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize('protocol', [2, 4, 5])
@pytest.mark.parametrize('call', [os.mkdir, os.system, eval, exec, __import__, getattr, open])
def test_a_malicious_file_is_refused_and_runs_nothing(tmp_path, monkeypatch, call, protocol):
    monkeypatch.chdir(tmp_path)
    argument = {os.mkdir: 'made', os.system: 'mkdir made'}.get(call, 'os.mkdir("made")')
    path = write(tmp_path / 'evil.npz', {'S1': {'Walking': Malicious(call, argument)}}, protocol)
    with pytest.raises(InputError, match=r'evil\.npz: positions: .*nothing of it was run'):
        unpickle.read(path, 'positions')
    assert [p.name for p in tmp_path.iterdir()] == ['evil.npz']
    # The file is malicious indeed: NumPy, told to trust it, runs it.
    if call is os.mkdir:
        np.load(path, allow_pickle=True)['positions']
        assert (tmp_path / 'made').is_dir()


def raw_pickle(path, data):
    """An npz whose pickle is these bytes."""
    stream = io.BytesIO()
    header = {'descr': '|O', 'fortran_order': False, 'shape': ()}
    np.lib.format.write_array_header_1_0(stream, header)
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('positions.npy', stream.getvalue() + data)
    return path


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'not a pickle',
        b'\x80\x04.',
        b'cnumpy\nload\n.',  # a name of NumPy's that data do not need
        b'cnumpy.core.multiarray\n_reconstruct\n.',  # a function, not called
        pickle.dumps({1, 2}),  # a set
        pickle.dumps({(1, 2): 3}),
        pickle.dumps(complex(1, 2)),
        pickle.dumps(np.array(['a'])),  # an array of text
        pickle.dumps(np.zeros(2, [('a', 'f4')])),
        pickle.dumps(np.zeros(4))[:-8],
        pickle.dumps({'a': np.float64})[:],
    ],
)
def test_anything_else_is_refused(tmp_path, data):
    path = raw_pickle(tmp_path / 'odd.npz', data)
    with pytest.raises(InputError, match=r'odd\.npz: positions: expected arrays in plain dicts'):
        unpickle.read(path, 'positions')


def test_an_array_that_claims_more_than_it_holds_is_refused(tmp_path):
    data = pickle.dumps(np.arange(4.0), protocol=2).replace(b'K\x04\x85', b'K\x08\x85')
    with pytest.raises(InputError, match='damage'):
        unpickle.read(raw_pickle(tmp_path / 'short.npz', data), 'positions')


def test_deep_nesting_is_refused(tmp_path):
    nested = []
    for _ in range(30):
        nested = [nested]
    with pytest.raises(InputError, match='more than 20 deep'):
        unpickle.read(write(tmp_path / 'deep.npz', nested), 'positions')


def test_files_that_are_no_such_npz(tmp_path):
    np.savez(tmp_path / 'numbers.npz', positions=np.arange(3))
    (tmp_path / 'text.npz').write_text('nothing')
    for name, key, message in (
        ('absent.npz', 'positions', 'found no such file'),
        ('text.npz', 'positions', 'damage'),
        ('numbers.npz', 'positions', r'found an array of int\d+ and shape \(3,\)'),
        ('numbers.npz', 'other', 'damage'),
    ):
        with pytest.raises(InputError, match=message):
            unpickle.read(tmp_path / name, key)
