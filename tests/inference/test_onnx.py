import json

import numpy as np
import pytest

from chainer_pose import links
from chainer_pose.errors import InputError
from chainer_pose.inference import lifter
from chainer_pose.inference import onnx as onnx_export
from chainer_pose.inference.weights import NORMALIZATION
from chainer_pose.skeletons import H36M17


@pytest.fixture
def known(rng):
    return lifter.Lifter(links.Generator(17, 48, 0.2, rng), H36M17)


def test_onnxruntime_agrees_on_any_batch(known, tmp_path, rng):
    onnxruntime = pytest.importorskip('onnxruntime')
    path = tmp_path / 'g.onnx'
    onnx_export.export(path, known)
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    assert [value.name for value in session.get_inputs()] == ['rows']
    for n in (1, 3, 257):
        pose = rng.normal(size=(n, 17, 2)).astype('f')
        (depth,) = session.run(['depth'], {'rows': pose.reshape(n, 34)})
        np.testing.assert_allclose(depth, known.generator(pose).array, rtol=0, atol=1e-5)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata['joints']) == list(H36M17.names)
    assert metadata['root'] == 'Hip'
    assert metadata['normalization'] == NORMALIZATION


def test_without_onnx_one_line_says_what_to_install(known, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'onnx', None)
    with pytest.raises(
        InputError, match=r"expected the package onnx, found none; pip install '.\[onnx\]'"
    ):
        onnx_export.export(tmp_path / 'g.onnx', known)
    assert not (tmp_path / 'g.onnx').exists()
