"""A small part of GREL, OpenRefine's expression language, written as our formulas. A plain recursive parser; nothing is evaluated."""

from __future__ import annotations

import re
from dataclasses import dataclass

from transforms.importing.report import Unmapped

LONGEST = 5_000  # characters
TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+\.\d+|\d+)|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<name>[A-Za-z_]\w*)|(?P<op>==|!=|<>|<=|>=|&&|\|\||[-+*/%<>().,\[\]!]))""",
    re.DOTALL,
)
REGEX = re.compile(r"\s*/((?:[^/\\\n]|\\.)+)/(i?)")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
DEEPEST = 50


@dataclass(frozen=True)
class Node:
    """A piece of an expression: a name for its kind, and its parts."""

    kind: str  # text, number, regex, value, column, true, false, null, call, index, binary, not, minus
    value: object = None
    parts: tuple[Node, ...] = ()


class Parser:
    """Reads one expression."""

    def __init__(self, text: str):
        if len(text) > LONGEST:
            raise Unmapped("its expression is too long")
        self.text, self.at, self.depth = text, 0, 0

    def parse(self) -> Node:
        found = self.binary(0)
        if self.text[self.at :].strip():
            raise Unmapped(f"GREL here: {self.text[self.at :].strip()[:30]!r} cannot be read")
        return found

    def peek(self):
        match = TOKEN.match(self.text, self.at)
        return (
            (match.lastgroup, match.group(match.lastgroup), match.end())
            if match and match.lastgroup
            else ("end", "", self.at)
        )

    def take(self, wanted: str) -> bool:
        kind, text, end = self.peek()
        if kind == "op" and text == wanted:
            self.at = end
            return True
        return False

    def expect(self, wanted: str) -> None:
        if not self.take(wanted):
            raise Unmapped(f"GREL: {wanted!r} is missing")

    LEVELS = (("||",), ("&&",), ("==", "!=", "<>", "<", "<=", ">", ">="), ("+", "-"), ("*", "/", "%"))

    def binary(self, level: int) -> Node:
        if level == len(self.LEVELS):
            return self.unary()
        found = self.binary(level + 1)
        while True:
            kind, text, end = self.peek()
            if kind != "op" or text not in self.LEVELS[level]:
                return found
            self.at = end
            found = Node("binary", text, (found, self.binary(level + 1)))

    def unary(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST * 20:
            raise Unmapped("GREL: it is nested too deeply")
        if self.take("-"):
            return Node("minus", None, (self.unary(),))
        if self.take("!"):
            return Node("not", None, (self.unary(),))
        return self.after(self.primary())

    def primary(self) -> Node:
        if match := REGEX.match(self.text, self.at):
            self.at = match.end()
            return Node("regex", (r"(?i)" if match.group(2) else "") + match.group(1).replace("\\/", "/"))
        kind, text, end = self.peek()
        if kind == "op" and text == "(":
            self.at = end
            found = self.binary(0)
            self.expect(")")
            return found
        if kind not in ("number", "text", "name"):
            raise Unmapped(f"GREL: {self.text[self.at :].strip()[:30]!r} cannot be read")
        self.at = end
        if kind == "number":
            return Node("number", text)
        if kind == "text":
            return Node(
                "text", re.sub(r"\\(.)", lambda m: ESCAPES.get(m.group(1), m.group(1)), text[1:-1], flags=re.DOTALL)
            )
        if text in ("true", "false", "null"):
            return Node(text)
        if text == "value":
            return Node("value")
        if text == "cells":
            return self.cell()
        if self.take("("):
            return Node("call", text, self.arguments())
        raise Unmapped(f"GREL: {text!r} is not known here")

    def cell(self) -> Node:
        """Read cells["name"].value, or cells.name.value."""
        if self.take("["):
            name = self.primary()
            self.expect("]")
        else:
            self.expect(".")
            kind, text, self.at = self.peek()
            name = Node("text", text if kind == "name" else None)
        if name.kind != "text" or not isinstance(name.value, str):
            raise Unmapped("GREL: cells[…] needs a name")
        self.expect(".")
        _, text, self.at = self.peek()
        if text != "value":
            raise Unmapped("GREL: only .value of a cell is known here")
        return Node("column", name.value)

    def after(self, found: Node) -> Node:
        while True:
            if self.take("."):
                kind, name, self.at = self.peek()
                if kind != "name":
                    raise Unmapped("GREL: a function's name is missing")
                self.expect("(")
                found = Node("call", name, (found, *self.arguments()))
            elif self.take("["):
                first = self.binary(0)
                second = self.binary(0) if self.take(",") else None
                self.expect("]")
                found = Node("index", None, (found, first, *([second] if second else [])))
            else:
                return found

    def arguments(self) -> tuple[Node, ...]:
        if self.take(")"):
            return ()
        found = [self.binary(0)]
        while self.take(","):
            found.append(self.binary(0))
        self.expect(")")
        return tuple(found)


def parse(expression: str) -> Node:
    """Return the tree of a GREL expression; raise Unmapped for other languages and what cannot be read."""
    language, colon, rest = expression.partition(":")
    if colon and language in ("jython", "clojure"):
        raise Unmapped(f"it is written in {language.capitalize()}")
    return Parser(rest if colon and language == "grel" else expression).parse()


def quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


SIMPLE = {"trim": "trim", "strip": "trim", "toUppercase": "upper", "toLowercase": "lower", "toTitlecase": "proper", "length": "length", "abs": "abs", "floor": "floor",
          "ceil": "ceil", "round": "round", "sqrt": "sqrt", "exp": "exp", "ln": "ln", "log": "log10", "sin": "sin", "cos": "cos", "tan": "tan", "reverse": "reverse"}  # fmt: skip
NUMBERS = {
    "length",
    "abs",
    "floor",
    "ceil",
    "round",
    "sqrt",
    "exp",
    "ln",
    "log10",
    "sin",
    "cos",
    "tan",
    "toNumber",
    "pow",
    "mod",
    "max",
    "min",
}
TEXTS = {
    "trim",
    "strip",
    "toUppercase",
    "toLowercase",
    "toTitlecase",
    "toString",
    "replace",
    "substring",
    "slice",
    "reverse",
}
TESTS = {"startsWith": "starts_with", "endsWith": "ends_with", "contains": "contains"}


class Writer:
    """Writes a tree as a formula; `notes` say what differs."""

    def __init__(self, column: str):
        self.column, self.notes = column, []

    def kind(self, node: Node) -> str:
        """Return text, number, or "" where the expression alone does not say."""
        if node.kind in ("text", "regex", "index"):
            return "text"
        if node.kind in ("number", "minus"):
            return "number"
        if node.kind == "call":
            if node.value == "if":
                kinds = {self.kind(n) for n in node.parts[1:] if n.kind != "null"}
                return kinds.pop() if len(kinds) == 1 else ""
            return "number" if node.value in NUMBERS else "text" if node.value in TEXTS else ""
        if node.kind == "binary" and node.value in ("-", "*", "/", "%"):
            return "number"
        if node.kind == "binary" and node.value == "+":
            kinds = {self.kind(n) for n in node.parts}
            return "text" if "text" in kinds else "number" if kinds == {"number"} else ""
        return ""

    def write(self, node: Node) -> str:
        if node.kind == "value":
            return quoted(self.column)
        if node.kind == "column":
            return quoted(str(node.value))
        if node.kind == "text":
            return literal(str(node.value))
        if node.kind == "number":
            return str(node.value)
        if node.kind in ("true", "false", "null"):
            return node.kind
        if node.kind == "minus":
            return f"(-{self.write(node.parts[0])})"
        if node.kind == "not":
            return f"(not {self.write(node.parts[0])})"
        if node.kind == "binary":
            return self.binary(node)
        if node.kind == "index":
            if len(node.parts) < 3:
                raise Unmapped("GREL: a single element […] is not known here")
            return self.part(node.parts[0], node.parts[1], node.parts[2])
        if node.kind == "call":
            return self.call(str(node.value), node.parts)
        raise Unmapped(f"GREL: {node.kind} cannot stand here")

    def binary(self, node: Node) -> str:
        left, right = node.parts
        sign = {"==": "=", "&&": "and", "||": "or"}.get(str(node.value), str(node.value))
        if sign == "+":
            kind = self.kind(node)
            if not kind:
                raise Unmapped("GREL: the expression does not say whether + adds or joins")
            sign = "||" if kind == "text" else "+"
        if sign == "/" and self.kind(left) == self.kind(right) == "number":
            self.notes.append("whole numbers divide with fractions")
        if sign in ("=", "<>", "!="):
            for side, other in ((left, right), (right, left)):
                if other.kind == "null":
                    return f"({self.write(side)} is {'' if sign == '=' else 'not '}null)"
        return f"({self.write(left)} {sign} {self.write(right)})"

    def part(self, text: Node, start: Node, end: Node | None) -> str:
        if start.kind != "number" or (end is not None and end.kind != "number"):
            raise Unmapped("GREL: only fixed positions from the start are known here")
        first = int(float(str(start.value)))
        count = "" if end is None else f", {max(int(float(str(end.value))) - first, 0)}"
        return f"substring({self.write(text)}, {first + 1}{count})"

    def call(self, name: str, given: tuple[Node, ...]) -> str:
        if name in SIMPLE and len(given) == 1:
            return f"{SIMPLE[name]}({self.write(given[0])})"
        if name == "toString" and len(given) == 1:
            return f"cast({self.write(given[0])} as varchar)"
        if name == "toNumber" and len(given) == 1:
            self.notes.append("what is no number becomes missing")
            return f"cast({self.write(given[0])} as double)"
        if name == "toDate" and len(given) == 1:
            self.notes.append("only dates such as 2024-01-31 are read")
            return f"cast({self.write(given[0])} as timestamp)"
        if name == "replace" and len(given) == 3 and given[2].kind == "text":
            if given[1].kind == "regex":
                new = str(given[2].value)
                if re.search(r"\$[A-Za-z{]", new):
                    raise Unmapped("GREL: named groups are not known here")
                new = re.sub(r"\$(\d)", r"\\\1", new.replace("\\", "\\\\"))
                return f"regexp_replace({self.write(given[0])}, {literal(str(given[1].value))}, {literal(new)})"
            if given[1].kind == "text":
                return (
                    f"replace({self.write(given[0])}, {literal(str(given[1].value))}, {literal(str(given[2].value))})"
                )
        if name in TESTS and len(given) == 2:
            if given[1].kind == "text":
                return f"{TESTS[name]}({self.write(given[0])}, {literal(str(given[1].value))})"
            if given[1].kind == "regex" and name == "contains":
                return f"regexp_matches({self.write(given[0])}, {literal(str(given[1].value))})"
        if name in ("substring", "slice") and 2 <= len(given) <= 3:
            return self.part(given[0], given[1], given[2] if len(given) > 2 else None)
        if name in ("isBlank", "isNonBlank") and len(given) == 1:
            text = blank(self.write(given[0]))
            return text if name == "isBlank" else f"(not {text})"
        if name in ("isNull", "isNotNull") and len(given) == 1:
            return f"({self.write(given[0])} is {'not ' if name == 'isNotNull' else ''}null)"
        if name == "if" and len(given) == 3:
            return f"if({', '.join(map(self.write, given))})"
        if name in ("and", "or") and len(given) >= 2:
            return "(" + f" {name} ".join(map(self.write, given)) + ")"
        if name == "not" and len(given) == 1:
            return f"(not {self.write(given[0])})"
        if name == "coalesce" and given:
            return f"coalesce({', '.join(map(self.write, given))})"
        if name in ("pow", "mod") and len(given) == 2:
            return f"{'power' if name == 'pow' else 'mod'}({self.write(given[0])}, {self.write(given[1])})"
        if name in ("max", "min") and len(given) == 2:
            return f"{'greatest' if name == 'max' else 'least'}({self.write(given[0])}, {self.write(given[1])})"
        raise Unmapped(f"GREL: the function {name}() is not known here with these arguments")


def blank(written: str) -> str:
    """Return a formula that tells whether a value is missing or empty."""
    return f"(isnull({written}) or cast({written} as varchar) = '')"


def formula(expression: str, column: str) -> tuple[str, list[str]]:
    """Return a GREL expression on a column as a formula, and what differs; raise Unmapped."""
    writer = Writer(column)
    return writer.write(parse(expression)), writer.notes
