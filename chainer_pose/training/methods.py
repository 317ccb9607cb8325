"""The method that a run's options amount to, as tables name it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from chainer_pose.evaluations.reports import NOT_KNOWN, PARTLY, WITH_3D, WITHOUT_3D
from chainer_pose.training.options import DEFAULTS, FIELDS, MODELS, flag

# The options that say what a run learns by, at the paper's values.
PAPER: dict[str, Any] = {
    field.name: getattr(DEFAULTS, field.name) for field in FIELDS if field.metadata.get('method')
}

OURS, MARTINEZ = 'Ours (paper)', 'Martinez et al. [15]'  # rows of published_results.csv


class Method(NamedTuple):
    """How weights were trained, as tables name it.

    Attributes:
        label: name of its row.
        supervision: the group of rows it belongs to, one of `reports.SUPERVISIONS`.
        published: the paper's row to compare it with, '' for none.
        options: options that differ from the paper's and the network's own, as on the
            command line.
    """

    label: str
    supervision: str
    published: str
    options: str = ''


def of(options: Mapping[str, Any]) -> Method:
    """Name the method of a run by its options.json; empty options if it is not known."""
    if not options:
        return Method('Ours', NOT_KNOWN, OURS, 'not known')
    usual = {**PAPER, **MODELS.get(str(options.get('model')), {})}
    given = {key: options.get(key, value) for key, value in usual.items()}
    changed = ' '.join(_typed(key, value) for key, value in given.items() if value != usual[key])
    labelled = WITH_3D if given['labelled'] == 1 else PARTLY
    if given['model'] == 'martinez':
        return Method('Martinez et al.', labelled, MARTINEZ, changed)
    if given['mode'] == 'supervised':
        return Method('Ours, supervised', labelled, '', changed)
    if given['mode'] == 'semi-supervised':
        return Method('Ours, semi-supervised', labelled, '', changed)
    return Method('Ours, other options' if changed else 'Ours', WITHOUT_3D, OURS, changed)


def _typed(key: str, value: Any) -> str:
    if value is True:
        return flag(key)
    values = value if isinstance(value, list) else [value]
    return ' '.join([flag(key), *(f'{v:g}' if isinstance(v, float) else str(v) for v in values)])
