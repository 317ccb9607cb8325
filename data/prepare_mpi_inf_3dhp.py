#!/usr/bin/env python
"""Convert MPI-INF-3DHP: training sequences and test set."""

from chainer_pose.commands.prepare import run

if __name__ == '__main__':
    run('mpi_inf_3dhp')
