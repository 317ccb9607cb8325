"""Human3.6M: miniature copies in each public layout give back what was put in."""

import shutil
import sys

import h5py
import numpy as np
import pytest
import trees

from chainer_pose.datasets import pose_file, splits
from chainer_pose.datasets.readers import h36m, h36m_layouts
from chainer_pose.datasets.readers.h36m import Take
from chainer_pose.errors import IncompleteError, InputError
from chainer_pose.skeletons import H36M17

pytestmark = pytest.mark.slow

FRAMES = 20
SUBJECTS = ('S1', 'S9', 'S11')
WRITERS = {
    'baseline': (trees.write_baseline, ('StackedHourglass', 'StackedHourglassFineTuned240')),
    'videopose3d': (trees.write_videopose3d, ('sh_pt_mpii', 'sh_ft_h36m', 'cpn_ft_h36m_dbb')),
    'archive': (trees.write_archive,),
}
DETECTIONS = {
    'baseline': ['sh', 'sh_ft'], 'videopose3d': ['cpn_ft', 'sh_ft', 'sh'], 'archive': [],
}  # fmt: skip
NOSE = H36M17.names.index('Neck/Nose')
REST = [j for j in range(17) if j != NOSE]


@pytest.fixture(scope='module')
def world():
    return trees.takes(FRAMES, SUBJECTS)


@pytest.fixture(scope='module')
def one(world):
    """One subject of each split, Photo only."""
    return {t: p for t, p in world.items() if t.subject in ('S1', 'S9') and t.action == 'Photo'}


def convert(root, path, subjects=SUBJECTS, **options):
    return h36m.convert(h36m_layouts.find(root, subjects=subjects), path, partial=True, **options)


def poses_of(path, split, keypoints='gt'):
    """{(subject, action, camera): [rows of each clip]}."""
    data = pose_file.read(path, split, keypoints)
    clips = {}
    views = np.stack([data.columns['clip'], data.columns['camera']], axis=1)
    for view in np.unique(views, axis=0):
        rows = data.select((views == view).all(axis=1))
        columns = ('subject', 'action', 'camera')
        key = tuple(rows.names[column][rows.columns[column][0]] for column in columns)
        clips.setdefault(key, []).append(rows)
    return clips


@pytest.fixture(scope='module')
def copies(world, tmp_path_factory):
    """The same poses in all three layouts, and their pose files with all frames and cameras."""
    root = tmp_path_factory.mktemp('copies')
    for name, (write, *detections) in WRITERS.items():
        write(root / name, world, *detections)
        convert(root / name, root / f'{name}.h5', step=1, all_cameras=True)
    return root


@pytest.mark.parametrize('name', WRITERS)
def test_poses_and_detections_are_right(copies, world, name):
    layout = h36m_layouts.find(copies / name, subjects=SUBJECTS)
    assert type(layout) is h36m_layouts.LAYOUTS[name]
    assert layout.detections == DETECTIONS[name]
    keypoints = ['gt', *DETECTIONS[name]]
    found = {
        key: {**poses_of(copies / f'{name}.h5', 'train', key),
              **poses_of(copies / f'{name}.h5', 'test', key)}
        for key in keypoints
    }  # fmt: skip
    for take, pose in world.items():
        pose = pose.astype(float)
        for i, camera in enumerate(trees.subject_cameras(take.subject)):
            clips = {key: found[key][(*take[:2], camera.name)][take.number] for key in keypoints}
            rows = clips.pop('gt')
            np.testing.assert_allclose(rows.pose2d, trees.project(camera, pose), atol=0.01)  # px
            expected = np.einsum('ij,fnj->fni', camera.R, pose - camera.T)  # R (P - T)
            np.testing.assert_allclose(rows.pose3d, expected, atol=0.01)  # mm
            np.testing.assert_array_equal(rows.columns['frame'], np.arange(FRAMES))
            is_missing = h36m.lacks_detections(take, camera.name)
            for key, rows in clips.items():
                expected = trees.detect(camera, world[take], i)
                if is_missing and name == 'baseline':
                    assert np.isnan(rows.pose2d).all()
                    assert not (rows.valid | rows.imputed).any()
                    continue
                np.testing.assert_allclose(rows.pose2d[:, REST], expected[:, REST], atol=1e-3)
                assert rows.valid[:, REST].all()
                if key == 'cpn_ft':  # of 17 joints
                    np.testing.assert_allclose(rows.pose2d[:, NOSE], expected[:, NOSE], atol=1e-3)
                    continue
                ends = [H36M17.names.index(joint) for joint in ('Thorax', 'Head')]
                middle = expected[:, ends].mean(axis=1)
                np.testing.assert_allclose(rows.pose2d[:, NOSE], middle, atol=1e-3)
                assert not rows.valid[:, NOSE].any()
                assert rows.imputed[:, NOSE].all()
    # Joint 15 of the release's 32 is the head.
    camera, take = trees.subject_cameras('S9')[1], Take('S9', 'Photo', 0)
    head = trees.spread_to_32(world[take])[:, 15]
    seen = found['gt']['S9', 'Photo', camera.name][0].pose3d[:, H36M17.names.index('Head')]
    np.testing.assert_allclose(seen, (head - camera.T) @ camera.R.T, atol=0.01)


