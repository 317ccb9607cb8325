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
    'plain': [1, 2.5, True, ('text', np.float32(3)), b'bytes'],
}


def write(path, pickled):
    """Write an npz file as np.savez does, with this pickle as its object array."""
    stream = io.BytesIO()
    header = {'descr': '|O', 'fortran_order': False, 'shape': ()}
    np.lib.format.write_array_header_1_0(stream, header)
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('positions.npy', stream.getvalue() + pickled)
    return path


@pytest.mark.parametrize('protocol', [2, 3, 4, 5])
def test_plain_data_come_back(tmp_path, protocol):
    path = write(tmp_path / 'x.npz', pickle.dumps(np.array(CONTENT, object), protocol))
    np.testing.assert_equal(unpickle.read(path, 'positions'), CONTENT)


class Malicious:
    def __reduce__(self):
        return os.mkdir, ('made',)


def test_a_malicious_file_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez('x.npz', positions=np.array({'S1': Malicious()}, object))
    with pytest.raises(InputError, match=r'x\.npz: expected positions of .*mkdir; none of it'):
        unpickle.read('x.npz', 'positions')
    assert os.listdir() == ['x.npz']
    np.load('x.npz', allow_pickle=True)['positions']  # NumPy runs it
    assert os.path.isdir('made')


@pytest.mark.parametrize('pickled', [b'', b'cnumpy\nload\n.', pickle.dumps(np.zeros(4))[:-8]])
def test_damage(tmp_path, pickled):
    with pytest.raises(InputError, match=r'x\.npz: expected positions of arrays'):
        unpickle.read(write(tmp_path / 'x.npz', pickled), 'positions')
