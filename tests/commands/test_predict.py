"""predict.py and data/prepare_keypoints.py on the small files of every format."""

import functools
import hashlib
import json
import re
import shutil

import h5py
import numpy as np
import pytest
from chainer.serializers import npz

from chainer_pose import datasets, links, load_lifter, skeletons
from chainer_pose.commands import predict, train
from chainer_pose.commands import prepare as prepare_command
from chainer_pose.datasets import keypoints, pose_file
from chainer_pose.errors import InputError
from chainer_pose.inference import weights
from chainer_pose.inference.pretrained import DEFAULT, pretrained_path
from tests.conftest import ROOT

DATA = ROOT / 'tests' / 'data'
EXAMPLE = ROOT / 'examples' / 'keypoints.json'
COCO = skeletons.get('coco17')


@pytest.fixture
def lift(tmp_path, printed):
    """Run predict.py and load what it wrote; returns its output, too."""

    def run(path, *more):
        out = tmp_path / 'out'
        text = printed(predict, '--input', path, '--out', out, '--write', 'npz', *more)
        with np.load(out / 'poses.npz') as file:
            return dict(file), text

    return run


@pytest.fixture
def prepare(printed):
    return functools.partial(printed, prepare_command, 'keypoints')


@pytest.fixture(scope='module')
def reference():
    pose2d, visible = keypoints.read(DATA / 'poses.csv').poses(0.3)
    return load_lifter()(pose2d, visible, 'coco17')


def test_what_was_written_is_read_again(lift, tmp_path):
    one, _ = lift(EXAMPLE, '--no-mirror')
    written = shutil.copy(tmp_path / 'out' / 'poses.npz', tmp_path)
    # The head's confidence may be below the threshold, though an ear's was not.
    again, text = lift(written, '--no-mirror', '--min-confidence', 0.1)
    assert 'joints of cmu17' in text
    whole = ~one['imputed'].any(axis=1)  # imputed joints are imputed from fewer
    assert whole.sum() > 50
    np.testing.assert_allclose(again['pose3d'][whole], one['pose3d'][whole], atol=0.01)


def test_a_folder_of_openpose_gives_the_same_3d(lift, reference):
    found, _ = lift(DATA / 'openpose')
    np.testing.assert_allclose(found['pose3d'], reference, atol=0.01)


def test_a_pose_file_gives_one_with_3d(tmp_path, reference, printed):
    pose2d, visible = keypoints.read(DATA / 'poses.csv').poses(0.3)
    pose2d[2, 5:], visible[2, 5:] = np.nan, False
    data = pose_file.PoseData('a', COCO, pose2d, valid=visible, fps=20.0)
    data.columns, data.names = {'action': np.array([1, 0, 1], 'i')}, {'action': ['run', 'walk']}
    pose_file.write(tmp_path / 'a.h5', {'train': data.select([0]), 'test': data.select([1, 2])})
    options = ('--format', 'pose-file', '--write', 'h5', '--out', tmp_path / 'out')
    text = printed(predict, '--input', tmp_path / 'a.h5', *options)
    assert '2 of 3 people lifted' in text
    out = tmp_path / 'out' / 'poses.h5'
    train, test = (pose_file.read(out, split) for split in ('train', 'test'))
    np.testing.assert_allclose(
        np.concatenate([train.pose3d, test.pose3d]), reference[:2], atol=0.01
    )
    assert (len(test), test.names, test.columns['action'].tolist()) == (1, data.names, [0])
    assert (test.units_3d, test.fps) == ('px', 20)
    with h5py.File(out) as file:
        assert file.attrs['weights'] == 'cmu.npz'
        expected = hashlib.sha256(pretrained_path(DEFAULT).read_bytes()).hexdigest()
        assert file.attrs['weights_sha256'] == expected


def test_a_fault_at_the_end_leaves_nothing_behind(lift, tmp_path):
    folder = shutil.copytree(DATA / 'openpose', tmp_path / 'openpose')
    broken = sorted(folder.iterdir())[-1]
    broken.write_text(broken.read_text()[:-50])
    before = sorted(tmp_path.rglob('*'))
    with pytest.raises(InputError, match='openpose'):
        lift(folder)
    assert sorted(tmp_path.rglob('*')) == before