def same_poses(path, other):
    with h5py.File(path) as a, h5py.File(other) as b:
        for split in ('train', 'test'):
            shared = set(a[split]) & set(b[split])
            assert {'pose2d', 'pose3d', 'action', 'clip', 'frame'} <= shared
            for key in shared:
                np.testing.assert_allclose(a[split][key][()], b[split][key][()], atol=2e-3)


def test_step_and_the_camera_without_detections(copies, tmp_path):
    """Every 7th frame; S11's Directions by 54138969 are left out, as in the authors' code."""
    counts = convert(copies / 'baseline', tmp_path / 'a.h5', step=7)
    data = pose_file.read(tmp_path / 'a.h5', 'test')
    assert data.fps == 50 / 7
    assert sorted(set(data.columns['frame'])) == [0, 7, 14]
    keys = poses_of(tmp_path / 'a.h5', 'test')
    assert ('S11', 'Directions', '54138969') not in keys
    assert {('S9', 'Directions', '54138969'), ('S11', 'Photo', '54138969')} <= set(keys)
    # The frames of all cameras are counted, to compare them with those published.
    cells = [n for (subject, _), n in counts.items() if subject != 'S1']
    frames, poses = (sum(column) for column in zip(*cells))
    assert (frames, poses) == (2 * 6 * 4 * FRAMES, len(data)) == (960, (2 * 6 * 4 - 2) * 3)


def test_clips_are_takes_which_are_held_out_whole(copies, tmp_path):
    convert(copies / 'baseline', tmp_path / 'a.h5')
    data = pose_file.read(tmp_path / 'a.h5', 'train')
    kept, held = splits.hold_out(data, 0.3, np.random.default_rng(0))
    assert not {*kept.columns['clip']} & {*held.columns['clip']}
    for part in (kept, held):
        for clip in np.unique(part.columns['clip']):
            assert {*part.columns['camera'][part.columns['clip'] == clip]} == {0, 1, 2, 3}


def test_names_of_takes():
    for name, *expected in (
        ('Discussion 2', 'Discussion', 2),
        ('Phoning_3', 'Phoning', 3),
        ('TakingPhoto 1', 'Photo', 1),
        ('WalkingDog', 'WalkDog', 0),
        ('SittingDown', 'SittingDown', 0),
    ):
        assert h36m.parse_take('S1', name) == Take('S1', *expected)
    for name in ('_ALL 1', 'Directions 1 copy', 'Sit', 'directions'):
        assert h36m.parse_take('S1', name) is None


def test_suffixes_vary_and_s1_has_names_of_its_own(world, tmp_path):
    poses = iter(world.values())
    names = (('Discussion', 1), ('Discussion', 2), ('Sitting', 0), ('SittingDown', 2), ('Photo', 0))
    odd = {Take(s, *name): next(poses) for s in ('S1', 'S9') for name in names}
    trees.write_baseline(tmp_path, odd, raw=True)
    assert (tmp_path / 'S1/MyPoses/3D_positions/TakingPhoto.h5').exists()
    (tmp_path / 'S1/MyPoses/3D_positions/notes.h5').write_bytes(b'')
    detected = tmp_path / 'S1/StackedHourglass/Photo.54138969.h5'
    detected.rename(detected.with_name('TakingPhoto.54138969.h5'))
    convert(tmp_path, tmp_path / 'a.h5', ('S1', 'S9'))
    found = poses_of(tmp_path / 'a.h5', 'train', 'sh')
    for action, n in (('Discussion', 2), ('Sitting', 1), ('SittingDown', 1), ('Photo', 1)):
        assert len(found['S1', action, '54138969']) == n


