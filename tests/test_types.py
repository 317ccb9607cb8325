import importlib
import inspect
import pkgutil

import pytest

import chainer_pose


def is_public(name):
    return not any(part.startswith('_') for part in name.split('.')[1:])


MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(chainer_pose.__path__, 'chainer_pose.')
    if is_public(name)
]


def public_functions(module):
    for name, item in vars(module).items():
        if name.startswith('_') or getattr(item, '__module__', None) != module.__name__:
            continue
        if inspect.isfunction(item):
            yield name, item
        elif inspect.isclass(item):
            for method, code in vars(item).items():
                code = getattr(code, 'fget', None) or getattr(code, '__func__', code)
                in_file = getattr(getattr(code, '__code__', None), 'co_filename', None)
                if in_file == module.__file__ and (method == '__init__' or method[0] != '_'):
                    yield f'{name}.{method}', code


@pytest.mark.parametrize('name', MODULES)
def test_public_functions_have_type_hints(name):
    module = importlib.import_module(name)
    missing = []
    for function, code in public_functions(module):
        signature = inspect.signature(code)
        parameters = [p for p in signature.parameters.values() if p.name not in ('self', 'cls')]
        hints = [p.annotation for p in parameters] + [signature.return_annotation]
        if inspect.Signature.empty in hints:
            missing.append(function)
    assert missing == []


def test_hints_are_looked_for_where_they_are():
    functions = dict(public_functions(importlib.import_module('chainer_pose.pose_file')))
    assert {'read', 'PoseData.select', 'PoseData.there', 'Writer.__init__'} <= set(functions)
