import csv
import json

import numpy as np
import pytest

from chainer_pose.inference import predictions
from chainer_pose.inference import scale as scaling
from chainer_pose.inference.lifter import Lifted
from chainer_pose.inference.predictions import Origin, Store
from chainer_pose.skeletons import H36M17, Skeleton

DUO = Skeleton('duo', ('Hip', 'LHand', 'RHand'), (-1, 0, 0))
ORIGIN = Origin('in.json', 'coco17', 'gen.npz', 'abc', 'height 1700 mm')


def lifted(n, rng, known=DUO):
    j = len(known)
    pose3d = rng.normal(0, 100, (n, j, 3)).astype('f')
    pose3d[:, 0] = 0
    return Lifted(
        rng.normal(300, 90, (n, j, 2)).astype('f'),
        pose3d,
        np.zeros((n, j), bool),
        rng.uniform(-1, 1, n).astype('f'),
    )


@pytest.fixture
def store(rng):
    """Seven people in two parts: one filled in, one that could not be lifted."""
    with Store(DUO, scaling.by_bone(DUO, 'Hip', 'LHand', 500)) as store:
        for n, frames, persons in (
            (3, [0, 0, 1], [0, 1, 0]),
            (4, ['a', 'a,"b"', 5, 6], [1, 'x', 2, 2]),
        ):
            part = lifted(n, rng)
            if n == 4:
                part.imputed[1, 2] = True
                part.pose2d[2, 1:] = part.pose3d[2] = part.sin_beta[2] = np.nan
            store.append(frames, persons, part)
        yield store


FRAMES, PERSONS = [0, 0, 1, 'a', 'a,"b"', 5, 6], [0, 1, 0, 1, 'x', 2, 2]


def test_the_store_gives_back_what_came_in(store):
    assert (store.frame, store.person) == (FRAMES, PERSONS)
    assert len(store) == 7
    assert store.pose3d.shape == store.pose3d_mm.shape == (7, 3, 3)
    assert store.lifted().tolist() == [True] * 5 + [False, True]
    assert store.persons() == {0: 2, 1: 2, 'x': 1, 2: 1}
    assert store.of_person(2).tolist() == [6]
    length = np.linalg.norm(store.pose3d_mm[:, 1], axis=1)
    np.testing.assert_allclose(length[store.lifted()], 500, rtol=1e-5)


def test_the_summary(store):
    found = predictions.summary(store)
    assert found == {'people': 7, 'lifted': 6, 'imputed': {'RHand': 1}, 'facing': None}
    with Store(H36M17) as people:
        part = lifted(5, np.random.default_rng(0), H36M17)
        part.sin_beta[:] = [0.5, -0.1, 0, 1, -1]
        people.append(list(range(5)), [0] * 5, part)
        assert predictions.summary(people)['facing'] == 3


def test_json(store, tmp_path):
    predictions.write_json(tmp_path / 'p.json', store, ORIGIN)
    found = json.loads((tmp_path / 'p.json').read_text())
    assert found['format'] == 'chainer-pose-predictions'
    assert found['axes'].startswith('x right, y down, z away from the camera')
    assert found['units'] == {'pose2d': 'px', 'pose3d': 'px, of the input', 'pose3d_mm': 'mm'}
    assert (found['root'], found['weights_sha256']) == ('Hip', 'abc')
    assert Skeleton.from_dict(found['skeleton']) == DUO
    assert [p['frame'] for p in found['poses']] == FRAMES
    assert [p['person'] for p in found['poses']] == PERSONS
    for i, pose in enumerate(found['poses']):
        if i == 5:
            assert pose['pose3d'] is None
            assert pose['pose3d_mm'] is None
            assert pose['sin_beta'] is None
            assert pose['pose2d'][1:] == [None, None]
            np.testing.assert_allclose(pose['pose2d'][0], store.pose2d[5, 0], rtol=1e-5)
        else:
            for name in ('pose2d', 'pose3d', 'pose3d_mm'):
                np.testing.assert_allclose(pose[name], getattr(store, name)[i], rtol=1e-5)
            assert pose['sin_beta'] == pytest.approx(float(store.sin_beta[i]), rel=1e-5)
        assert pose['imputed'] == (['RHand'] if i == 4 else [])


