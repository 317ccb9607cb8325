"""Preparing Human3.6M: whole or not at all, under its own name, in the right joints."""

import contextlib
import re
import signal
import subprocess
import sys

import filelock
import h5py
import numpy as np
import pytest
import trees

from chainer_pose.commands import prepare
from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import h36m, h36m_layouts
from chainer_pose.datasets.readers.h36m import Take
from chainer_pose.errors import IncompleteError, InputError
from chainer_pose.skeletons import H36M17
from tests.conftest import ROOT

SUBJECTS = ('S9', 'S11')


@pytest.fixture(scope='module')
def test_set():
    """Both test subjects, every action and take, a few frames."""
    return trees.takes(3, SUBJECTS, h36m.ACTIONS)


@pytest.fixture(scope='module')
def one():
    """One subject of each split, Photo only."""
    return trees.takes(6, ('S1', 'S9'), ('Photo',))


def without(world, *takes):
    return {take: pose for take, pose in world.items() if take not in takes}


def prepare_h36m(printed, root, out, *options):
    return printed(prepare, 'h36m', '--root', root, '--out', out, *options)


def test_takes_that_are_missing(test_set, capsys, monkeypatch, printed, tmp_path):
    lost = [Take('S9', 'Walking', 0), Take('S9', 'Walking', 1), Take('S11', 'Photo', 1)]
    listed = 'both takes of S9 Walking, a take of S11 Photo'
    trees.write_baseline(tmp_path / 'copy', without(test_set, *lost), ())
    options = ('--root', tmp_path / 'copy', '--out', tmp_path / 'a.h5', '--subjects', *SUBJECTS)
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sys, 'argv', ['prepare_h36m.py', *map(str, options)])
    with pytest.raises(SystemExit) as ended:
        prepare.run('h36m')
    signal.signal(signal.SIGTERM, handler)
    line = capsys.readouterr().err
    assert (ended.value.code, line.count('\n')) == (1, 1)
    assert f'missing: {listed}; ' in line
    assert line.endswith(', or convert a part by --partial\n')
    assert not (tmp_path / 'a.h5').exists()
    printed(prepare, 'h36m', *options, '--partial')
    assert pose_file.read(tmp_path / 'a.h5', 'test').lacks == listed


@pytest.mark.slow
def test_what_a_whole_split_and_a_part_lack(test_set, printed, monkeypatch, tmp_path):
    trees.write_baseline(tmp_path / 'copy', test_set, ())
    out, subjects = tmp_path / 'a.h5', ('--subjects', *SUBJECTS, '--overwrite')
    prepare_h36m(printed, tmp_path / 'copy', out, *subjects)
    assert pose_file.read(out, 'test').lacks == '549924 of 550644 frames at 50 Hz'
    monkeypatch.setitem(h36m.PUBLISHED_FRAMES, 'test', 700)
    prepare_h36m(printed, tmp_path / 'copy', out, *subjects)
    more = 'the published number of frames, 700 at 50 Hz: has 20 more'
    assert pose_file.read(out, 'test').lacks == more
    monkeypatch.setitem(h36m.PUBLISHED_FRAMES, 'test', 2 * 15 * 2 * 4 * 3)
    prepare_h36m(printed, tmp_path / 'copy', out, *subjects)
    data = pose_file.read(out, 'test')
    assert data.lacks == ''
    assert data.excused == "S11 Directions by camera 54138969 (in the authors' code, too)"
    assert data.preparation == ''
    assert len(data) == (2 * 15 * 2 * 4 - 2) * 1
    prepare_h36m(printed, tmp_path / 'copy', out, *subjects, '--all-cameras')
    data = pose_file.read(out, 'test')
    assert (data.lacks, data.excused) == ('', '')
    assert data.preparation == 'camera 54138969 of S11 Directions kept'
    prepare_h36m(printed, tmp_path / 'copy', out, '--subjects', 'S11', '--overwrite')
    assert pose_file.read(out, 'test').lacks == 'subjects S9'