def test_a_rotation_stored_the_other_way(one, tmp_path):
    trees.write_baseline(tmp_path, one)
    convert(tmp_path, tmp_path / 'a.h5', ('S1', 'S9'))
    trees.write_cameras(tmp_path / 'cameras.h5', ('S1', 'S9'), transposed=False)
    convert(tmp_path, tmp_path / 'b.h5', ('S1', 'S9'))
    same_poses(tmp_path / 'a.h5', tmp_path / 'b.h5')


@pytest.mark.parametrize('parts', ['positions and pixels', 'mono', 'positions'])
def test_the_parts_of_the_archive(world, tmp_path, parts):
    some = {t: p for t, p in world.items() if t.subject in ('S1', 'S9')}
    trees.write_archive(tmp_path / 'all', some)
    choice = {part: part in parts for part in ('mono', 'pixels', 'positions')}
    trees.write_archive(tmp_path / 'part', some, **choice)
    if 'pixels' not in parts:
        with pytest.raises(IncompleteError, match=r'and unpack Poses_D2_Positions_S'):
            convert(tmp_path / 'part', tmp_path / 'a.h5', ('S1', 'S9'))
        trees.write_cameras(tmp_path / 'part' / 'cameras.h5')
    for name in ('all', 'part'):
        convert(tmp_path / name, tmp_path / f'{name}.h5', ('S1', 'S9'))
    same_poses(tmp_path / 'all.h5', tmp_path / 'part.h5')


def rewrite(name, **changes):
    """A damage: replace datasets of an HDF5 file, by functions of what they hold."""

    def damage(root):
        with h5py.File(root / name, 'a') as file:
            for key, change in changes.items():
                array = change(file[key][()])
                del file[key]
                file[key] = array

    return damage


POSES, DETECTED = 'S9/MyPoses/3D_positions/Photo 1.h5', 'S9/StackedHourglass/Photo_1.58860488.h5'


