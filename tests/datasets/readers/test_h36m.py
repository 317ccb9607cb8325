"""Human3.6M: miniature copies in each public layout give back what was put in."""

import shutil

import h5py
import numpy as np
import pytest
import trees

from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import h36m, h36m_layouts
from chainer_pose.datasets.readers.h36m import Take
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17

pytestmark = pytest.mark.slow

FRAMES = 20


@pytest.fixture(scope='module')
def world():
    return trees.takes(FRAMES)


@pytest.fixture(scope='module')
def copies(world, tmp_path_factory):
    """The same poses in all three layouts."""
    root = tmp_path_factory.mktemp('copies')
    both = ('StackedHourglass', 'StackedHourglassFineTuned240')
    trees.write_baseline(root / 'baseline', world, both)
    names = ('sh_pt_mpii', 'sh_ft_h36m', 'cpn_ft_h36m_dbb')
    trees.write_videopose3d(root / 'videopose3d', world, names)
    trees.write_archive(root / 'archive', world)
    return root


@pytest.fixture(scope='module')
def convert(tmp_path_factory):
    def run(root, **options):
        path = tmp_path_factory.mktemp('out') / 'h36m.h5'
        layout = h36m_layouts.find(root, subjects=options.pop('subjects', h36m.SUBJECTS))
        counts = h36m.convert(layout, path, **options)
        return path, counts

    return run


LAYOUTS = ('baseline', 'videopose3d', 'archive')
DETECTIONS = {
    'baseline': ['sh', 'sh_ft'], 'videopose3d': ['cpn_ft', 'sh_ft', 'sh'], 'archive': [],
}  # fmt: skip


@pytest.mark.parametrize('name', LAYOUTS)
def test_a_layout_is_found_and_named(copies, name):
    layout = h36m_layouts.find(copies / name)
    assert type(layout) is h36m_layouts.LAYOUTS[name]
    assert layout.detections == DETECTIONS[name]
    assert len(layout.takes) == 7 * 3 * 2


def poses_of(path, split, keypoints='gt'):
    """{(take action and subject, camera, number of the clip): rows}, to compare one by one."""
    data = pose_file.read(path, split, keypoints)
    clips = {}
    for clip in np.unique(data.columns['clip']):
        rows = data.select(data.columns['clip'] == clip)
        key = tuple(
            rows.names[column][rows.columns[column][0]]
            for column in ('subject', 'action', 'camera')
        )
        clips.setdefault(key, []).append(rows)
    return clips


@pytest.mark.parametrize('name', LAYOUTS)
def test_projection_and_camera_frame_are_right(copies, world, convert, name):
    path, _ = convert(copies / name, step=1, all_cameras=True)
    found = {**poses_of(path, 'train'), **poses_of(path, 'test')}
    assert len(found) == 7 * 3 * 4
    for take, pose in world.items():
        for camera in trees.subject_cameras(take.subject):
            rows = found[take.subject, take.action, camera.name][take.number]
            expected = trees.project(camera, pose.astype(float))
            np.testing.assert_allclose(rows.pose2d, expected, atol=0.01)  # px
            # R (P - T), written out
            expected = np.einsum('ij,fnj->fni', camera.R, pose.astype(float) - camera.T)
            np.testing.assert_allclose(rows.pose3d, expected, atol=0.01)  # mm
            np.testing.assert_array_equal(rows.columns['frame'], np.arange(FRAMES))


def test_joint_names_land_where_they_belong(copies, world, convert):
    path, _ = convert(copies / 'baseline')
    data = pose_file.read(path, 'test')
    assert data.skeleton.names == H36M17.names
    camera = trees.subject_cameras('S9')[1]
    head = trees.spread_to_32(world[Take('S9', 'Photo', 0)])[:, 15]  # 15 is Head in the release
    rows = poses_of(path, 'test')['S9', 'Photo', camera.name][0]
    seen = rows.pose3d[:, H36M17.names.index('Head')]
    np.testing.assert_allclose(seen, (head[::5] - camera.T) @ camera.R.T, atol=0.01)


def test_the_three_layouts_give_the_same_file(copies, convert):
    paths = [convert(copies / name)[0] for name in LAYOUTS]
    with h5py.File(paths[0]) as first:
        for path in paths[1:]:
            with h5py.File(path) as other:
                for split in ('train', 'test'):
                    shared = set(first[split]) & set(other[split])
                    assert {'pose2d', 'pose3d', 'action', 'clip', 'frame'} <= shared
                    for key in shared:
                        expected, found = first[split][key][()], other[split][key][()]
                        if key.startswith('pose'):
                            np.testing.assert_allclose(found, expected, atol=2e-3)
                        else:
                            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(('step', 'expected'), [(1, 20), (5, 4), (7, 3)])
