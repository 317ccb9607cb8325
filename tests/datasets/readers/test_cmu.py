import numpy as np
import pytest

from chainer_pose import functions, geometry
from chainer_pose.datasets.readers import cmu
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17

JOINT = {name: index for index, name in enumerate(H36M17.names)}

# A body of straight lines, in units of 25.4 mm: its length 1 is one inch.
BONES = {
    'lhipjoint': ('root', '1 0 0', 4, '0 0 0', ''),
    'lfemur': ('lhipjoint', '0 -1 0', 16, '0 0 0', 'rx ry rz'),
    'ltibia': ('lfemur', '0 -1 0', 16, '0 0 0', 'rx'),
    'rhipjoint': ('root', '-1 0 0', 4, '0 0 0', ''),
    'rfemur': ('rhipjoint', '0 -1 0', 16, '0 0 20', 'rx ry rz'),
    'rtibia': ('rfemur', '0 -1 0', 16, '0 0 0', 'rx'),
    'lowerback': ('root', '0 1 0', 4, '0 0 0', 'rx ry rz'),
    'upperback': ('lowerback', '0 1 0', 4, '0 0 0', ''),
    'thorax': ('upperback', '0 1 0', 4, '0 0 0', ''),
    'lowerneck': ('thorax', '0 1 0', 2, '0 0 0', ''),
    'upperneck': ('lowerneck', '0 1 0', 2, '0 0 0', ''),
    'head': ('upperneck', '0 1 0', 6, '0 0 0', 'rx ry rz'),
    'lclavicle': ('thorax', '1 0 0', 6, '0 0 0', ''),
    'lhumerus': ('lclavicle', '1 0 0', 12, '0 0 90', 'rx ry rz'),
    'lradius': ('lhumerus', '1 0 0', 10, '0 0 0', ''),
    'rclavicle': ('thorax', '-1 0 0', 6, '0 0 0', ''),
    'rhumerus': ('rclavicle', '-1 0 0', 12, '0 0 0', 'rx ry rz'),
    'rradius': ('rhumerus', '-1 0 0', 10, '0 0 0', ''),
}


def asf(bones=BONES):
    lines = ['# comment', ':version 1.10', ':units', '  length 1.0', '  angle deg', ':root',
             '  order TX TY TZ RX RY RZ', ':bonedata']  # fmt: skip
    for name, (_, direction, length, axis, dof) in bones.items():
        lines += ['begin', ' id 1', f' name {name}', f' direction {direction}',
                  f' length {length}', f' axis {axis}  XYZ']  # fmt: skip
        if dof:
            lines += [f' dof {dof}', ' limits (-160.0 20.0)', '        (-70.0 70.0)']
        lines.append('end')
    lines += [':hierarchy', '  begin']
    parents = dict.fromkeys(bone[0] for bone in bones.values())
    lines += [f'    {p} {" ".join(n for n, b in bones.items() if b[0] == p)}' for p in parents]
    return '\n'.join([*lines, '  end', ''])


def amc(frames):
    turning = [name for name, bone in BONES.items() if bone[4]]
    lines = ['#!OML:ASF', ':FULLY-SPECIFIED', ':DEGREES']
    for number, frame in enumerate(frames, start=1):
        lines += [str(number), f'root {frame.get("root", "0 0 0 0 0 0")}']
        for name in turning:
            zeros = ' '.join('0' for _ in BONES[name][4].split())
            lines.append(f'{name} {frame.get(name, zeros)}')
    return '\n'.join([*lines, ''])


@pytest.fixture
def clips(tmp_path):
    def make(frames=({},), subject='07', length='1.0'):
        folder = tmp_path / 'subjects' / subject
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f'{subject}.asf').write_text(asf().replace('1.0', length))
        (folder / f'{subject}_01.amc').write_text(amc(frames))
        return tmp_path

    return make


def joints(root):
    """World positions by joint name, in inches, of the first frame."""
    asf_path, motions = cmu.find_clips(root)['07']
    bones, unit = cmu.read_asf(asf_path)
    motion = cmu.read_amc(motions[0], bones)
    pose = cmu.h36m_joints(*cmu.forward_kinematics(bones, unit, motion))[0]
    return dict(zip(H36M17.names, pose / 25.4))


def test_the_bind_pose_by_hand(clips):
    at = joints(clips([{'root': '1 36 2 0 0 0'}]))
    # CMU's x is our left (y), its y up (z), its z forward (x).
    for name, place in {
        'Hip': (2, 1, 36), 'LHip': (2, 5, 36), 'RFoot': (2, -3, 4), 'Spine': (2, 1, 44),
        'Thorax': (2, 1, 48), 'Head': (2, 1, 58), 'LWrist': (2, 29, 48), 'RShoulder': (2, -5, 48),
        'Neck/Nose': (2 + 100 / 25.4, 1, 52 + 50 / 25.4),
    }.items():  # fmt: skip
        np.testing.assert_allclose(at[name], place)


