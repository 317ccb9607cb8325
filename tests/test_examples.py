"""The notebook of examples/."""

import json
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
def test_the_notebook_lifts_draws_and_measures():
    cells = json.loads((ROOT / 'examples' / 'lift.ipynb').read_text('utf-8'))['cells']
    cells = [cell for cell in cells if cell['cell_type'] == 'code']
    assert not any(cell['outputs'] or cell['execution_count'] for cell in cells)
    source = "import matplotlib; matplotlib.use('agg')\n"
    source += '\n'.join(''.join(cell['source']) for cell in cells)
    folder = ROOT / 'examples'
    ended = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', source], capture_output=True, text=True, cwd=folder
    )
    assert ended.returncode == 0, ended.stderr
    assert '60 of 60 poses lifted, 5 joints imputed' in ended.stdout
    lifted, flat = re.findall(r'N-MPJPE (\S+) mm, P-MPJPE (\S+) mm', ended.stdout)
    assert all(float(a) < float(b) for a, b in zip(lifted, flat))
