"""Damaged files: each is read or gives an InputError, in little time and memory.

``make fuzz`` tries many; what fails is left in pytest's temporary folder. Left out: HDF5's
text heaps and MATLAB's version 5, whose damage can hang HDF5 and crash scipy, in their C code.
"""

import contextlib
import faulthandler
import os
import re
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from chainer_pose import links, skeletons
from chainer_pose.datasets import keypoints, pose_file
from chainer_pose.datasets.readers import cameras, cmu, h36m, mpi_inf_3dhp, mpii
from chainer_pose.errors import InputError
from chainer_pose.inference import weights
from chainer_pose.training import run_directory
from chainer_pose.utils import unpickle
from tests import trees
from tests.conftest import ROOT
from tests.datasets.keypoints import test_formats
from tests.datasets.readers.test_cmu import amc, asf

INPUTS, SEED = int(os.environ.get('FUZZ_INPUTS', 20)), int(os.environ.get('FUZZ_SEED', 0))
SECONDS, BYTES = 10, 2**30
POSES = np.random.default_rng(0).normal(500, 90, (9, 17, 2)).astype('f')


def write_poses(path):
    columns, names = {'action': np.arange(9) % 2}, {'action': ['walk', 'sit']}
    valid, pose3d = np.ones((9, 17), bool), np.zeros((9, 17, 3))
    data = pose_file.PoseData(
        'small', skeletons.H36M17, POSES, pose3d, valid, columns=columns, names=names
    )
    pose_file.write(path, {'train': data})


def write_generator(path):
    net = links.Generator(17, 8, rng=np.random.default_rng(0))
    arrays = {name.lstrip('/'): param.array for name, param in net.namedparams()}
    weights.write_generator(path, arrays, skeletons.H36M17)


def write_pickled(path):
    nested = {'S1': {'walk': [np.arange(6.0).reshape(2, 3), {'fps': 50, 'names': ('a', 'b')}]}}
    np.savez_compressed(path, positions_3d=np.array(nested, dtype=object))


def read_amc(path):
    path.with_suffix('.asf').write_text(asf())
    cmu.read_amc(path, cmu.read_asf(path.with_suffix('.asf'))[0])


def copied(source):
    return source.name, lambda path: shutil.copy(source, path)


def read_keypoints(path):
    keypoints.read(path, default=skeletons.H36M17)


def written(name):
    """Write a file of `test_formats`, of two people in one frame."""
    _, known, write, *_ = test_formats.FORMATS[name]
    return lambda path: write(path, test_formats.joints(known)[:1])


DATA, PEOPLE = ROOT / 'tests' / 'data', trees.mpii_people(3)
# file name, how to write it, how to read it
READERS = [
    ('poses.h5', write_poses, lambda path: pose_file.read(path, 'train')),
    ('gen_1.npz', write_generator, weights.load_generator),
    ('data_3d.npz', write_pickled, lambda path: unpickle.read(path, 'positions_3d')),
    (*copied(DATA / 'before/paper/options.json'), lambda p: run_directory.read_options(p.parent)),
    (*copied(ROOT / 'examples/skeletons/limbs12.json'), skeletons.get),
    *((*copied(path), read_keypoints) for path in sorted(DATA.glob('*.json'))),
    (*copied(DATA / 'poses.csv'), read_keypoints),
    ('keypoints.npz', lambda path: np.savez_compressed(path, keypoints=POSES), read_keypoints),
    ('formats.csv', written('deeplabcut'), read_keypoints),
    ('long.csv', written('long csv'), lambda path: keypoints.read(path, image_size=(9, 9))),
    ('landmarks.json', written('mediapipe'), lambda path: keypoints.read(path, image_size=(9, 9))),
    ('kinetics.json', written('st-gcn'), lambda path: keypoints.read(path, image_size=(9, 9))),
    (
        'labels.txt',
        lambda path: path.write_text('0 .5 .5 .1 .1' + 17 * ' .4 .6 1' + '\n'),
        lambda path: keypoints.read(path, skeleton=skeletons.get('coco17'), image_size=(9, 9)),
    ),
    ('tracks.h5', written('sleap'), read_keypoints),
    ('custom.npz', written('videopose3d'), read_keypoints),
    ('videos.pkl', written('mmaction'), read_keypoints),
    ('h36m.pkl', written('motionbert'), read_keypoints),
    ('keypoints.npy', lambda path: np.save(path, POSES), read_keypoints),
    ('mpii73.mat', lambda path: trees.write_mpii_mat(path, PEOPLE, v73=True), mpii.read_mat),
    ('train.json', lambda path: trees.write_mpii_json(path, PEOPLE), mpii.read_json),
    (
        'annot.mat',
        lambda path: trees.write_3dhp_train(path, 2, v73=True, n_cameras=9),
        lambda path: list(mpi_inf_3dhp.read_train(path, cameras=(0, 8))),
    ),
    (
        'cameras.h5',
        lambda path: trees.write_cameras(path, subjects=('S1',)),
        lambda path: cameras.read(path, 'S1', h36m.CAMERAS),
    ),
    ('07.asf', lambda path: path.write_text(asf()), cmu.read_asf),
    ('07_01.amc', lambda path: path.write_text(amc([{}] * 3)), read_amc),
]


def damaged(content, rng):
    """Change a file's content in one to four places."""
    tokens = b'-1', b'1e999', b'NaN', b'9' * 20, b'\xff' * 8, b'[[[[', b'{}', b'""'
    for _ in range(rng.integers(1, 5)):
        start = rng.integers(0, len(content) + 1)
        end = start + int(len(content) * rng.random() ** 4)
        part, token = content[start:end], tokens[rng.integers(len(tokens))]
        flipped = bytes(byte ^ 1 << rng.integers(8) for byte in part[:1]) + part[1:]
        changes = b'', part * 2, part[::-1], bytes(len(part)), token + part[len(token) :], flipped
        content = content[:start] + changes[rng.integers(len(changes))] + content[end:]
    return content


@contextlib.contextmanager
def limits():
    """Raise MemoryError beyond `BYTES`; end the process after `SECONDS`."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, before[1]))
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize(('name', 'write', 'read'), READERS, ids=[row[0] for row in READERS])
def test_damaged_files(name, write, read, tmp_path):
    path, rng, errors = tmp_path / name, np.random.default_rng(SEED), []
    write(path)
    read(path)
    content = path.read_bytes()
    heaps = re.findall(rb'(?s)GCOL.{4092}', content)
    for _ in range(INPUTS):
        path.write_bytes(damaged(content, rng))
        if not all(heap in path.read_bytes() for heap in heaps):
            continue
        try:
            with limits():
                read(path)
        except InputError as error:
            errors.append(str(error))
    assert errors
    assert all(name in error and '\n' not in error for error in errors)