def test_a_frame_by_hand(clips):
    frame = {
        'root': '0 36 0 0 90 0',  # a quarter turn about up: forward becomes left
        'lfemur': '-90 0 0',  # the thigh swings from down to forward
        'ltibia': '90',  # the shank hangs down from it
        'rfemur': '0 0 30',
        'lhumerus': '0 0 -90',  # about z in any frame turned about z: from left to down
        'head': '0 90 0',
    }
    at = joints(clips([frame]))

    for name, (x, y, z) in {
        'LHip': (0, 4, 36), 'LKnee': (16, 4, 36), 'LFoot': (16, 4, 20),
        'LShoulder': (0, 6, 48), 'LWrist': (0, 6, 26),
        # 30 degrees about CMU's z takes the right leg to its left.
        'RFoot': (0, -4 + 16, 36 - 16 * np.sqrt(3)),
        'Neck/Nose': (0, 100 / 25.4, 52 + 50 / 25.4),
    }.items():  # fmt: skip
        np.testing.assert_allclose(at[name], (-y, x, z), atol=1e-9)  # turned by the root


def test_the_axis_frame_matters(clips):
    # A turn about x in a frame turned by 20 degrees about z is one about
    # (cos 20, sin 20, 0): by hand, with Rodrigues' formula on (0, -16, 0).
    at = joints(clips([{'rfemur': '90 0 0'}]))
    k, v = np.array([np.cos(np.radians(20)), np.sin(np.radians(20)), 0]), np.array([0, -16, 0])
    x, y, z = np.cross(k, v) + k * (k @ v)
    np.testing.assert_allclose(at['RKnee'] - at['RHip'], [z, x, y], atol=1e-9)