@pytest.mark.slow
def test_the_example_of_the_readme(script, tmp_path):
    """The script itself, with all it can write but mp4."""
    out = tmp_path / 'out'
    finished = script(
        'predict.py', '--input', EXAMPLE, '--out', out, '--height', 1720, '--figure', 2,
        '--gif', 'turn', '--bvh', '--trc', '--fps', 10, '--html', '--person', 1,
        '--onnx', tmp_path / 'g.onnx',
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ''
    assert '60 of 60 people lifted' in finished.stdout
    assert 'joints imputed: LFoot 5' in finished.stdout
    assert 'of 60 poses whose face and shoulders were seen, 60 have sin b >= 0' in finished.stdout
    names = 'poses.json poses.csv poses.npz poses.html figure.png motion.gif motion.bvh motion.trc'
    assert {path.name for path in out.iterdir()} == set(names.split())
    assert 'the joints are 7.1 % of the trunk from those lifted, at worst 40 %' in finished.stdout
    found = json.loads((out / 'poses.json').read_text())
    assert found['scale'] == 'height 1720 mm'
    assert found['input_skeleton'] == 'coco17'
    heads = [pose['pose3d_mm'][10][1] for pose in found['poses']]
    feet = [pose['pose3d_mm'][3][1] for pose in found['poses']]
    assert max(heads) < min(feet)  # y points down
    assert 900 < np.mean(feet) - np.mean(heads) < 1900
    assert 'Frames: 30' in (out / 'motion.bvh').read_text()
    assert (tmp_path / 'g.onnx').stat().st_size > 1e6


def test_films_keep_time_where_frames_are_missing(lift, tmp_path):
    data = json.loads(EXAMPLE.read_text())
    frames = data['instance_info']
    frames[:] = [{**frame, 'instances': frame['instances'][:1]} for frame in frames]
    del frames[10:14]
    (tmp_path / 'a.json').write_text(json.dumps(data))
    _, text = lift(tmp_path / 'a.json', '--bvh', '--fps', 25)
    assert 'Frames: 30' in (tmp_path / 'out' / 'motion.bvh').read_text()
    assert 'motion: 4 of 30 frames lack the person: 4 are interpolated' in text


def test_a_rolled_camera(lift, tmp_path):
    """Turned by 26 degrees, the example gives its own poses, turned."""
    data = keypoints.read(EXAMPLE)
    cos, sin = np.cos(np.radians(26)), np.sin(np.radians(26))
    turn = np.array([[cos, sin], [-sin, cos]])  # of rows: clockwise, as y points down
    arrays = {'frame': data.frame, 'person': data.person, 'confidence': data.confidence}
    np.savez(tmp_path / 'a.npz', keypoints=data.pose2d @ turn, **arrays)
    plain, text = lift(EXAMPLE, '--roll', 'auto')
    tilt = float(text.split('roll: ')[1].split()[0])
    assert abs(tilt) < 2
    assert 'by 55 poses; not undone, since people may lean by as much' in text
    found, text = lift(tmp_path / 'a.npz', '--roll', 'auto')
    assert float(text.split('roll: ')[1].split()[0]) == pytest.approx(26 + tilt, abs=0.11)
    assert 'by 55 poses; undone' in json.loads(str(found['metadata']))['processing'][0]
    expected, _ = lift(EXAMPLE, '--roll', tilt)
    expected['pose3d'][:, :, :2] @= turn
    np.testing.assert_allclose(found['pose3d'], expected['pose3d'], atol=0.5)
    without, _ = lift(tmp_path / 'a.npz')
    plain['pose3d'][:, :, :2] @= turn
    assert np.abs(without['pose3d'] - plain['pose3d']).mean() > 2
    for path, why in (
        (DATA / 'poses.csv', '3 poses show neck'),
        (DATA / 'mmpose_image.json', 'a single'),
    ):
        assert re.search(f'roll: not looked for.*{why}', lift(path, '--roll', 'auto')[1])


def test_lines_of_sight(lift, tmp_path, rng):
    """The camera is that of the image's size; weights that know none are not given one."""
    generator, arrays = links.Generator(17, 8, 0.3, rng), {}
    npz.DictionarySerializer(arrays).save(generator)
    path = tmp_path / 'gen_1.npz'
    weights.write_generator(path, arrays, skeletons.get('cmu17'), line_of_sight=True)
    lifter, coco = load_lifter(path), keypoints.read(DATA / 'poses.csv').poses(0.3)
    pose2d = load_lifter().lift(*coco, 'coco17').pose2d
    np.savez(tmp_path / 'a.npz', keypoints=pose2d)
    common = tmp_path / 'a.npz', '--skeleton', 'cmu17', '--snapshot', path
    for more, camera in (
        ([], ()),
        (['--image-size', 1280, 720], (1408, 640, 360)),
        (['--image-size', 1280, 720, '--focal', 900], (900, 640, 360)),
    ):
        found, text = lift(*common, *more)
        np.testing.assert_allclose(found['pose3d'], lifter(pose2d, camera=camera), atol=1e-3)
        assert (f'focal length {camera[0]} px' if camera else 'no --image-size: lifted') in text
    with pytest.raises(InputError, match='expected the size of the image that the joints are in'):
        lift(*common, '--image-size', 128, 72)
    with pytest.raises(InputError, match='expected pixels, a fifth of the image width or more'):
        lift(*common, '--image-size', 1280, 720, '--focal', 26)  # mm
    weights.write_generator(path, arrays, skeletons.get('cmu17'))
    with pytest.raises(InputError, match='focal 900: expected weights trained with --line-of-sigh'):
        lift(*common, '--image-size', 1280, 720, '--focal', 900)
    with pytest.raises(InputError, match=r'image_size 1280 720: .*found pixels'):
        lift(*common, '--image-size', 1280, 720)
    with pytest.raises(InputError, match='expected weights trained with --line-of-sight'):
        load_lifter(path)(pose2d, camera=(900, 640, 360))


def test_poses_are_smoothed_and_get_constant_bones(lift):
    plain, _ = lift(EXAMPLE)
    found, _ = lift(EXAMPLE, '--fps', 10, '--smooth', 0.5, '--constant-bones')
    notes = json.loads(str(found['metadata']))['processing']
    assert notes == [
        'no --image-size: lifted as if in the middle of the image',
        'mean of the depths of each pose and its mirror image',
        "smoothed over 0.5 s by Savitzky and Golay's filter",
        'bones of constant length',
    ]
    for person in (0, 1):
        jerk = [np.abs(np.diff(a['pose3d'][a['person'] == person], 3, axis=0)).mean()
                for a in (plain, found)]  # fmt: skip
        assert jerk[1] < 0.5 * jerk[0]
        pose = found['pose3d'][found['person'] == person]
        bones = np.linalg.norm((pose - pose[:, found['joint_parents']])[:, 1:], axis=2)
        np.testing.assert_allclose(bones, np.median(bones, axis=0)[None].repeat(30, 0), rtol=1e-4)


def test_a_folder_of_folders_is_a_sequence_each(printed, prepare, tmp_path, refusal):
    for name in ('cam1', 'cam2'):
        shutil.copytree(DATA / 'openpose', tmp_path / 'in' / name)
    (tmp_path / 'in' / 'mine.json').write_text(json.dumps(COCO.to_dict()))
    options = '--input', tmp_path / 'in', '--out', tmp_path / 'out', '--write', 'json', '--html'
    printed(predict, *options)
    found = [tmp_path / 'out' / name / file for name in ('cam1', 'cam2')
             for file in ('poses.html', 'poses.json')]  # fmt: skip
    assert sorted(path for path in (tmp_path / 'out').rglob('*') if path.is_file()) == found
    assert json.loads(found[3].read_text())['input'] == 'cam2'
    assert '--html: expected no FILE' in refusal('predict.py', *options, tmp_path / 'a.html')
    prepare(tmp_path / 'in', '--test-share', 0, '--out', tmp_path / 'a.h5')
    assert set(pose_file.read(tmp_path / 'a.h5', 'train').columns['clip']) == {0, 1}
    twice = tmp_path / 'in', tmp_path / 'out' / '..' / 'in' / 'cam2', '--out', tmp_path / 'b.h5'
    assert 'cam2: expected each input once' in refusal('data/prepare_keypoints.py', *twice)


def test_a_page_that_cannot_be_written_is_named(refusal, tmp_path):
    page = tmp_path / 'no' / 'a.html'
    options = '--input', DATA / 'poses.csv', '--out', tmp_path / 'out', '--html', page
    assert f'{page}: expected a place that can be written' in refusal('predict.py', *options)
    assert not [*(tmp_path / 'out').iterdir()]


def test_missing_joints_are_imputed_and_marked(lift, tmp_path):
    text = (DATA / 'coco_results.json').read_text().replace('438, 566, 0.82', '9999, 9999, 0.1')
    (tmp_path / 'a.json').write_text(text)
    found, text = lift(tmp_path / 'a.json')
    foot = found['joint_names'].tolist().index('LFoot')
    assert np.argwhere(found['imputed']).tolist() == [[0, foot]]
    assert np.abs(found['pose2d'][0, foot] - (438, 566)).max() < 150
    assert 'joints imputed: LFoot 1' in text
    used, _ = lift(tmp_path / 'a.json', '--min-confidence', 0.1)
    assert not used['imputed'].any()


def test_people_with_too_few_joints(lift, tmp_path):
    entries = json.loads((DATA / 'coco_results.json').read_text())
    entries[1]['keypoints'][15:] = [0] * 36
    (tmp_path / 'a.json').write_text(json.dumps(entries))
    found, text = lift(tmp_path / 'a.json')
    assert np.isnan(found['pose3d'][1]).all()
    assert '2 of 3 people lifted; 1 with too few joints seen left out' in text
    (tmp_path / 'b.json').write_text(json.dumps(entries[1:2]))
    with pytest.raises(InputError, match=r'found none among 1; never seen: .*LHip, RHip, LKnee'):
        lift(tmp_path / 'b.json')


def test_an_upper_body_is_lifted(lift, tmp_path):
    """A person at a table, whose elbows are out of sight."""
    pose = keypoints.read(DATA / 'poses.csv').pose2d[:1]
    pose[:, 7:] = np.nan
    np.save(tmp_path / 'a.npy', pose)
    found, text = lift(tmp_path / 'a.npy', '--skeleton', 'coco17')
    assert np.isfinite(found['pose3d']).all()
    seen = found['joint_names'][~found['imputed'][0]]
    assert seen.tolist() == ['Neck/Nose', 'Head', 'LShoulder', 'RShoulder']
    assert 'joints imputed: Hip 1, RHip 1, RKnee 1' in text


def test_weights_of_the_authors_name_no_joints(lift, tmp_path, rng):
    """They are of Human3.6M's 17; --skeleton is that of the input."""
    arrays = npz.serialize(links.Generator(17, 8, 0.1, rng))
    np.savez(tmp_path / 'gen_epoch_1.npz', **arrays)
    pose = keypoints.read(DATA / 'poses.csv').pose2d[:1]
    np.save(tmp_path / 'a.npy', pose)
    options = '--snapshot', tmp_path / 'gen_epoch_1.npz', '--skeleton', 'coco17'
    found, text = lift(tmp_path / 'a.npy', *options)
    assert 'joints of h36m17' in text
    np.testing.assert_allclose(found['pose2d'][0, 0], pose[0, 11:13].mean(axis=0))


def test_warnings_go_to_standard_error(tmp_path, capsys):
    np.save(tmp_path / 'a.npy', keypoints.read(DATA / 'poses.csv').pose2d / 640 * [1, -1])
    predict.main(['--input', str(tmp_path / 'a.npy'), '--out', str(tmp_path / 'out')])
    out, err = capsys.readouterr()
    assert 'nothing names the 17 joints: they are taken for those of coco17' in out
    first, second = err.splitlines()
    assert 'warning: ' in first
    assert 'normalized' in first
    assert f'warning: {tmp_path / "a.npy"}: y seems to point up' in second


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--input', 'x', '--height', '900', '--bone-length', 'a:b=1'], 'found none with --height'),
        (['--input', 'x', '--html', 'README.md'], '--html: expected a name that ends in .html'),
        (['--onnx', 'x.txt'], '--onnx: expected a name that ends in .onnx'),
        (['--input', 'x', '--fps', '3'], '--fps: expected to have an effect, found none without'),
        (['--input', 'x', '--generator', 'best'], '--generator: expected to have an effect'),
        (['--input', 'x', '--weights', 'cmu', '--generator', 'last'], 'none without --snapshot'),
        (['--input', 'x.json', '--split', 'test'], '--split: expected to have an effect'),
        (['--input', 'x', '--keypoints', 'gt'], 'found none without a pose file'),
        (['--input', 'x.h5', '--zeros-are-coordinates'], 'found none with a pose file'),
        (['--onnx', 'x.onnx', '--figure'], '--figure: expected to have an effect, found none with'),
        (['--input', EXAMPLE, '--gif'], '--fps: expected the frames a second of'),
        (['--input', EXAMPLE, '--smooth', '1'], '--fps: expected the frames a second of'),
        (['--input', EXAMPLE, '--smooth', '.1', '--fps', '25'], '--smooth: expected 5 frames or'),
        (['--input', EXAMPLE, '--trc'], 'found none without --height or --bone-length'),
        (['--input', EXAMPLE, '--roll', 'x'], '--roll: expected a number'),
        (['--input', EXAMPLE, '--bvh', '--fps', '9'], '--person: expected one of several people'),
        (
            ['--input', EXAMPLE, '--trc', '--height', '1700', '--fps', '9'],
            '--person: expected one of several people',
        ),
        (
            ['--input', EXAMPLE, '--gif', '--fps', '9', '--person', '9'],
            '--person 9: expected one of',
        ),
        (['--input', EXAMPLE, '--bone-length', 'Hip:Tail=4'], 'expected the joint Tail'),
    ],
)
def test_what_cannot_be_done_ends_in_one_line(tmp_path, refusal, arguments, message):
    out = () if '--onnx' in arguments else ('--out', tmp_path / 'out')
    line = refusal('predict.py', *arguments, *out)
    assert message in line
    assert not (tmp_path / 'out').exists()


