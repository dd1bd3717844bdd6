#!/usr/bin/env python3
"""Compares the public operations of every language with tests/surface.toml.

Each operation has one canonical name, Type.member in snake case. An operation that a language lacks, and one
that a language has but surface.toml doesn't know, both fail. `tests/api.py list LANGUAGE` prints what is found.
"""

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What texts and comparisons are called where the language has a way of its own to say them.
SPECIAL = {"Display": "to_string", "PartialEq": "equals", "__str__": "to_string", "__eq__": "equals"}


def snake(name):
    name = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name)
    return re.sub(r"(?<=[A-Z])([A-Z][a-z])", r"_\1", name).lower()


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


RUST_IMPL = re.compile(r"(?:impl(?:<.*?>)?|pub (?:struct|trait)) (\w+)(?:<.*>)?(?: \{|\(|;|:)")
RUST_TRAIT = re.compile(r"impl (?:fmt::)?(Display|PartialEq) for (\w+) \{")
RUST_METHOD = re.compile(r"    pub (?:const )?(?:async )?fn (\w+)|    pub (\w+):")


def rust():
    """Public methods and fields of the types that the crate exports, and its public functions."""
    exported = set(re.findall(r"\w+", " ".join(re.findall(r"^pub use [^;]+;", text("core/src/lib.rs"), re.M))))
    found = set()
    for path in sorted((ROOT / "core/src").rglob("*.rs")):
        owner = None
        for line in path.read_text(encoding="utf-8").splitlines():
            if match := RUST_TRAIT.match(line):
                owner = None
                if match[2] in exported:
                    found.add(f"{match[2]}.{SPECIAL[match[1]]}")
            elif match := RUST_IMPL.match(line):
                owner = match[1] if match[1] in exported else None
            elif line.startswith("}"):
                owner = None
            elif (match := re.match(r"pub (?:async )?fn (\w+)", line)) and match[1] in exported:
                found.add(match[1])
            elif owner and (match := RUST_METHOD.match(line)):
                found.add(f"{owner}.{match[1] or match[2]}")
    return found


def c(prefixes):
    """facetbox_<type>_<verb>: the type is that of the longest prefix that fits."""
    longest_first = sorted(prefixes.items(), key=lambda pair: -len(pair[0]))
    found = set()
    for name in re.findall(r"\bfacetbox_(\w+)\(", text("include/facetbox.h")):
        for prefix, owner in longest_first:
            if name.startswith(prefix + "_"):
                member = name[len(prefix) + 1 :]
                name = f"{owner}.{member.removeprefix('set_') if owner == 'Options' else member}"
                break
        found.add(name)
    return found


CPP_TYPE = re.compile(r"(class|struct) (\w+)[^;]*\{")
CPP_ACCESS = re.compile(r"(public|private|protected):")
CPP_FUNCTION = re.compile(r"inline [\w:<>\s&*]*[\s&*](\w+)\(")
CPP_METHOD = re.compile(r"    (?!using |explicit )(?=\S)[\w:<>,\s&*\[\]]*[\s&*](\w+)\(")
CPP_FIELD = re.compile(r"    (?!using )(?=\S)[\w:<>(),\s]+ (\w+) = ")


def cpp():
    """Public members of the classes of the C++ headers, and what stands outside of namespace detail."""
    found = set()
    for path in sorted((ROOT / "include/facetbox").glob("*.hpp")):
        owner, public, detail = None, False, False
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("namespace "):
                detail = "detail" in line
            elif match := CPP_TYPE.match(line):
                owner, public = (None if detail else match[2]), match[1] == "struct"
            elif line.startswith("}"):
                owner, detail = None, detail and "// namespace detail" not in line
            elif match := CPP_ACCESS.match(line):
                public = match[1] == "public"
            elif not detail and (match := CPP_FUNCTION.match(line)):
                found.add(match[1])
            elif owner and public:
                if "operator==" in line:
                    found.add(f"{owner}.equals")
                elif (match := CPP_METHOD.match(line) or CPP_FIELD.match(line)) and match[1] != owner:
                    found.add(f"{owner}.{match[1].rstrip('_')}")
    return found


def go():
    """Exported methods, functions, options, and the fields of Request and Response."""
    found = set()
    for path in sorted((ROOT / "bindings-c/go").glob("*.go")):
        if path.name.endswith("_test.go"):
            continue
        source = path.read_text(encoding="utf-8")
        for owner, fields in re.findall(r"^type (Request|Response) struct \{\n(.*?)^\}", source, re.M | re.S):
            found.update(f"{owner}.{snake(name)}" for name in re.findall(r"^\t([A-Z]\w*) ", fields, re.M))
        for owner, name in re.findall(r"^func \(\w+ \*?([A-Z]\w*)(?:\[\w+\])?\) ([A-Z]\w*)\(", source, re.M):
            found.add(f"{owner}.{snake(name)}")
        for name in re.findall(r"^func ([A-Z]\w*)[\[(]", source, re.M):
            option = name.removeprefix("With")
            found.add(f"Options.{snake(option)}" if option != name else snake(name))
    return found


