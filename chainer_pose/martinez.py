"""The supervised baseline of Table 1: Martinez et al. 2017.

"A simple yet effective baseline for 3D human pose estimation", section 3: two
residual blocks of two linear layers, each with batch normalisation, ReLU and
dropout, from standardised 2D in pixels to standardised 3D in millimetres.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np

from chainer_pose import datasets, functions, geometry
from chainer_pose.errors import InputError
from chainer_pose.linear import LinearFunction

if TYPE_CHECKING:
    from chainer import Variable
    from chainer.types import NdArray

    from chainer_pose.pose_file import PoseData


DROPOUT = 0.5
DECAY = 0.96**1e-5  # of the step size, each iteration: 4 % in 100,000 (their code)


class MaxNormLinear(chainer.Link):
    """Linear layer whose weights, as it uses them, have a norm of at most 1 (section 3.3).

    The norm is that of the whole matrix. Longer weights are shortened here, on each
    use, and stay as long as they are: were they shortened themselves, their numbers
    would be as small as one step of Adam, which would scramble them.

    Args:
        n_in, n_out: numbers of inputs and outputs.
        rng: numpy.random.Generator that draws the weights; None for NumPy's
            global one.
    """

    def __init__(self, n_in: int, n_out: int, rng: np.random.Generator | None = None) -> None:
        super().__init__()
        with self.init_scope():
            self.W = chainer.Parameter(chainer.initializers.HeNormal(rng=rng), (n_out, n_in))
            self.b = chainer.Parameter(0, n_out)

    def forward(self, x: Variable | NdArray) -> Variable:
        norm = F.sqrt(F.sum(F.square(self.W)))
        shortened = x / F.broadcast_to(F.maximum(norm, self.xp.ones_like(norm.array)), x.shape)
        return LinearFunction().apply((shortened, self.W, self.b))[0]


class Layer(chainer.Chain):
    """Linear, batch normalisation, ReLU, dropout: (B, n_in) to (B, n_unit)."""

    def __init__(self, n_in: int, n_unit: int, rng: np.random.Generator | None = None) -> None:
        super().__init__()
        with self.init_scope():
            self.linear = MaxNormLinear(n_in, n_unit, rng)
            self.norm = L.BatchNormalization(n_unit, decay=0.99, eps=1e-3)  # TensorFlow's

    def forward(self, x: Variable | NdArray, rng: np.random.Generator | None = None) -> Variable:
        h = F.relu(self.norm(self.linear(x)))
        if rng is None:
            return h
        # Not F.dropout's own mask: it comes from NumPy's global generator.
        kept = rng.random(h.shape, np.float32) >= DROPOUT
        return F.dropout(h, mask=self.device.send(kept / np.float32(1 - DROPOUT)))


class Martinez(chainer.Chain):
    """2D pose in pixels to 3D pose in millimetres, root at the origin.

    Args:
        n_joints: number of joints J.
        n_unit: units of each hidden layer (1024 in the paper).
        rng: numpy.random.Generator that draws the weights; None for NumPy's
            global one.
    """

    def __init__(
        self, n_joints: int, n_unit: int = 1024, rng: np.random.Generator | None = None
    ) -> None:
        super().__init__()
        self.n_joints = n_joints
        with self.init_scope():
            self.enter = Layer(2 * n_joints, n_unit, rng)
            self.a1, self.a2, self.b1, self.b2 = (Layer(n_unit, n_unit, rng) for _ in range(4))
            self.leave = MaxNormLinear(n_unit, 3 * n_joints, rng)
        for name, size in (('in', 2 * n_joints), ('out', 3 * n_joints)):
            self.add_persistent(f'{name}_mean', np.zeros(size, np.float32))
            self.add_persistent(f'{name}_std', np.ones(size, np.float32))

    def standardize(self, batch: NdArray) -> None:
        """Keep mean and deviation of training rows, (N, 5J); see `rows_of`."""
        n = len(self.in_mean)
        for name, part in (('in', batch[:, :n]), ('out', batch[:, n:])):
            getattr(self, f'{name}_mean')[:] = part.mean(axis=0, dtype=np.float64)
            getattr(self, f'{name}_std')[:] = part.std(axis=0, dtype=np.float64)

    def forward(self, rows: NdArray, rng: np.random.Generator | None = None) -> Variable:
        """(B, 2J) rows in px to a Variable of (B, 3J), standardised 3D.

        With a numpy.random.Generator units are dropped, as for training.
        """
        h = self.enter(_standard(rows, self.in_mean, self.in_std), rng)
        h = self.a2(self.a1(h, rng), rng) + h
        h = self.b2(self.b1(h, rng), rng) + h
        return self.leave(h)

    def lift(self, pose2d: np.ndarray, batchsize: int = 4096) -> np.ndarray:
        """(N, J, 2) px to (N, J, 3) mm, root at the origin; NumPy to NumPy."""
        pose = np.empty((*pose2d.shape[:2], 3), np.float32)
        with (
            chainer.using_config('train', False),
            chainer.no_backprop_mode(),
            self.device.create_context(),
        ):
            for i in range(0, len(pose2d), batchsize):
                rows = functions.to_rows(pose2d[i : i + batchsize]).astype(np.float32)
                out = self(self.device.send(rows)).array * self.out_std + self.out_mean
                out = chainer.get_device('@numpy').send(out)
                pose[i : i + batchsize] = out.reshape(len(rows), -1, 3)
        return pose

    @staticmethod
    def shapes(n_joints: int, n_unit: int) -> dict[str, tuple[int, ...]]:
        """dict from the name of each array, as Chainer serializes it, to its shape."""
        shapes = {
            'leave/W': (3 * n_joints, n_unit),
            'leave/b': (3 * n_joints,),
            'in_mean': (2 * n_joints,),
            'in_std': (2 * n_joints,),
            'out_mean': (3 * n_joints,),
            'out_std': (3 * n_joints,),
        }
        for layer in ('enter', 'a1', 'a2', 'b1', 'b2'):
            n_in = 2 * n_joints if layer == 'enter' else n_unit
            shapes[f'{layer}/linear/W'] = (n_unit, n_in)
            shapes[f'{layer}/linear/b'] = (n_unit,)
            for key in ('gamma', 'beta', 'avg_mean', 'avg_var'):
                shapes[f'{layer}/norm/{key}'] = (n_unit,)
        return shapes


def _standard(batch, mean, std):
    # What never varies, as the root's 3D, has deviation 0: whatever the network
    # says of it, times 0 plus the mean is what it always is.
    xp = chainer.backend.get_array_module(batch)
    return (batch - mean) / xp.where(std > 0, std, 1)


def rows_of(data: PoseData) -> np.ndarray:
    """Usable poses for training: 2D in px beside root-relative 3D in mm.

    Args:
        data: `pose_file.PoseData` with pose3d.
    Returns:
        float32 array of shape (N, 5J).
    Raises:
        InputError: if there is no 3D, or no pose that is usable.
    """
    if data.pose3d is None:
        raise InputError(f'{data.name}: expected pose3d to learn from, found 2D only')
    usable = datasets.require_usable(data)
    centred = geometry.center(data.pose3d[usable], data.skeleton.root)
    parts = functions.to_rows(data.pose2d[usable]), centred.reshape(len(centred), -1)
    return np.concatenate(parts, axis=1).astype(np.float32)


def loss(network: Martinez, batch: NdArray, rng: np.random.Generator) -> Variable:
    """Mean squared error of the standardised 3D (section 3.2).

    Args:
        network: `Martinez`.
        batch: (B, 5J) array; see `rows_of`.
        rng: numpy.random.Generator that drops units.
    Returns:
        Variable of shape ().
    """
    n = len(network.in_mean)
    target = _standard(batch[:, n:], network.out_mean, network.out_std)
    return F.mean_squared_error(network(batch[:, :n], rng), target)
