"""Whatever is sent as a body, the answer comes at once, names the fault and is never our own."""

from __future__ import annotations

import time

import httpx2
import pytest

from tests.conftest import PASSWORD

JSON = {"Content-Type": "application/json"}
MEBIBYTE = 1024 * 1024


def flood(of: bytes, *, start: bytes = b"{", end: bytes = b"}") -> bytes:
    """As many of them as fit into what may be sent; `%d` counts."""
    parts: list[bytes] = []
    size = len(start) + len(end)
    while size <= MEBIBYTE:
        parts.append(of % len(parts) if b"%d" in of else of)
        size += len(parts[-1]) + 1
    return start + b",".join(parts[:-1]) + end


MALFORMED = {
    "nothing": b"",
    "no JSON": b"email=ann@example.com",
    "half of it": b'{"text": "a',
    "too much of it": b'{"text": "a"} {"text": "b"}',
    "a comma too many": b'{"text": "a",}',
    "Python's idea of it": b"{'text': 'a'}",
    "NaN as a key": b"{NaN: 1}",
    "not UTF-8": b'{"text": "\xff\xfe"}',
    "overlong UTF-8": b'{"text": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"text": "\xed\xa0\x80"}',
    "half a surrogate pair": b'{"text": "\\ud800"}',
    "UTF-16": '{"text": "a"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"text": "a"}',
    "a bare NUL": b'{"text": "a\x00b"}',
    "100,000 deep": b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "objects 100,000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "3,000 deep": b"[" * 3_000 + b"]" * 3_000,
}
INVALID = {
    "a list": b"[]",
    "a text": b'"text"',
    "null": b"null",
    "a number": b"1e400",
    "no field": b"{}",
    "a field too many": b'{"text": "a", "b": 1}',
    "a number for a text": b'{"text": 5}',
    "a list for a text": b'{"text": ["a"]}',
    "too long": b'{"text": "' + b"x" * 101 + b'"}',
    "NUL": b'{"text": "a\\u0000b"}',
    "infinity": b'{"text": "a", "stars": 1e400}',
    "minus infinity": b'{"text": "a", "stars": -1e400}',
    "NaN": b'{"text": "a", "stars": NaN}',
    "half a star": b'{"text": "a", "stars": 1.5}',
    "a text for a number": b'{"text": "a", "stars": "1"}',
    "twice, the last one wrong": b'{"text": "a", "text": 5}',
    "the other spelling": b'{"Text": "a"}',
    "many unknown fields": flood(b'"a%d":1'),
    "one field many times": flood(b'"text":"a"', end=b',"b":1}'),
    "a long list": flood(b"1", start=b'{"text":[', end=b"]}"),
    "a field with a long name": b'{"' + b"x" * 500_000 + b'": 1}',
    "many digits": b'{"text": "a", "stars": ' + b"9" * 5_000 + b"}",
}


async def ask(client: httpx2.AsyncClient, content: bytes) -> httpx2.Response:
    assert len(content) <= MEBIBYTE
    began = time.process_time()
    answer = await client.post("/api/measure", content=content, headers=JSON)
    # Of this process alone, which a busy machine does not stretch.
    assert time.process_time() - began <= 1
    return answer


@pytest.mark.parametrize("what", MALFORMED)
@pytest.mark.either_engine
async def test_what_is_no_json_is_malformed(client: httpx2.AsyncClient, what: str) -> None:
    answer = await ask(client, MALFORMED[what])

    assert (answer.status_code, answer.json()["code"]) in ((400, "malformed_json"), (422, "invalid_request"))


@pytest.mark.parametrize("what", INVALID)
@pytest.mark.either_engine
async def test_json_of_another_shape_is_invalid(client: httpx2.AsyncClient, what: str) -> None:
    answer = await ask(client, INVALID[what])

    assert answer.status_code in (400, 422)
    assert len(answer.content) < 4096


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx",
     "application/json-patch+json", "text/json", "application/json, text/plain"],
)  # fmt: skip
@pytest.mark.either_engine
async def test_another_content_type_is_refused_as_a_form_could_send_it(
    client: httpx2.AsyncClient, content_type: str
) -> None:
    answer = await client.post("/api/measure", content=b'{"text": "a"}', headers={"Content-Type": content_type})

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON", "application/json; charset=utf-8"])
async def test_json_is_known_by_its_name(client: httpx2.AsyncClient, content_type: str) -> None:
    answer = await client.post("/api/measure", content=b'{"text": "\xc3\xbc"}', headers={"Content-Type": content_type})

    assert (answer.status_code, answer.json()["characters"]) == (200, 1)


@pytest.mark.parametrize("nul", ["\x00", "a\x00"])
async def test_nul_reaches_no_row_of_the_front_door(client: httpx2.AsyncClient, nul: str) -> None:
    for path in ("/api/auth/register", "/api/auth/login", "/api/auth/password/forgot"):
        answer = await client.post(path, json={"email": f"{nul}@example.com", "password": PASSWORD})

        assert answer.status_code == 422, path


async def test_a_flood_of_fields_is_counted_and_not_named(client: httpx2.AsyncClient) -> None:
    """Naming them takes ten times as long, and all others wait meanwhile."""
    answer = await ask(client, INVALID["many unknown fields"])

    assert (answer.json()["error"], answer.json()["fields"]) == ("More than 100 fields were sent.", [])


async def test_the_error_does_not_repeat_what_was_sent(client: httpx2.AsyncClient) -> None:
    answer = await ask(client, b'{"text": ["a-private-thing"], "stars": "another-private-thing"}')

    assert answer.status_code == 422
    assert "private" not in answer.text
