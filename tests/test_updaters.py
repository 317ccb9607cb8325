import chainer
import numpy as np
import pytest

from chainer_pose import datasets, links, optimizers, terms, updaters
from chainer_pose.errors import NonFiniteError
from chainer_pose.flat_adam import FlatAdam
from chainer_pose.skeleton import AngleJoints

JOINTS = AngleJoints(nose=0, neck=1, left_shoulder=2, right_shoulder=3)
N_JOINTS, N_UNIT, BATCH = 5, 12, 8
ALPHA, BETA1, BETA2, EPS, DECAY = 2e-4, 0.5, 0.999, 1e-8, 1e-2


def make_updater(
    rng,
    angle_joints=JOINTS,
    rows=None,
    angle_weight=1.0,
    more_terms=(),
    learn_pitch=False,
    **options,
):
    nets = {
        name: kind(N_JOINTS, N_UNIT, 0.3, rng)
        for name, kind in (('gen', links.Generator), ('dis', links.Discriminator))
    }
    adams = {name: optimizers.Adam(ALPHA, BETA1, DECAY).setup(net) for name, net in nets.items()}
    if learn_pitch:
        adams['pitch'] = optimizers.Adam(1e-3, 0.5).setup(options['pitch'])
    if rows is None:
        rows = rng.normal(size=(BATCH, 2 * N_JOINTS)).astype('f')
    iterator = datasets.PoseIterator(rows, BATCH, np.random.default_rng(1))
    chosen = [terms.Adversarial()]
    if angle_joints is not None:
        chosen.append(terms.Angle(angle_joints, angle_weight))
    chosen += [make(nets['gen']) for make in more_terms]
    return updaters.PoseGANUpdater(iterator, adams, chosen, np.random.default_rng(2), **options)


def parameters(updater):
    return {
        name: {
            key: param.array.astype('d')
            for key, param in updater.get_optimizer(name).target.namedparams()
        }
        for name in ('gen', 'dis')
    }


def step(updater):
    observation = {}
    reporter = chainer.Reporter()
    with reporter.scope(observation):
        updater.update()
    return observation


