import ast
import re
from pathlib import Path

import pytest

from chainer_pose.training.options import make_parser

ROOT = Path(__file__).parents[1]
RAISED = ('InputError', 'ArgumentTypeError', 'NonFiniteError', '_refusal', 'error')

# What other programs say, or say through ours, and what is no refusal.
NOT_OURS = (
    "No module named 'pkg_resources'",
    'unrecognized arguments: ',
    'the following arguments are required: ',
    '[Errno ',
    'warning: ',
    'stopped by ',
    'NAME has no nose',
    'argument ...: ',
)


def text_of(node, named):
    """What a message is made of: its words, and '...' for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return ''.join(text_of(value, named) for value in node.values)
    if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name):
        return named.get(node.value.id, '...')
    return '...'


def named_texts(tree):
    """Beginnings of messages that have a name: dict."""
    return {
        node.targets[0].id: text
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and 'expected' in (text := text_of(node.value, {}))
    }


def message_of(call, named):
    """The message of a call that refuses, None for any other call."""
    name = ast.unparse(call.func).split('.')[-1]
    if name not in RAISED or not call.args:
        return None
    parts = [text_of(argument, named) for argument in call.args]
    if name == '_refusal':  # of pose_file: path, where, expected, found
        parts = [f'...: {parts[1]}: expected {parts[2]}, found {parts[3]}']
    return re.sub(r'(\.\.\.)+', '...', ' '.join(parts[0].split()))


def messages():
    files = [*ROOT.glob('*.py'), *ROOT.glob('data/*.py'), *ROOT.glob('chainer_pose/**/*.py')]
    for path in sorted(files):
        tree = ast.parse(path.read_text(encoding='utf-8'))
        named = named_texts(tree)
        for node in ast.walk(tree):
            message = message_of(node, named) if isinstance(node, ast.Call) else None
            if message and words(message):
                yield f'{path.relative_to(ROOT)}:{node.lineno}', message


def words(text):
    """How many letters are a message's own; "expected" and "found" are everyone's."""
    return len(re.sub(r'expected|found|[^A-Za-z]', '', text))


def rows():
    """The messages that the README's table lists: list of (patterns, cause, mend)."""
    section = (ROOT / 'README.md').read_text(encoding='utf-8').split('## Troubleshooting')[1]
    table = [line for line in section.split('\n## ')[0].splitlines() if line.startswith('| `')]
    cells = [re.split(r' \| ', line.strip('| ')) for line in table]
    return [(re.findall(r'`([^`]+)`', first), *rest) for first, *rest in cells]


def is_listed(pattern, message):
    """Whether a row says a message's words, or most of them, in their order."""
    parts = [re.escape(part) for part in pattern.split('...')]
    return words(pattern) >= words(message) / 2 and re.fullmatch('.*'.join(parts), message)


MESSAGES = list(messages())
PATTERNS = [pattern for patterns, *_ in rows() for pattern in patterns]


def test_every_row_has_message_cause_and_mend():
    for patterns, *rest in rows():
        assert patterns
        assert len(rest) == 2, patterns
        assert all(rest), patterns


@pytest.mark.parametrize(('where', 'message'), MESSAGES, ids=lambda text: text[:60])
def test_every_refusal_is_listed(where, message):
    assert any(is_listed(pattern, message) for pattern in PATTERNS), f'{where}: {message}'


@pytest.mark.parametrize('pattern', PATTERNS)
def test_nothing_is_listed_that_no_longer_exists(pattern):
    is_ours = any(is_listed(pattern, message) for _, message in MESSAGES)
    assert is_ours or pattern.startswith(NOT_OURS)


def test_every_option_that_the_table_names_is_one():
    sources = [
        path.read_text(encoding='utf-8') for path in (*ROOT.glob('*.py'), *ROOT.glob('data/*.py'))
    ]
    known = set(make_parser()._option_string_actions)  # train.py's
    known |= set(re.findall(r"'(--[a-z][a-z0-9-]*)'", ''.join(sources)))
    for _, cause, mend in rows():
        assert set(re.findall(r'(?<![\w-])--[a-z][a-z-]*', cause + mend)) <= known
