#!/usr/bin/env python
"""Turn MPI-INF-3DHP into a pose file: training sequences and test set.

Reads S1..S8/Seq1,Seq2/annot.mat (needs scipy) and TS1..TS6/annot_data.mat. The
data are for research; register at vcai.mpi-inf.mpg.de/3dhp-dataset.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chainer_pose.datasets import pose_file
from chainer_pose.datasets.readers import mpi_inf_3dhp, shared
from chainer_pose.utils import cli, files


def make_parser():
    parser = cli.Parser(prog='prepare_mpi_inf_3dhp.py', description=__doc__)
    parser.add_argument(
        '--root',
        required=True,
        metavar='DIR',
        help='folder with S1 to S8 and, there or within a subfolder, TS1 to TS6',
    )
    parser.add_argument(
        '--out',
        default=str(Path(__file__).resolve().parent / 'mpi_inf_3dhp.h5'),
        metavar='FILE.h5',
        help='pose file to write (default: mpi_inf_3dhp.h5 beside this script)',
    )
    parser.add_argument(
        '--step',
        type=cli.number(int, low=1),
        default=5,
        metavar='N',
        help='keep every N-th training frame; test frames are all kept (default: %(default)s)',
    )
    parser.add_argument(
        '--cameras',
        nargs='+',
        type=cli.number(int, low=0, high=mpi_inf_3dhp.N_CAMERAS - 1),
        default=mpi_inf_3dhp.CHEST_HEIGHT,
        metavar='N',
        help='training cameras, 0 to 13 (default: 0 2 4 7 8, those at the height of the chest: '
        'the method assumes level cameras)',
    )
    parser.add_argument(
        '--subjects',
        nargs='+',
        choices=mpi_inf_3dhp.SUBJECTS,
        default=mpi_inf_3dhp.SUBJECTS,
        metavar='S',
        help='subjects to convert (default: S1 to S8, which train, and TS1 to TS6, which test)',
    )
    return parser


def main(argv=None):
    options = make_parser().parse_args(argv)
    sequences = mpi_inf_3dhp.find(options.root, options.subjects)
    cameras = sorted(set(options.cameras))
    with files.writing(options.out), cli.Progress() as progress:
        counts = mpi_inf_3dhp.convert(sequences, options.out, options.step, cameras, progress)
    for sequence, (written, faulty) in counts.items():
        line = f'{sequence.subject} {sequence.sequence}'.strip() + f': {written} poses'
        if faulty:
            line += f'; {faulty} left out, where left and right are swapped'
        published = mpi_inf_3dhp.PUBLISHED_VALID.get(sequence.subject)
        if published:
            line += f'; {shared.beside_published(written, published)}'
        print(line)
    print(pose_file.describe(options.out))


if __name__ == '__main__':
    cli.run(main)