class Numpy:
    """The same step, written out by hand in float64, gradients and all."""

    @staticmethod
    def forward(w, x):
        a1 = x @ w['/l1/W'].T + w['/l1/b']
        h1 = np.where(a1 > 0, a1, 0.2 * a1)
        a2 = h1 @ w['/l2/W'].T + w['/l2/b']
        h2 = np.where(a2 > 0, a2, 0.2 * a2)
        a3 = h2 @ w['/l3/W'].T + w['/l3/b'] + h1
        h3 = np.where(a3 > 0, a3, 0.2 * a3)
        return h3 @ w['/l4/W'].T + w['/l4/b'], (x, a1, h1, a2, h2, a3, h3)

    @staticmethod
    def backward(w, kept, gy):
        x, a1, h1, a2, h2, a3, h3 = kept
        grads = {'/l4/W': gy.T @ h3, '/l4/b': gy.sum(0)}
        g3 = (gy @ w['/l4/W']) * np.where(a3 > 0, 1, 0.2)
        grads.update({'/l3/W': g3.T @ h2, '/l3/b': g3.sum(0)})
        g2 = (g3 @ w['/l3/W']) * np.where(a2 > 0, 1, 0.2)
        grads.update({'/l2/W': g2.T @ h1, '/l2/b': g2.sum(0)})
        g1 = (g2 @ w['/l2/W'] + g3) * np.where(a1 > 0, 1, 0.2)
        grads.update({'/l1/W': g1.T @ x, '/l1/b': g1.sum(0)})
        return grads, g1 @ w['/l1/W']

    @staticmethod
    def adam(w, grads):
        """The first step, from moments zero."""
        new = {}
        for key, grad in grads.items():
            grad = grad + DECAY * w[key]
            m, v = (1 - BETA1) * grad, (1 - BETA2) * grad**2
            rate = ALPHA * np.sqrt(1 - BETA2) / (1 - BETA1)
            new[key] = w[key] - rate * m / (np.sqrt(v) + EPS)
        return new

    @classmethod
    def step(cls, gen, dis, rows, angle, angle_weight):
        n = len(rows)
        x, y = rows[:, 0::2], rows[:, 1::2]
        z, gen_kept = cls.forward(gen, rows)
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        fake = np.stack([x * cos + z * sin, y], axis=2).reshape(n, -1)
        real_logits, real_kept = cls.forward(dis, rows)
        fake_logits, fake_kept = cls.forward(dis, fake)

        def sigmoid(t):
            return 1 / (1 + np.exp(-t))

        # The generator: d/dt softplus(-t) = -sigmoid(-t), through D, then turned.
        _, g_fake = cls.backward(dis, fake_kept, -sigmoid(-fake_logits) / n)
        g_z = g_fake[:, 0::2] * sin
        loss = cls.angle(x, z)
        for joint in range(4):  # the angle loss by central differences
            for row in range(n):
                shifted = z.copy()
                shifted[row, joint] += 1e-6
                up = cls.angle(x, shifted)
                shifted[row, joint] -= 2e-6
                g_z[row, joint] += angle_weight * (up - cls.angle(x, shifted)) / 2e-6
        gen_grads, _ = cls.backward(gen, gen_kept, g_z)

        real_grads, _ = cls.backward(dis, real_kept, -sigmoid(-real_logits) / n)
        fake_grads, _ = cls.backward(dis, fake_kept, sigmoid(fake_logits) / n)
        dis_grads = {key: real_grads[key] + fake_grads[key] for key in real_grads}
        losses = {
            'gen/loss': np.log1p(np.exp(-fake_logits)).mean(),
            'gen/angle': loss,
            'dis/loss': np.log1p(np.exp(-real_logits)).mean()
            + np.log1p(np.exp(fake_logits)).mean(),
        }
        return cls.adam(gen, gen_grads), cls.adam(dis, dis_grads), losses

    @staticmethod
    def angle(x, z):
        vx, vz = x[:, 0] - x[:, 1], z[:, 0] - z[:, 1]
        wx, wz = x[:, 2] - x[:, 3], z[:, 2] - z[:, 3]
        sines = (vx * wz - vz * wx) / np.sqrt((vx**2 + vz**2) * (wx**2 + wz**2) + 1e-8)
        return np.maximum(0, -sines).mean()


@pytest.mark.parametrize('angle_weight', [1.0, 0.3])
def test_one_update_equals_numpy(rng, angle_weight):
    updater = make_updater(rng, angle_weight=angle_weight, accuracy_cap=1.0)
    before = parameters(updater)
    rows = updater.get_iterator('main').rows
    order = np.random.default_rng(1).permutation(BATCH)
    angle = updaters.random_angles(BATCH, np.random.default_rng(2)).astype('d')
    gen, dis, losses = Numpy.step(
        before['gen'], before['dis'], rows[order].astype('d'), angle, angle_weight
    )

    observation = step(updater)

    after = parameters(updater)
    for name, expected in (('gen', gen), ('dis', dis)):
        for key in expected:
            np.testing.assert_allclose(after[name][key], expected[key], atol=1e-5, err_msg=key)
            # An Adam step is about ALPHA long: 1e-5 would miss a missing one.
            assert np.abs(after[name][key] - before[name][key]).max() > ALPHA / 2
            moved = after[name][key] - before[name][key]
            np.testing.assert_allclose(moved, expected[key] - before[name][key], atol=2e-6)
    for key, value in losses.items():
        assert observation[key] == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(
    ('accuracy', 'expected'),
    [
        (0.05, (False, True)),
        (0.1, (True, True)),
        (0.5, (True, True)),
        (0.9, (True, True)),
        (0.95, (True, False)),
    ],
)
def test_gate(rng, monkeypatch, accuracy, expected):
    assert updaters.gate(accuracy, 0.9) == expected

    updater = make_updater(rng)
    monkeypatch.setattr(updaters, 'right', lambda real, fake: (accuracy * BATCH,) * 2)
    before = parameters(updater)
    observation = step(updater)
    after = parameters(updater)
    for name, updated in zip(('gen', 'dis'), expected):
        assert observation[f'{name}/updated'] == updated
        changed = [(after[name][key] != before[name][key]).any() for key in before[name]]
        assert all(changed) if updated else not any(changed)


