"""The supervised baseline of Table 1: Martinez et al. 2017.

"A simple yet effective baseline for 3D human pose estimation", section 3: two residual blocks of
two linear layers, each with batch normalization, ReLU and dropout, from standardized 2D in pixels
to standardized 3D in millimetres.
"""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
from chainer import Variable
from chainer.types import NdArray

from chainer_pose.functions import mean_squared_error
from chainer_pose.links.lifting import LiftingLink
from chainer_pose.links.linear import Linear

DROPOUT = 0.5
DECAY = 0.96**1e-5  # of the step size, each iteration: 4 % in 100,000 (their code)


class MaxNormLinear(Linear):
    """Linear layer that uses its weight matrix scaled to a norm of at most 1 (section 3.3).

    The stored weights keep their length: scaled down in place, they would be as small as one
    step of Adam, which would scramble them.
    """

    def forward(self, x: Variable | NdArray, skip: Variable | None = None) -> Variable:
        norm = F.sqrt(F.sum(F.square(self.W)))
        norm = F.maximum(norm, self.xp.ones_like(norm.array))
        return super().forward(x / F.broadcast_to(norm, x.shape), skip)


class Layer(chainer.Chain):
    """Linear, batch normalization, ReLU, dropout: (B, n_in) to (B, n_unit)."""

    def __init__(self, n_in: int, n_unit: int, initializer: chainer.Initializer) -> None:
        super().__init__()
        with self.init_scope():
            self.linear = MaxNormLinear(n_in, n_unit, initializer)
            self.norm = L.BatchNormalization(n_unit, decay=0.99, eps=1e-3)  # TensorFlow's

    def forward(self, x: Variable | NdArray, rng: np.random.Generator | None = None) -> Variable:
        h = F.relu(self.norm(self.linear(x)))
        if rng is None:
            return h
        # F.dropout would draw its mask from NumPy's global generator.
        kept = rng.random(h.shape, np.float32) >= DROPOUT
        return F.dropout(h, mask=self.device.send(kept / np.float32(1 - DROPOUT)))


class Martinez(LiftingLink, chainer.Chain):
    """2D pose in pixels to 3D pose in millimetres, root at the origin.

    Args:
        n_joints: number of joints J.
        n_unit: units of each hidden layer (1024 in the paper).
        rng: numpy.random.Generator that draws the weights; None for NumPy's global one.
    """

    in_mm = True
    keeps_xy = False

    def __init__(
        self, n_joints: int, n_unit: int = 1024, rng: np.random.Generator | None = None
    ) -> None:
        super().__init__()
        self.n_joints = n_joints
        he = chainer.initializers.HeNormal(rng=rng)
        with self.init_scope():
            self.enter = Layer(2 * n_joints, n_unit, he)
            self.a1, self.a2, self.b1, self.b2 = (Layer(n_unit, n_unit, he) for _ in range(4))
            self.leave = MaxNormLinear(n_unit, 3 * n_joints, he)
        for name, size in (('in', 2 * n_joints), ('out', 3 * n_joints)):
            self.add_persistent(f'{name}_mean', np.zeros(size, np.float32))
            self.add_persistent(f'{name}_std', np.ones(size, np.float32))

    def standardize(self, pose2d: np.ndarray, pose3d: np.ndarray) -> None:
        """Keep mean and deviation of training poses: (N, J, 2) px, (N, J, 3) mm from the root."""
        for name, pose in (('in', pose2d), ('out', pose3d)):
            numbers = pose.reshape(len(pose), -1)
            getattr(self, f'{name}_mean')[:] = numbers.mean(axis=0, dtype=np.float64)
            getattr(self, f'{name}_std')[:] = numbers.std(axis=0, dtype=np.float64)

    def forward(self, pose2d: NdArray, rng: np.random.Generator | None = None) -> Variable:
        """(B, J, 2) px to standardized 3D, (B, 3J); a numpy.random.Generator drops units."""
        h = self.enter(_standard(pose2d, self.in_mean, self.in_std), rng)
        h = self.a2(self.a1(h, rng), rng) + h
        h = self.b2(self.b1(h, rng), rng) + h
        return self.leave(h)

    def lift(self, pose2d: np.ndarray, root: int, batchsize: int = 4096) -> np.ndarray:
        """(N, J, 2) px to (N, J, 3) mm relative to the root of the training poses."""

        def forward(batch: NdArray) -> Variable:
            return self(batch) * self.out_std + self.out_mean

        pose = self._in_batches(forward, np.asarray(pose2d, np.float32), batchsize)
        return pose.reshape(*pose2d.shape[:2], 3)


def _standard(pose: NdArray, mean: NdArray, std: NdArray) -> NdArray:
    # What never varies, such as the root's 3D, has a deviation of 0 and is always its mean.
    xp = chainer.backend.get_array_module(pose)
    return (pose.reshape(len(pose), -1) - mean) / xp.where(std > 0, std, 1)


def loss(network: Martinez, pose2d: NdArray, pose3d: NdArray, rng: np.random.Generator) -> Variable:
    """Mean squared error of the standardized 3D (section 3.2), a Variable of shape ().

    Of poses (B, J, 2) in px against (B, J, 3) in mm from the root; `rng` drops units.
    """
    target = _standard(pose3d, network.out_mean, network.out_std)
    return mean_squared_error(network(pose2d, rng), target)