def test_step_keeps_every_nth_frame_from_the_first(copies, convert, step, expected):
    path, counts = convert(copies / 'baseline', step=step)
    data = pose_file.read(path, 'train')
    assert data.fps == 50 / step
    assert len(data) == 5 * 6 * 4 * expected
    assert sorted(set(data.columns['frame'])) == list(range(0, 20, step))
    frames, poses = (sum(column) for column in zip(*counts['train', 'gt'].values()))
    assert (frames, poses) == (5 * 6 * 4 * 20, len(data))


@pytest.mark.parametrize('all_cameras', [False, True])
def test_the_camera_without_detections(copies, convert, all_cameras):
    """S11's Directions by 54138969 are left out, as in the authors' code, or kept and marked."""
    path, counts = convert(copies / 'baseline', all_cameras=all_cameras)
    keys = poses_of(path, 'test')
    assert (('S11', 'Directions', '54138969') in keys) == all_cameras
    assert ('S9', 'Directions', '54138969') in keys
    assert ('S11', 'Photo', '54138969') in keys
    # Either way the number of frames by all cameras is told, to compare it.
    assert sum(n for n, _ in counts['test', 'gt'].values()) == 2 * 6 * 4 * FRAMES
    assert sum(n for n, _ in counts['test', 'sh'].values()) == (2 * 6 * 4 - 2) * FRAMES
    if all_cameras:
        rows = poses_of(path, 'test', 'sh')['S11', 'Directions', '54138969'][0]
        assert np.isnan(rows.pose2d).all()
        assert not rows.valid.any()
        assert not rows.imputed.any()


@pytest.mark.parametrize('name', ['baseline', 'videopose3d'])
@pytest.mark.parametrize('keypoints', ['sh', 'sh_ft'])
def test_hourglass_detections_come_to_17_joints(copies, world, convert, name, keypoints):
    path, _ = convert(copies / name)
    nose = H36M17.names.index('Neck/Nose')
    rest = [j for j in range(17) if j != nose]
    for (subject, action, camera), clips in poses_of(path, 'test', keypoints).items():
        i = h36m.CAMERAS.index(camera)
        for number, rows in enumerate(clips):
            take = Take(subject, action, number)
            expected = trees.detect(trees.subject_cameras(subject)[i], world[take], i)[::5]
            np.testing.assert_allclose(rows.pose2d[:, rest], expected[:, rest], atol=1e-3)
            ends = [H36M17.names.index(joint) for joint in ('Thorax', 'Head')]
            middle = expected[:, ends].mean(axis=1)
            np.testing.assert_allclose(rows.pose2d[:, nose], middle, atol=1e-3)
            assert not rows.valid[:, nose].any()
            assert rows.imputed[:, nose].all()
            assert rows.valid[:, rest].all()
            assert not rows.imputed[:, rest].any()


def test_detections_of_17_joints_are_taken_as_they_are(copies, world, convert):
    path, _ = convert(copies / 'videopose3d')
    rows = poses_of(path, 'test', 'cpn_ft')['S9', 'Photo', h36m.CAMERAS[2]][1]
    expected = trees.detect(trees.subject_cameras('S9')[2], world[Take('S9', 'Photo', 1)], 2)
    np.testing.assert_allclose(rows.pose2d, expected[::5], atol=1e-3)
    assert rows.valid.all()


def test_2d_longer_than_3d_is_cut_and_shorter_is_an_error(world, convert, tmp_path):
    one = {t: p for t, p in world.items() if t.action == 'Photo'}
    trees.write_videopose3d(tmp_path / 'long', one, longer=9)
    path, _ = convert(tmp_path / 'long', step=1)
    assert len(pose_file.read(path, 'test', 'sh')) == 2 * 2 * 4 * FRAMES
    trees.write_baseline(tmp_path / 'short', one)
    folder = tmp_path / 'short' / 'S9' / 'StackedHourglass'
    with h5py.File(folder / 'Photo_1.58860488.h5', 'a') as file:
        poses = file['poses'][()]
        del file['poses']
        file['poses'] = poses[:-1]
    with pytest.raises(InputError, match=r'sh, S9 Photo 1, camera 58860488: expected 20 frames'):
        convert(tmp_path / 'short')


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('Directions', ('Directions', 0)),
        ('Discussion 2', ('Discussion', 2)),
        ('Phoning_3', ('Phoning', 3)),
        ('TakingPhoto 1', ('Photo', 1)),
        ('WalkingDog', ('WalkDog', 0)),
        ('Sitting 1', ('Sitting', 1)),
        ('SittingDown', ('SittingDown', 0)),
        ('Walking', ('Walking', 0)),
        ('WalkTogether 1', ('WalkTogether', 1)),
        ('_ALL 1', None),
        ('Directions 1 copy', None),
        ('Sit', None),
        ('directions', None),
    ],
)
def test_names_of_takes(name, expected):
    take = h36m.parse_take('S1', name)
    assert take == (None if expected is None else Take('S1', *expected))


