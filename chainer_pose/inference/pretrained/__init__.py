"""The weights that come with the package; MODEL_CARD.md describes them."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
# Name: what they learned from, and who may use them.
PRETRAINED = {
    'mpii': 'people in the wild (MPII Human Pose): for research',
    'cmu': 'CMU motion capture, four cameras (mocap.cs.cmu.edu): free for any use',
}
DEFAULT = 'cmu'


def pretrained_path(name: str) -> Path:
    """Path of the generator file of ready weights."""
    return FOLDER / f'{name}.npz'
