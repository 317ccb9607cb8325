import pytest
from chainer.backends import cuda

from chainer_pose import devices
from chainer_pose.errors import InputError


def test_the_cpu():
    assert devices.get_device(-1).name == '@numpy'


@pytest.mark.skipif(cuda.available, reason='CuPy is installed')
def test_without_cupy_the_refusal_says_how_to_install_it():
    with pytest.raises(InputError, match=r'--gpu 0: .*pip install \.\[cuda12\] or \.\[cuda13\]'):
        devices.get_device(0)


def test_cupy_without_a_gpu(monkeypatch):
    class Cupy:
        @staticmethod
        def is_available():
            return False

    monkeypatch.setattr(cuda, 'available', True)
    monkeypatch.setattr(cuda, 'cupy', Cupy)
    with pytest.raises(InputError, match='--gpu 1: expected a CUDA GPU with that number, found 0'):
        devices.get_device(1)
