import csv
import json

import h5py
import numpy as np
import pytest

from chainer_pose.datasets import keypoints, pose_file
from chainer_pose.errors import InputError
from chainer_pose.inference import motion, predictions, trc
from chainer_pose.inference import scale as scaling
from chainer_pose.inference.lifter import Lifted
from chainer_pose.inference.predictions import Predictions
from chainer_pose.skeletons import H36M17, Skeleton

DUO = Skeleton('duo', ('Hip', 'hand, "left"', 'RHänd'), (-1, 0, 0))
FRAMES, PERSONS = [0, 0, 1, 'a', 'a,"b"', 5, 6], [0, 1, 0, 1, 'x', 2, 2]


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


def predicted(tmp_path, poses, frames, persons, known=DUO, **more):
    weights = tmp_path / 'gen.npz'
    weights.write_bytes(b'abc')
    confidence = np.full(poses.imputed.shape, 0.5, 'f')
    source = keypoints.Keypoints('some/in.json', 'mmpose', known, poses.pose2d, confidence,
                                 frames, persons)  # fmt: skip
    return Predictions(source, known, weights, poses, **more)


@pytest.fixture
def found(rng, tmp_path, monkeypatch):
    """Seven people: one with an imputed joint, one not lifted."""
    monkeypatch.setattr(predictions, '_PART', 4)
    poses = lifted(7, rng)
    poses.imputed[4, 1] = True
    poses.pose2d[5, 1:] = poses.pose3d[5] = poses.sin_beta[5] = np.nan
    mm = poses.pose3d * scaling.by_bone(DUO, 'Hip', 'RHänd', 500)(poses.pose3d)[:, None, None]
    more = {'scale': 'height 1700 mm', 'fps': 20.0, 'processing': ('smoothed',)}
    return predicted(tmp_path, poses, FRAMES, PERSONS, pose3d_mm=mm, **more)


def test_who_was_lifted(found):
    assert {k: v.tolist() for k, v in found.persons().items()} == {
        0: [0, 2], 1: [1, 3], 'x': [4], 2: [6],
    }  # fmt: skip
    assert found.summary == {
        'people': 7, 'lifted': 6, 'imputed': {'hand, "left"': 1},
        'faces': None, 'facing': None,
    }  # fmt: skip


def test_how_many_face_forward(tmp_path, rng):
    poses = lifted(5, rng, H36M17)
    poses.sin_beta[:] = [0.5, -0.1, 0, 1, -1]
    poses.imputed[:] = False
    poses.imputed[3, H36M17.index('Neck/Nose')] = True  # tells nothing
    summary = predicted(tmp_path, poses, [*range(5)], [0] * 5, H36M17).summary
    assert (summary['faces'], summary['facing']) == (4, 2)


def test_json(found, tmp_path):
    predictions.write_json(tmp_path / 'p.json', found)
    read = json.loads((tmp_path / 'p.json').read_text(encoding='utf-8'))
    assert read['format'] == 'chainer-pose-predictions'
    assert read['axes'].startswith('x right, y down, z away from the camera')
    assert read['units'] == {'pose2d': 'px', 'pose3d': 'px, of the input', 'pose3d_mm': 'mm'}
    assert (read['root'], read['input'], read['weights']) == ('Hip', 'in.json', 'gen.npz')
    assert (read['fps'], read['processing']) == (20, ['smoothed'])
    assert Skeleton.from_dict(read['skeleton']) == DUO
    assert [p['frame'] for p in read['poses']] == FRAMES
    assert [p['person'] for p in read['poses']] == PERSONS
    for i, pose in enumerate(read['poses']):
        assert pose['imputed'] == (['hand, "left"'] if i == 4 else [])
        if i == 5:
            assert pose['pose3d'] is pose['pose3d_mm'] is pose['sin_beta'] is None
            assert pose['pose2d'][1:] == [None, None]
        else:
            for name, array in found.points().items():
                np.testing.assert_allclose(pose[name], array[i], rtol=1e-5)
            assert pose['confidence'] == [0.5] * 3
            assert pose['sin_beta'] == pytest.approx(float(found.poses.sin_beta[i]), rel=1e-5)


