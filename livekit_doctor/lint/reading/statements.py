"""Statements of TypeScript and JavaScript, its imports and exports among them."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from livekit_doctor.lint import syntax as s
from livekit_doctor.lint.reading.expressions import NO_CODE, Expressions
from livekit_doctor.lint.reading.nodes import named, position, real, written

if TYPE_CHECKING:
    from tree_sitter import Node


class Statements(Expressions):
    """Of one file."""

    def block(self, nodes: "Iterable[Node]") -> tuple[s.Statement, ...]:
        return tuple(one for node in nodes if node.type != "comment" for one in self.statement(node))

    def body(self, node: "Node | None") -> tuple[s.Statement, ...]:
        if node is None:
            return ()
        return self.block(node.named_children) if node.type == "statement_block" else self.block([node])

    def statement(self, node: "Node") -> list[s.Statement]:
        read = _STATEMENTS.get(node.type)
        if read is not None:
            return read(self, node)
        if node.type in NO_CODE:
            return []
        return [s.Do(*position(node), self.expression(node))]

    # Statements

    def _expression_statement(self, node: "Node") -> list[s.Statement]:
        inner = real(node.children)
        if not inner:
            return []
        if inner[0].type == "assignment_expression":
            return self._assignment(inner[0])
        return [s.Do(*position(node), self.expression(inner[0]))]

    def _assignment(self, node: "Node") -> list[s.Statement]:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        assert left is not None
        assert right is not None
        value = self.expression(right)
        told = self.bound(left, value)
        if written(left) == "module.exports" and isinstance(value, s.Fields):
            told += [s.Export(*position(node), key, one) for key, one in value.items if key]
        elif written(left).startswith(("exports.", "module.exports.")):
            told.append(s.Export(*position(node), written(left).rpartition(".")[2], value))
        return told

    def _declaration(self, node: "Node") -> list[s.Statement]:
        told: list[s.Statement] = []
        for one in node.named_children:
            if one.type != "variable_declarator":
                continue
            name, value = one.child_by_field_name("name"), one.child_by_field_name("value")
            if name is not None and value is not None:
                told += self._required(one, name, value) or self.bound(name, self.expression(value))
        return told

    def _required(self, node: "Node", name: "Node", value: "Node") -> list[s.Statement]:
        """`const { a } = require("b")` as an import."""
        if value.type != "call_expression" or written(value.child_by_field_name("function")) != "require":
            return []
        arguments = value.child_by_field_name("arguments")
        given = real(arguments.children) if arguments is not None else []
        if len(given) != 1 or given[0].type != "string":
            return []
        module = written(given[0])[1:-1]
        if name.type == "identifier":
            return [s.Import(*position(node), module, ((written(name), "*"),))]
        return [s.Import(*position(node), module, tuple((local, key) for key, local, _ in self.keys(name)))]

    def bound(self, target: "Node", value: s.Expression) -> list[s.Statement]:
        if target.type == "object_pattern":
            told: list[s.Statement] = []
            for key, local, default in self.keys(target):
                at = position(target)
                member: s.Expression = s.Member(*at, value, key)
                if default is not None:
                    member = s.Either(*at, (member, default), None, True)
                told.append(s.Assign(*at, s.Name(*at, local), member))
            return told
        if target.type == "array_pattern":
            return self._bound_items(target, value)
        if isinstance(value, s.Function) and not value.name:
            value.name = written(target).rpartition(".")[2]
        return [s.Assign(*position(target), self.expression(target), value)]

    def _bound_items(self, target: "Node", value: s.Expression) -> list[s.Statement]:
        """`const [, a] = [1, 2]`; what is not bound to a name is done all the same."""
        items = _unawaited(value)
        parts = list(items.items) if isinstance(items, s.Items) else []
        told: list[s.Statement] = []
        taken: set[int] = set()
        number = 0
        for one in target.children:
            if one.type == ",":
                number += 1
            elif one.is_named and one.type != "comment":
                taken.add(number)
                part = parts[number] if number < len(parts) else s.Other(*position(one), (value,))
                told += self.bound(one, part)
        rest = [one for number, one in enumerate(parts) if number not in taken]
        return [*(s.Do(one.line, one.column, s.Await(one.line, one.column, one)) for one in rest), *told]

    def _function_declaration(self, node: "Node") -> list[s.Statement]:
        function = self.function(node)
        return [s.Assign(*position(node), s.Name(*position(node), function.name), function)]

    def _class(self, node: "Node") -> list[s.Statement]:
        bases = [self.expression(value) for heritage in node.children if heritage.type == "class_heritage"
                 for clause in heritage.named_children for value in (clause.child_by_field_name("value"),)
                 if value is not None]  # fmt: skip
        told: list[s.Statement] = []
        body = node.child_by_field_name("body")
        for one in body.named_children if body is not None else ():
            if one.type == "method_definition":
                told += self._function_declaration(one)
            elif one.type in ("public_field_definition", "field_definition"):
                name, value = one.child_by_field_name("name"), one.child_by_field_name("value")
                name = name or one.child_by_field_name("property")
                if name is not None and value is not None:
                    told.append(s.Assign(*position(one), named(name), self._field_value(name, value)))
        return [s.Class(*position(node), written(node.child_by_field_name("name")), tuple(bases), tuple(told))]

    def _field_value(self, name: "Node", value: "Node") -> s.Expression:
        told = self.expression(value)
        if isinstance(told, s.Function) and not told.name:
            told.name = written(name)
        return told

    def _enum(self, node: "Node") -> list[s.Statement]:
        body = node.child_by_field_name("body")
        items = []
        for one in body.named_children if body is not None else ():
            name, value = one.child_by_field_name("name"), one.child_by_field_name("value")
            if name is not None and value is not None:
                items.append((written(name).strip("'\""), self.expression(value)))
        named = s.Name(*position(node), written(node.child_by_field_name("name")))
        return [s.Assign(*position(node), named, s.Fields(*position(node), tuple(items)))]

    def _if(self, node: "Node") -> list[s.Statement]:
        alternative = node.child_by_field_name("alternative")
        otherwise = self.block(real(alternative.children)) if alternative is not None else ()
        if alternative is not None:
            inner = real(alternative.children)
            otherwise = self.body(inner[0]) if inner else ()
        test = self.expression(node.child_by_field_name("condition"))
        return [s.Branch(*position(node), test, (self.body(node.child_by_field_name("consequence")), otherwise))]

    def _switch(self, node: "Node") -> list[s.Statement]:
        """A case that does not end goes on with the next one."""
        body = node.child_by_field_name("body")
        cases = real(body.children) if body is not None else []
        texts = [[one for one in real(case.children) if one != case.child_by_field_name("value")] for case in cases]
        arms: list[tuple[s.Statement, ...]] = []
        for number in range(len(cases)):
            arm: list[s.Statement] = []
            for statements in texts[number:]:
                ends = any(one.type in ("break_statement", "return_statement", "throw_statement") for one in statements)
                arm += self.block(one for one in statements if one.type != "break_statement")
                if ends:
                    break
            arms.append(tuple(arm))
        if not any(case.type == "switch_default" for case in cases):
            arms.append(())
        return [s.Branch(*position(node), self.expression(node.child_by_field_name("value")), tuple(arms))]

    def _for(self, node: "Node") -> list[s.Statement]:
        head: list[s.Statement] = []
        initial, right = node.child_by_field_name("initializer"), node.child_by_field_name("right")
        if initial is not None:
            head = self.statement(initial)
        bound: list[s.Statement] = []
        left = node.child_by_field_name("left")
        over = self.optional(right)
        if left is not None and over is not None:
            bound = self.bound(left, s.Other(*position(left), (over,)))
        body = (*bound, *self.body(node.child_by_field_name("body")))
        condition = node.child_by_field_name("condition")
        test = over or (self.optional(condition))
        return [*head, s.Loop(*position(node), test, body, over is None and condition is None)]

    def _while(self, node: "Node") -> list[s.Statement]:
        test = self.expression(node.child_by_field_name("condition"))
        endless = isinstance(test, s.Const) and bool(test.value)
        return [s.Loop(*position(node), test, self.body(node.child_by_field_name("body")), endless)]

    def _try(self, node: "Node") -> list[s.Statement]:
        handler, final = node.child_by_field_name("handler"), node.child_by_field_name("finalizer")
        handlers = (self.body(handler.child_by_field_name("body")),) if handler is not None else ()
        finally_ = self.body(final.child_by_field_name("body")) if final is not None else ()
        return [s.Attempt(*position(node), self.body(node.child_by_field_name("body")), handlers, (), finally_)]

    def _block(self, node: "Node") -> list[s.Statement]:
        return [s.Block(*position(node), (), self.block(node.named_children))]

    def _return(self, node: "Node") -> list[s.Statement]:
        inner = real(node.children)
        return [s.Return(*position(node), self.expression(inner[0]) if inner else None)]

    def _throw(self, node: "Node") -> list[s.Statement]:
        inner = real(node.children)
        return [s.Raise(*position(node), self.expression(inner[0]) if inner else None)]

    def _jump(self, node: "Node") -> list[s.Statement]:
        return [s.Jump(*position(node))]

    def _import(self, node: "Node") -> list[s.Statement]:
        source = node.child_by_field_name("source")
        if source is None:
            return []
        names: list[tuple[str, str]] = []
        for clause in (child for child in node.named_children if child.type == "import_clause"):
            for one in clause.named_children:
                if one.type == "identifier":
                    names.append((written(one), "default"))
                elif one.type == "namespace_import":
                    names.append((written(real(one.children)[0]), "*"))
                elif one.type == "named_imports":
                    names += self._specifiers(one)
        return [s.Import(*position(node), written(source)[1:-1], tuple(names))]

    def _specifiers(self, node: "Node") -> list[tuple[str, str]]:
        told = []
        for one in node.named_children:
            name, alias = one.child_by_field_name("name"), one.child_by_field_name("alias")
            if name is not None:
                told.append((written(alias) if alias is not None else written(name), written(name)))
        return told

    def _export(self, node: "Node") -> list[s.Statement]:
        at = position(node)
        declaration, value = node.child_by_field_name("declaration"), node.child_by_field_name("value")
        source = node.child_by_field_name("source")
        clause = next((child for child in node.named_children if child.type == "export_clause"), None)
        is_default = any(child.type == "default" for child in node.children)
        if source is not None:
            names = self._specifiers(clause) if clause is not None else [("*", "*")]
            return [s.Import(*at, written(source)[1:-1], tuple(names), True)]
        if clause is not None:
            return [s.Export(*at, alias, s.Name(*at, name)) for alias, name in self._specifiers(clause)]
        if declaration is not None:
            told = self.statement(declaration)
            if is_default and told:
                named = written(declaration.child_by_field_name("name"))
                told.append(s.Export(*at, "default", s.Name(*at, named)))
            return told
        if value is not None:
            return [s.Export(*at, "default", self.expression(value))]
        return []


def _unawaited(value: s.Expression) -> s.Expression:
    """What of `await Promise.all([...])` and `[...] as const` is the list."""
    if isinstance(value, s.Await):
        value = value.of
    if isinstance(value, s.Call) and s.dotted(value.function) in ("Promise.all", "Promise.allSettled"):
        value = value.arguments[0] if value.arguments else value
    return value


_STATEMENTS: "dict[str, Callable[[Statements, Node], list[s.Statement]]]" = {
    "expression_statement": Statements._expression_statement,
    "lexical_declaration": Statements._declaration,
    "variable_declaration": Statements._declaration,
    "function_declaration": Statements._function_declaration,
    "generator_function_declaration": Statements._function_declaration,
    "class_declaration": Statements._class,
    "abstract_class_declaration": Statements._class,
    "enum_declaration": Statements._enum,
    "if_statement": Statements._if,
    "switch_statement": Statements._switch,
    "for_statement": Statements._for,
    "for_in_statement": Statements._for,
    "while_statement": Statements._while,
    "do_statement": Statements._while,
    "try_statement": Statements._try,
    "statement_block": Statements._block,
    "return_statement": Statements._return,
    "throw_statement": Statements._throw,
    "break_statement": Statements._jump,
    "continue_statement": Statements._jump,
    "import_statement": Statements._import,
    "export_statement": Statements._export,
}
