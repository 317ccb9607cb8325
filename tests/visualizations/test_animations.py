import shutil

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


def test_a_sequence_plays(walk, tmp_path):
    animations.write(tmp_path / 'a.gif', animations.playing(*walk, H36M17, fps=10), 'gif')
    film = Image.open(tmp_path / 'a.gif')
    assert film.info['duration'] == 100
    shown = [np.asarray(frame.convert('RGB')) for frame in ImageSequence.Iterator(film)]
    assert len(shown) == 5
    assert (shown[0] != shown[4]).any()
    # Longer ones are thinned to the same duration.
    _, _, n, fps = animations.playing(*(np.tile(p, (200, 1, 1)) for p in walk), H36M17, fps=50)
    assert (n, fps) == (200, 10)


@pytest.mark.parametrize(('fps', 'shown'), [(10, 20), (24, 20), (30, 20), (60, 10)])
def test_a_gif_keeps_the_time(walk, tmp_path, fps, shown):
    film = animations.playing(*(np.tile(pose, (4, 1, 1)) for pose in walk), H36M17, fps)
    animations.write(tmp_path / 'a.gif', film, 'gif')
    frames = ImageSequence.Iterator(Image.open(tmp_path / 'a.gif'))
    durations = [frame.info['duration'] for frame in frames]
    assert len(durations) == shown
    assert sum(durations) == pytest.approx(20_000 / fps, abs=5)


def test_mp4_needs_ffmpeg(walk, tmp_path, monkeypatch):
    film = animations.playing(*walk, H36M17, 10)
    if shutil.which('ffmpeg'):
        animations.write(tmp_path / 'a.mp4', film, 'mp4')
        assert (tmp_path / 'a.mp4').read_bytes()[4:8] == b'ftyp'
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(InputError, match='expected the program ffmpeg, found none'):
        animations.write(tmp_path / 'a.mp4', film, 'mp4')
