"""Files of every format that is read, each damaged in ways that hypothesis thinks up.

``python tests/fuzz.py --inputs 2000`` tries as many for each reader and prints what came
of it: a right answer or a clean refusal is well, anything else is not. test_fuzz.py tries
some of each.
"""

import argparse
import json
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'tests'), str(ROOT / 'tests/datasets/readers')]

import numpy as np  # noqa: E402
import test_cmu  # noqa: E402
import trees  # noqa: E402
from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from chainer_pose import (  # noqa: E402
    links,
    skeletons,
)
from chainer_pose.datasets import keypoints, pose_file  # noqa: E402
from chainer_pose.datasets.readers import (  # noqa: E402
    cameras,
    cmu,
    h36m,
    h36m_layouts,
    mpi_inf_3dhp,
    mpii,
)
from chainer_pose.errors import InputError  # noqa: E402
from chainer_pose.inference import weights as weights_file  # noqa: E402
from chainer_pose.training import run_directory  # noqa: E402
from chainer_pose.utils import unpickle  # noqa: E402

SECONDS, MEGABYTES = 5, 1000  # what one input may take, and all of a reader's together
DATA = ROOT / 'tests' / 'data'


def _pose_file(path):
    rng = np.random.default_rng(0)
    n, names = 9, skeletons.H36M17
    data = pose_file.PoseData(
        'small', names, rng.normal(500, 90, (n, 17, 2)).astype('f'),
        pose3d=rng.normal(0, 300, (n, 17, 3)).astype('f'), valid=np.ones((n, 17), bool),
        columns={'action': np.arange(n, dtype='i') % 2}, names={'action': ['walk', 'sit']},
    )  # fmt: skip
    pose_file.write(path, {'train': data, 'test': data})


def _read_pose_file(path):
    pose_file.describe(path)
    for split in pose_file.splits_of(path):
        pose_file.read(path, split)


def _generator(path):
    net = links.Generator(17, 8, rng=np.random.default_rng(0))
    arrays = {name.lstrip('/'): param.array for name, param in net.namedparams()}
    weights_file.write_generator(path, arrays, skeletons.H36M17)


def _options(path):
    path.write_text(json.dumps({'options': {'alpha': 2e-4, 'seed': 3, 'consistency': [1, 2]}}))


def _read_amc(path):
    bones = path.with_suffix('.asf')
    bones.write_text(test_cmu.asf())
    cmu.read_amc(path, cmu.read_asf(bones)[0])


def _json(name):
    return lambda path: shutil.copy(DATA / name, path)


def _read_keypoints(path):
    keypoints.read(path, default=skeletons.H36M17)


def _keypoints():
    return np.random.default_rng(0).normal(500, 90, (9, 17, 2))


def _npz(path):
    np.savez_compressed(path, keypoints=_keypoints())


def _npy(path):
    np.save(path, _keypoints())


def _pickled(path):
    nested = {'S1': {'walk': [np.arange(6.0).reshape(2, 3), {'fps': 50, 'names': ('a', 'b')}]}}
    np.savez_compressed(path, positions_3d=np.array(nested, dtype=object))


def _cameras(path):
    trees.write_cameras(path, subjects=('S1',))


# name: (file name, maker, reader)
READERS = {
    'pose file': ('poses.h5', _pose_file, _read_pose_file),
    'generator': ('gen_1.npz', _generator, weights_file.load_generator),
    'arrays of a snapshot': ('snapshot_1.npz', _generator, weights_file.read_arrays),
    'options.json': ('options.json', _options, lambda p: run_directory.read_options(p.parent)),
    'skeleton': (
        'skeleton.json',
        lambda path: shutil.copy(ROOT / 'examples' / 'skeletons' / 'limbs12.json', path),
        skeletons.get,
    ),
    **{
        name: (f'{name}.json', _json(f'{name}.json'), _read_keypoints)
        for name in ('coco', 'coco_results', 'alphapose', 'mmpose_video', 'mmpose_image')
    },
    'openpose': (
        'walk_000000000000_keypoints.json',
        _json('openpose/walk_000000000000_keypoints.json'),
        _read_keypoints,
    ),
    'CSV': ('poses.csv', lambda path: shutil.copy(DATA / 'poses.csv', path), _read_keypoints),
    'keypoints npz': ('keypoints.npz', _npz, _read_keypoints),
    'keypoints npy': ('keypoints.npy', _npy, _read_keypoints),
    'pickled npz': (
        'data_3d.npz', _pickled, lambda path: unpickle.read(path, 'positions_3d'),
    ),
    'MPII .mat 5': (
        'mpii5.mat',
        lambda path: trees.write_mpii_mat(path, trees.mpii_people(3)),
        mpii.read_mat,
    ),
    'MPII .mat 7.3': (
        'mpii73.mat',
        lambda path: trees.write_mpii_mat(path, trees.mpii_people(3), v73=True),
        mpii.read_mat,
    ),
    'MPII JSON': (
        'train.json',
        lambda path: trees.write_mpii_json(path, trees.mpii_people(3)),
        mpii.read_json,
    ),
    'MPI-INF-3DHP .mat': (
        'annot.mat',
        lambda path: trees.write_3dhp_train(path, 2, v73=True, n_cameras=9),
        lambda path: list(mpi_inf_3dhp.read_train(path, cameras=(0, 8))),
    ),
    'cameras.h5': (
        'cameras.h5', _cameras, lambda path: cameras.read(path, 'S1', h36m.CAMERAS),
    ),
    'CDF': (
        'pose.cdf',
        lambda path: trees.write_cdf(path, np.arange(2 * 96.0).reshape(2, 32, 3)),
        h36m_layouts._read_cdf,
    ),
    'ASF': ('07.asf', lambda path: path.write_text(test_cmu.asf()), cmu.read_asf),
    'AMC': ('07_01.amc', lambda path: path.write_text(test_cmu.amc([{}] * 3)), _read_amc),
}  # fmt: skip