def test_suffixes_vary(world, convert, tmp_path):
    """ "Discussion 2" beside "Discussion 1": two takes of one action, kept apart from others."""
    poses = iter(world.values())
    names = (('Discussion', 1), ('Discussion', 2), ('Sitting', 0), ('SittingDown', 2))
    odd = {Take(s, *name): next(poses) for s in ('S1', 'S9') for name in names}
    trees.write_baseline(tmp_path, odd)
    (tmp_path / 'S1' / 'MyPoses' / '3D_positions' / 'notes.h5').write_bytes(b'')
    path, counts = convert(tmp_path, subjects=('S1', 'S9'))
    found = poses_of(path, 'train')
    assert len(found['S1', 'Discussion', '54138969']) == 2
    assert len(found['S1', 'Sitting', '54138969']) == 1
    assert len(found['S1', 'SittingDown', '54138969']) == 1
    text = '\n'.join(h36m.summary(counts))
    assert 'published 1559752: -' in text


def test_renamed_actions_of_s1_in_the_archive(copies):
    names = {p.name for p in (copies / 'archive/S1/MyPoseFeatures/D3_Positions').iterdir()}
    assert 'TakingPhoto 1.cdf' in names
    takes = h36m_layouts.find(copies / 'archive').takes
    assert Take('S1', 'Photo', 1) in takes
    assert Take('S1', 'WalkDog', 0) in takes


def test_raw_names_in_the_baseline_layout_find_their_detections(world, convert, tmp_path):
    one = {t: p for t, p in world.items() if t.subject in ('S1', 'S9')}
    trees.write_baseline(tmp_path, one, raw=True)
    assert (tmp_path / 'S1/MyPoses/3D_positions/TakingPhoto 1.h5').exists()
    detected = tmp_path / 'S1' / 'StackedHourglass'
    (detected / 'Photo.54138969.h5').rename(detected / 'TakingPhoto.54138969.h5')
    path, _ = convert(tmp_path, subjects=('S1', 'S9'))
    assert len(poses_of(path, 'train', 'sh')['S1', 'Photo', '54138969']) == 2


def test_a_rotation_stored_the_other_way_is_recognised(copies, world, convert, tmp_path):
    one = {t: p for t, p in world.items() if t.subject in ('S1', 'S9')}
    trees.write_baseline(tmp_path, one)
    expected, _ = convert(tmp_path, subjects=('S1', 'S9'))
    trees.write_cameras(tmp_path / 'cameras.h5', ('S1', 'S9'), transposed=False)
    found, _ = convert(tmp_path, subjects=('S1', 'S9'))
    for split in ('train', 'test'):
        np.testing.assert_array_equal(
            pose_file.read(found, split).pose2d, pose_file.read(expected, split).pose2d
        )


@pytest.mark.parametrize('parts', ['mono and pixels', 'positions and pixels', 'mono', 'positions'])
def test_the_parts_of_the_archive(world, convert, copies, tmp_path, parts):
    one = {t: p for t, p in world.items() if t.subject in ('S1', 'S9')}
    trees.write_archive(
        tmp_path,
        one,
        mono='mono' in parts,
        pixels='pixels' in parts,
        positions='positions' in parts,
    )
    if 'pixels' not in parts:
        with pytest.raises(InputError, match=r'D2_Positions: expected S1 Directions by camera'):
            convert(tmp_path, subjects=('S1', 'S9'))
        trees.write_cameras(tmp_path / 'cameras.h5')
    path, _ = convert(tmp_path, subjects=('S1', 'S9'))
    expected, _ = convert(copies / 'archive', subjects=('S1', 'S9'))
    for split in ('train', 'test'):
        found, wanted = (pose_file.read(p, split) for p in (path, expected))
        np.testing.assert_allclose(found.pose2d, wanted.pose2d, atol=1e-3)
        np.testing.assert_allclose(found.pose3d, wanted.pose3d, atol=2e-3)


