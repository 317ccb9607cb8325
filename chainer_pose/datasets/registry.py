"""Data sets by name."""

import os
from pathlib import Path

from chainer_pose.datasets import pose_file
from chainer_pose.errors import InputError
from chainer_pose.utils.files import writing


def data_directory() -> Path:
    """Return the folder of named data sets: $CHAINER_POSE_DATA, else data/ of the working one."""
    return Path(os.environ.get('CHAINER_POSE_DATA') or 'data')


def find(dataset: str) -> Path:
    """Return the pose file of a data set, a path that ends in .h5 or a name.

    NAME.h5 is looked for in `data_directory()`, then in data/ of the working directory;
    'synthetic' is made in the first if absent.

    Raises:
        InputError: if there is no such file.
    """
    if str(dataset).endswith('.h5'):
        return Path(dataset)
    tried = [folder / f'{dataset}.h5' for folder in (data_directory(), Path('data'))]
    for path in tried:
        if path.is_file():
            return path
    if dataset != 'synthetic':
        absent = ' or '.join(dict.fromkeys(map(str, tried)))
        message = f'expected a path that ends in .h5 or a name, found no {absent}'
        raise InputError(f'{message} (see data/README.md)', dataset=dataset)
    from chainer_pose.datasets.readers import synthetic  # which imports this package

    with writing(tried[0]):
        tried[0].parent.mkdir(parents=True, exist_ok=True)
        pose_file.write(tried[0], synthetic.make())
    return tried[0]
