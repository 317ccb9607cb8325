import numpy as np
import pytest
from PIL import Image, ImageSequence

from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17
from chainer_pose.visualizations import animations


@pytest.fixture
def walk(synthetic_splits):
    data = synthetic_splits['test']
    return data.pose2d[:5], data.pose3d[:5] - data.pose3d[:5, :1]


def frames(path):
    return [
        np.asarray(frame.convert('RGB'), int) for frame in ImageSequence.Iterator(Image.open(path))
    ]


def test_a_sequence_plays(walk, tmp_path):
    animations.write(tmp_path / 'a.gif', animations.playing(*walk, H36M17, fps=10), 'gif')
    shown = frames(tmp_path / 'a.gif')
    assert len(shown) == 5
    assert Image.open(tmp_path / 'a.gif').info['duration'] == 100
    assert all(frame.shape == shown[0].shape for frame in shown)
    assert (shown[0] != shown[4]).any()
    for frame in shown:
        red = (frame[:, :, 0] > 180) & (frame[:, :, 2] < 90)
        blue = (frame[:, :, 2] > 150) & (frame[:, :, 0] < 90)
        assert red.sum() > 100
        assert blue.sum() > 100


def test_a_pose_turns_once(walk, tmp_path, monkeypatch):
    monkeypatch.setattr(animations, 'TURN_FRAMES', 4)
    pose2d, pose3d = walk
    drawn = []
    from chainer_pose import visualizations

    monkeypatch.setattr(
        visualizations, 'draw_pose_3d', lambda axes, pose, *_: drawn.append(np.array(pose))
    )
    animations.write(tmp_path / 'a.gif', animations.turning(pose2d[0], pose3d[0], H36M17), 'gif')
    x, y, z = pose3d[0].T
    for found, (turned_x, turned_z) in zip(drawn, ((x, z), (z, -x), (-x, -z), (-z, x))):
        expected = np.stack([turned_x, y, turned_z], axis=1)
        np.testing.assert_allclose(found, expected, atol=1e-3)
    assert len(drawn) == 4


def test_long_sequences_are_thinned_to_the_same_duration(walk):
    pose2d, pose3d = (np.tile(pose, (200, 1, 1)) for pose in walk)
    _, _, n, fps = animations.playing(pose2d, pose3d, H36M17, fps=50)
    assert n == 200
    assert fps == 10


def test_without_ffmpeg_one_line_says_so(walk, tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(InputError, match='expected the program ffmpeg, found none'):
        animations.write(tmp_path / 'a.mp4', animations.playing(*walk, H36M17, 10), 'mp4')


def test_mp4_where_ffmpeg_is(walk, tmp_path):
    try:
        animations.require_ffmpeg()
    except InputError:
        pytest.skip('no ffmpeg')
    animations.write(tmp_path / 'a.mp4', animations.playing(*walk, H36M17, 10), 'mp4')
    assert (tmp_path / 'a.mp4').read_bytes()[4:8] == b'ftyp'
