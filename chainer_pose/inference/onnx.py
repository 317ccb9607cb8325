"""The generator as an ONNX model, for where there is no Chainer.

Input ``rows``: float32 (batch, 2J), 2D poses normalized as in section 3.3 (the root joint at the
origin, the mean distance of the other joints from it 1), interleaved x1 y1 x2 y2. Output
``depth``: float32 (batch, J), z of each joint in the same unit, away from the camera; minus the
root's, times the size divided by, it is in pixels. The metadata name joints and root, and say
whether the poses were turned by their lines of sight in training (`links.LineOfSight`).
"""

import json
import warnings

import chainer.functions as F
import numpy as np
from chainer import Variable

from chainer_pose import _compat
from chainer_pose.errors import InputError
from chainer_pose.inference import weights as weights_file
from chainer_pose.inference.lifter import Lifter
from chainer_pose.links import Generator
from chainer_pose.utils.files import StrPath, atomic_path


class _Plain(Generator):
    """A generator by Chainer's own functions, since the exporter knows functions by name."""

    def forward(self, rows: Variable) -> Variable:
        h1 = F.leaky_relu(F.linear(rows, self.l1.W, self.l1.b))
        h2 = F.leaky_relu(F.linear(h1, self.l2.W, self.l2.b))
        h3 = F.leaky_relu(F.linear(h2, self.l3.W, self.l3.b) + h1)
        return F.linear(h3, self.l4.W, self.l4.b)


def export(path: StrPath, lifter: Lifter) -> None:
    """Write an ONNX model (opset 9) with a dynamic batch.

    Raises:
        InputError: if the package onnx is missing.
        OSError: if the file cannot be written.
    """
    try:
        import onnx
    except ImportError as error:
        raise InputError(
            "expected the package onnx, found none; pip install '.[onnx]'", onnx=path
        ) from error
    _compat.fill_onnx_mapping()
    import onnx_chainer

    skeleton = lifter.skeleton
    generator = _Plain(len(skeleton), lifter.generator.l1.W.shape[0])
    generator.copyparams(lifter.generator)
    rows = np.zeros((2, 2 * len(skeleton)), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # onnx_chainer's own, of newer opsets
        model = onnx_chainer.export(
            generator, rows, input_shapes=('batch', rows.shape[1]), input_names=['rows'],
            output_names=['depth'], opset_version=9,
        )  # fmt: skip
    model.ir_version = 4  # what opset 9 came with: onnx writes its newest, runtimes lag behind
    # Weights among the inputs would count as changeable, and not be optimized.
    weights = {tensor.name for tensor in model.graph.initializer}
    for value in [value for value in model.graph.input if value.name in weights]:
        model.graph.input.remove(value)
    metadata = {
        'joints': json.dumps(skeleton.names),
        'root': skeleton.names[skeleton.root],
        'normalization': weights_file.NORMALIZATION,
        'line_of_sight': str(lifter.line_of_sight).lower(),
        'axes': 'x right, y down, z away from the camera',
    }
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    with atomic_path(path) as temporary:
        onnx.save(model, temporary)