SLOW = (
    'MPII .mat 5',
    'MPII .mat 7.3',
    'MPI-INF-3DHP .mat',
)  # large, or read in another process first


def damages():
    """Lists of (kind, place, length, byte), places and lengths as shares of the file."""
    share = st.floats(0, 1)
    kinds = 'bit', 'byte', 'cut', 'drop', 'repeat', 'zero', 'number', 'swap'
    one = st.tuples(st.sampled_from(kinds), share, share, st.integers(0, 255))
    return st.lists(one, min_size=1, max_size=6)


_NUMBERS = b'-1', b'1e999', b'NaN', b'99999999999999999999', b'\xff' * 8, b'[[[[', b'{}', b'""'


def damage(content, changes):
    """A damaged copy of a file's content."""
    content = bytearray(content)
    for kind, place, length, byte in changes:
        at = int(place * max(0, len(content) - 1))
        n = 1 + int(length**4 * len(content))  # mostly small
        if kind == 'cut':
            del content[at:]
        elif kind == 'drop':
            del content[at : at + n]
        elif kind == 'repeat':
            content[at:at] = content[at : at + n]
        elif kind == 'zero':
            content[at : at + n] = bytes(len(content[at : at + n]))
        elif kind == 'number':
            number = _NUMBERS[byte % len(_NUMBERS)]
            content[at : at + len(number)] = number
        elif kind == 'swap':
            content[at : at + n] = content[at : at + n][::-1]
        elif content:
            content[at] = content[at] ^ (1 << byte % 8) if kind == 'bit' else byte
    return bytes(content)


class Hung(BaseException):
    """A reader took too long; no Exception, so that no reader catches it."""


def outcome(read, path):
    """'answer', 'refusal', or what else a reader did, as text."""

    def ring(*_):
        raise Hung

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        read(path)
        return 'answer'
    except InputError as error:
        return (
            'refusal'
            if path.name in str(error) or path.parent.name in str(error)
            else (f'a refusal that does not name the file: {error}')
        )
    except Hung:
        return f'more than {SECONDS} s'
    except BaseException as error:
        return f'{type(error).__name__}: {error!s:.100}'
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def try_inputs(name, inputs, folder, number=0):
    """What came of some inputs for a reader: Counter of outcomes."""
    file_name, make, read = READERS[name]
    path = Path(folder) / file_name
    make(path)
    content, outcomes = path.read_bytes(), Counter()
    outcomes[outcome(read, path)] += 1
    assert outcomes['answer'] == 1, (name, outcomes)

    @seed(number)
    @settings(
        max_examples=inputs, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(damages())
    def each(changes):
        path.write_bytes(damage(content, changes))
        outcomes[outcome(read, path)] += 1

    each()
    return outcomes


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--inputs', type=int, default=1000, help='for each reader')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--slow-inputs', type=int, default=100, help='for those of SLOW')
    parser.add_argument('--readers', nargs='+', choices=READERS, default=list(READERS))
    options = parser.parse_args()
    print('| reader | inputs | answers | refusals | not clean | s | MB at most |')
    print('| --- |' + ' ---: |' * 6)
    unclean = {}
    for name in options.readers:
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            inputs = min(options.inputs, options.slow_inputs) if name in SLOW else options.inputs
            outcomes = try_inputs(name, inputs, folder, options.seed)
        total, answers, refusals = outcomes.total(), outcomes['answer'], outcomes['refusal']
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f'| {name} | {total} | {answers} | {refusals} | {total - answers - refusals} | '
            f'{time.monotonic() - started:.0f} | {memory:.0f} |',
            flush=True,
        )
        unclean |= {
            (name, what): n for what, n in outcomes.items() if what not in ('answer', 'refusal')
        }
    for (name, what), n in unclean.items():
        print(f'{name}: {n} times {what}')
    sys.exit(bool(unclean))


if __name__ == '__main__':
    main()
