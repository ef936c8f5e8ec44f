"""Files as they lie in a folder: small on the wire, asked for once while they stay as they are.

An address that names the version of the whole folder may be kept for ever; a page gets such addresses when it is
served. Modules then import each other by relative paths, and so stay within one version. The style sheets of a page are
sent as one, `css/a+b.css`: together they are a third smaller.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
ALREADY_SMALL = {".png", ".woff2"}
VERSION = re.compile(r"v-[0-9a-f]{12}")
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
ASK_AGAIN = {"Cache-Control": "no-cache"}
SHEET = re.compile(r'[ \t]*<link rel="stylesheet" href="[^"]*/(css/[\w-]+\.css)">\n')
INDENTATION = re.compile(rb"\n\s+")
# Of the libraries, the stamp stands for all.
LOOKED_AT = ("css/*.css", "js/**/*.js", "*.svg", "icon/*", "vendor/stamp")


@dataclass(frozen=True, slots=True)
class File:
    body: bytes
    media_type: str
    smaller: dict[str, bytes] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f'W/"{hashlib.sha256(self.body).hexdigest()[:24]}"'


class Static:
    def __init__(self, folder: Path, address: str) -> None:
        self._folder, self._address = folder.resolve(), address
        self._kept: dict[str, tuple[tuple[tuple[int, int], ...], File]] = {}
        self._version: tuple[int, str] = (0, "")

    @property
    def version(self) -> str:
        """Changes when any file does. Looking at them is a fraction of a millisecond."""
        found = sorted(file for pattern in LOOKED_AT for file in self._folder.glob(pattern))
        state = hash(tuple((file, *_state(file)) for file in found))
        if self._version[0] != state:
            whole = hashlib.sha256(b"".join(bytes(file) + file.read_bytes() for file in found))
            self._version = (state, f"v-{whole.hexdigest()[:12]}")
        return self._version[1]

    def file(self, request: Request, path: str) -> Response:
        """What lies at that path, with or without a version before it."""
        asked, _, rest = path.partition("/")
        if not VERSION.fullmatch(asked):
            return answer(request, self._load(path), ASK_AGAIN)
        return answer(request, self._load(rest), FOREVER if asked == self.version else ASK_AGAIN)

    def page(self, request: Request, name: str, headers: dict[str, str], status: int = 200) -> Response:
        """A page whose files are named with their version."""
        version = self.version
        html = self._as_one_sheet(self._load(f"{name}.html").body.decode())
        body = html.replace(f'"{self._address}/', f'"{self._address}/{version}/').encode()
        body = INDENTATION.sub(b"\n", body)
        found = File(body, TYPES[".html"], {"gzip": gzip.compress(body, 9, mtime=0)})
        return answer(request, found, headers, status)

    def _load(self, path: str) -> File:
        files = [self._found(part) for part in self._parts(path)]
        state = tuple(_state(file) for file in files)
        if path not in self._kept or self._kept[path][0] != state:
            self._kept[path] = (state, _read(files, self._folder / "vendor" / "small"))
        return self._kept[path][1]

    def _parts(self, path: str) -> list[str]:
        """Only what some page asks for as one is put together; else anybody could fill the memory."""
        if "+" not in path or path in self._kept:
            return _sheets(path) if "+" in path else [path]
        for page in self._folder.glob("*.html"):
            if path == joined(SHEET.findall(page.read_text(encoding="utf-8"))):
                return _sheets(path)
        raise HTTPException(404)

    def _as_one_sheet(self, html: str) -> str:
        sheets = SHEET.findall(html)
        if len(sheets) < 2:
            return html
        link = f'  <link rel="stylesheet" href="{self._address}/{joined(sheets)}">\n'
        before, _, rest = SHEET.sub("\0", html).partition("\0")
        return before + link + rest.replace("\0", "")

    def _found(self, path: str) -> Path:
        try:
            file = (self._folder / path).resolve()
            if file.is_relative_to(self._folder) and file.suffix in TYPES and file.is_file():
                return file
        except (OSError, ValueError):
            pass  # Such a name no file can have.
        raise HTTPException(404)


def answer(request: Request, file: File, headers: dict[str, str], status: int = 200) -> Response:
    told = {**headers, "ETag": file.etag}
    if file.smaller:
        told["Vary"] = "Accept-Encoding"
    if status == 200 and file.etag in request.headers.get("if-none-match", ""):
        return Response(None, 304, told)
    body = file.body
    for encoding in ("br", "gzip"):
        if encoding in file.smaller and _accepts(request, encoding):
            told["Content-Encoding"], body = encoding, file.smaller[encoding]
            break
    return Response(body, status, {**told, "Content-Type": file.media_type})


def _accepts(request: Request, encoding: str) -> bool:
    offers = (offer.replace(" ", "").split(";") for offer in request.headers.get("accept-encoding", "").split(","))
    return any(name == encoding and rest not in (["q=0"], ["q=0.0"]) for name, *rest in offers)


def _state(file: Path) -> tuple[int, int]:
    stat = file.stat()
    return stat.st_mtime_ns, stat.st_size


def joined(sheets: list[str]) -> str:
    """`css/a+b.css` for `css/a.css` and `css/b.css`."""
    return f"css/{'+'.join(Path(sheet).stem for sheet in sheets)}.css"


def _sheets(path: str) -> list[str]:
    return [f"css/{name}.css" for name in Path(path).stem.split("+")]


def _read(files: list[Path], small: Path) -> File:
    """Small forms that the build made are taken: beside a library, or by the hash of what it was made of."""
    file, body = files[0], b"".join(file.read_bytes() for file in files)
    if file.suffix in ALREADY_SMALL:
        return File(body, TYPES[file.suffix])
    smaller = {"gzip": gzip.compress(body, 9, mtime=0)}
    beside = [file] if len(files) == 1 else []
    for stem in (*beside, small / hashlib.sha256(body).hexdigest()):
        for encoding, ending in (("gzip", "gz"), ("br", "br")):
            if (made := Path(f"{stem}.{ending}")).is_file():
                smaller[encoding] = made.read_bytes()
    return File(body, TYPES[file.suffix], smaller)