def test_a_run_on_coco_keeps_the_face(prepare, lift, printed, refusal, tmp_path):
    """Keypoints to a pose file, a run on it, and a prediction with that run."""
    file, run = tmp_path / 'mine.h5', tmp_path / 'run'
    prepare(EXAMPLE, '--skeleton', 'coco17', '--impute', '--out', file)
    data = pose_file.read(file, 'train')
    assert data.skeleton == COCO
    assert data.imputed.any()
    assert not (data.imputed & data.valid).any()
    assert datasets.complete(data).all()
    parts = [pose_file.read(file, split) for split in ('train', 'test')]
    assert sum(map(len, parts)) == 60
    assert set(parts[0].columns['frame']).isdisjoint(parts[1].columns['frame'])

    printed(
        train, '--dataset', file, '--out', run, '--iterations', 10, '--n-unit', 16,
        '--batchsize', 8, '--evaluate-interval', 10, '--log-interval', 10,
    )  # fmt: skip
    found, _ = lift(EXAMPLE, '--snapshot', run)
    assert found['joint_names'].tolist() == list(COCO.names)
    assert found['pose3d'].shape == (60, 19, 3)
    ears = [COCO.index('LEar'), COCO.index('REar')]
    assert np.isfinite(found['pose3d'][:, ears]).all()
    # What it was trained on does not fit other joints.
    line = refusal('evaluate.py', '--snapshot', run, '--dataset', 'synthetic')
    assert 'expected weights for the 17 joints' in line


