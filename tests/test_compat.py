"""The shims, in a fresh interpreter: what they fill must be there for chainer."""

import subprocess
import sys

import pytest

CODE = """
import sys
import chainer_pose
assert 'chainer' not in sys.modules
from numpy.distutils.system_info import get_info
import chainer
assert chainer.__version__.startswith('7.8.1')
"""


def test_in_a_fresh_interpreter():
    subprocess.run([sys.executable, '-c', CODE], check=True)


def test_means_of_reported_floats_do_not_drift():
    from chainer import reporter

    summary = reporter.Summary()
    for _ in range(100_000):
        summary.add(0.1)
    assert float(summary.compute_mean()) == pytest.approx(0.1, rel=1e-9)
