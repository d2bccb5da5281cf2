"""Python, by its own parser."""

import ast
import sys
import warnings
from collections.abc import Iterable

from livekit_doctor.lint import syntax as s

_VERSION = ".".join(map(str, sys.version_info[:2]))


class Unreadable(ValueError):
    """It is no text of this language; the message says where."""


def read(path: str, text: str) -> s.Module:
    """Raises Unreadable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        return s.Module(path, "python", _block(tree.body))
    except SyntaxError as error:
        raise Unreadable(f"line {error.lineno or 1} is no Python {_VERSION}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(f"no Python that can be read: {type(error).__name__}") from None


def _block(body: Iterable[ast.stmt]) -> tuple[s.Statement, ...]:
    return tuple(statement for node in body for statement in _statement(node))


def _statement(node: ast.stmt) -> list[s.Statement]:
    at = (node.lineno, node.col_offset + 1)
    match node:
        case ast.Expr(value=value):
            return [s.Do(*at, _expression(value))]
        case ast.Assign(targets=targets, value=value):
            told = _expression(value)
            return [one for target in targets for one in _assign(at, target, told)]
        case ast.AnnAssign(target=target, value=value) if value is not None:
            return _assign(at, target, _expression(value))
        case ast.AugAssign(target=target, value=value):
            read = _expression(target)
            return [s.Assign(*at, _expression(target), s.Other(*at, (read, _expression(value))))]
        case ast.Return(value=value):
            return [s.Return(*at, _expression(value) if value else None)]
        case ast.Raise(exc=value):
            return [s.Raise(*at, _expression(value) if value else None)]
        case ast.Break() | ast.Continue():
            return [s.Jump(*at)]
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return [s.Assign(*at, s.Name(*at, node.name), _function(node))]
        case ast.ClassDef():
            told_of = tuple(map(_expression, node.decorator_list))
            return [s.Class(*at, node.name, tuple(map(_expression, node.bases)), _block(node.body), told_of)]
        case ast.Import() | ast.ImportFrom():
            return _import(at, node)
    return _compound(at, node)


def _compound(at: tuple[int, int], node: ast.stmt) -> list[s.Statement]:
    match node:
        case ast.If(test=test, body=body, orelse=orelse):
            return [s.Branch(*at, _expression(test), (_block(body), _block(orelse)))]
        case ast.Match(subject=subject, cases=cases):
            arms = [_block(case.body) for case in cases]
            last = cases[-1]
            if last.guard or not isinstance(last.pattern, ast.MatchAs) or last.pattern.pattern is not None:
                arms.append(())
            return [s.Branch(*at, _expression(subject), tuple(arms))]
        case ast.While(test=test, body=body, orelse=orelse):
            endless = isinstance(test, ast.Constant) and bool(test.value)
            return [s.Loop(*at, _expression(test), _block(body), endless), *_block(orelse)]
        case (
            ast.For(target=target, iter=iterated, body=body, orelse=orelse)
            | ast.AsyncFor(target=target, iter=iterated, body=body, orelse=orelse)
        ):
            bound = _assign(at, target, s.Other(*at, (_expression(iterated),)))
            return [s.Loop(*at, _expression(iterated), (*bound, *_block(body))), *_block(orelse)]
        case ast.Try() | ast.TryStar():
            handlers = tuple(_block(handler.body) for handler in node.handlers)
            return [s.Attempt(*at, _block(node.body), handlers, _block(node.orelse), _block(node.finalbody))]
        case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
            heads = [
                one
                for item in items
                for one in (
                    _assign(at, item.optional_vars, _expression(item.context_expr))
                    if item.optional_vars
                    else [s.Do(*at, s.Await(*at, _expression(item.context_expr)))]
                )
            ]
            return [s.Block(*at, tuple(heads), _block(body))]
    inside = tuple(_expression(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
    return [s.Do(*at, s.Other(*at, inside))] if inside else []


def _assign(at: tuple[int, int], target: ast.expr, value: s.Expression) -> list[s.Statement]:
    if isinstance(target, ast.Tuple | ast.List):
        parts = value.items if isinstance(value, s.Items) and len(value.items) == len(target.elts) else None
        told: list[s.Statement] = []
        for number, one in enumerate(target.elts):
            told += _assign(at, one, parts[number] if parts else s.Other(*at, (value,)))
        return told
    return [s.Assign(*at, _expression(target), value)]


def _import(at: tuple[int, int], node: ast.Import | ast.ImportFrom) -> list[s.Statement]:
    if isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        return [s.Import(*at, module, tuple((name.asname or name.name, name.name) for name in node.names))]
    told: list[s.Statement] = []
    for name in node.names:
        called = name.asname or name.name.partition(".")[0]
        module = name.name if name.asname else called
        told.append(s.Import(*at, module, ((called, "*"),)))
    return told


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> s.Function:
    return s.Function(
        node.lineno,
        node.col_offset + 1,
        node.name,
        _parameters(node.args),
        _block(node.body),
        isinstance(node, ast.AsyncFunctionDef),
        tuple(map(_expression, node.decorator_list)),
    )


def _parameters(given: ast.arguments) -> tuple[s.Parameter, ...]:
    plain = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults))
    defaults += given.defaults
    named = [_parameter(arg, default, False) for arg, default in zip(plain, defaults, strict=True)]
    named += [_parameter(arg, default, True) for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    return tuple(named)


def _parameter(arg: ast.arg, default: ast.expr | None, keyword_only: bool) -> s.Parameter:
    annotation = _declared(arg.annotation) if arg.annotation is not None else None
    return s.Parameter(
        arg.arg, _expression(default) if default else None, keyword_only=keyword_only, annotation=annotation
    )


def _declared(node: ast.expr) -> s.Expression:
    """The type of an annotation: Call of "Call", Call | None and Optional[Call]."""
    match node:
        case ast.Constant(value=str() as name):
            return s.Name(node.lineno, node.col_offset + 1, name)
        case ast.BinOp(left=inner, op=ast.BitOr()) | ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _declared(inner)
    return _expression(node)


def _expression(node: ast.expr) -> s.Expression:
    at = (node.lineno, node.col_offset + 1)
    match node:
        case ast.Constant(value=value):
            return s.Const(*at, value) if isinstance(value, str | int | float | None) else s.Other(*at)
        case ast.Name(id=name):
            return s.Name(*at, name)
        case ast.Attribute(value=value, attr=name):
            return s.Member(*at, _expression(value), name)
        case ast.Subscript(value=value, slice=ast.Constant(value=str() as name)):
            return s.Member(*at, _expression(value), name)
        case ast.Call():
            return _call(at, node)
        case ast.Await(value=value):
            return s.Await(*at, _expression(value))
        case ast.JoinedStr(values=values):
            return s.Template(*at, tuple(map(_expression, values)))
        case ast.FormattedValue(value=value, format_spec=spec):
            return s.Other(*at, (_expression(value),)) if spec else _expression(value)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return s.Template(*at, (_expression(left), _expression(right)))
        case ast.BoolOp(op=ast.Or(), values=values):
            return s.Either(*at, tuple(map(_expression, values)), None, True)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return s.Either(*at, (_expression(body), _expression(orelse)), _expression(test))
        case ast.Dict(keys=keys, values=values):
            return _fields(at, keys, values)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return s.Items(*at, tuple(map(_expression, elements)))
        case ast.NamedExpr(value=value):
            return _expression(value)
        case ast.Lambda(args=arguments, body=body):
            return s.Function(*at, "", _parameters(arguments), (s.Return(*at, _expression(body)),), False)
    return s.Other(
        *at, tuple(_expression(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
    )


def _call(at: tuple[int, int], node: ast.Call) -> s.Call:
    return s.Call(
        *at,
        _expression(node.func),
        tuple(_expression(one.value if isinstance(one, ast.Starred) else one) for one in node.args),
        tuple((one.arg or "", _expression(one.value)) for one in node.keywords),
        not any(isinstance(one, ast.Starred) for one in node.args) and all(one.arg for one in node.keywords),
    )


def _fields(at: tuple[int, int], keys: list[ast.expr | None], values: list[ast.expr]) -> s.Fields:
    items, complete = [], True
    for key, value in zip(keys, values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            items.append((key.value, _expression(value)))
        else:
            complete = False
            items.append(("", _expression(value)))
    return s.Fields(*at, tuple(items), complete)
