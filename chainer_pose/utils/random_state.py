"""Random streams: one a purpose, all from one seed, stored with a snapshot."""

import json
from collections.abc import Sequence

import chainer
import numpy as np


def streams(seed: int, names: Sequence[str]) -> dict[str, np.random.Generator]:
    """Return independent generators, one for each name; the order of the names matters."""
    seeds = np.random.SeedSequence(seed).spawn(len(names))
    return {name: np.random.default_rng(s) for name, s in zip(names, seeds)}


def serialize_rng(
    serializer: chainer.AbstractSerializer, key: str, rng: np.random.Generator
) -> None:
    """Save or load, in place, the state of a generator with a Chainer serializer."""
    if isinstance(serializer, chainer.Serializer):
        serializer(key, json.dumps(rng.bit_generator.state))
    else:
        rng.bit_generator.state = json.loads(str(serializer(key, '')))