def camera(**changes):
    return rewrite('cameras.h5', **{f'subject9/camera2/{key}': c for key, c in changes.items()})


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (camera(Name=lambda _: [[48]]), r'subject9.* cameras 54138969 0 '),
        (camera(R=np.ones_like), r'camera2/R, which is no rotation'),
        (camera(T=lambda t: t + [[1e5], [0], [0]]), r'expected camera 55011271 to see the poses'),
        (
            lambda root: (root / DETECTED).unlink(),
            r'sh, S9 Photo 1, camera 58860488: expected 16 frames or more, found none',
        ),
        (
            rewrite(POSES, **{'3D_positions': lambda p: np.where(np.arange(20) == 3, np.nan, p)}),
            r'Photo 1\.h5: expected finite numbers, found others in frame 3',
        ),
        (rewrite(POSES, **{'3D_positions': lambda p: p[:90]}), r'1\.h5: expected frames of 32'),
        (rewrite(POSES, **{'3D_positions': lambda p: p / 1000}), r'expected mm, found values up'),
        (
            rewrite(DETECTED, poses=lambda p: p[:15]),
            r'sh, S9 Photo 1, camera 58860488: expected 16 frames or more, found 15',
        ),
        (
            lambda root: shutil.copy(root / POSES, root / POSES.replace('1.h5', '01.h5')),
            r'expected one file of S9 Photo 1',
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named_and_nothing_is_written(one, tmp_path, damage, message):
    trees.write_baseline(tmp_path / 'copy', one)
    damage(tmp_path / 'copy')
    with pytest.raises(InputError, match=message) as caught:
        convert(tmp_path / 'copy', tmp_path / 'out.h5', ('S1', 'S9'))
    assert '\n' not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ['copy']


def test_videopose3d_without_and_with_cameras(copies, tmp_path):
    """cameras.h5 beside the files: with the 2D in them, and without it."""
    root = tmp_path / 'v'
    shutil.copytree(copies / 'videopose3d', root)
    (root / 'data_2d_h36m_gt.npz').rename(tmp_path / 'gt.npz')
    with pytest.raises(InputError, match=r'data_2d_h36m_gt\.npz: expected it, or cameras\.h5'):
        h36m_layouts.find(root, subjects=SUBJECTS)
    trees.write_cameras(root / 'cameras.h5')
    for _ in range(2):
        convert(root, tmp_path / 'a.h5', step=1, all_cameras=True)
        same_poses(tmp_path / 'a.h5', copies / 'archive.h5')
        shutil.copy(tmp_path / 'gt.npz', root / 'data_2d_h36m_gt.npz')


def test_the_hourglass_beside_the_archive(one, tmp_path):
    """As in the folder of today's 3d-pose-baseline, with its detections of before."""
    trees.write_baseline(tmp_path / 'b', one)
    trees.write_archive(tmp_path / 'a', one)
    for folder in (tmp_path / 'b').glob('S*/StackedHourglass'):
        shutil.copytree(folder, tmp_path / 'a' / folder.relative_to(tmp_path / 'b'))
    assert h36m_layouts.detections(tmp_path / 'a') == {'archive': ['sh']}
    read = []
    for name in ('a', 'b'):
        convert(tmp_path / name, tmp_path / f'{name}.h5', ('S1', 'S9'))
        read.append(pose_file.read(tmp_path / f'{name}.h5', 'test', 'sh'))
    np.testing.assert_array_equal(read[0].pose2d, read[1].pose2d)


@pytest.mark.parametrize('with_cameras', [True, False])
def test_2d_of_other_3d(world, tmp_path, with_cameras):
    """Two recordings exchanged in one file: right shapes, wrong numbers."""
    some = {t: p for t, p in world.items() if t.subject == 'S1'}
    a, b = Take('S1', 'Photo', 0), Take('S1', 'Photo', 1)
    trees.write_videopose3d(tmp_path / 'mixed', some | {a: some[b], b: some[a]}, ())
    trees.write_videopose3d(tmp_path / 'v', some, ())
    shutil.copy(tmp_path / 'mixed' / 'data_2d_h36m_gt.npz', tmp_path / 'v')
    if with_cameras:
        trees.write_cameras(tmp_path / 'v' / 'cameras.h5')
    with pytest.raises(InputError, match=r'S1.*expected 2D that are the projection of the 3D'):
        convert(tmp_path / 'v', tmp_path / 'a.h5', ('S1',))


def test_what_is_no_copy(one, copies, monkeypatch, tmp_path):
    for root, layout, message in (
        (tmp_path / 'nowhere', None, 'expected a folder'),
        (copies / 'baseline', 'archive', r'found none of: S\*/MyPoseFeatures'),
    ):
        with pytest.raises(InputError, match=message):
            h36m_layouts.find(root, layout)
    trees.write_videopose3d(tmp_path / 'v', {t: p * 1000 for t, p in one.items()})
    with pytest.raises(InputError, match='expected m, found values up to'):
        convert(tmp_path / 'v', tmp_path / 'a.h5', ('S1', 'S9'))
    trees.write_archive(tmp_path / 'a', one)
    (tmp_path / 'a/S9/MyPoseFeatures/D3_Positions_mono/Photo.54138969.cdf').write_bytes(b'CDF')
    with pytest.raises(InputError, match=r'Photo\.54138969\.cdf: expected CDF with Pose'):
        convert(tmp_path / 'a', tmp_path / 'a.h5', ('S1', 'S9'))
    monkeypatch.setitem(sys.modules, 'cdflib', None)
    with pytest.raises(InputError, match=r"expected cdflib .*pip install '\.\[cdf\]'"):
        h36m_layouts.find(tmp_path / 'a')


def test_summary():
    lines = h36m.summary({('S1', 'Photo'): (35, 7), ('S9', 'Photo'): (25, 5)})
    assert lines[-1] == 'test: 5 poses of 25 frames at 50 Hz by all cameras'
    assert any(line.split() == ['Photo', '7', '5'] for line in lines)