def test_metres_are_not_millimetres(world, convert, tmp_path):
    one = {t: p / 1000 for t, p in world.items() if t.subject == 'S1'}
    trees.write_baseline(tmp_path / 'b', one)
    with pytest.raises(InputError, match='expected mm, found values up to'):
        convert(tmp_path / 'b', subjects=('S1',))
    far = {t: p * 1000 for t, p in one.items()}
    trees.write_videopose3d(tmp_path / 'v', {t: p * 1000 for t, p in far.items()})
    with pytest.raises(InputError, match='expected m, found values up to'):
        convert(tmp_path / 'v', subjects=('S1',))


def damage_nan(root):
    with h5py.File(root / 'S5/MyPoses/3D_positions/Photo 1.h5', 'a') as file:
        file['3D_positions'][40, 3] = np.nan


def damage_shape(root):
    with h5py.File(root / 'S5/MyPoses/3D_positions/Photo 1.h5', 'w') as file:
        file['3D_positions'] = np.zeros((90, 7))


def damage_detections(root):
    with h5py.File(root / 'S5/StackedHourglass/Photo_1.54138969.h5', 'w') as file:
        file['poses'] = np.zeros((20, 15, 2))


def damage_camera(name, value):
    def damage(root):
        with h5py.File(root / 'cameras.h5', 'a') as file:
            group = file['subject6/camera2']
            del group[name]
            group[name] = value

    return damage


DAMAGE = {
    'subject': (
        lambda root: shutil.rmtree(root / 'S7'),
        r'S7/MyPoses.*recordings of S7, found none',
    ),
    'cameras': (
        lambda root: (root / 'cameras.h5').unlink(),
        r'cameras\.h5: expected subject1/camera1 .* no such file',
    ),
    'camera': (
        lambda root: h5py.File(root / 'cameras.h5', 'a').__delitem__('subject6/camera2'),
        r'cameras\.h5: expected subject6/camera1 to 4',
    ),
    'camera name': (damage_camera('Name', [[48]]), r'subject6.* cameras 54138969 0 '),
    'camera T': (damage_camera('T', np.zeros(2)), r'subject6.*cannot reshape array of size 2'),
    'camera R': (damage_camera('R', np.ones((3, 3))), r'camera2/R, which is no rotation'),
    'camera elsewhere': (
        damage_camera('T', np.array([[1e5], [0], [0]])),
        r'expected camera 55011271 to see the poses',
    ),
    'detections of one subject': (
        lambda root: shutil.rmtree(root / 'S8' / 'StackedHourglass'),
        r'S8/StackedHourglass: expected detections of S8 Directions by camera',
    ),
    'one detection': (
        lambda root: (root / 'S9/StackedHourglass/Photo_1.60457274.h5').unlink(),
        r'S9/StackedHourglass: expected detections of S9 Photo 1 by camera 60457274, found none',
    ),
    'no HDF5': (
        lambda root: (root / 'S5/MyPoses/3D_positions/Photo 1.h5').write_bytes(b'x'),
        r'Photo 1\.h5: expected HDF5 with 3D_positions',
    ),
    'nan': (damage_nan, r'Photo 1\.h5: expected finite numbers, found others in frame 3'),
    'shape': (damage_shape, r'Photo 1\.h5: expected frames of 32 joints, found shape'),
    'detections': (damage_detections, r'Photo_1\.54138969\.h5: expected shape \(F, 16, 2\)'),
    'twice': (
        lambda root: shutil.copy(
            root / 'S1/MyPoses/3D_positions/Photo 1.h5',
            root / 'S1/MyPoses/3D_positions/TakingPhoto 1.h5',
        ),
        r'expected one file of S1 Photo 1',
    ),
}  # fmt: skip


@pytest.mark.parametrize('case', DAMAGE)
def test_what_is_missing_or_wrong_is_named_and_nothing_is_written(copies, tmp_path, case):
    change, message = DAMAGE[case]
    root = tmp_path / 'copy'
    shutil.copytree(copies / 'baseline', root)
    change(root)
    out = tmp_path / 'out.h5'
    with pytest.raises(InputError, match=message) as caught:
        h36m.convert(h36m_layouts.find(root), out)
    assert '\n' not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ['copy']


