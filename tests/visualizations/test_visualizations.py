import numpy as np
import pytest

from chainer_pose import links, visualizations
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17, Skeleton


@pytest.fixture
def generator(rng):
    return links.Generator(17, 16, 0.1, rng)


def test_spread_indices():
    assert list(visualizations.spread_indices(100, 5)) == [10, 30, 50, 70, 90]
    assert list(visualizations.spread_indices(2, 5)) == [0, 1]
    assert list(visualizations.spread_indices(0, 5)) == []


def test_a_sheet_has_a_row_a_pose_and_a_column_a_view(generator, small_splits, flat_data):
    figure = visualizations.pose_sheet(generator, visualizations.choose(small_splits['test'], 3))
    assert len(figure.axes) == 3 * 5
    titles = [axes.get_title() for axes in figure.axes[:5]]
    assert titles == [
        '2D input', 'truth', 'prediction', 'truth,\nturned by 90°', 'prediction,\nturned by 90°',
    ]  # fmt: skip
    flat = visualizations.choose(flat_data, 3)
    assert len(visualizations.pose_sheet(generator, flat).axes) == 3 * 3


def test_the_image_is_the_right_way_up_and_sides_are_coloured(small_splits):
    figure = visualizations.new_figure(2, 2)
    axes = figure.add_subplot()
    pose = small_splits['test'].pose2d[0]
    visualizations.draw_pose_2d(axes, pose, H36M17)
    assert axes.yaxis_inverted()
    assert axes.get_aspect() == 1
    lines = dict(zip((H36M17.names[child] for child, _ in H36M17.bones), axes.lines))
    assert lines['LKnee'].get_color() == visualizations.COLORS['left']
    assert lines['RKnee'].get_color() == visualizations.COLORS['right']
    assert lines['Spine'].get_color() == visualizations.COLORS['centre']


def test_3d_axes_are_equal_and_up_is_up(small_splits):
    figure = visualizations.new_figure(2, 2)
    axes = figure.add_subplot(projection='3d')
    pose = small_splits['test'].pose3d[0]
    visualizations.draw_pose_3d(axes, pose, H36M17)
    spans = [np.ptp(limits) for limits in (axes.get_xlim(), axes.get_ylim(), axes.get_zlim())]
    np.testing.assert_allclose(spans, spans[0])
    head = dict(zip((H36M17.names[child] for child, _ in H36M17.bones), axes.lines))['Head']
    shown = np.array(head.get_data_3d())[:, 1]
    x, y, z = pose[H36M17.names.index('Head')]
    np.testing.assert_allclose(shown, [x, z, -y], rtol=1e-6)


def test_pyplot_is_not_touched(generator, small_splits):
    import sys

    before = 'matplotlib.pyplot' in sys.modules
    visualizations.pose_sheet(generator, visualizations.choose(small_splits['test'], 1))
    assert ('matplotlib.pyplot' in sys.modules) == before


def test_poses_are_chosen_evenly_by_seed_or_by_index(flat_data):
    flat_data.columns['frame'] = np.arange(12)
    flat_data.valid = np.ones((12, 17), bool)
    flat_data.valid[2, 3] = False

    def frames(**options):
        return list(visualizations.choose(flat_data, **options).columns['frame'])

    assert frames(count=3) == [1, 6, 10]
    assert frames(count=3, seed=1) == frames(count=3, seed=1) != frames(count=3, seed=2)
    assert 2 not in frames(count=12, seed=0)
    assert len(frames(count=99, seed=0)) == 11
    assert frames(count=3, indices=[7, 0]) == [7, 0]
    for index in (2, 12):
        with pytest.raises(InputError, match=f'figures_index {index}: expected a pose with'):
            frames(count=1, indices=[index])