def test_right_by_hand():
    real, fake = np.array([[1.0], [2.0], [0.0], [-1.0]]), np.array([[-1.0], [0.0], [1.0], [2.0]])
    assert updaters.right(real, fake) == (2, 1)  # a logit of 0 is no verdict


def test_report(rng):
    observation = step(make_updater(rng))
    assert set(observation) == {
        'gen/loss', 'gen/angle', 'dis/loss', 'dis/accuracy', 'dis/accuracy/real',
        'dis/accuracy/fake', 'gen/updated', 'dis/updated',
    }  # fmt: skip
    # Python floats: Chainer would average float32 in float32 and drift.
    assert {type(value) for value in observation.values()} == {float}
    both = observation['dis/accuracy/real'] + observation['dis/accuracy/fake']
    assert observation['dis/accuracy'] == both / 2


def test_without_angle_joints_there_is_no_angle_loss(rng):
    observation = step(make_updater(rng, angle_joints=None))
    assert 'gen/angle' not in observation
    assert np.isfinite(observation['gen/loss'])


def test_angles_are_uniform_on_a_whole_turn(rng):
    angles = updaters.random_angles(40000, rng)
    assert angles.dtype == np.float32
    assert np.abs(angles).max() <= np.float32(np.pi)
    counts = np.histogram(angles, bins=8, range=(-np.pi, np.pi))[0]
    assert np.abs(counts / 5000 - 1).max() < 0.06  # 4 standard deviations


@pytest.mark.parametrize(('net', 'name'), [('gen', 'gen/loss'), ('dis', 'gen/loss')])
def test_a_non_finite_loss_stops_before_any_step(rng, net, name):
    updater = make_updater(rng)
    step(updater)
    updater.get_optimizer(net).target.l4.b.array[0] = np.nan
    before = parameters(updater)
    with pytest.raises(NonFiniteError, match=rf'{name} is nan at iteration 2'):
        step(updater)
    after = parameters(updater)
    for key in before:
        for param in before[key]:
            np.testing.assert_array_equal(after[key][param], before[key][param])


def test_a_toy_of_rods_learns_their_length(rng):
    """Rods of length one at every heading: only the right depth keeps the length."""
    angle = rng.uniform(-np.pi, np.pi, 4096)
    rod = np.stack([np.cos(angle), np.zeros(4096), np.sin(angle)], axis=1)
    rows = np.zeros((4096, 4), 'f')
    rows[:, 2] = rod[:, 0]
    gen, dis = links.Generator(2, 32, 0.3, rng), links.Discriminator(2, 32, 0.3, rng)
    adams = {
        'gen': optimizers.Adam(1e-3, 0.5).setup(gen),
        'dis': optimizers.Adam(1e-3, 0.5).setup(dis),
    }
    iterator = datasets.PoseIterator(rows, 64, np.random.default_rng(1))
    updater = updaters.PoseGANUpdater(
        iterator, adams, [terms.Adversarial()], np.random.default_rng(2)
    )
    for _ in range(600):
        updater.update()
    depth = gen(rows).array
    length = np.hypot(rows[:, 2], depth[:, 1] - depth[:, 0])
    assert np.abs(length - 1).mean() < 0.5 * np.abs(np.abs(rows[:, 2]) - 1).mean()


def test_rescaled_fakes_look_normalised_to_the_discriminator(rng, monkeypatch):
    rows = rng.normal(size=(BATCH, 2 * N_JOINTS)).astype('f')
    rows[:, :2] = 0  # the root
    sizes = {}
    for rescale in (False, True):
        updater = make_updater(rng, rows=rows, rescale_fakes=rescale)
        dis, seen = updater.get_optimizer('dis').target, []
        forward = dis.forward
        monkeypatch.setattr(dis, 'forward', lambda x, f=forward, s=seen: (s.append(x), f(x))[1])
        updater.update()
        fake = seen[0].array[BATCH:].reshape(BATCH, -1, 2)  # after the real ones
        sizes[rescale] = np.linalg.norm(fake, axis=2).sum(axis=1) / (N_JOINTS - 1)
    np.testing.assert_allclose(sizes[True], 1, rtol=1e-3)
    assert np.abs(sizes[False] - 1).max() > 0.05


