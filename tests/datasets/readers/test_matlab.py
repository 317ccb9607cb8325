import sys

import h5py
import numpy as np
import pytest
import trees

from chainer_pose.datasets.readers import matlab
from chainer_pose.errors import InputError

CONTENT = {
    'name': 'a text',
    'number': 2.5,
    'row': [1.0, 2.0, 3.0],
    'struct': {'x': 1.0, 'empty': []},
    'people': [{'id': 1.0, 'tag': 'one'}, {'id': 2.0, 'tag': ''}],
}


@pytest.fixture(params=['5', '7.3'])
def path(request, tmp_path):
    path = tmp_path / 'data.mat'
    if request.param == '7.3':
        with h5py.File(path, 'w', userblock_size=512) as file:
            trees._write_v73(file, file, 'S', CONTENT)
    else:
        import scipy.io

        scipy.io.savemat(path, {'S': trees._structs(CONTENT)})
    return path


def test_both_versions_read_alike(path):
    found = matlab.read(path, ['S'])['S']
    assert found['name'] == 'a text'
    assert matlab.number(found['number']) == 2.5
    np.testing.assert_array_equal(np.ravel(found['row']), [1, 2, 3])
    assert matlab.number(found['struct']['x']) == 1
    assert matlab.as_list(found['struct']['empty']) == []
    people = matlab.as_list(found['people'])
    assert [matlab.number(person['id']) for person in people] == [1, 2]
    assert people[0]['tag'] == 'one'
    assert np.size(people[1]['tag']) == 0 or people[1]['tag'] == ''


def test_a_missing_variable_is_named(path):
    with pytest.raises(InputError, match=r'data\.mat: expected the variable T'):
        matlab.read(path, ['S', 'T'])


def test_as_list_and_number():
    assert matlab.as_list({'a': 1}) == [{'a': 1}]
    assert matlab.as_list(None) == matlab.as_list(np.zeros((0, 0))) == matlab.as_list('') == []
    assert matlab.as_list([1, 2]) == [1, 2]
    assert matlab.number(np.array([[3.0]])) == 3
    assert matlab.number('4 ') == 4
    for value in ('', [], np.zeros(2), 'x', None, {}):
        assert np.isnan(matlab.number(value))


def test_what_is_no_mat_file(tmp_path):
    (tmp_path / 'text.mat').write_text('not MATLAB')
    with pytest.raises(InputError, match=r'text\.mat: expected a \.mat file, found'):
        matlab.read(tmp_path / 'text.mat', ['S'])
    with pytest.raises(InputError, match='found no such file'):
        matlab.read(tmp_path / 'absent.mat', ['S'])


def test_scipy_is_asked_for_by_name(tmp_path, monkeypatch):
    (tmp_path / 'old.mat').write_bytes(b'MATLAB 5.0')
    for name in [n for n in sys.modules if n == 'scipy' or n.startswith('scipy.')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'scipy', None)
    with pytest.raises(InputError, match=r"expected scipy.*pip install '\.\[mat\]'"):
        matlab.read(tmp_path / 'old.mat', ['S'])


def test_references_in_a_circle_are_refused(tmp_path):
    path = tmp_path / 'circle.mat'
    with h5py.File(path, 'w') as file:
        file.create_dataset('S', (1, 1), h5py.ref_dtype)
        file['S'].attrs['MATLAB_class'] = np.bytes_('cell')
        file['S'][0, 0] = file['S'].ref
    with pytest.raises(InputError, match='at most 20 levels'):
        matlab.read(path, ['S'])
