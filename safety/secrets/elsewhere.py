"""Tells a value that stands elsewhere, such as `$TOKEN`, from the value itself."""

import re
from collections.abc import Collection

_REFERENCES = re.compile(
    r"\$?\{\{.*?(?:\}\}|$)"  # templates
    r"|\$\{!?\w+\}|\$\{\w+:?\?[^}]*\}|\$\{\w+:?-(?:\$\w+)?\}"  # ${NAME}, ${NAME:?message}, ${NAME:-$OTHER}
    r"|\$\{#?\w+(?:\[[^\]]*\])?(?:(?:[%#/^,@]|:[0-9 ])[^}]*)?(?:\}|$)"  # ${NAME%.}, ${NAME:0:8}, ${NAME[1]}
    r"|\$\([^)]*\)?|`[^`]*`?"  # what a command prints
    r"|\$[A-Z_][A-Z0-9_]*|\$[A-Za-z_]+(?![\w!#%&*+])|\$[0-9@?*](?![\w$])"  # $NAME, $name, $1
    r"|%\w+%|%\(\w+\)s|%s|\{\w*\}|#\{[^}]*\}|<[^<>]*>",  # what something else fills in
    re.DOTALL,
)
_FILE = re.compile(
    r"@[\w.~$/{}-]+|(?:~|\.{1,2})?(?:/[\w.@${}-]+){2,}/?|[\w.-]+\.(?:pem|key|crt|txt|json|ya?ml|env)"
)
_OMITTED = re.compile(
    r"[*./\u2022\u2026_-]*|[\W_]{1,3}|x{3,}|\[masked(?::\w+)?\]|\(removed[^)]*\)|redacted", re.IGNORECASE
)
_SCHEME = re.compile(r"^(?:bearer|basic|token|digest|apikey)\s+", re.IGNORECASE)
# Source text of programs: `os.environ[`, `process.env.X`, `f(x)`, `pw)`.
_CODE = re.compile(
    r"(?:os|process|env|ENV|config|settings|self)[.\[].*|[A-Za-z_][\w.]*[(\[].*|[A-Za-z_]\w*[),]+;?"
)
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?[;,)]?")
_SET = re.compile(r"\b([A-Za-z_]\w*)=")
_READ = re.compile(r"\b(?:read|for)\b([^\n;]*)")
LONGEST = 4096  # characters of a reference
_MOST_BESIDE = 3  # letters and digits beside references: a separator or a prefix, and no key


def stands_elsewhere(value: str, variables: Collection[str] = ()) -> bool:
    """Whether `value` only refers to the secret: a template, a variable, what a command prints, a file, nothing.

    `variables`: those that the text around it sets. A variable with small letters and digits, `$token1`, has to be
    one of them: otherwise it is a password that begins with `$`. `changeme` is a value: the plan would set it.
    """
    if len(value) > LONGEST:
        return False
    bare = _SCHEME.sub("", value.strip().strip("\"'\\").strip(), count=1)
    if _OMITTED.fullmatch(bare) or _FILE.fullmatch(bare) or _CODE.fullmatch(bare):
        return True
    rest, found = _REFERENCES.subn("", bare)
    if found and sum(char.isalnum() for char in rest) <= _MOST_BESIDE:
        return True
    variable = _VARIABLE.fullmatch(bare)
    return variable is not None and variable[1] in variables


def variables_set_in(text: str) -> frozenset[str]:
    """The names of the variables that a script sets or reads."""
    names = {found[1] for found in _SET.finditer(text)}
    return frozenset(names.union(*(found[1].split() for found in _READ.finditer(text))))