def test_a_learned_pitch_follows_its_gradient(rng):
    """The gradient of the generator's loss by the angle, against central differences."""
    pitch = links.CameraPitch(5.0)
    updater = make_updater(
        rng,
        pitch=pitch,
        learn_pitch=True,
        more_terms=[lambda gen: terms.Consistency(gen, 3.0, 2.0)],
    )
    order = np.random.default_rng(1).permutation(BATCH)  # as the iterator draws them
    rows = updater.get_iterator('main').rows[order]
    losses = []
    for shift in (2e-3, -2e-3):
        pitch.angle.array += np.float32(shift)
        updater._angles._used = 0  # the same for both
        batch = updater._forward(rows)[0]
        losses.append(float(updater._generator_losses(batch)[1].array))
        pitch.angle.array -= np.float32(shift)
    updater._angles._used = 0
    observation = step(updater)
    assert observation['camera/pitch'] == pytest.approx(5.0)
    expected = (losses[0] - losses[1]) / 4e-3
    assert float(pitch.angle.grad) == pytest.approx(expected, rel=0.02)
    moved = float(pitch.angle.array) - np.radians(5.0)
    assert moved == pytest.approx(-np.sign(expected) * 1e-3, rel=0.01)  # Adam's first step


def test_a_fixed_pitch_stays(rng):
    pitch = links.CameraPitch(12.0)
    updater = make_updater(rng, pitch=pitch)
    for _ in range(3):
        observation = step(updater)
    assert observation['camera/pitch'] == pytest.approx(12.0)


def test_every_term_is_reported_and_counts_with_its_weight(rng):
    pushes = []
    for weight in (0.0, 1e4):
        updater = make_updater(
            np.random.default_rng(5),
            more_terms=[
                lambda gen: terms.Consistency(gen, 1.0, 1.0),
                lambda _, w=weight: terms.BoneRatios([(1, 0), (2, 1), (3, 1), (4, 0)], w),
            ],
        )
        observation = step(updater)
        assert {'gen/consistency_2d', 'gen/consistency_depth', 'gen/bones'} <= set(observation)
        step(updater)  # the first batch is its own mean
        pushes.append(updater.get_optimizer('gen').target.l4.W.grad)
    assert np.abs(pushes[0] - pushes[1]).max() > 1


def test_zero_root_keeps_the_roots_depth_at_zero(rng):
    updater = make_updater(rng)
    optimizer, hook = updater.get_optimizer('gen'), links.ZeroRoot(2)
    hook.apply(optimizer.target)
    optimizer.add_hook(hook)
    for _ in range(5):
        updater.update()
    depth = optimizer.target(updater.get_iterator('main').rows).array
    assert not depth[:, 2].any()
    assert depth[:, [0, 1, 3, 4]].all()


def test_supervised_updates_learn_what_is_labelled(rng):
    """Depth is the sum of x and y: learned from labels alone."""
    rows = rng.normal(size=(512, 8)).astype('f')
    labelled = np.concatenate([rows, rows[:, ::2] + rows[:, 1::2]], axis=1)
    gen = links.Generator(4, 64, 0.1, rng)
    updater = updaters.SupervisedUpdater(
        datasets.PoseIterator(labelled, 64, np.random.default_rng(1)),
        optimizers.Adam(3e-3, 0.9).setup(gen),
        terms.labelled_loss,
        np.random.default_rng(2),
    )
    losses = []
    for _ in range(300):
        losses.append(step(updater)['gen/supervised'])
    assert losses[-1] < 0.05 < 1 < losses[0]
    gen.l1.W.array[:] = np.nan
    with pytest.raises(NonFiniteError, match='gen/supervised is nan at iteration 301'):
        updater.update()