def test_without_the_turned_columns_it_is_fig_5_or_6(generator, small_splits, flat_data):
    for data, titles in (
        (small_splits['test'], ['2D input', 'truth', 'prediction']),
        (flat_data, ['2D input', 'prediction']),
    ):
        figure = visualizations.pose_sheet(
            generator, visualizations.choose(data, 2), 'a title', turned=False
        )
        assert [axes.get_title() for axes in figure.axes[: len(titles)]] == titles
        assert len(figure.axes) == 2 * len(titles)
        assert figure.get_suptitle() == 'a title'
    # Truth and prediction are shown in one frame, to be compared.
    shown = visualizations.choose(small_splits['test'], 1)
    truth, prediction = visualizations.pose_sheet(generator, shown, turned=False).axes[1:]
    assert truth.get_xlim() == prediction.get_xlim()


def test_turned_rows_go_clockwise_from_above_by_30_degrees(generator, small_splits, flat_data):
    shown = visualizations.choose(small_splits['test'], 2)
    figure = visualizations.turned_sheet(generator, shown)
    assert len(figure.axes) == 2 * 2 * 12
    assert [axes.get_title() for axes in figure.axes[:12]] == [f'{30 * i}°' for i in range(12)]
    assert [figure.axes[12 * i].get_ylabel().split('\n')[1] for i in range(4)] == [
        'truth', 'prediction', 'truth', 'prediction',
    ]  # fmt: skip
    assert all(axes.yaxis_inverted() and axes.get_aspect() == 1 for axes in figure.axes)
    assert len({axes.get_xlim() for axes in figure.axes[:24]}) == 1
    # A quarter turn, column 3: what was behind (z > 0) has gone to the right.
    pose = shown.pose3d[0] - shown.pose3d[0, :1]
    size = np.linalg.norm(pose[1:, :2], axis=1).mean()
    points = np.concatenate([line.get_xydata() for line in figure.axes[3].lines])
    for joint in ('LWrist', 'RFoot'):
        _, y, z = pose[H36M17.names.index(joint)] / size
        assert np.abs(points - [z, y]).sum(axis=1).min() < 1e-5
    assert len(visualizations.turned_sheet(generator, flat_data.select([0])).axes) == 12


def test_nearer_bones_are_drawn_over_those_farther_away():
    axes = visualizations.new_figure(2, 2).add_subplot()
    skeleton = Skeleton('three', ('Hip', 'LHand', 'RHand'), (-1, 0, 0))
    pose = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    for depth, last in (([0.0, -1.0, 1.0], 'left'), ([0.0, 1.0, -1.0], 'right')):
        axes.clear()
        visualizations.draw_pose_2d(axes, pose, skeleton, np.array(depth))
        assert axes.lines[-1].get_color() == visualizations.COLORS[last]


def test_bars_stand_by_action_and_gaps_stay_gaps():
    figure = visualizations.action_bars(
        ['Walking', 'Sitting', 'Average'],
        {'paper': [1.0, 2.0, 1.5], 'measured': [3.0, None, 3.0]},
        {'other': [0.5, None, 0.5]},
        'error, mm',
    )
    axes = figure.axes[0]
    heights = [[bar.get_height() for bar in bars] for bars in axes.containers]
    np.testing.assert_equal(heights, [[1.0, 2.0, 1.5], [3.0, np.nan, 3.0]])
    np.testing.assert_equal(axes.lines[0].get_ydata(), [0.5, np.nan, 0.5])
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        'Walking', 'Sitting', 'Average',
    ]  # fmt: skip
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        'paper', 'measured', 'other',
    ]  # fmt: skip
    assert axes.get_ylabel() == 'error, mm'


def test_several_generators_side_by_side(generator, small_splits, rng):
    shown = visualizations.choose(small_splits['test'], 2)
    named = {'one': generator, 'other': links.Martinez(17, 8, rng)}
    axes = visualizations.pose_sheet(named, shown, turned=False).axes
    titles = [axis.get_title() for axis in axes if axis.get_title()]
    assert titles == ['2D input', 'truth', 'one', 'other']
    assert len(axes) == 2 * 4