def test_rotations_are_z_after_y_after_x():
    x, y, z = (cmu.rotation(angles) for angles in np.diag([90.0, 90, 90]))
    np.testing.assert_allclose(x @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(y @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(z @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(cmu.rotation(np.full(3, 90.0)), z @ y @ x, atol=1e-12)


def test_the_unit_of_length(clips):
    bones, unit = cmu.read_asf(cmu.find_clips(clips(length='0.45'))['07'][0])
    assert unit == pytest.approx(56.44, abs=0.01)
    np.testing.assert_allclose(bones['lfemur'].offset, [0, -16 * 25.4 / 0.45, 0])


def test_step_and_columns(clips, tmp_path):
    root = clips([{'root': f'{i} 36 0 0 0 0'} for i in range(10)])
    clips(subject='08')
    (tmp_path / 'actions.csv').write_text('07_01, walk\n08_01,sit\n')
    actions = cmu.read_actions(tmp_path / 'actions.csv')
    data, _ = cmu.convert(root, ['08'], step=4, headings=[0, 90], actions=actions)
    train = data['train']
    assert len(train) == 3 * 2 * 4
    assert train.fps == 30
    assert sorted(set(train.columns['frame'])) == [0, 4, 8]
    assert list(np.bincount(train.columns['clip'])) == [12, 12]
    assert train.names['action'] == ['sit', 'walk']
    assert set(train.columns['action']) == {1}
    assert [train.names['subject'][s] for s in set(data['test'].columns['subject'])] == ['08']


def test_the_last_fifth_of_the_subjects_tests_by_default(clips):
    assert list(cmu.convert(clips())[0]) == ['train']  # one subject leaves none to test
    clips(subject='08')
    splits, _ = cmu.convert(clips(subject='09'))
    used = {split: set(data.columns['subject'].tolist()) for split, data in splits.items()}
    assert used == {'train': {0, 1}, 'test': {2}}


def test_headings_turn_and_the_middle_is_centered(clips):
    root = clips([{'root': '100 36 0 0 0 0'}, {'root': '102 36 0 0 0 0'}])
    turned = cmu.convert(root, [], 1, [0, 180])[0]['train']
    first = turned.select(turned.columns['camera'] == 0)
    assert len(first) == 4
    # A half turn about the mean: the first frame lands where the second was.
    np.testing.assert_allclose(first.pose3d[0, 0], first.pose3d[3, 0], atol=1e-2)
    np.testing.assert_allclose(
        first.pose3d[0, JOINT['LFoot']], first.pose3d[3, JOINT['RFoot']], atol=1e-2
    )


def test_random_headings_follow_the_seed(clips):
    first, same, other = (
        cmu.convert(clips(), [], seed=seed)[0]['train'].pose2d for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_frames_too_far_from_the_middle_are_left_out(clips):
    root = clips([{'root': f'{x} 36 0 0 0 0'} for x in (0, 0, 0, 200)])
    splits, left_out = cmu.convert(root, [], 1, [0])
    assert len(splits['train']) == 3 * 4
    assert left_out == {'07_01': 1}


@pytest.mark.parametrize(
    ('name', 'old', 'new', 'message'),
    [
        ('07.asf', ':hierarchy', ':other', 'no bone head'),
        ('07.asf', 'length 16', 'length x', 'bone lfemur: expected 1 finite number.s., found x'),
        ('07.asf', 'dof rx', 'dof tx', 'dof .*tx'),
        ('07_01.amc', ':DEGREES', ':RADIANS', 'found: :RADIANS, not :DEGREES'),
        ('07_01.amc', 'ltibia 0', 'ltibia', 'frame 1: ltibia: expected 1 .*, found none'),
        ('07_01.amc', 'ltibia 0', 'tail 0', 'found: frame 1 with a bone tail'),
        ('07_01.amc', amc([{}]), ':DEGREES\n', 'found: no frames'),
    ],
)
def test_files_that_cannot_be_read(clips, tmp_path, name, old, new, message):
    path = clips() / 'subjects' / '07' / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=f'{name}: .*{message}'):
        cmu.convert(tmp_path, [])


def test_what_is_missing_is_named(clips, tmp_path):
    with pytest.raises(InputError, match='found none'):
        cmu.find_clips(tmp_path / 'nowhere')
    with pytest.raises(InputError, match=r'found no \.asf; they are at mocap'):
        cmu.find_clips(tmp_path)
    root = clips()
    with pytest.raises(InputError, match='test_subjects 99: expected some of 07'):
        cmu.convert(root, ['99'])
    with pytest.raises(InputError, match='actions: expected a row for 07_01'):
        cmu.convert(root, [], actions={})
    (tmp_path / 'excel.csv').write_bytes(b'\xef\xbb\xbf07_01,walk\r\n')
    assert cmu.read_actions(tmp_path / 'excel.csv') == {'07_01': 'walk'}
    (tmp_path / 'text.csv').write_text('07_01,walk\n\nmy notes\n')
    with pytest.raises(InputError, match=r'expected CSV lines .*, found: my notes'):
        cmu.read_actions(tmp_path / 'text.csv')
    (tmp_path / 'links').mkdir()
    (tmp_path / 'links' / '07').symlink_to(root / 'subjects' / '07')
    assert [*cmu.find_clips(tmp_path / 'links')] == ['07']
    (root / 'subjects' / '07' / '07_01.amc').unlink()
    with pytest.raises(InputError, match='expected motions 07_MM'):
        cmu.find_clips(root)


def test_real_clips(shared_data):
    clips = cmu.find_clips(shared_data / 'cmu_asfamc')
    assert list(clips) == ['02', '03']
    limbs = [
        (c, p) for c, p in H36M17.bones
        if H36M17.sides[c] in ('left', 'right') and 'Shoulder' not in H36M17.names[c]
    ] + [(JOINT['LShoulder'], JOINT['Thorax']), (JOINT['RShoulder'], JOINT['Thorax'])]  # fmt: skip
    for asf_path, motions in clips.values():
        bones, unit = cmu.read_asf(asf_path)
        for path in motions:
            ends, turns = cmu.forward_kinematics(bones, unit, cmu.read_amc(path, bones))
            for name, bone in bones.items():
                length = np.linalg.norm(ends[name] - ends[bone.parent], axis=1)
                assert np.ptp(length) < 0.1
                assert length.mean() == pytest.approx(np.linalg.norm(bone.offset), abs=0.1)
            world = cmu.h36m_joints(ends, turns)
            for child, parent in limbs:
                assert np.ptp(np.linalg.norm(world[:, child] - world[:, parent], axis=1)) < 0.1
            # Metric and the right way up; subject 03 climbs over things.
            assert 1400 < np.median(world[:, JOINT['Head'], 2]) < 1900
            if path.stem.startswith('02'):
                assert 30 < np.median(world[:, :, 2].min(axis=1)) < 140
    data, _ = cmu.convert(shared_data / 'cmu_asfamc', ['03'])
    pose = geometry.normalize(data['train'].pose3d, H36M17.root)[0]
    sines = functions.sin_beta(pose[:, :, :2], pose[:, :, 2], H36M17.face_joints)
    assert (sines >= 0).mean() > 0.97