@pytest.mark.slow
def test_the_take_that_videopose3d_lacks(test_set, printed, monkeypatch, tmp_path):
    lost = Take('S11', 'Directions', 0)
    trees.write_videopose3d(tmp_path / 'copy', without(test_set, lost), ())
    trees.write_cameras(tmp_path / 'copy' / 'cameras.h5')
    monkeypatch.setitem(h36m.PUBLISHED_FRAMES, 'test', 2 * 15 * 2 * 4 * 3 + 4 * (1825 - 3))
    prepare_h36m(printed, tmp_path / 'copy', tmp_path / 'a.h5', '--subjects', *SUBJECTS)
    data = pose_file.read(tmp_path / 'a.h5', 'test')
    assert data.lacks == ''
    assert "a take of S11 Directions (in all copies of VideoPose3D's npz files)" in data.excused
    trees.write_videopose3d(
        tmp_path / 'copy', without(test_set, lost, Take('S11', 'Directions', 1))
    )
    layout = h36m_layouts.find(tmp_path / 'copy', subjects=SUBJECTS)
    assert h36m.missing(layout, 'test', all_cameras=False) == ['a take of S11 Directions']


def test_views_that_are_missing(test_set, tmp_path):
    some = {t: p for t, p in test_set.items() if t.action in ('Directions', 'Photo')}
    trees.write_archive(tmp_path, some, positions=False)
    for lost in (
        'S11/MyPoseFeatures/D2_Positions/Directions.54138969.cdf',  # excused
        'S11/MyPoseFeatures/D2_Positions/Photo 1.54138969.cdf',
        'S9/MyPoseFeatures/D3_Positions_mono/Photo.60457274.cdf',
    ):
        (tmp_path / lost).unlink()
    layout = h36m_layouts.find(tmp_path, subjects=SUBJECTS)
    found = h36m.missing(layout, 'test', all_cameras=False)
    views = ['S9 Photo by camera 60457274', 'S11 Photo 1 by camera 54138969']
    assert [name for name in found if 'camera' in name] == views
    assert 'S11 Directions by camera 54138969' in h36m.missing(layout, 'test', all_cameras=True)
    hint = r'unpack Poses_D3_Positions_mono_S\*\.tgz, or convert a part by'
    with pytest.raises(IncompleteError, match=hint):
        h36m.convert(layout, tmp_path / 'a.h5')
    h36m.convert(layout, tmp_path / 'a.h5', partial=True)
    assert len(pose_file.read(tmp_path / 'a.h5', 'test')) == 2 * 2 * 2 * 4 - 2 - 2


@pytest.mark.parametrize(
    ('source', 'options', 'name'),
    [
        (prepare.H36M, {'subjects': h36m.SUBJECTS[::-1]}, 'h36m'),
        (prepare.H36M, {'subjects': ('S11', 'S9', 'S1', 'S9')}, 'h36m-S1-S9-S11'),
        (prepare.H36M, {'frames': 'all'}, 'h36m-50Hz'),
        (prepare.H36M, {'step': 2, 'all_cameras': True}, 'h36m-all-cameras-25Hz'),
        (prepare.MPIINF3DHP, {'cameras': (8, 7, 4, 2, 0)}, 'mpi_inf_3dhp'),
        (prepare.MPIINF3DHP, {'cameras': (10, 2)}, 'mpi_inf_3dhp-cameras-2-10'),
        (prepare.MPIINF3DHP, {'subjects': ('TS2', 'S8'), 'step': 4}, 'mpi_inf_3dhp-S8-TS2-step4'),
    ],
)
def test_a_part_has_a_name_of_its_own(source, options, name):
    assert source(root='', **options).default_name == name


def test_an_existing_file_is_kept(one, printed, refusal, monkeypatch, tmp_path):
    trees.write_baseline(tmp_path / 'copy', one)
    monkeypatch.setenv('CHAINER_POSE_DATA', str(tmp_path))
    (tmp_path / 'h36m.h5').write_text('the whole')
    options = ('--root', tmp_path / 'copy', '--subjects', 'S1', '--partial')
    printed(prepare, 'h36m', *options)
    assert (tmp_path / 'h36m.h5').read_text() == 'the whole'
    before = (tmp_path / 'h36m-S1.h5').read_bytes()
    assert pose_file.read(tmp_path / 'h36m-S1.h5', 'train').lacks.startswith('subjects S5 S6 S7')
    line = refusal('data/prepare_h36m.py', *options)
    assert 'h36m-S1.h5: expected a new file, or --overwrite, found one' in line
    (tmp_path / 'synthetic.h5').touch()
    assert '--overwrite, found one' in refusal('data/prepare_synthetic.py')
    assert (tmp_path / 'h36m-S1.h5').read_bytes() == before
    printed(prepare, 'h36m', *options, '--overwrite')


