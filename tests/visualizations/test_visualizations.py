import dataclasses
import sys

import numpy as np
import pytest

from chainer_pose import links, visualizations
from chainer_pose.errors import InputError
from chainer_pose.skeletons import H36M17


@pytest.fixture
def generator(rng):
    return links.Generator(17, 16, 0.1, rng)


@pytest.fixture
def shown(small_splits):
    return visualizations.choose(small_splits['test'], 2)


def titles(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def test_pose_sheets_have_a_row_a_pose_and_a_column_a_view(generator, shown, flat_data, rng):
    before = 'matplotlib.pyplot' in sys.modules
    target, prediction = 'ground truth', 'prediction'
    views = [target, prediction]
    sheet = visualizations.pose_sheet(generator, shown)
    assert titles(sheet) == ['2D input', *views, *(f'{name},\nturned by 90°' for name in views)]
    assert len(sheet.axes) == 2 * 5
    # Figs. 5 and 6, and several networks side by side.
    sheet = visualizations.pose_sheet(generator, shown, 'a title', turned=False)
    assert titles(sheet) == ['2D input', *views]
    assert sheet.get_suptitle() == 'a title'
    assert sheet.axes[1].get_xlim() == sheet.axes[2].get_xlim()  # to be compared
    flat = visualizations.choose(flat_data, 2)
    lifted = dataclasses.replace(shown, units_3d='px')  # by another network
    for data in (flat, lifted):
        sheet = visualizations.pose_sheet(generator, data, turned=False)
        assert titles(sheet) == ['2D input', prediction]
    networks = {'one': generator, 'other': links.Martinez(17, 8, rng)}
    sheet = visualizations.pose_sheet(networks, shown, turned=False)
    assert titles(sheet) == ['2D input', target, 'one', 'other']
    assert ('matplotlib.pyplot' in sys.modules) == before


def test_the_image_is_the_right_way_up_and_sides_are_colored(shown):
    axes = visualizations.new_figure(2, 2).add_subplot()
    visualizations.draw_pose_2d(axes, shown.pose2d[0], H36M17)
    assert axes.yaxis_inverted()
    assert axes.get_aspect() == 1
    lines = dict(zip((H36M17.names[child] for child, _ in H36M17.bones), axes.lines))
    for name, color in zip(('LKnee', 'RKnee', 'Spine'), visualizations.COLORS.values()):
        assert lines[name].get_color() == color


def test_poses_are_chosen_evenly_by_seed_or_by_index(flat_data):
    flat_data.columns['frame'] = np.arange(12)
    flat_data.valid = np.ones((12, 17), bool)
    flat_data.valid[2, 3] = False

    def frames(**options):
        return list(visualizations.choose(flat_data, **options).columns['frame'])

    assert frames(count=3) == [1, 6, 10]
    assert frames(count=3, seed=1) == frames(count=3, seed=1) != frames(count=3, seed=2)
    assert frames(count=99, seed=0) == [0, 1, *range(3, 12)]
    assert frames(count=3, indices=[7, 0]) == [7, 0]
    for index in (2, 12):
        with pytest.raises(InputError, match=f'figures_index {index}: expected a pose with'):
            frames(count=1, indices=[index])


def test_turned_rows_go_clockwise_from_above_by_30_degrees(generator, shown, flat_data):
    figure = visualizations.turned_sheet(generator, shown)
    assert len(figure.axes) == 2 * 2 * 12
    assert titles(figure) == [f'{30 * i}°' for i in range(12)]
    kinds = [figure.axes[12 * i].get_ylabel().split('\n')[1] for i in range(4)]
    assert kinds == ['ground truth', 'prediction'] * 2
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


def test_bars_stand_by_action_and_gaps_stay_gaps():
    measured = {'paper': [1.0, 2.0, 1.5], 'measured': [3.0, None, 3.0]}
    names = ['Walking', 'Sitting', 'Average']
    figure = visualizations.action_bars(names, measured, {'other': [0.5, None, 0.5]}, 'mm')
    axes = figure.axes[0]
    heights = [[bar.get_height() for bar in bars] for bars in axes.containers]
    np.testing.assert_equal(heights, [[1.0, 2.0, 1.5], [3.0, np.nan, 3.0]])
    np.testing.assert_equal(axes.lines[0].get_ydata(), [0.5, np.nan, 0.5])
    assert [label.get_text() for label in axes.get_xticklabels()] == names
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ['paper', 'measured', 'other']
    assert axes.get_ylabel() == 'mm'
