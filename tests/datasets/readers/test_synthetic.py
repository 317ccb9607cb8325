import numpy as np
import pytest

from chainer_pose import functions, geometry
from chainer_pose.datasets.readers import synthetic
from chainer_pose.skeletons import H36M17

JOINT = {name: index for index, name in enumerate(H36M17.names)}


@pytest.fixture
def lengths():
    return {name: 1000.0 * f for name, f in synthetic.PROPORTIONS.items()} | {'ankle': 39.0}


def stand(lengths, heading=0.0, **degrees):
    """One body, all angles zero but those given."""
    names = [
        side + name
        for name in synthetic.LIMITS
        for side in (('l_', 'r_') if name.startswith(('sho', 'elb', 'hip', 'knee')) else ('',))
    ]
    angles = {name: np.radians([degrees.pop(name, 0.0)]) for name in names}
    assert not degrees
    pose = synthetic.pose_body(lengths, angles, np.array([heading]))[0]
    return {name: pose[JOINT[name]] for name in H36M17.names}


def test_an_upright_body_by_hand(lengths):
    at = stand(lengths)
    for name, place in {
        'LFoot': (0, 95.5, 39), 'LKnee': (0, 95.5, 285), 'Hip': (0, 0, 530),
        'Thorax': (0, 0, 818), 'RShoulder': (0, -129.5, 818), 'RWrist': (0, -129.5, 818 - 332),
        'Head': (0, 0, 1000), 'Neck/Nose': (56, 0, 903),
    }.items():  # fmt: skip
        np.testing.assert_allclose(at[name], place, atol=1e-9)


def test_the_heading_turns_it_from_x_to_y(lengths):
    at = stand(lengths, heading=np.pi / 2)
    np.testing.assert_allclose(at['Neck/Nose'][:2], [0, 56], atol=1e-9)
    np.testing.assert_allclose(at['LHip'][:2], [-95.5, 0], atol=1e-9)


def test_joints_bend_the_way_that_they_should(lengths):
    at = stand(lengths, l_shoulder_flex=90, r_elbow=90, r_shoulder_abduct=90)
    np.testing.assert_allclose(at['LWrist'], at['LShoulder'] + [332, 0, 0], atol=1e-9)
    np.testing.assert_allclose(at['RElbow'], at['RShoulder'] + [0, -186, 0], atol=1e-9)
    np.testing.assert_allclose(at['RWrist'], at['RElbow'] + [146, 0, 0], atol=1e-9)
    at = stand(lengths, l_hip_flex=90, l_knee=90)
    np.testing.assert_allclose(at['LKnee'], at['LHip'] + [245, 0, 0], atol=1e-9)
    np.testing.assert_allclose(at['LFoot'], at['LKnee'] - [0, 0, 246], atol=1e-9)
    at = stand(lengths, l_hip_abduct=30, lean=0, head_turn=90, spine_flex=20)
    assert at['LFoot'][1] > 95.5 + 200
    assert at['Head'][0] > 50  # bends forward
    assert at['Neck/Nose'][1] > 50  # looks left
    at = stand(lengths, lean=30)
    assert at['Thorax'][0] > 100


def test_the_lowest_joint_stands_on_the_floor(lengths):
    at = stand(lengths, l_hip_flex=90, r_hip_flex=90, l_knee=90, r_knee=90)
    assert min(p[2] for p in at.values()) == pytest.approx(39)


def test_the_data_set(synthetic_splits):
    train, test = synthetic_splits['train'], synthetic_splits['test']
    assert (len(train), len(test)) == (72000, 14400)
    assert train.names['action'] == [
        'Directions', 'Discussion', 'Eating', 'Greeting', 'Phoning', 'Photo', 'Posing',
        'Purchases', 'Sitting', 'SittingDown', 'Smoking', 'Waiting', 'WalkDog', 'Walking',
        'WalkTogether',
    ]  # fmt: skip
    for data in (train, test):
        assert (np.bincount(data.columns['action']) == len(data) / 15).all()
        assert (np.bincount(data.columns['camera']) == len(data) / 4).all()
        assert np.isfinite(data.pose2d).all()
        # Nearly all in view, nobody in the camera's face.
        assert ((data.pose2d >= 0) & (data.pose2d <= 1000)).all(axis=(1, 2)).mean() > 0.99
        assert data.pose3d[:, :, 2].min() > 1500
    assert not set(train.columns['subject']) & set(test.columns['subject'])


def test_two_makings_are_equal(synthetic_splits):
    for split, data in synthetic.make().items():
        np.testing.assert_array_equal(synthetic_splits[split].pose2d, data.pose2d)
    assert (synthetic.make(1)['test'].pose2d != data.pose2d).any()


def test_bones_keep_their_length_through_a_take(synthetic_splits):
    data = synthetic_splits['test']
    for child, parent in H36M17.bones:
        if H36M17.names[child] == 'Head':
            continue  # hangs on the nose, which the head carries with it rigidly
        length = np.linalg.norm(data.pose3d[:, child] - data.pose3d[:, parent], axis=1)
        for clip in range(2 * 15 * 4):
            assert np.ptp(length[data.columns['clip'] == clip]) < 0.1


def test_people_have_the_proportions_of_the_table(rng):
    body = synthetic.draw_body(1750, rng)
    for name, fraction in synthetic.PROPORTIONS.items():
        assert body[name] == pytest.approx(1750 * fraction, rel=0.051)


def test_angles_stay_within_the_limits(rng):
    for action in synthetic.ACTIONS:
        for name, values in synthetic.draw_angles(action, rng).items():
            low, high = synthetic.LIMITS[name.removeprefix('l_').removeprefix('r_')]
            assert values.shape == (synthetic.FRAMES,)
            assert np.degrees(values).min() >= low - 1e-9
            assert np.degrees(values).max() <= high + 1e-9


def knees(action, rng, takes=30):
    drawn = [synthetic.draw_angles(action, rng)['l_knee'] for _ in range(takes)]
    return np.degrees(np.array(drawn))


def test_sitting_sits_waiting_stands_and_walking_is_a_cycle(rng, monkeypatch):
    monkeypatch.setattr(synthetic, 'FRAMES', 100)  # ten seconds
    assert knees('Sitting', rng).mean() > 60
    assert knees('Waiting', rng).mean() < 25
    walking = knees('Walking', rng)
    assert np.ptp(walking, axis=1).min() > 35
    # One stride takes about a second: the spectrum peaks at 0.8 to 1 Hz.
    spectrum = np.abs(np.fft.rfft(walking - walking.mean(axis=1, keepdims=True), axis=1)).mean(0)
    peak = np.fft.rfftfreq(synthetic.FRAMES, 1 / synthetic.FPS)[spectrum.argmax()]
    assert 0.7 < peak < 1.1


def test_every_heading_occurs(synthetic_splits):
    data = synthetic_splits['train']
    shoulders = data.pose3d[:, JOINT['LShoulder']] - data.pose3d[:, JOINT['RShoulder']]
    heading = np.arctan2(shoulders[:, 2], shoulders[:, 0])
    counts = np.histogram(heading, bins=8, range=(-np.pi, np.pi))[0]
    assert counts.min() > len(data) / 8 * 0.7


def test_people_satisfy_the_angle(synthetic_splits):
    data = synthetic_splits['train']
    pose = geometry.normalize(data.pose3d, H36M17.root)[0]
    for sign, low, high in ((1, 0.97, 1), (-1, 0, 0.05)):
        sines = functions.sin_beta(pose[:, :, :2], sign * pose[:, :, 2], H36M17.face_joints)
        assert low <= (sines >= 0).mean() <= high