PYTHON = ROOT / "bindings-python/python/facetbox"


def exported(package):
    """The names in __all__."""
    for node in ast.parse((package / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            return set(ast.literal_eval(node.value))
    raise SystemExit(f"{package} has no __all__")


def python_members(package):
    """Public functions, methods, properties and fields of what a package exports; the parameters of open."""
    public, found = exported(package), set()
    for path in sorted([*package.glob("*.pyi"), *package.glob("_*.py")]):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if getattr(node, "name", None) not in public:
                continue
            if isinstance(node, ast.FunctionDef):
                found.add(node.name)
                if node.name == "open":
                    found.update(f"Options.{argument.arg}" for argument in node.args.args + node.args.kwonlyargs)
            elif isinstance(node, ast.ClassDef):
                for item in node.body:
                    name = getattr(item, "name", None) or getattr(getattr(item, "target", None), "id", "_")
                    name = SPECIAL.get(name, name)
                    if not name.startswith("_"):
                        found.add(f"{node.name}.{name.rstrip('_')}")
    return found


def python():
    return python_members(PYTHON)


def aio():
    """What facetbox.aio exports, and of facetbox what it doesn't replace."""
    own = python_members(PYTHON / "aio")
    replaced = exported(PYTHON / "aio") | {"Options"}
    return own | {name for name in python() if name.split(".")[0] not in replaced}


def node():
    """Members of exported classes, interfaces and objects, and exported functions."""
    found = set()
    for path in sorted((ROOT / "bindings-node/types").glob("*.d.ts")):
        owner = None
        for line in path.read_text(encoding="utf-8").splitlines():
            if match := re.match(r"export function (\w+)", line):
                found.add(snake(match[1]))
            elif match := re.match(r"export (?:abstract class|class|interface|type|const) (\w+)", line):
                owner = match[1]
                inline = re.findall(r"readonly (\w+)\??:", line)
                found.update(f"{owner}.{snake(name)}" for name in inline)
            elif line.startswith("}"):
                owner = None
            elif owner and (match := re.match(r"  (?:static |readonly |get )*(\w+)\??[(<:]", line)):
                if match[1] not in ("constructor", "private"):
                    found.add(f"{owner}.{snake(match[1])}")
    return found


def finders(surface):
    return {
        "rust": rust,
        "c": lambda: c(surface["c_prefixes"]),
        "cpp": cpp,
        "go": go,
        "python": python,
        "aio": aio,
        "node": node,
    }


def canonical(name, aliases):
    owner, _, member = name.rpartition(".")
    return f"{aliases.get(owner, owner)}.{member}" if owner else name


def find(language, surface):
    """What a language has, under canonical names, without fields of records."""
    aliases = surface["aliases"].get(language, {})
    names = {canonical(name, aliases) for name in finders(surface)[language]()}
    return {name for name in names if name.split(".")[0] not in surface["records"]["types"]}


def is_only(name, only):
    owner, _, member = name.rpartition(".")
    return bool({name, f"{owner}.*", f"*.{member}"} & set(only))


def compare(language, surface):
    """What is wrong in one language, and how many of the operations it has."""
    found, problems = find(language, surface), []
    absent, renamed, only = (surface[section].get(language, {}) for section in ("absent", "renamed", "only"))
    operations = {
        member if owner == "module" else f"{owner}.{member}"
        for owner, members in surface["types"].items()
        for member in members
    }
    own = {name: renamed.get(name, name) for name in operations}
    for name in sorted(operations):
        if own[name] in found and name in absent:
            problems.append(f"{language} has {own[name]}, which surface.toml calls absent")
        elif own[name] not in found and name not in absent:
            problems.append(f"{language} lacks {own[name]}")
    for name in sorted(found - set(own.values())):
        if not is_only(name, only):
            problems.append(f"{language} has {name}, which surface.toml doesn't know")
    for name in only:
        if not any(is_only(other, {name}) for other in found):
            problems.append(f"surface.toml lists {name} for {language}, which has no such thing")
    for name in sorted((set(absent) | set(renamed)) - operations):
        problems.append(f"surface.toml calls {name} absent or renamed in {language}, but it is no operation")
    return problems, len(operations) - len(absent)


def main():
    surface = tomllib.loads(text("tests/surface.toml"))
    if sys.argv[1:2] == ["list"]:
        print("\n".join(sorted(find(sys.argv[2], surface))))
        return 0
    failed = False
    for language in finders(surface):
        problems, count = compare(language, surface)
        print(*problems, f"{language}: {count} operations", sep="\n")
        failed = failed or bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
