"""What is left out of the mutants is equal to the code, and what is near to it is not left out."""

import ast

import pytest

from tools.mutants.equal import Site, around, equal_because


def left_out(code: str, marked: str, operator: str) -> str:
    """Of the mutant that changes what is marked in the code."""
    offset = code.index(marked)
    line = code.count("\n", 0, offset) + 1
    at = (line, offset - code.rfind("\n", 0, offset) - 1)
    return equal_because(Site(around(ast.parse(code), at), at, operator))


@pytest.mark.parametrize(
    ("code", "marked", "operator"),
    [
        ("def f(x: int | None) -> str: ...", "| None", "BitOr_Add"),
        ("def f() -> str | None: ...", "| None", "BitOr_Add"),
        ("x: int | str = 1", "| str", "BitOr_Sub"),
        ("x = cast(int | str, y | z)", "| str", "BitOr_Sub"),
        ("if TYPE_CHECKING:\n    x = 1", "1", "NumberReplacer"),
        ("class A(Struct, frozen=True): ...", "True", "ReplaceTrueWithFalse"),
        ("zip(a, b, strict=True)", "True", "ReplaceTrueWithFalse"),
        ("@cache\ndef f(): ...", "@", "RemoveDecorator"),
        ("@lru_cache(maxsize=8)\ndef f(): ...", "8", "NumberReplacer"),
        ("x is Status.OK", "is", "Is_Eq"),
        ("x is not Status.OK", "is", "IsNot_NotEq"),
        ("len(x) > 0", ">", "Gt_NotEq"),
        ("0 < len(x) <= 3", "<", "Lt_IsNot"),
        ("re.compile('x', re.A | re.M)", "|", "BitOr_Add"),
    ],
)
def test_is_left_out(code: str, marked: str, operator: str) -> None:
    assert left_out(code, marked, operator)


@pytest.mark.parametrize(
    ("code", "marked", "operator"),
    [
        ("x = cast(int | str, y | z)", "| z", "BitOr_Sub"),
        ("x: int | str = y | z", "| z", "BitOr_Sub"),
        ("if TYPE_CHECKING:\n    x = 1\nelse:\n    x = 2", "2", "NumberReplacer"),
        ("f(frozen=True)", "True", "ReplaceTrueWithFalse"),
        ("f(strict=True)", "True", "ReplaceTrueWithFalse"),
        ("class A:\n    @property\n    def f(self): ...", "@", "RemoveDecorator"),
        ("@cache\ndef f(x=1): ...", "1", "NumberReplacer"),
        ("x is Status.OK", "is", "Is_Gt"),
        ("x == Status.OK", "==", "Eq_Is"),
        ("x is y", "is", "Is_Eq"),
        ("len(x) > 1", ">", "Gt_NotEq"),
        ("x > 0", ">", "Gt_NotEq"),
        ("len(x) > 0", ">", "Gt_GtE"),
        ("0 < len(x) <= 3", "<=", "LtE_Eq"),
        ("re.compile('x', re.A | re.A)", "|", "BitOr_Add"),
        ("a | b", "|", "BitOr_Add"),
    ],
)
def test_is_drawn(code: str, marked: str, operator: str) -> None:
    assert not left_out(code, marked, operator)
