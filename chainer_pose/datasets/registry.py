"""Data sets by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from chainer_pose.datasets import pose_file
from chainer_pose.errors import InputError
from chainer_pose.utils import files

if TYPE_CHECKING:
    pass


DATA_DIRECTORY = Path(__file__).resolve().parents[2] / 'data'


def find(dataset: str) -> Path:
    """The pose file that a name or a path means.

    A path ends in .h5. A name is looked up as NAME.h5 in the project's data
    folder, then in $CHAINER_POSE_DATA. 'synthetic' is made where it is absent.

    Raises:
        InputError: if there is no such file, saying where it was looked for.
    """
    if str(dataset).endswith('.h5'):
        return Path(dataset)
    extra = os.environ.get('CHAINER_POSE_DATA')
    folders = [DATA_DIRECTORY] + ([Path(extra)] if extra else [])
    for folder in folders:
        if (folder / f'{dataset}.h5').is_file():
            return folder / f'{dataset}.h5'
    if dataset == 'synthetic':
        return _make_synthetic(Path(extra) if extra else DATA_DIRECTORY)
    tried = ', '.join(str(folder / f'{dataset}.h5') for folder in folders)
    raise InputError(
        f'expected a name or a path that ends in .h5, found none of: {tried} '
        f'(data/README.md tells how to make one)',
        dataset=dataset,
    )


def _make_synthetic(folder):
    from chainer_pose.datasets.readers import synthetic

    path = folder / 'synthetic.h5'
    with files.writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        pose_file.write(path, synthetic.make())
    return path
