"""What PHP code does with its input, by its syntax tree: which texts it computes, and where a visitor's bytes arrive.

The tree comes from tree-sitter, which gives one for broken code as well. One walk in the order of the source keeps, for
each variable, the text that it is known to hold and whether it comes from the visitor. Work is bounded: nodes, depth,
bytes of each computed text, and layers of code inside of texts. Nothing is ever executed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import tree_sitter
import tree_sitter_php

from ungcuu.detect.content import folding, functions, rules, values
from ungcuu.detect.content.values import NOTHING, Found, Value

NODES = 40_000  # of one file
DEPTH = 180
LAYERS = 6
BYTES = 256 << 10  # of code that is parsed


@cache
def _parser() -> tree_sitter.Parser:
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_php.language_php()))


def look(code: bytes, layer: int = 0, found: Found | None = None, *, whole: bool = True) -> Found:
    """Return what the code does. ``layer``: how many texts it was taken out of; ``whole``: it has its own tags."""
    found = found or Found()
    code = code[:BYTES]
    if layer == 0 and not rules.hits("reach", code):
        return found
    tree = _parser().parse(code if whole else b"<?php " + code)
    found.errors |= tree.root_node.has_error and layer == 0
    _Walk(found, layer).run(tree.root_node)
    return found


class _Walk:
    """One walk over one tree."""

    def __init__(self, found: Found, layer: int) -> None:
        self.found, self.layer = found, layer
        self.known: dict[bytes, Value] = {}
        self.functions: dict[bytes, bool] = {}

    def run(self, root: tree_sitter.Node) -> None:
        self.value(root, 0)

    def value(self, node: tree_sitter.Node, depth: int) -> Value:
        """Return what is known of a node; everything below it is looked at exactly once."""
        if depth > DEPTH or self.found.nodes >= NODES:
            return NOTHING
        self.found.nodes += 1
        kind = node.type
        handler = _KINDS.get(kind)
        if handler is not None:
            return handler(self, node, depth + 1)
        known = [self.value(child, depth + 1) for child in node.named_children]
        if kind in _PASSING and known:
            return known[-1]
        return Value(visitor=any(one.visitor for one in known)) if kind in _JOINING else NOTHING

    # texts

    def _text(self, node: tree_sitter.Node, depth: int) -> Value:
        out, visitor, known = b"", False, True
        for child in node.named_children:
            if child.type == "escape_sequence":
                raw = child.text or b""
                single = node.type == "string"
                out += raw[1:] if single and raw in (b"\\\\", b"\\'") else raw if single else folding.escapes(raw)
            elif child.type in ("string_content", "nowdoc_string"):
                out += child.text or b""
            elif child.type in ("heredoc_body", "nowdoc_body"):
                return self._text(child, depth)
            elif child.type not in ("heredoc_start", "heredoc_end"):
                value = self.value(child, depth)
                visitor |= value.visitor
                known = known and value.text is not None
                out += value.text or b""
        return Value(out if known else None, visitor=visitor)

    def _integer(self, node: tree_sitter.Node, _depth: int) -> Value:
        raw = (node.text or b"0")[:24].replace(b"_", b"")
        try:
            number = int(raw, 8) if re.fullmatch(rb"0[0-7]+", raw) else int(raw, 0)
        except ValueError:
            return NOTHING
        return Value(b"%d" % number)

    def _binary(self, node: tree_sitter.Node, depth: int) -> Value:
        left_node, right_node = node.child_by_field_name("left"), node.child_by_field_name("right")
        sign = node.child_by_field_name("operator")
        left = self.value(left_node, depth) if left_node else NOTHING
        right = self.value(right_node, depth) if right_node else NOTHING
        operator = sign.type if sign else ""
        visitor = (left.visitor or right.visitor) and operator in (".", "^", "??", "|", "&")
        packed = left.unpacked or right.unpacked
        if operator == "??":
            return Value(left.text, left.items, visitor, left.direct, packed)
        if left.text is None or right.text is None:
            return Value(visitor=visitor, unpacked=packed and operator == ".")
        if operator == ".":
            return Value((left.text + right.text)[: folding.LIMIT], visitor=visitor, unpacked=packed, built=True)
        if operator == "^":
            return Value(folding.xor(left.text, right.text), visitor=visitor, unpacked=packed, built=True)
        if operator in ("+", "-", "*"):
            a, b = folding.number(left.text), folding.number(right.text)
            return Value(b"%d" % (a + b if operator == "+" else a - b if operator == "-" else a * b))
        return NOTHING

    # variables

    def _name(self, node: tree_sitter.Node) -> bytes:
        return (node.text or b"")[:200].lstrip(b"$")

    def _variable(self, node: tree_sitter.Node, _depth: int) -> Value:
        name = self._name(node)
        if name.decode("latin-1") in functions.INPUT:
            return Value(visitor=True, direct=True)
        return self.known.get(name, NOTHING)

    def _dynamic(self, node: tree_sitter.Node, depth: int) -> Value:
        known = [self.value(child, depth) for child in node.named_children]
        name = known[-1].text if known else None
        if name is not None and name.decode("latin-1") in functions.INPUT:
            self.found.add("hidden-input", node)
            return Value(visitor=True, direct=True)
        return self.known.get(name, NOTHING) if name is not None else NOTHING

    def _entry(self, node: tree_sitter.Node, depth: int) -> Value:
        parts = node.named_children
        if not parts:
            return NOTHING
        base = parts[0]
        key = self.value(parts[1], depth) if len(parts) > 1 else NOTHING
        key_text = key.text
        if key_text is None and len(parts) > 1 and parts[1].type == "name":
            key_text = parts[1].text
        if base.type == "variable_name":
            name = self._name(base)
            if name == b"_SERVER":
                free = key_text is not None and functions.FROM_VISITOR.match(key_text.decode("latin-1"))
                return Value(visitor=bool(free), direct=bool(free))
            if name == b"GLOBALS" and key_text is not None:
                if key_text.decode("latin-1") in functions.INPUT:
                    return Value(visitor=True, direct=True)
                return self.known.get(key_text, NOTHING)
        value = self.value(base, depth)
        if key_text is not None and (known := value.item(key_text)) is not None:
            return known
        return Value(visitor=value.visitor, direct=value.direct, unpacked=value.unpacked)

    def _assign(self, node: tree_sitter.Node, depth: int) -> Value:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        value = self.value(right, depth) if right else NOTHING
        if left is None:
            return value
        self._keep(left, value, depth)
        return value

    def _keep(self, left: tree_sitter.Node, value: Value, depth: int) -> None:
        if left.type == "variable_name":
            self.known[self._name(left)] = value
        elif left.type == "dynamic_variable_name":
            inner = [self.value(child, depth) for child in left.named_children]
            if inner and inner[-1].text is not None:
                self.known[inner[-1].text[:200]] = value
        elif left.type == "subscript_expression" and left.named_children:
            base = left.named_children[0]
            key = self.value(left.named_children[1], depth).text if len(left.named_children) > 1 else None
            if base.type == "variable_name":
                name = self._name(base)
                if name == b"GLOBALS" and key is not None:
                    self.known[key[:200]] = value
                    return
                old = self.known.get(name, NOTHING)
                items = old.items
                if key is not None and len(items) < 256:
                    items = (*(one for one in items if one[0] != key), (key, value))
                self.known[name] = Value(None, items, old.visitor or value.visitor)
        else:
            for child in left.named_children:
                if child.type == "variable_name":
                    self.known[self._name(child)] = Value(visitor=value.visitor, direct=value.direct)

    def _append(self, node: tree_sitter.Node, depth: int) -> Value:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        sign = node.child_by_field_name("operator")
        if left is None or right is None:
            return NOTHING
        old, new = self.value(left, depth), self.value(right, depth)
        visitor = old.visitor or new.visitor
        text = None
        if sign is not None and sign.type == ".=" and old.text is not None and new.text is not None:
            text = (old.text + new.text)[: folding.LIMIT]
        if sign is not None and sign.type == "^=" and old.text is not None and new.text is not None:
            text = folding.xor(old.text, new.text)
        value = Value(text, visitor=visitor, unpacked=old.unpacked or new.unpacked, built=True)
        self._keep(left, value, depth)
        return value

    def _each(self, node: tree_sitter.Node, depth: int) -> Value:
        children = node.named_children
        over = self.value(children[0], depth) if children else NOTHING
        if len(children) > 1:
            targets = children[1].named_children if children[1].type == "pair" else [children[1]]
            for target in targets:
                if target.type == "variable_name":
                    self.known[self._name(target)] = Value(visitor=over.visitor, direct=over.direct)
                elif target.type == "by_ref" and target.named_children:
                    self.known[self._name(target.named_children[0])] = Value(visitor=over.visitor)
        for child in children[2:]:
            self.value(child, depth)
        return NOTHING

    def _list(self, node: tree_sitter.Node, depth: int) -> Value:
        items: list[tuple[bytes, Value]] = []
        visitor = False
        for place, entry in enumerate(node.named_children):
            known = [self.value(child, depth) for child in entry.named_children]
            if not known:
                continue
            visitor |= known[-1].visitor
            key = known[0].text if len(known) > 1 else b"%d" % place
            if key is not None and len(items) < 256:
                items.append((key, known[-1]))
        return Value(None, tuple(items), visitor)

    def _function(self, node: tree_sitter.Node, depth: int) -> Value:
        outer, name = self.known, node.child_by_field_name("name")
        # Functions see none of the variables around them, closures do: both keep what is known, which errs to more.
        self.known = dict(outer) if node.type != "method_declaration" else {}
        parameters, body = node.child_by_field_name("parameters"), node.child_by_field_name("body")
        for one in parameters.named_children if parameters else ():
            inner = one.child_by_field_name("name")
            if inner is not None:
                self.known[self._name(inner)] = NOTHING
        if body is not None:
            self.value(body, depth)
        self.known = outer
        if name is not None and name.text and parameters is not None and body is not None:
            self.functions[name.text.lower()] = values.returns_input(body)
        return NOTHING

    # calls

    def _call(self, node: tree_sitter.Node, depth: int) -> Value:
        target, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        given = [self.value(child, depth) for child in arguments.named_children] if arguments else []
        if target is None:
            return NOTHING
        if target.type in ("name", "qualified_name"):
            name = (target.text or b"").decode("latin-1").lower().lstrip("\\")
            return self._named(node, name, given)
        callee = self.value(target, depth)
        visitor = any(one.visitor for one in given)
        if callee.visitor:
            self.found.add("calls-input" if callee.direct and (visitor or not given) else "calls-from-input", node)
        if callee.text is not None:
            name = callee.text[:80].decode("latin-1").lower().strip("\\ ")
            if name in functions.DANGEROUS and (callee.built or callee.unpacked):
                self.found.add("hidden-name", node)
            elif name in functions.DANGEROUS:
                self.found.add("named-by-text", node)
            return self._named(node, name, given)
        if callee.unpacked:
            self.found.add("calls-unpacked", node)
        if visitor:
            self.found.add("unknown-takes-input", node)
        return Value(visitor=visitor, unpacked=callee.unpacked)

    def _named(self, node: tree_sitter.Node, name: str, given: Sequence[Value]) -> Value:
        visitor = any(one.visitor for one in given)
        first = given[0] if given else NOTHING
        if name in functions.RUN:
            if first.visitor:
                self.found.add("runs-input", node)
            self.found.add("runs", node)
        elif name in functions.EVALUATE:
            self._evaluated(node, given[1] if name == "create_function" and len(given) > 1 else first, name)
        elif name == "preg_replace" and first.text is not None:
            matched = functions.PATTERN_E.match(first.text[:2000])
            if matched and b"e" in matched.group(2):
                self.found.add("replaces-with-code", node)
                if len(given) > 1:
                    self._evaluated(node, given[1], name)
        elif name in functions.CALLBACKS and len(given) > functions.CALLBACKS[name]:
            self._callback(node, given[functions.CALLBACKS[name]], given, visitor)
        elif name in functions.WRITE and len(given) > functions.WRITE[name]:
            self._written(node, name, given)
        elif name in ("move_uploaded_file", "copy") and len(given) > 1 and first.visitor:
            self.found.add("keeps-upload", node)
            if given[1].visitor or (given[1].text and functions.PHP_NAME.search(given[1].text)):
                self.found.add("keeps-upload-named", node)
        return values.result(name, given, self.functions.get(name.encode("latin-1", "replace"), False))

    def _evaluated(self, node: tree_sitter.Node, value: Value, name: str) -> None:
        if value.visitor:
            self.found.add("evaluates-input", node)
        if name == "eval":
            self.found.add("evaluates", node)
        if value.unpacked:
            self.found.add("evaluates-unpacked", node)
        if value.text is not None:
            if name == "eval" and (value.unpacked or value.built):
                self.found.add("evaluates-hidden", node)
            if self.layer < LAYERS and len(value.text) > 4:
                self._inside(value.text)

    def _inside(self, text: bytes) -> None:
        code = text.strip()
        whole = code.startswith(b"<?")
        if code.startswith(b"?>"):
            code, whole = code[2:], True
        before = set(self.found.marks)
        inner = look(code, self.layer + 1, Found(nodes=self.found.nodes), whole=whole)
        self.found.nodes = inner.nodes
        for mark, place in inner.marks.items():
            if mark not in before:
                self.found.marks[mark] = place
        if inner.marks:
            self.found.marks.setdefault("code-in-text", "")

    def _callback(self, node: tree_sitter.Node, callback: Value, given: Sequence[Value], visitor: bool) -> None:
        if callback.visitor:
            others = any(one.visitor for one in given if one is not callback)
            self.found.add("callback-input" if callback.direct or others else "callback-from-input", node)
        if callback.text is not None:
            name = callback.text[:80].decode("latin-1").lower().strip("\\ ")
            if name in functions.RUN | functions.EVALUATE:
                self.found.add("callback-runs-input" if visitor else "callback-runs", node)
            if name in functions.DANGEROUS and (callback.built or callback.unpacked):
                self.found.add("hidden-name", node)
        elif callback.unpacked:
            self.found.add("calls-unpacked", node)

    def _written(self, node: tree_sitter.Node, name: str, given: Sequence[Value]) -> None:
        where, what = given[0], given[functions.WRITE[name]]
        code_name = where.text is not None and functions.PHP_NAME.search(where.text[-200:])
        if what.visitor:
            self.found.add("writes-input", node)
            if code_name or (where.visitor and name == "file_put_contents"):
                self.found.add("writes-input-as-code", node)
        if what.unpacked and (code_name or where.text is None):
            self.found.add("writes-unpacked", node)

    def _include(self, node: tree_sitter.Node, depth: int) -> Value:
        known = [self.value(child, depth) for child in node.named_children]
        value = known[-1] if known else NOTHING
        if value.visitor:
            self.found.add("includes-input" if value.direct else "includes-from-input", node)
        if value.text is not None and (value.unpacked or re.search(rb"\.(?:ico|jpe?g|png|gif|txt|log)\Z", value.text)):
            self.found.add("includes-disguised", node)
        return NOTHING

    def _shell(self, node: tree_sitter.Node, depth: int) -> Value:
        parts = [self.value(child, depth) for child in node.named_children]
        if any(one.visitor for one in parts):
            self.found.add("runs-input", node)
        self.found.add("runs", node)
        return NOTHING

    def _method(self, node: tree_sitter.Node, depth: int) -> Value:
        known = [self.value(child, depth) for child in node.named_children]
        arguments = node.child_by_field_name("arguments")
        return Value(visitor=bool(arguments) and known[-1].visitor)

    def _new(self, node: tree_sitter.Node, depth: int) -> Value:
        text = (node.text or b"")[:60].lower()
        known = [self.value(child, depth) for child in node.named_children]
        if b"reflectionfunction" in text and any(one.visitor for one in known):
            self.found.add("calls-input", node)
        return Value(visitor=any(one.visitor for one in known))

    def _cast(self, node: tree_sitter.Node, depth: int) -> Value:
        known = [self.value(child, depth) for child in node.named_children]
        return known[-1] if b"int" not in (node.text or b"")[:10] and known else NOTHING

    def _conditional(self, node: tree_sitter.Node, depth: int) -> Value:
        known = [self.value(child, depth) for child in node.named_children][1:] or [NOTHING]
        text = next((one for one in known if one.text is not None), known[0])
        return Value(text.text, text.items, any(one.visitor for one in known), any(one.direct for one in known))


_PASSING = frozenset(
    ("parenthesized_expression", "error_suppression_expression", "argument", "reference_assignment_expression")
)
_JOINING = frozenset(("arguments", "clone_expression", "array_element_initializer"))
_FUNCTION_KINDS = ("function_definition", "method_declaration", "anonymous_function", "arrow_function")
_KINDS = {
    "string": _Walk._text,
    "encapsed_string": _Walk._text,
    "heredoc": _Walk._text,
    "nowdoc": _Walk._text,
    "integer": _Walk._integer,
    "binary_expression": _Walk._binary,
    "variable_name": _Walk._variable,
    "dynamic_variable_name": _Walk._dynamic,
    "subscript_expression": _Walk._entry,
    "assignment_expression": _Walk._assign,
    "reference_assignment_expression": _Walk._assign,
    "augmented_assignment_expression": _Walk._append,
    "foreach_statement": _Walk._each,
    "array_creation_expression": _Walk._list,
    "function_call_expression": _Walk._call,
    "include_expression": _Walk._include,
    "include_once_expression": _Walk._include,
    "require_expression": _Walk._include,
    "require_once_expression": _Walk._include,
    "shell_command_expression": _Walk._shell,
    "member_call_expression": _Walk._method,
    "scoped_call_expression": _Walk._method,
    "object_creation_expression": _Walk._new,
    "cast_expression": _Walk._cast,
    "conditional_expression": _Walk._conditional,
    **dict.fromkeys(_FUNCTION_KINDS, _Walk._function),
}
