"""Unsupervised adversarial learning of 3D human pose from 2D joint locations."""

from typing import TYPE_CHECKING, Any

from chainer_pose import _compat  # noqa: F401  (before anything imports chainer)

if TYPE_CHECKING:
    from chainer_pose.inference.lifter import load_lifter

__version__ = '0.1.0'
__all__ = ['load_lifter']


def __getattr__(name: str) -> Any:
    # Only where it is asked for: chainer takes a second to import.
    if name == 'load_lifter':
        from chainer_pose.inference.lifter import load_lifter

        return load_lifter
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
