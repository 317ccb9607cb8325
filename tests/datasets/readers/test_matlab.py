import h5py
import numpy as np
import pytest
import scipy.io
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
        trees.write_v73(path, {'S': CONTENT})
    else:
        scipy.io.savemat(path, {'S': trees.structs(CONTENT)})
    return path


def test_both_versions_give_the_same(path):
    found = matlab.read(path, ['S'])['S']
    assert found['name'] == 'a text'
    assert matlab.number(found['number']) == 2.5
    np.testing.assert_array_equal(np.ravel(found['row']), [1, 2, 3])
    assert matlab.number(found['struct']['x']) == 1
    assert matlab.as_list(found['struct']['empty']) == []
    people = matlab.as_list(found['people'])
    assert [matlab.number(person['id']) for person in people] == [1, 2]
    assert people[0]['tag'] == 'one'
    assert matlab.as_list(people[1]['tag']) == []
    with pytest.raises(InputError, match=r'data\.mat: expected a \.mat file with S, T, found'):
        matlab.read(path, ['S', 'T'])


def test_as_list_and_number():
    assert matlab.as_list({'a': 1}) == [{'a': 1}]
    assert matlab.as_list(None) == matlab.as_list(np.zeros((0, 0))) == matlab.as_list('') == []
    assert matlab.as_list([1, 2]) == [1, 2]
    assert matlab.number(np.array([[3.0]])) == 3
    for value in ('', [], np.zeros(2), 'x', None, {}):
        assert np.isnan(matlab.number(value))


def test_what_is_no_mat_file(tmp_path):
    (tmp_path / 'text.mat').write_text('not MATLAB')
    with h5py.File(tmp_path / 'circle.mat', 'w') as file:  # a cell that refers to itself
        file.create_dataset('S', (1, 1), h5py.ref_dtype)
        file['S'][0, 0] = file['S'].ref
    for name in ('text.mat', 'circle.mat', 'absent.mat'):
        with pytest.raises(InputError, match=rf'{name}: expected a \.mat file with S, found'):
            matlab.read(tmp_path / name, ['S'])