@pytest.mark.slow
def test_a_full_disk(tmp_path):
    command = f'ulimit -f 100; exec "{sys.executable}" data/prepare_synthetic.py --out "$0"'
    out = tmp_path / 'a.h5'
    finished = subprocess.run(
        ['bash', '-c', command, out], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (finished.returncode, finished.stdout) == (2, '')
    line = f'prepare_synthetic.py: {out}: expected a place that can be written, found: File too'
    assert finished.stderr.startswith(line)
    assert [path.name for path in tmp_path.iterdir()] == ['.a.h5.lock']


def test_temporary_files_of_a_killed_preparation(one, printed, refusal, tmp_path):
    trees.write_baseline(tmp_path / 'copy', one)
    out = tmp_path / 'a.h5'
    others = {'.a-S1-0123abcd.h5', '.b-0123abcd.h5', '.a-0123abcd.txt', 'a-0123abcd.h5'}
    for name in {'.a-0123abcd.h5', *others}:
        (tmp_path / name).touch()
    options = ('--root', tmp_path / 'copy', '--out', out, '--partial')
    with filelock.FileLock(tmp_path / '.a.h5.lock'):
        line = refusal('data/prepare_h36m.py', *options)
    assert f'--out {out}: expected a file that nobody is preparing' in line
    assert (tmp_path / '.a-0123abcd.h5').exists()
    printed(prepare, 'h36m', *options)
    left = {p.name for p in tmp_path.iterdir()}
    assert left == {'copy', 'a.h5', '.a.h5.lock', *others}


def exchange(root, subject, a, b, folder='D2_Positions'):
    """Exchange the files of two cameras."""
    for path in (root / subject / 'MyPoseFeatures' / folder).glob(f'*.{a}.cdf'):
        other = path.with_name(path.name.replace(a, b))
        path.rename(root / 'kept')
        other.rename(path)
        (root / 'kept').rename(other)


def world_in_mono(root, world):
    for take, pose in world.items():
        folder = root / take.subject / 'MyPoseFeatures/D3_Positions_mono'
        for camera in h36m.CAMERAS:
            path = folder / f'{trees.take_name(take, raw=True)}.{camera}.cdf'
            path.unlink()
            trees.write_cdf(path, trees.spread_to_32(pose))


@pytest.mark.parametrize('calibration', ['', 'cameras.h5', 'metadata.xml'])
def test_the_archives_2d_are_the_projection_of_its_3d(one, tmp_path, calibration):
    root = tmp_path / 'S1 to S11'
    trees.write_archive(root, one, positions=False)
    write = {'cameras.h5': trees.write_cameras, 'metadata.xml': trees.write_metadata}
    if calibration:
        write[calibration](tmp_path / calibration)  # beside the folder

    def convert():
        layout = h36m_layouts.find(root, subjects=('S1', 'S9'))
        assert (calibration or 'estimated') in layout.kind
        h36m.convert(layout, tmp_path / 'a.h5', 1, partial=True)

    convert()
    camera = trees.subject_cameras('S9')[0]
    data = pose_file.read(tmp_path / 'a.h5', 'test')
    is_first = (data.columns['camera'] == 0) & (data.columns['clip'] % 2 == 0)
    expected = trees.project(camera, one[Take('S9', 'Photo', 0)].astype(float))
    np.testing.assert_allclose(data.pose2d[is_first], expected, atol=0.01)
    exchange(root, 'S9', '54138969', '60457274')
    with pytest.raises(InputError, match=r'S9.*54138969: expected 2D that are the projection'):
        convert()
    exchange(root, 'S9', '54138969', '60457274')
    world_in_mono(root, one)
    with pytest.raises(InputError, match=r'S1.*camera 54138969: expected ') as caught:
        convert()
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('fault', ['', 'world', 'exchanged'])
@pytest.mark.parametrize('positions', [False, True])
@pytest.mark.parametrize('calibration', ['cameras.h5', 'metadata.xml'])
def test_mono_poses_without_2d(one, tmp_path, fault, positions, calibration):
    trees.write_archive(tmp_path / 'copy', one, pixels=False, positions=positions)
    write = {'cameras.h5': trees.write_cameras, 'metadata.xml': trees.write_metadata}
    write[calibration](tmp_path / 'copy' / calibration)
    if fault == 'world':
        world_in_mono(tmp_path / 'copy', one)
    elif fault:
        exchange(tmp_path / 'copy', 'S1', '54138969', '60457274', 'D3_Positions_mono')
    layout = h36m_layouts.find(tmp_path / 'copy', subjects=('S1', 'S9'))
    message = {'world': 'expected poses in its image', 'exchanged': r'difference of \d.* mm'}
    refused = pytest.raises(InputError, match=r'S1.*camera \d+: .*' + message.get(fault, ''))
    with refused if fault else contextlib.nullcontext():
        h36m.convert(layout, tmp_path / 'a.h5', partial=True)


def test_metadata_xml_in_place_of_cameras_h5(one, tmp_path):
    """World poses of two layouts, by either file: the same camera frames."""
    trees.write_archive(tmp_path / 'copy', one, mono=False, pixels=False)
    trees.write_baseline(tmp_path / 'copy', one, ())
    for name in ('cameras.h5', 'metadata.xml'):
        for layout in ('archive', 'baseline'):
            found = h36m_layouts.find(tmp_path / 'copy', layout, ('S1', 'S9'))
            h36m.convert(found, tmp_path / f'{layout}-{name}.h5', partial=True)
        (tmp_path / 'copy' / 'cameras.h5').unlink(missing_ok=True)
        trees.write_metadata(tmp_path / 'copy' / 'metadata.xml')
    first, *others = [pose_file.read(path, 'test') for path in sorted(tmp_path.glob('*.h5'))]
    for other in others:
        np.testing.assert_allclose(other.pose3d, first.pose3d, atol=0.01)
    (tmp_path / 'copy' / 'metadata.xml').write_text('<a><w0>[1 2]</w0></a>')
    found = h36m_layouts.find(tmp_path / 'copy', 'baseline', ('S1', 'S9'))
    with pytest.raises(InputError, match=r'metadata\.xml: expected .*w0 of 300 numbers.* 2 numb'):
        h36m.convert(found, tmp_path / 'a.h5', partial=True)


def test_two_layouts_in_a_folder(one, printed, tmp_path):
    trees.write_baseline(tmp_path, one, ())
    trees.write_archive(tmp_path, one)
    options = (tmp_path, tmp_path / 'a.h5', '--partial', '--overwrite')
    text = prepare_h36m(printed, *options)
    assert "3d-pose-baseline's HDF5 files" in text
    assert 'baseline (detections: none), archive (detections: none); --layout takes one' in text
    text = prepare_h36m(printed, *options, '--layout', 'archive')
    assert "official archive's CDF" in text
    assert 'the folder has' not in text
    (tmp_path / 'S1' / 'StackedHourglass').mkdir()
    (tmp_path / 'data_3d_h36m.npz').touch()
    (tmp_path / 'data_2d_h36m_cpn_ft_h36m_dbb.npz').touch()
    found = {'baseline': ['sh'], 'videopose3d': ['cpn_ft'], 'archive': ['sh']}
    assert h36m_layouts.detections(tmp_path) == found


def test_joints_of_coco_by_name(one, printed, tmp_path):
    trees.write_videopose3d(tmp_path / 'copy', one, ('detectron_pt_coco',))
    trees.write_cameras(tmp_path / 'copy' / 'cameras.h5')
    prepare_h36m(printed, tmp_path / 'copy', tmp_path / 'a.h5', '--partial')
    detected = pose_file.read(tmp_path / 'a.h5', 'test', 'detectron_pt_coco')
    expected = pose_file.read(tmp_path / 'a.h5', 'test')
    limbs = [j for j, name in enumerate(H36M17.names) if name[0] in 'LR']
    assert np.abs(detected.pose2d - expected.pose2d)[:, limbs].max() < 25  # px, of noise
    assert detected.valid.all(axis=0).tolist() == [j in limbs for j in range(17)]
    assert (detected.valid ^ detected.imputed).all()


@pytest.mark.parametrize('fault', ['coco', 'reversed', 'moved', 'exchanged'])
def test_detections_elsewhere(one, monkeypatch, tmp_path, fault):
    """Without metadata the distance to the ground truth decides."""
    detect, cameras = trees.detect, trees.subject_cameras('S1')

    def detect_elsewhere(camera, pose, seed):
        seen = camera if fault != 'exchanged' else cameras[(seed + 2) % 4]
        return detect(seen, pose, seed) + np.float32([300 * (fault == 'moved'), 0])

    monkeypatch.setattr(trees, 'detect', detect_elsewhere)
    if fault == 'reversed':
        monkeypatch.setattr(trees, 'to_coco', lambda pose: pose[:, ::-1])
    name = 'detectron_coco' if fault in ('coco', 'reversed') else 'sh_pt_mpii'
    trees.write_videopose3d(tmp_path, one, (name,), labelled=False)
    layout = h36m_layouts.find(tmp_path, subjects=('S1', 'S9'))
    with pytest.raises(InputError, match=r', S1 Photo.* median .* px; .*--no-detections conv'):
        h36m.convert(layout, tmp_path / 'a.h5', partial=True)


def test_detections_of_some_subjects(one, printed, refusal, tmp_path):
    trees.write_baseline(tmp_path / 'copy', one, ())
    some = {take: pose for take, pose in one.items() if take.subject == 'S9'}
    trees.write_baseline(tmp_path / 'copy', some)
    trees.write_cameras(tmp_path / 'copy' / 'cameras.h5')
    options = ('--root', tmp_path / 'copy', '--out', tmp_path / 'a.h5', '--partial')
    line = refusal('data/prepare_h36m.py', *options)
    assert 'sh, S1 Photo, camera 54138969: expected 6 frames or more, found none; ' in line
    assert '--no-detections converts the rest' in line
    printed(prepare, 'h36m', *options, '--no-detections')
    assert pose_file.keypoints_of(tmp_path / 'a.h5') == ['gt']


def test_every_frame(one, printed, tmp_path):
    trees.write_baseline(tmp_path / 'copy', one, ())
    for name, options in (('all', ('--frames', 'all')), ('5', ())):
        prepare_h36m(printed, tmp_path / 'copy', tmp_path / f'{name}.h5', '--partial', *options)
    every, fifth = (pose_file.read(tmp_path / f'{n}.h5', 'test') for n in ('all', '5'))
    assert (every.fps, fifth.fps) == (50, 10)
    np.testing.assert_array_equal(every.pose2d[every.columns['frame'] % 5 == 0], fifth.pose2d)


@pytest.fixture(scope='module')
def inputs(tmp_path_factory, small_file):
    """Files of every source, small or not even read."""
    root = tmp_path_factory.mktemp('inputs')
    for name in ('train', 'valid'):
        (root / f'{name}.json').write_text('[]')
    return {'root': root, 'file': small_file}


@pytest.mark.parametrize(
    ('source', 'options', 'option', 'why'),
    [
        ('h36m', '--root {root} --frames all --step 5', '--step', 'beside --frames'),
        ('h36m', '--root {root} --subjects S9 --all-cameras', '--all-cameras', 'without S11'),
        ('h36m', '--root {root} --add-detections --step 5', '--step', 'beside --add-detections'),
        ('mpii', '--root {root} --detector sh', '--detector', 'without --detections'),
        ('mpii', '--root {root} --seed 0', '--seed', 'beside train.json'),
        ('mpi_inf_3dhp', '--root {root} --subjects TS1 --step 5', '--step', 'without training'),
        ('cmu', '--root {root} --heading 0 --seed 0', '--seed', 'beside --heading'),
        ('keypoints', '{file} --licence MIT', '--licence', 'for a pose file'),
        ('keypoints', 'a.csv --test b.csv --test-share 0.1', '--test-share', 'beside --test'),
    ],
)
def test_options_without_effect(inputs, refusal, tmp_path, source, options, option, why):
    given = [text.format(**inputs) for text in options.split()]
    line = refusal(f'data/prepare_{source}.py', *given, '--out', tmp_path / 'a.h5')
    assert f'{option}: expected to have an effect, found none {why}' in line
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope='module')
def prepared(one, printed, tmp_path_factory):
    """A pose file without detections, from the archive."""
    folder = tmp_path_factory.mktemp('prepared')
    trees.write_archive(folder / 'copy', one)
    prepare_h36m(printed, folder / 'copy', folder / 'a.h5', '--partial')
    return folder / 'a.h5'


