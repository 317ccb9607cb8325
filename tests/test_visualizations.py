import numpy as np
import pytest

from chainer_pose import links, visualizations
from chainer_pose.skeleton import H36M17


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
    figure = visualizations._figure(2, 2)
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
    figure = visualizations._figure(2, 2)
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