def test_without_impute_training_leaves_partial_people_out(prepare, tmp_path):
    given = (EXAMPLE, '--test', DATA / 'coco.json', '--licence', 'MIT')
    text = prepare(*given, '--out', tmp_path / 'a.h5')
    data = pose_file.read(tmp_path / 'a.h5', 'train')
    assert data.licence == 'MIT'
    whole = datasets.complete(data)
    assert 0 < whole.sum() < len(data) == 60
    assert not data.imputed.any()
    assert np.isnan(data.pose2d[~data.valid]).all()
    assert len(pose_file.read(tmp_path / 'a.h5', 'test')) == 3
    assert f'train: {whole.sum()} people with every joint' in text


def test_joints_of_a_pose_file_with_their_3d(prepare, tmp_path, small_file):
    limbs = ROOT / 'examples' / 'skeletons' / 'limbs12.json'
    prepare(small_file, '--skeleton', limbs, '--out', tmp_path / 'a.h5')
    data, whole = (pose_file.read(path, 'test') for path in (tmp_path / 'a.h5', small_file))
    assert data.skeleton == skeletons.get(limbs)
    assert data.names == whole.names
    wrist = data.skeleton.index('LWrist'), whole.skeleton.index('LWrist')
    np.testing.assert_array_equal(data.pose3d[:, wrist[0]], whole.pose3d[:, wrist[1]])


def test_a_joint_that_is_never_seen_is_named(prepare, tmp_path):
    entries = json.loads((DATA / 'coco_results.json').read_text())
    for entry in entries:
        entry['keypoints'][30:33] = 0, 0, 0
    (tmp_path / 'a.json').write_text(json.dumps(entries))
    for more in ((), ('--impute',)):
        with pytest.raises(InputError, match=r'found (0|none); never seen: RWrist'):
            prepare(tmp_path / 'a.json', *more, '--out', tmp_path / 'a.h5')
    entries[0]['keypoints'][30:33] = 438, 300, 0.9
    entries[0]['keypoints'][33:36] = 0, 0, 0
    (tmp_path / 'a.json').write_text(json.dumps(entries))
    with pytest.raises(InputError, match='found none; RWrist is seen in 1 of 3'):
        prepare(tmp_path / 'a.json', '--out', tmp_path / 'a.h5')
    with pytest.raises(InputError, match='the joints of coco17, as before, found'):
        prepare(DATA / 'coco.json', DATA / 'openpose18.json', '--out', tmp_path / 'a.h5')
    assert not (tmp_path / 'a.h5').exists()