def test_csv(store, tmp_path):
    predictions.write_csv(tmp_path / 'p.csv', store, ORIGIN)
    lines = (tmp_path / 'p.csv').read_text().splitlines()
    assert lines[0].startswith('# x right, y down, z away from the camera')
    rows = list(csv.DictReader(lines[1:]))
    assert [row['frame'] for row in rows] == [str(f) for f in FRAMES]
    assert [row['person'] for row in rows] == [str(p) for p in PERSONS]
    for i, row in enumerate(rows):
        assert row['imputed'] == ('RHand' if i == 4 else '')
        if i == 5:
            assert (
                row['LHand_x_px'] == row['LHand_x_mm'] == row['sin_beta'] == row['RHand_u_px'] == ''
            )
            assert row['Hip_u_px'] != ''
        else:
            assert float(row['LHand_z_px']) == pytest.approx(float(store.pose3d[i, 1, 2]), rel=1e-5)
            assert float(row['RHand_v_px']) == pytest.approx(float(store.pose2d[i, 2, 1]), rel=1e-5)
            assert float(row['RHand_y_mm']) == pytest.approx(
                float(store.pose3d_mm[i, 2, 1]), rel=1e-5
            )


def test_npz(store, tmp_path):
    predictions.write_npz(tmp_path / 'p.npz', store, ORIGIN)
    with np.load(tmp_path / 'p.npz', allow_pickle=False) as found:
        for name in ('pose2d', 'pose3d', 'pose3d_mm', 'imputed', 'sin_beta'):
            np.testing.assert_array_equal(found[name], getattr(store, name))
        assert found['frame'].tolist() == [str(f) for f in FRAMES]
        assert found['joint_names'].tolist() == list(DUO.names)
        metadata = json.loads(str(found['metadata']))
    assert metadata == predictions.header(store, ORIGIN)
    assert metadata['scale'] == 'height 1700 mm'


def test_whole_numbers_stay_so_in_npz(tmp_path, rng):
    with Store(DUO) as store:
        store.append([3, 4], [0, 7], lifted(2, rng))
        predictions.write_npz(tmp_path / 'p.npz', store, ORIGIN)
    with np.load(tmp_path / 'p.npz') as found:
        assert found['frame'].tolist() == [3, 4]
        assert 'pose3d_mm' not in found.files


def test_parts_join_seamlessly(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(predictions, '_PART', 4)
    with Store(DUO) as store:
        for start in range(0, 10, 5):
            store.append(list(range(start, start + 5)), [0] * 5, lifted(5, rng))
        for kind, write in predictions.WRITERS.items():
            write(tmp_path / f'p.{kind}', store, ORIGIN)
    found = json.loads((tmp_path / 'p.json').read_text())
    assert [pose['frame'] for pose in found['poses']] == list(range(10))
    assert len((tmp_path / 'p.csv').read_text().splitlines()) == 12


def test_joints_may_be_called_anything(tmp_path, rng):
    odd = Skeleton('odd', ('Hip', 'hand, "left"', 'rechter Fuß'), (-1, 0, 0))
    with Store(odd) as store:
        part = lifted(1, rng, odd)
        part.imputed[0, 1] = True
        store.append([0], [0], part)
        for kind, write in predictions.WRITERS.items():
            write(tmp_path / f'p.{kind}', store, ORIGIN)
    lines = (tmp_path / 'p.csv').read_text(encoding='utf-8').splitlines()
    (row,) = csv.DictReader(lines[1:])
    assert row['imputed'] == 'hand, "left"'
    assert float(row['hand, "left"_x_px']) == pytest.approx(float(part.pose3d[0, 1, 0]), rel=1e-5)
    found = json.loads((tmp_path / 'p.json').read_text(encoding='utf-8'))
    assert found['poses'][0]['imputed'] == ['hand, "left"']
