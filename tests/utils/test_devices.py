import types

import pytest
from chainer.backends import cuda

from chainer_pose.errors import InputError
from chainer_pose.utils import devices


def test_the_cpu():
    assert devices.get_device(-1).name == '@numpy'


@pytest.mark.parametrize(
    ('reason', 'found'),
    [
        (ModuleNotFoundError("No module named 'cupy'"), 'found none;'),
        (
            ImportError('Failure finding "libcublasLt.so.12": No such\nand more'),
            r'found one that does not load \(Failure finding "libcublasLt\.so\.12": No such\);',
        ),
    ],
)
def test_without_a_cupy_that_loads_the_refusal_says_how_to_install_it(monkeypatch, reason, found):
    monkeypatch.setattr(cuda, 'available', False)
    monkeypatch.setattr(cuda, '_resolution_error', reason, raising=False)
    with pytest.raises(InputError, match=found) as caught:
        devices.get_device(0)
    assert 'pip install .[cuda12] or .[cuda13]' in str(caught.value)


def test_cupy_without_a_gpu(monkeypatch):
    monkeypatch.setattr(cuda, 'available', True)
    monkeypatch.setattr(cuda, 'cupy', types.SimpleNamespace(is_available=lambda: False))
    with pytest.raises(InputError, match='gpu 1: expected a CUDA GPU with that number, found 0'):
        devices.get_device(1)