def test_what_videopose3d_and_the_archive_lack_is_named(copies, world, tmp_path):
    root = tmp_path / 'v'
    shutil.copytree(copies / 'videopose3d', root)
    (root / 'data_2d_h36m_gt.npz').unlink()
    with pytest.raises(InputError, match=r'data_2d_h36m_gt\.npz: expected it, or cameras\.h5'):
        h36m_layouts.find(root)
    trees.write_cameras(root / 'cameras.h5')
    assert 'cameras.h5' in h36m_layouts.find(root).kind
    with pytest.raises(InputError, match='found none of: '):
        h36m_layouts.find(tmp_path / 'v' / '..' / 'v', layout='archive')
    one = {t: p for t, p in world.items() if t.subject != 'S9'}
    trees.write_videopose3d(tmp_path / 'w', one)
    with pytest.raises(InputError, match=r'data_3d_h36m\.npz: .*expected the recordings of S9'):
        h36m_layouts.find(tmp_path / 'w')
    with pytest.raises(InputError, match='expected a folder'):
        h36m_layouts.find(tmp_path / 'nowhere')
    (tmp_path / 'a/S1/MyPoseFeatures/D3_Positions').mkdir(parents=True)
    with pytest.raises(InputError, match=r'recordings of S1.*vision\.imar\.ro'):
        h36m_layouts.find(tmp_path / 'a')


def test_videopose3d_with_cameras(copies, world, convert, tmp_path):
    """cameras.h5 beside the files: with the 2D that they hold, and without it."""
    root = tmp_path / 'v'
    shutil.copytree(copies / 'videopose3d', root)
    trees.write_cameras(root / 'cameras.h5')
    expected, _ = convert(copies / 'baseline')
    for _ in range(2):
        path, _ = convert(root)
        for split in ('train', 'test'):
            found, wanted = (pose_file.read(p, split) for p in (path, expected))
            np.testing.assert_allclose(found.pose2d, wanted.pose2d, atol=1e-3)
            np.testing.assert_allclose(found.pose3d, wanted.pose3d, atol=1e-3)
        (root / 'data_2d_h36m_gt.npz').unlink(missing_ok=True)


@pytest.mark.parametrize('with_cameras', [True, False])
def test_2d_of_other_3d(copies, world, convert, tmp_path, with_cameras):
    """Two recordings exchanged in one file: right shapes, wrong numbers."""
    root = tmp_path / 'v'
    shutil.copytree(copies / 'videopose3d', root)
    mixed = dict(world)
    a, b = Take('S6', 'Photo', 0), Take('S6', 'Photo', 1)
    mixed[a], mixed[b] = world[b], world[a]
    trees.write_videopose3d(tmp_path / 'mixed', mixed, ())
    shutil.copy(tmp_path / 'mixed' / 'data_2d_h36m_gt.npz', root)
    if with_cameras:
        trees.write_cameras(root / 'cameras.h5')
    with pytest.raises(InputError, match=r'S6.*expected 2D that are the projection of the 3D'):
        convert(root)


def test_a_recording_without_frames_is_named(world, convert, tmp_path):
    one = {t: p for t, p in world.items() if t.subject == 'S1'}
    one[Take('S1', 'Photo', 1)] = np.zeros((0, 17, 3), np.float32)
    trees.write_baseline(tmp_path, one, ())
    with pytest.raises(InputError, match=r'Photo 1\.h5: expected frames of 32 joints, found shape'):
        convert(tmp_path, subjects=('S1',))


def test_damaged_cdf_is_named(copies, convert, tmp_path):
    root = tmp_path / 'a'
    shutil.copytree(copies / 'archive', root)
    (root / 'S5/MyPoseFeatures/D3_Positions_mono/Photo.54138969.cdf').write_bytes(b'CDF')
    with pytest.raises(InputError, match=r'Photo\.54138969\.cdf: expected CDF with Pose'):
        convert(root)


def test_cdflib_is_asked_for_by_name(copies, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'cdflib', None)
    with pytest.raises(InputError, match=r"expected cdflib .*pip install '\.\[cdf\]'"):
        h36m_layouts.find(copies / 'archive')


def test_the_summary_compares_with_what_was_published():
    frames = h36m.PUBLISHED_FRAMES
    counts = {
        ('train', 'gt'): {('S1', 'Photo'): (frames['train'], 7)},
        ('test', 'gt'): {('S9', 'Photo'): (frames['test'] - 3, 5)},
        ('test', 'cpn_ft'): {('S9', 'Photo'): (9, 5)},
    }
    lines = h36m.summary(counts)
    assert lines[-3].endswith('published 1559752: equal')
    assert lines[-2].endswith('published 550644: -3')
    assert lines[-1].endswith('9 frames at 50 Hz by all cameras')
    assert any(line.split() == ['Photo', '7', '5'] for line in lines)


def test_missing_recordings_are_listed():
    takes = [Take('S1', a, n) for a in h36m.ACTIONS for n in (0, 1)]
    assert h36m.incomplete(takes, ('S1',)) == ''
    assert h36m.incomplete(takes[1:], ('S1',)) == 'S1 Directions 1'
    assert h36m.incomplete([], ('S1',)).endswith('and 7 more')
