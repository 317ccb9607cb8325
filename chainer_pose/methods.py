"""What a run learns by: the paper's method, what may be changed of it, and others beside it.

Options are named as in options.json: those of train.py, with _ for -.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

# The paper's setting, as its authors' code runs it; sections are the paper's.
PAPER = {
    'mode': 'unsupervised',
    'model': 'kudo',
    'labelled': 1.0,
    'depth_weight': 10.0,
    'camera_pitch': 0.0,  # horizontal cameras, 4.3
    'consistency': [0.0, 0.0],
    'bone_weight': 0.0,
    'ema': 0.0,
    'zero_root': False,
    'batchsize': 16,  # 4.2
    'alpha': 2e-4,
    'beta1': 0.5,
    'weight_decay': 1e-5,
    'accuracy_cap': 0.9,  # 4.2
    'rescale_fakes': False,
    'angle_weight': 1.0,  # 3.4, eq. 4
    'n_unit': 1024,  # 3.2
    'init_std': 0.02,
}

# What --preset stands for; an option that is given stands above its preset.
PRESETS: dict[str, dict[str, Any]] = {
    'paper': {},
    'plus': {
        'camera_pitch': 'learn',
        'consistency': [10.0, 1.0],
        'bone_weight': 100.0,
        'ema': 0.999,
        'zero_root': True,
    },
}

# Each network's own defaults.
MODELS: dict[str, dict[str, Any]] = {
    'kudo': {},
    'martinez': {'batchsize': 64, 'alpha': 1e-3, 'beta1': 0.9, 'weight_decay': 0.0},
}

WITH_3D, PARTLY, WITHOUT_3D = 'w/ 3D dataset', 'w/ part of a 3D dataset', 'w/o 3D dataset'
NOT_KNOWN = 'not known whether w/ 3D dataset'
OURS, MARTINEZ = 'Ours (paper)', 'Martinez et al. [15]'  # rows of data/published_results.csv
SUPERVISIONS = WITH_3D, PARTLY, WITHOUT_3D, NOT_KNOWN  # in the order of the paper's tables


class Method(NamedTuple):
    """How weights were trained, as tables name it.

    Attributes:
        label: name of its row.
        supervision: the rows among which it belongs, one of `SUPERVISIONS`.
        published: the paper's row to compare it with, '' for none.
        options: those that are neither the paper's nor its network's, as on the command line.
    """

    label: str
    supervision: str
    published: str
    options: str = ''


def of(options: Mapping[str, Any]) -> Method:
    """The method of a run.

    Args:
        options: the run's; empty if not known.
    Returns:
        `Method`.
    """
    if not options:
        return Method('Ours', NOT_KNOWN, OURS, 'not known')
    usual = {**PAPER, **MODELS.get(str(options.get('model')), {})}
    given = {key: options.get(key, value) for key, value in usual.items()}
    changed = ' '.join(_flag(key, value) for key, value in given.items() if value != usual[key])
    labelled = WITH_3D if given['labelled'] == 1 else PARTLY
    if given['model'] == 'martinez':
        return Method('Martinez et al.', labelled, MARTINEZ, changed)
    if given['mode'] == 'supervised':
        return Method('Ours, supervised', labelled, '', changed)
    if given['mode'] == 'semi-supervised':
        return Method('Ours, semi-supervised', labelled, '', changed)
    return Method('Ours, other options' if changed else 'Ours', WITHOUT_3D, OURS, changed)


def _flag(key, value):
    name = f'--{key.replace("_", "-")}'
    if value is True:
        return name
    values = value if isinstance(value, list) else [value]
    return ' '.join([name, *(f'{v:g}' if isinstance(v, float) else str(v) for v in values)])