@pytest.fixture
def pose_file_of_archive(prepared, tmp_path):
    path = tmp_path / 'a.h5'
    path.write_bytes(prepared.read_bytes())
    return path


@pytest.mark.parametrize('write', [trees.write_baseline, trees.write_videopose3d])
def test_detections_of_another_copy(one, printed, pose_file_of_archive, tmp_path, write):
    path, digest = pose_file_of_archive, pose_file.digest(pose_file_of_archive)
    write(tmp_path / 'copy', one)
    text = prepare_h36m(printed, tmp_path / 'copy', path, '--add-detections')
    assert 'also pose2d_sh' in text
    assert pose_file.digest(path) == digest
    prepare_h36m(printed, tmp_path / 'copy', tmp_path / 'b.h5', '--partial')
    for split in ('train', 'test'):
        found, expected = (pose_file.read(p, split, 'sh') for p in (path, tmp_path / 'b.h5'))
        for name in ('pose2d', 'valid', 'imputed'):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_detections_of_a_copy_that_lacks_a_take(printed, tmp_path):
    world = trees.takes(3, SUBJECTS, ('Directions', 'Photo'))
    trees.write_baseline(tmp_path / 'copy', world, ())
    prepare_h36m(printed, tmp_path / 'copy', tmp_path / 'a.h5', '--partial')
    trees.write_videopose3d(tmp_path / 'theirs', without(world, Take('S11', 'Directions', 0)))
    trees.write_cameras(tmp_path / 'theirs' / 'cameras.h5')
    prepare_h36m(printed, tmp_path / 'theirs', tmp_path / 'a.h5', '--add-detections')
    check_undetected(tmp_path / 'a.h5')
    # A file of before numbers the views of each camera.
    prepare_h36m(printed, tmp_path / 'copy', tmp_path / 'b.h5', '--partial')
    with h5py.File(tmp_path / 'b.h5', 'a') as file:
        file['test/clip'][:] = 4 * file['test/clip'][:] + file['test/camera'][:]
    prepare_h36m(printed, tmp_path / 'theirs', tmp_path / 'b.h5', '--add-detections')
    one, other = (pose_file.read(tmp_path / f'{name}.h5', 'test', 'sh') for name in 'ab')
    np.testing.assert_array_equal(one.pose2d, other.pose2d)


