"""The page of predict.py --html: what is in it, and what Chromium makes of it."""

import http.server
import json
import re
import shutil
import subprocess
import urllib.parse

import numpy as np
import pytest

from chainer_pose import load_lifter
from chainer_pose.datasets import keypoints
from chainer_pose.inference import predictions

EVIL = '</script><img src=x onerror="document.title=1"> & <!--'
BROWSER = next(filter(shutil.which, ('chromium', 'chromium-browser', 'google-chrome')), None)

# Draw, turn, play, hover and choose, as a user does; then tell what was seen.
USER = """<script>
addEventListener('load', async () => {
  const at = id => document.getElementById(id), wait = ms => new Promise(r => setTimeout(r, ms));
  const pixels = id => at(id).getContext('2d').getImageData(0, 0, at(id).width, at(id).height).data;
  const drawn = id => pixels(id).reduce((sum, x, i) => (sum * 31 + x * i) % 1000003, 7);
  const point = (kind, x, y, to = at('three')) => to.dispatchEvent(new PointerEvent(kind,
    { bubbles: true, pointerId: 1, clientX: x, clientY: y }));
  const key = (key, more = {}) => document.body.dispatchEvent(new KeyboardEvent('keydown',
    { key, bubbles: true, ...more }));
  const found = { blank: ['two', 'three'].filter(id => pixels(id).every(x => x === 0)) };
  await wait(100);
  const views = () => [drawn('two'), drawn('three'), at('when').textContent];
  const steps = { start: views() };
  const { left, top, width, height } = at('three').getBoundingClientRect();
  point('pointerdown', left + 5, top + 5); point('pointermove', left + 90, top + 5);
  point('pointerup', left + 90, top + 5);
  steps.turned = views();
  key('r'); steps.reset = views();
  key('ArrowRight'); steps.next = views();
  key('ArrowLeft'); at('play').click();
  for (let i = 0; i < 300 && at('when').textContent === steps.start[2]; i++) await wait(20);
  key(' '); steps.played = views();
  key('Home');
  at('slider').value = 0; at('slider').dispatchEvent(new Event('input'));
  for (let y = top; y < top + height && at('tip').hidden; y += 7)
    for (let x = left; x < left + width && at('tip').hidden; x += 7) point('pointermove', x, y);
  found.tip = at('tip').textContent;
  const theme = () => getComputedStyle(document.body).backgroundColor;
  found.themes = [theme(), (at('theme').click(), theme())];
  found.people = [...at('people').options].map(option => option.text);
  found.images = document.images.length;
  location.href = 'RESULT?' + encodeURIComponent(JSON.stringify({ ...found, steps }));
});
</script>"""


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    """Two people in 12 frames, one of a cruel name who is missed in the third: page, poses.json."""
    folder = tmp_path_factory.mktemp('page')
    source = keypoints.read('examples/keypoints.json')
    pose2d, visible = source.poses(0.3)
    kept = [i for i in range(24) if i != 5]
    frame, person = ([ids[i] for i in kept] for ids in (source.frame, source.person))
    person = [EVIL if one else 0 for one in person]
    source = keypoints.Keypoints(
        EVIL, 'mmpose', source.skeleton, source.pose2d[kept], source.confidence[kept], frame, person
    )
    lifter = load_lifter()
    poses = lifter.lift(pose2d[kept], visible[kept], source.skeleton)
    found = predictions.Predictions(source, lifter.skeleton, lifter.weights, poses, fps=10.0)
    predictions.write_html(folder / 'a.html', found)
    predictions.write_json(folder / 'a.json', found)
    return folder / 'a.html', json.loads((folder / 'a.json').read_text('utf-8'))


def test_a_page_has_the_numbers_of_poses_json_and_needs_no_network(page):
    text = page[0].read_text('utf-8')
    scripts = re.findall(r'<script[^>]*>(.*?)</script>', text, re.S)
    time, poses = map(json.loads, scripts[:2])
    assert poses == page[1]
    assert time == {
        'steps': sorted([*range(12)] * 2)[:5] + sorted([*range(12)] * 2)[6:],
        'timed': True,
    }
    assert len(scripts) == 3
    assert scripts[2].strip().count('\n') < 250
    assert not re.search(r'https?:|@import|src=|url\(|innerHTML', text.replace(scripts[1], ''))


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason='no Chromium (Debian: apt install chromium)')
def test_a_page_draws_turns_and_plays(page, tmp_path):
    told = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            told.append(json.loads(urllib.parse.unquote(self.path.split('?', 1)[1])))

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
    server.timeout = 60
    user = USER.replace('RESULT', f'http://127.0.0.1:{server.server_port}/')
    tried = tmp_path / 'tried.html'
    tried.write_text(page[0].read_text('utf-8') + user, 'utf-8')
    options = (
        f'--headless --no-sandbox --disable-gpu --user-data-dir={tmp_path / "profile"}'.split()
    )
    with server, (tmp_path / 'log').open('wb') as log:
        browser = subprocess.Popen([BROWSER, *options, tried.as_uri()], stdout=log, stderr=log)
        try:
            server.handle_request()
        finally:
            browser.terminate()
            browser.wait()
    assert told, (tmp_path / 'log').read_text()
    found = told[0]
    steps = found['steps']
    assert found['blank'] == []
    assert steps['turned'][0] == steps['start'][0]  # the 2D stays
    assert steps['turned'][1] != steps['start'][1]
    assert steps['reset'] == steps['start']
    assert steps['start'][2].startswith('frame 1 (1 of 12), 0.00 s')
    assert steps['next'][2].startswith('frame 2 (2 of 12), 0.10 s')
    assert 'frame 1 (' not in steps['played'][2]
    assert all(a != b for a, b in zip(steps['next'], steps['start']))
    assert found['people'] == ['all 2 people', 'person 0', f'person {EVIL}']
    assert found['images'] == 0
    assert found['themes'][0] != found['themes'][1]
    joint, who, confidence, two, three = found['tip'].split('\n')
    pose = page[1]['poses'][0 if who == 'person 0' else 1]
    j = page[1]['skeleton']['names'].index(joint)
    numbers = [float(x) for x in re.findall(r'-?\d+\.\d+', f'{confidence} {two} {three}')]
    expected = [pose['confidence'][j], *pose['pose2d'][j], *pose['pose3d'][j]]
    np.testing.assert_allclose(numbers, expected, atol=0.051)
