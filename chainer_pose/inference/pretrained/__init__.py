"""The weights that come with the package; MODEL_CARD.md describes them."""

from pathlib import Path

FOLDER = Path(__file__).parent
# Name: what they learned from, and who may use them.
PRETRAINED = {'cmu': 'CMU motion capture, four cameras (mocap.cs.cmu.edu): free for any use'}
DEFAULT = 'cmu'


def pretrained_path(name: str) -> Path:
    """Return the path of the generator file."""
    return FOLDER / f'{name}.npz'
