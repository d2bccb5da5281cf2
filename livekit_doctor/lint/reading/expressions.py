"""Expressions of TypeScript and JavaScript."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from livekit_doctor.lint import syntax as s
from livekit_doctor.lint.reading.nodes import named, piece, position, real, written

if TYPE_CHECKING:
    from tree_sitter import Node

_DEEPEST = 180
"""Expressions nested deeper are not looked into: generated code, and sums of hundreds of texts."""


class Expressions(ABC):
    """Of one file. `depth` keeps deep expressions from exhausting the stack."""

    def __init__(self) -> None:
        self.depth = 0

    @abstractmethod
    def body(self, node: "Node | None") -> tuple[s.Statement, ...]:
        """The statements of a function."""

    def expression(self, node: "Node | None") -> s.Expression:
        if node is None:
            return s.Other(1, 1)
        if self.depth > _DEEPEST:
            return s.Other(*position(node))
        self.depth += 1
        try:
            read = _EXPRESSIONS.get(node.type)
            if read is not None:
                return read(self, node)
            if node.type in _TRANSPARENT:
                inner = real(node.children)
                return self.expression(inner[0]) if inner else s.Other(*position(node))
            if node.type in NO_CODE:
                return s.Other(*position(node))
            return s.Other(*position(node), tuple(self.expression(child) for child in real(node.children)))
        finally:
            self.depth -= 1

    def optional(self, node: "Node | None") -> s.Expression | None:
        return self.expression(node) if node is not None else None

    def _name(self, node: "Node") -> s.Expression:
        return named(node)

    def _string(self, node: "Node") -> s.Expression:
        return s.Const(*position(node), "".join(map(piece, node.named_children)))

    def _template(self, node: "Node") -> s.Expression:
        parts: list[s.Expression] = []
        for one in node.named_children:
            if one.type == "template_substitution":
                inner = real(one.children)
                parts.append(self.expression(inner[0]) if inner else s.Other(*position(one)))
            else:
                parts.append(s.Const(*position(one), piece(one)))
        return s.Template(*position(node), tuple(parts))

    def _number(self, node: "Node") -> s.Expression:
        text = written(node).replace("_", "")
        try:
            return s.Const(*position(node), int(text) if text.isdecimal() else float(text))
        except ValueError:
            return s.Other(*position(node))

    def _true(self, node: "Node") -> s.Expression:
        return s.Const(*position(node), node.type == "true")

    def _null(self, node: "Node") -> s.Expression:
        return s.Const(*position(node), None)

    def _member(self, node: "Node") -> s.Expression:
        of = self.expression(node.child_by_field_name("object"))
        return s.Member(*position(node), of, written(node.child_by_field_name("property")))

    def _subscript(self, node: "Node") -> s.Expression:
        of, index = self.expression(node.child_by_field_name("object")), node.child_by_field_name("index")
        if index is not None and index.type == "string":
            return s.Member(*position(node), of, written(index)[1:-1])
        return s.Other(*position(node), (of, self.expression(index)))

    def _call(self, node: "Node") -> s.Expression:
        function = node.child_by_field_name("function") or node.child_by_field_name("constructor")
        arguments = node.child_by_field_name("arguments")
        if arguments is not None and arguments.type == "template_string":
            return s.Call(*position(node), self.expression(function), (self.expression(arguments),))
        given = real(arguments.children) if arguments is not None else []
        complete = not any(one.type == "spread_element" for one in given)
        return s.Call(*position(node), self.expression(function), tuple(map(self.expression, given)), (), complete)

    def _await(self, node: "Node") -> s.Expression:
        inner = real(node.children)
        return s.Await(*position(node), self.expression(inner[0] if inner else None))

    def _binary(self, node: "Node") -> s.Expression:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        sign = written(node.child_by_field_name("operator"))
        parts = (self.expression(left), self.expression(right))
        if sign == "+":
            return s.Template(*position(node), parts)
        if sign in ("??", "||"):
            return s.Either(*position(node), parts, None, True)
        return s.Other(*position(node), parts)

    def _ternary(self, node: "Node") -> s.Expression:
        chosen = (node.child_by_field_name("consequence"), node.child_by_field_name("alternative"))
        test = self.expression(node.child_by_field_name("condition"))
        return s.Either(*position(node), tuple(map(self.expression, chosen)), test)

    def _object(self, node: "Node") -> s.Expression:
        items: list[tuple[str, s.Expression]] = []
        complete = True
        for one in real(node.children):
            match one.type:
                case "pair":
                    key, value = one.child_by_field_name("key"), one.child_by_field_name("value")
                    computed = key is not None and key.type == "computed_property_name"
                    complete &= not computed
                    name = "" if computed else written(key).strip("'\"")
                    told = self.expression(value)
                    if isinstance(told, s.Function) and not told.name:
                        told.name = name
                    items.append((name, told))
                case "shorthand_property_identifier":
                    items.append((written(one), self._name(one)))
                case "method_definition":
                    items.append((written(one.child_by_field_name("name")), self.function(one)))
                case _:
                    complete = False
                    items.append(("", self.expression(one)))
        return s.Fields(*position(node), tuple(items), complete)

    def _array(self, node: "Node") -> s.Expression:
        return s.Items(*position(node), tuple(map(self.expression, real(node.children))))

    def function(self, node: "Node") -> s.Function:
        body = node.child_by_field_name("body")
        if body is not None and body.type != "statement_block":
            statements: tuple[s.Statement, ...] = (s.Return(*position(body), self.expression(body)),)
        else:
            statements = self.body(body)
        is_async = any(child.type == "async" for child in node.children)
        name = written(node.child_by_field_name("name"))
        is_read = node.type == "method_definition" and any(child.type == "get" for child in node.children)
        read = (s.Name(*position(node), "property"),) if is_read else ()
        return s.Function(*position(node), name, self._parameters(node), statements, is_async, read)

    def _parameters(self, node: "Node") -> tuple[s.Parameter, ...]:
        single, several = node.child_by_field_name("parameter"), node.child_by_field_name("parameters")
        if single is not None:
            return (s.Parameter(written(single)),)
        return tuple(self._parameter(one) for one in real(several.children)) if several is not None else ()

    def _parameter(self, node: "Node") -> s.Parameter:
        pattern = node.child_by_field_name("pattern") or node
        value = node.child_by_field_name("value")
        if pattern.type == "assignment_pattern":
            value, pattern = pattern.child_by_field_name("right"), pattern.child_by_field_name("left") or pattern
        default = self.optional(value)
        if pattern.type == "object_pattern":
            return s.Parameter("", default, tuple(self.keys(pattern)))
        declared = node.child_by_field_name("type")
        annotation = next((named(one) for one in real(declared.children)), None) if declared is not None else None
        kept = any(child.type in ("accessibility_modifier", "readonly") for child in node.children)
        return s.Parameter(written(pattern), default, annotation=annotation, is_attribute=kept)

    def keys(self, pattern: "Node") -> list[tuple[str, str, s.Expression | None]]:
        """The names in an object pattern: what is taken, what it is called here, what it is otherwise."""
        told: list[tuple[str, str, s.Expression | None]] = []
        for one in real(pattern.children):
            match one.type:
                case "shorthand_property_identifier_pattern":
                    told.append((written(one), written(one), None))
                case "object_assignment_pattern":
                    left, right = one.child_by_field_name("left"), one.child_by_field_name("right")
                    default = self.optional(right)
                    told.append((written(left), written(left), default))
                case "pair_pattern":
                    key, value = one.child_by_field_name("key"), one.child_by_field_name("value")
                    if value is not None and value.type == "assignment_pattern":
                        left, right = value.child_by_field_name("left"), value.child_by_field_name("right")
                        told.append((written(key), written(left), self.optional(right)))
                    elif value is not None and value.type == "identifier":
                        told.append((written(key), written(value), None))
        return told


_TRANSPARENT = frozenset(
    {"parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression", "spread_element"}
    | {"type_assertion", "expression_statement"}
)
NO_CODE = frozenset(
    {"interface_declaration", "type_alias_declaration", "ambient_declaration", "empty_statement", "function_signature"}
    | {"type_annotation", "type_arguments", "debugger_statement", "regex", "hash_bang_line", "internal_module"}
    | {"jsx_element", "jsx_self_closing_element"}
)
_EXPRESSIONS: "dict[str, Callable[[Expressions, Node], s.Expression]]" = {
    "identifier": Expressions._name,
    "shorthand_property_identifier": Expressions._name,
    "this": Expressions._name,
    "property_identifier": Expressions._name,
    "string": Expressions._string,
    "template_string": Expressions._template,
    "number": Expressions._number,
    "true": Expressions._true,
    "false": Expressions._true,
    "null": Expressions._null,
    "undefined": Expressions._null,
    "member_expression": Expressions._member,
    "subscript_expression": Expressions._subscript,
    "call_expression": Expressions._call,
    "new_expression": Expressions._call,
    "await_expression": Expressions._await,
    "binary_expression": Expressions._binary,
    "ternary_expression": Expressions._ternary,
    "object": Expressions._object,
    "array": Expressions._array,
    "arrow_function": Expressions.function,
    "function_expression": Expressions.function,
    "generator_function": Expressions.function,
}