def check_undetected(path):
    data = pose_file.read(path, 'test', 'sh')
    undetected = ~data.visible.any(axis=1)
    assert set(data.columns['clip'][undetected]) == {4}
    assert set(data.columns['camera'][undetected]) == {1, 2, 3}


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            lambda world: without(world, Take('S9', 'Photo', 1)),
            r'takes of S9 Photo as in .* has 1, found 2',
        ),
        (
            lambda world: {take: pose[:4] for take, pose in world.items()},
            r'sh, S1 Photo, camera 54138969: expected 6 frames or more, found 4',
        ),
        (
            lambda world: {take: pose[:, ::-1] for take, pose in world.items()},
            r'sh, S1 Photo, camera 54138969: .* median distance of \d+ px',
        ),
        (dict, r'expected detections that .* lacks, found none; they are in 3d-pose-baseline'),
    ],
)
def test_detections_that_do_not_fit(one, refusal, pose_file_of_archive, tmp_path, change, message):
    path, before = pose_file_of_archive, pose_file_of_archive.read_bytes()
    detections = () if change is dict else ('StackedHourglass',)
    trees.write_baseline(tmp_path / 'copy', change(one), detections)
    line = refusal(
        'data/prepare_h36m.py', '--root', tmp_path / 'copy', '--out', path, '--add-detections'
    )
    assert re.search(message, line)
    assert path.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {'copy', 'a.h5', '.a.h5.lock'}