def test_csv(found, tmp_path):
    predictions.write_csv(tmp_path / 'p.csv', found)
    lines = (tmp_path / 'p.csv').read_text(encoding='utf-8').splitlines()
    assert lines[0].startswith('# x right, y down, z away from the camera')
    rows = list(csv.DictReader(lines[1:]))
    assert [row['frame'] for row in rows] == [str(f) for f in FRAMES]
    assert [row['person'] for row in rows] == [str(p) for p in PERSONS]
    for i, row in enumerate(rows):
        assert row['imputed'] == ('hand, "left"' if i == 4 else '')
        if i == 5:
            assert row['RHänd_x_px'] == row['RHänd_x_mm'] == row['sin_beta'] == ''
            assert (row['RHänd_u_px'], row['Hip_u_px'] == '') == ('', False)
        else:
            pose3d, pose2d, mm = found.poses.pose3d[i], found.poses.pose2d[i], found.pose3d_mm[i]
            values = {'hand, "left"_z_px': pose3d[1, 2], 'RHänd_v_px': pose2d[2, 1]}
            for column, value in {**values, 'RHänd_y_mm': mm[2, 1]}.items():
                assert float(row[column]) == pytest.approx(float(value), rel=1e-5)


def test_npz(found, tmp_path, rng):
    predictions.write_npz(tmp_path / 'p.npz', found)
    with np.load(tmp_path / 'p.npz', allow_pickle=False) as read:
        for name, array in found.points().items():
            np.testing.assert_array_equal(read[name], array)
        np.testing.assert_array_equal(read['imputed'], found.poses.imputed)
        assert read['frame'].tolist() == [str(f) for f in FRAMES]
        assert read['joint_names'].tolist() == list(DUO.names)
        assert json.loads(str(read['metadata']))['scale'] == 'height 1700 mm'
    whole = predicted(tmp_path, lifted(2, rng), [3, 4], [0, 7])
    predictions.write_npz(tmp_path / 'p.npz', whole)
    with np.load(tmp_path / 'p.npz') as read:
        assert read['frame'].tolist() == [3, 4]
        assert 'pose3d_mm' not in read.files


def test_a_pose_file_of_those_lifted(tmp_path, rng):
    poses = lifted(3, rng)
    poses.imputed[1, 2] = True
    poses.pose2d[2] = poses.pose3d[2] = np.nan
    found = predicted(tmp_path, poses, ['a_4', 'a_5', 'a_6'], [7, 8, 7])
    predictions.write_h5(tmp_path / 'p.h5', found)
    data = pose_file.read(tmp_path / 'p.h5', 'test')
    np.testing.assert_array_equal(data.pose3d, poses.pose3d[:2])
    np.testing.assert_array_equal(data.imputed, poses.imputed[:2])
    assert (data.columns['frame'].tolist(), data.columns['clip'].tolist()) == ([4, 5], [0, 1])
    assert data.units_3d == 'px'
    with pytest.raises(
        InputError, match='expected pose3d in mm, found px, of poses that were lifted'
    ):
        data.require_pose3d()
    with h5py.File(tmp_path / 'p.h5') as file:
        assert file.attrs['weights_sha256'].startswith('ba7816bf')  # of "abc"


def test_times_that_are_no_frame_numbers_of_a_pose_file(tmp_path, rng):
    found = predicted(tmp_path, lifted(2, rng), [1_700_000_000_000, 1_700_000_000_040], [7, 7])
    predictions.write_h5(tmp_path / 'p.h5', found)
    assert pose_file.read(tmp_path / 'p.h5', 'test').columns['frame'].tolist() == [0, 40]
    found = predicted(tmp_path, lifted(2, rng), ['0.0333', '0.0667'], [7, 7])  # seconds
    predictions.write_h5(tmp_path / 'p.h5', found)
    assert pose_file.read(tmp_path / 'p.h5', 'test').columns['frame'].tolist() == [0, 1]


