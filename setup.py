"""The package is described in pyproject.toml; here is what has to be compiled, if it can be.

Without a compiler the package installs and works all the same: chainer_pose.optimizers
does in NumPy what _adam.c does, in more time.
"""

import sys

from setuptools import Extension, setup

# No contraction: every operation is to be rounded as NumPy rounds it.
FLAGS = ['-O3', '-fno-math-errno', '-ffp-contract=off'] if sys.platform != 'win32' else []

setup(
    ext_modules=[
        Extension(
            'chainer_pose.optimizers._adam',
            ['chainer_pose/optimizers/_adam.c'],
            extra_compile_args=FLAGS,
            optional=True,
        )
    ]
)
