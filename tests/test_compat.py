"""The shims, in a fresh interpreter each: what they fill must be there for chainer."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    'code',
    [
        'import chainer_pose, chainer; assert chainer.__version__.startswith("7.8.1")',
        'import chainer_pose, sys; assert "chainer" not in sys.modules',
        'import chainer_pose; from numpy.distutils.system_info import get_info',
        'import chainer_pose, numpy; assert numpy.float32 in numpy.sctypes["float"]',
    ],
)
def test_in_a_fresh_interpreter(code):
    subprocess.run([sys.executable, '-c', code], check=True)


def test_means_of_reported_floats_do_not_drift():
    from chainer import reporter

    summary = reporter.Summary()
    for _ in range(100_000):
        summary.add(0.1)
    assert float(summary.compute_mean()) == pytest.approx(0.1, rel=1e-9)
