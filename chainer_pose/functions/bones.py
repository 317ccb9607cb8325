"""Proportions of a lifted pose."""

from typing import Any

import numpy as np
from chainer import Variable
from chainer.types import NdArray

from chainer_pose.functions.node import TINY, ArrayNode
from chainer_pose.utils.devices import is_on_device
from chainer_pose.utils.kernels import elementwise

_BONE = """
        const long long c = o + child[k], e = o + parent[k];
        const T dx = xy[2 * c] - xy[2 * e], dy = xy[2 * c + 1] - xy[2 * e + 1], dz = z[c] - z[e];
        const T length = sqrt(dx * dx + dy * dy + dz * dz + tiny);
"""
_ratios = elementwise(
    'raw T xy, raw T z, raw int64 child, raw int64 parent, int64 bones, int64 joints, T tiny',
    'T ratio',
    f"""
    const long long o = i / bones * joints;
    T total = 0, own = 0;
    for (long long k = 0; k < bones; k++) {{ {_BONE}
        total += length;
        if (k == i % bones) own = length;
    }}
    ratio = own * bones / total;
    """,
    'bone_ratios',
)
_ratios_grad = elementwise(
    'raw T xy, raw T z, raw int64 child, raw int64 parent, int64 bones, int64 joints, T tiny, '
    'raw T g',
    'T gz',
    f"""
    const long long b = i / joints, j = i % joints;
    const long long o = b * joints;
    T total = 0, weighted = 0;
    for (long long k = 0; k < bones; k++) {{ {_BONE}
        total += length;
        weighted += g[b * bones + k] * length;
    }}
    const T mean = weighted / total, scale = bones / total;
    gz = 0;
    for (long long k = 0; k < bones; k++) {{ {_BONE}
        const T by_dz = scale * (g[b * bones + k] - mean) * dz / length;
        gz += child[k] == j ? by_dz : parent[k] == j ? -by_dz : (T)0;
    }}
    """,
    'bone_ratios_grad',
)


class _BoneRatios(ArrayNode):
    def __init__(self, real: NdArray, children: NdArray, parents: NdArray) -> None:
        self.real, self.ends = real, (children, parents)

    def compute(self, z: NdArray) -> tuple[NdArray, ...]:
        bones = len(self.ends[0])
        if is_on_device(z):
            sizes = bones, z.shape[1], TINY
            ratio = _ratios(self.real, z, *self.ends, *sizes, size=len(z) * bones)
            return (ratio.reshape(len(z), bones),)
        length, _ = self._bones(z)
        return (length * bones / length.sum(axis=1, keepdims=True),)

    def gradients(self, gys: list[Any], z: NdArray) -> tuple[NdArray, ...]:
        g, bones = gys[0], len(self.ends[0])
        if is_on_device(z):
            arguments = self.real, z, *self.ends, bones, z.shape[1], TINY, g
            return (_ratios_grad(*arguments, size=z.size).reshape(z.shape),)
        length, dz = self._bones(z)
        total = length.sum(axis=1, keepdims=True)
        mean = (g * length).sum(axis=1, keepdims=True) / total
        by_dz = bones / total * (g - mean) * dz / length
        gz = np.zeros_like(z)
        for k, (child, parent) in enumerate(zip(*self.ends)):
            gz[:, child] += by_dz[:, k]
            gz[:, parent] -= by_dz[:, k]
        return (gz,)

    def _bones(self, z: NdArray) -> tuple[NdArray, NdArray]:
        """Lengths and their extents along z, (B, number of bones)."""
        children, parents = self.ends
        dxy, dz = (a[:, children] - a[:, parents] for a in (self.real, z))
        return np.sqrt((dxy**2).sum(axis=2) + dz**2 + z.dtype.type(TINY)), dz


def bone_ratios(
    real: NdArray, depth: Variable | NdArray, children: NdArray, parents: NdArray
) -> Variable:
    """Each bone's length over the mean of the pose's bones, which depends on no unit or size.

    Yu et al. 2021 and Wandt et al. 2022 take people's proportions to be similar.

    Poses (B, J, 2) and depths (B, J) to a Variable (B, n); `children` and `parents` are int64
    arrays (n,) of the joints at the ends of n bones.
    """
    return _BoneRatios(real, children, parents).apply((depth,))[0]
