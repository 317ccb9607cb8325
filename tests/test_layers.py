"""Imports go downward only, through the layers of chainer_pose."""

import ast

from tests.conftest import ROOT

LAYERS = """__version__ _compat errors utils geometry skeletons functions links optimizers datasets
    evaluations visualizations inference training commands"""


def imports(path):
    """The layers that a module imports, for types and within functions, too."""
    for node in ast.walk(ast.parse(path.read_text())):
        module = getattr(node, 'module', None) or ''
        if module == 'chainer_pose':
            yield from (alias.name for alias in node.names)
        elif module.startswith('chainer_pose.'):
            yield module.split('.')[1]


def test_imports_go_downward():
    package, layers = ROOT / 'chainer_pose', LAYERS.split()
    upward = [
        f'{path.relative_to(package)} imports {layer}'
        for path in sorted(package.rglob('*.py'))
        if path.name != '__main__.py' and path != package / '__init__.py'
        for layer in imports(path)
        if layers.index(layer)
        > layers.index(path.relative_to(package).parts[0].removesuffix('.py'))
    ]
    assert upward == []