def test_a_film_keeps_time():
    """Frames 4 to 6 and 9 to 30 are missing; of five a second, a gap of two is short."""
    frames = [f'x_{n}.jpg' for n in (2, 3, 6, 7, 31)]
    timing = motion.keep_time(motion.steps(frames), fps=5.0)
    pose = np.array([2, 3, 6, 7, 31.0]).reshape(5, 1, 1) * np.ones(3)
    shown = timing.blend(pose)[:, 0, 0]
    np.testing.assert_allclose(shown, [2, 3, 4, 5, 6, *[7] * 24, 31])
    assert timing.note.startswith('25 of 30 frames lack the person: 2 are interpolated, 23')
    # Every fifth frame of the video, and no numbers at all: nothing is missing.
    for frames in ([5, 10, 15], ['a', 'b', 'c']):
        timing = motion.keep_time(motion.steps(frames), fps=25.0)
        assert (timing.before.tolist(), timing.note) == ([0, 1, 2], '')
    assert len(motion.keep_time(motion.steps([0, 1, 900]), 25.0).before) == 3


def test_smoothing_keeps_lines_and_stops_at_gaps(rng):
    at = np.r_[0:20, 21:30, 60:70, 200:203]  # a missing frame, and long gaps
    curve = np.where(at < 50, 3 + 2.0 * at, 500.0)[:, None, None] * np.ones((1, 2, 3))
    np.testing.assert_allclose(motion.smooth(curve, at, 25.0, 0.4), curve, atol=1e-6)
    noisy = curve + rng.normal(size=curve.shape)
    smoothed = motion.smooth(noisy, at, 25.0, 0.4)
    assert np.abs(smoothed - curve)[:39].mean() < 0.75 * np.abs(noisy - curve)[:39].mean()
    np.testing.assert_array_equal(smoothed[39:], noisy[39:])  # too short


def test_long_csv(found, tmp_path):
    predictions.write_long_csv(tmp_path / 'p.csv', found)
    header, *lines = (tmp_path / 'p.csv').read_text(encoding='utf-8').splitlines()
    rows = list(csv.DictReader(lines))
    assert len(rows) == 7 * 3
    assert header.endswith('; weights: gen.npz; smoothed')
    row, lost = rows[4 * 3 + 1], rows[5 * 3 + 2]
    assert (row['frame'], row['person'], row['joint']) == ('a,"b"', 'x', 'hand, "left"')
    values = [*found.poses.pose3d[4, 1], *found.poses.pose2d[4, 1], *found.pose3d_mm[4, 1], 0.5, 1]
    keys = ['x_px', 'y_px', 'z_px', 'u_px', 'v_px', 'x_mm', 'y_mm', 'z_mm', 'confidence', 'imputed']
    np.testing.assert_allclose([float(row[key]) for key in keys], values, rtol=1e-5)
    assert lost['x_px'] == lost['u_px'] == lost['z_mm'] == ''


def test_trc(tmp_path, rng):
    """As OpenSim documents it: five lines of header, an empty one, y up."""
    pose = rng.normal(0, 100, (3, 3, 3))
    trc.write(tmp_path / 'a.trc', pose, DUO, 25.0, 'a.trc')
    lines = [line.split('\t') for line in (tmp_path / 'a.trc').read_text('utf-8').split('\n')]
    assert lines[0] == ['PathFileType', '4', '(X/Y/Z)', 'a.trc']
    keys = 'DataRate CameraRate NumFrames NumMarkers Units'
    assert lines[1] == [*keys.split(), 'OrigDataRate', 'OrigDataStartFrame', 'OrigNumFrames']
    assert lines[2] == ['25', '25', '3', '3', 'mm', '25', '1', '3']
    assert lines[3] == ['Frame#', 'Time', 'Hip', '', '', 'hand, "left"', '', '', 'RHänd', '', '']
    assert lines[4][:6] == ['', '', 'X1', 'Y1', 'Z1', 'X2']
    assert (lines[5], lines[9:]) == ([''], [['']])
    numbers = np.array(lines[6:9], float)
    np.testing.assert_allclose(numbers[:, :2], [[1, 0], [2, 0.04], [3, 0.08]])
    np.testing.assert_allclose(numbers[:, 2:].reshape(3, 3, 3), pose * [1, -1, -1], atol=1e-3)