def there_and_here(rng, cap, read_at):
    """Two updaters from the same weights: the gate decided as a device does, and by Python."""
    rows = np.random.default_rng(0).normal(size=(200, 2 * N_JOINTS)).astype('f')
    nets = {
        'gen': links.Generator(N_JOINTS, N_UNIT, 0.3, rng),
        'dis': links.Discriminator(N_JOINTS, N_UNIT, 0.3, rng),
    }
    made = []
    for kind, at in ((FlatAdam, read_at), (optimizers.Adam, None)):
        adams = {
            name: kind(1e-2, BETA1, DECAY).setup(net.copy(mode='copy'))
            for name, net in nets.items()
        }
        chosen = [terms.Adversarial(), terms.Angle(JOINTS)]
        iterator = datasets.PoseIterator(rows, BATCH, np.random.default_rng(1))
        made.append(
            updaters.PoseGANUpdater(
                iterator, adams, chosen, np.random.default_rng(2), accuracy_cap=cap, read_at=at
            )
        )
    return made


@pytest.mark.parametrize('cap', [0.6, 1.0])
def test_a_gate_on_the_device_gives_the_same_parameters(rng, cap):
    """Two hundred steps; what is reported is the mean since the last report."""
    there, here = there_and_here(rng, cap, lambda iteration: iteration % 25 == 0)
    reports, closed = [], 0
    for iteration in range(1, 201):
        reports.append(step(here))
        closed += 2 - reports[-1]['gen/updated'] - reports[-1]['dis/updated']
        observed = step(there)
        if iteration % 25:
            assert observed == {}
        else:
            for name, mean in observed.items():
                expected = np.mean([report[name] for report in reports[-25:]])
                assert mean == pytest.approx(expected, rel=1e-6, abs=1e-12), name
            assert observed.keys() == reports[-1].keys()
    assert (closed > 0) == (cap < 1)
    for net, expected in parameters(here).items():
        for key, array in expected.items():
            np.testing.assert_array_equal(parameters(there)[net][key], array, err_msg=key)


@pytest.mark.parametrize('goes_on', ['there', 'here'])
def test_a_snapshot_between_two_reports_goes_on(rng, goes_on):
    there, _ = there_and_here(rng, 0.7, lambda iteration: iteration % 10 == 0)
    for _ in range(7):
        step(there)
    target = chainer.serializers.DictionarySerializer()
    target.save(there)
    saved = {key: np.array(array) for key, array in target.target.items()}
    resumed = there_and_here(rng, 0.7, lambda iteration: iteration % 10 == 0)[goes_on == 'here']
    chainer.serializers.NpzDeserializer(saved).load(resumed)
    for _ in range(3):
        one, other = step(there), step(resumed)
    if goes_on == 'there':
        assert one == other
        assert one
    for net, expected in parameters(there).items():
        for key, array in expected.items():
            np.testing.assert_array_equal(parameters(resumed)[net][key], array, err_msg=key)


def test_on_the_device_nothing_is_stepped_by_what_is_not_finite(rng):
    there, _ = there_and_here(rng, 1.0, lambda iteration: iteration % 3 == 0)
    step(there)
    before = parameters(there)
    there.get_iterator('main').rows[:] = np.nan
    step(there)
    for net, expected in before.items():
        for key, array in expected.items():
            np.testing.assert_array_equal(parameters(there)[net][key], array, err_msg=key)
    with pytest.raises(NonFiniteError, match='is nan at iteration 3'):
        step(there)


def test_angles_are_drawn_ahead_as_if_one_batch_at_a_time():
    angles = updaters.Angles(6, np.random.default_rng(3), chainer.get_device('@numpy'), ahead=4)
    one_by_one = np.random.default_rng(3)
    for i in range(11):
        np.testing.assert_array_equal(angles.next(), updaters.random_angles(6, one_by_one))
        if i in (2, 3, 8):  # in the middle, at the end, and later
            target = chainer.serializers.DictionarySerializer()
            target.save(angles)
            angles = updaters.Angles(6, np.random.default_rng(9), angles._device, ahead=4)
            chainer.serializers.NpzDeserializer(target.target).load(angles)
