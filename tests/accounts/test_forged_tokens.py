"""What is not letter for letter a token of ours opens nothing."""

from __future__ import annotations

from collections.abc import Callable

import httpx2
import pytest

from tests.accounts.forgery import GONE, HEADER, payload_of, segment, signed, with_claims, with_header
from tests.conftest import Person
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.either_engine

ME = "/api/auth/me"
CLAIMS = ["exp", "iat", "sub", "jti", "aud", "iss", "typ"]
WEEK = 604_800

Forge = Callable[[str, str], str]


def _claiming(claim: str, value: object) -> Forge:
    return lambda own, _: with_claims(own, **{claim: value})


def _moved(token: str, seconds: int) -> str:
    claims = payload_of(token)
    return with_claims(token, iat=claims["iat"] + seconds, exp=claims["exp"] + seconds)


HEADERS: dict[str, Forge] = {
    "alg none, unsigned": lambda own, _: f"{segment({'alg': 'none', 'typ': 'JWT'})}.{own.split('.')[1]}.",
    "alg None, unsigned": lambda own, _: f"{segment({'alg': 'None', 'typ': 'JWT'})}.{own.split('.')[1]}.",
    "alg NONE, unsigned": lambda own, _: f"{segment({'alg': 'NONE', 'typ': 'JWT'})}.{own.split('.')[1]}.",
    "alg none, signed": lambda own, _: with_header(own, alg="none"),
    "alg missing": lambda own, _: with_header(own, alg=GONE),
    "alg null": lambda own, _: with_header(own, alg=None),
    "alg in lower case": lambda own, _: with_header(own, alg="hs256"),
    "RS256 over our secret": lambda own, _: with_header(own, alg="RS256"),
    "ES256 over our secret": lambda own, _: with_header(own, alg="ES256"),
    "EdDSA over our secret": lambda own, _: with_header(own, alg="EdDSA"),
    "HS384": lambda own, _: signed({**HEADER, "alg": "HS384"}, payload_of(own), digest="sha384"),
    "HS512": lambda own, _: signed({**HEADER, "alg": "HS512"}, payload_of(own), digest="sha512"),
    "kid": lambda own, _: with_header(own, kid="../../dev/null"),
    "kid as a number": lambda own, _: with_header(own, kid=1),
    "jku": lambda own, _: with_header(own, jku="https://evil.example/keys"),
    "x5u": lambda own, _: with_header(own, x5u="https://evil.example/key"),
    "jwk": lambda own, _: with_header(own, jwk={"kty": "oct", "k": "AA"}),
    "crit": lambda own, _: with_header(own, crit=["exp"]),
    "b64 false": lambda own, _: with_header(own, b64=False, crit=["b64"]),
    "zip": lambda own, _: with_header(own, zip="DEF"),
    "typ of an access token": lambda own, _: with_header(own, typ="at+jwt"),
    "typ missing": lambda own, _: with_header(own, typ=GONE),
    "header is a list": lambda own, _: signed(["HS256"], payload_of(own)),
    "header is a deep nest": lambda own, _: f"{segment(b'[' * 600)}.{own.split('.')[1]}.{own.split('.')[2]}",
}
KEYS: dict[str, Forge] = {
    "empty key": lambda own, _: signed(HEADER, payload_of(own), secret=""),
    "another key": lambda own, _: signed(HEADER, payload_of(own), secret=own),
    "signature missing": lambda own, _: own.rpartition(".")[0],
    "signature empty": lambda own, _: own.rpartition(".")[0] + ".",
    "signature cut": lambda own, _: own[:-4],
    "signature of another token": lambda own, other: f"{own.rpartition('.')[0]}.{other.rpartition('.')[2]}",
    "signature padded": lambda own, _: own + "=",
    "payload of another token": lambda own, other: ".".join([own.split(".")[0], *other.split(".")[1:2], own[-43:]]),
    "upper case": lambda own, _: own.upper(),
    "lower case": lambda own, _: own.lower(),
}
PAYLOADS: dict[str, Forge] = {
    **{f"no {claim}": _claiming(claim, GONE) for claim in CLAIMS},
    **{f"{claim} null": _claiming(claim, None) for claim in CLAIMS},
    "exp in a hundred years": lambda own, _: with_claims(own, exp=payload_of(own)["exp"] + 3_153_600_000),
    "exp beyond all numbers": lambda own, _: with_claims(own, exp=10**30),
    "exp infinite": lambda own, _: with_claims(own, exp=float("inf")),
    "exp with a fraction": lambda own, _: with_claims(own, exp=payload_of(own)["exp"] + 0.5),
    "exp as a float": lambda own, _: with_claims(own, exp=float(payload_of(own)["exp"])),
    "exp as a string": lambda own, _: with_claims(own, exp=str(payload_of(own)["exp"])),
    "iat as a string": lambda own, _: with_claims(own, iat=str(payload_of(own)["iat"])),
    "iat beyond all numbers": lambda own, _: with_claims(own, iat=10**30, exp=10**30 + WEEK),
    "iat not a number": lambda own, _: with_claims(own, iat=float("nan")),
    "iat in the future": lambda own, _: _moved(own, 3600),
    "iat a lifetime ago": lambda own, _: _moved(own, -WEEK),
    "another audience": lambda own, _: with_claims(own, aud="elsewhere"),
    "audience as a list": lambda own, _: with_claims(own, aud=["prome"]),
    "another issuer": lambda own, _: with_claims(own, iss="elsewhere"),
    "another kind": lambda own, _: with_claims(own, typ="reset"),
    "somebody else's name": lambda own, other: with_claims(own, sub=payload_of(other)["sub"]),
    "somebody else's session": lambda own, other: with_claims(own, jti=payload_of(other)["jti"]),
    "a session that never was": lambda own, _: with_claims(own, jti="sgn_00000000000000000000000000"),
    "sub as a number": lambda own, _: with_claims(own, sub=1),
    "jti as a list": lambda own, _: with_claims(own, jti=[payload_of(own)["jti"]]),
    "a claim more": lambda own, _: with_claims(own, role="admin"),
    "nbf": lambda own, _: with_claims(own, nbf=0),
    "nine kilobytes": lambda own, _: with_claims(own, padding="x" * 9000),
    "payload is a list": lambda own, _: signed(HEADER, list(payload_of(own).values())),
    "payload in another order": lambda own, _: signed(HEADER, dict(sorted(payload_of(own).items()))),
}
PRESENTED: dict[str, Callable[[str], list[tuple[str, bytes | str]]]] = {
    "no token": lambda own: [("Authorization", "Bearer")],
    "only a space": lambda own: [("Authorization", "Bearer ")],
    "empty": lambda own: [("Authorization", "")],
    "no scheme": lambda own: [("Authorization", own)],
    "Basic": lambda own: [("Authorization", f"Basic {own}")],
    "Token": lambda own: [("Authorization", f"Token {own}")],
    "two spaces": lambda own: [("Authorization", f"Bearer  {own}")],
    "a tab": lambda own: [("Authorization", f"Bearer\t{own}")],
    "a space inside": lambda own: [("Authorization", f"Bearer {own[:40]} {own[40:]}")],
    "quoted": lambda own: [("Authorization", f'Bearer "{own}"')],
    "twice in one header": lambda own: [("Authorization", f"Bearer {own}, Bearer {own}")],
    "two headers": lambda own: [("Authorization", f"Bearer {own}"), ("Authorization", f"Bearer {own}")],
    "not ASCII": lambda own: [("Authorization", f"Bearer {own}é".encode("latin-1"))],
    "not even text": lambda own: [("Authorization", b"Bearer \xff\xfe")],
    "a cookie of another name": lambda own: [("Cookie", f"token={own}; access_token={own}")],
    "the cookie of TLS in the clear": lambda own: [("Cookie", f"__Host-session={own}")],
    "a header of another name": lambda own: [("X-Authorization", f"Bearer {own}"), ("X-Access-Token", own)],
}


@pytest.mark.parametrize("forge", [pytest.param(f, id=name) for name, f in (HEADERS | KEYS | PAYLOADS).items()])
async def test_a_forged_token_opens_nothing(client: httpx2.AsyncClient, ann: Person, bob: Person, forge: Forge) -> None:
    forged = forge(ann.token, bob.token)
    before = await client.get(ME, headers=ann.headers)

    response = await client.get(ME, headers={"Authorization": f"Bearer {forged}"})

    after = await client.get(ME, headers=ann.headers)
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    assert response.headers["www-authenticate"] == 'Bearer realm="prome"'
    assert before.status_code == after.status_code == 200


@pytest.mark.parametrize("present", [pytest.param(f, id=name) for name, f in PRESENTED.items()])
async def test_a_good_token_in_the_wrong_place_opens_nothing(
    client: httpx2.AsyncClient, ann: Person, present: Callable[[str], list[tuple[str, bytes | str]]]
) -> None:
    headers = [(name, text.encode() if isinstance(text, str) else text) for name, text in present(ann.token)]

    response = await client.get(ME, headers=[(name.encode(), value) for name, value in headers])

    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("name", ["token", "access_token", "jwt", "session", "ticket"])
async def test_a_token_in_the_query_or_in_the_body_opens_nothing(
    client: httpx2.AsyncClient, ann: Person, name: str
) -> None:
    in_query = await client.get(ME, params={name: ann.token})
    in_body = await client.request("GET", ME, json={name: ann.token})

    assert in_query.status_code == in_body.status_code == 401


async def test_a_token_lives_to_its_last_second_and_no_longer(
    client: httpx2.AsyncClient, ann: Person, clock: FakeClock
) -> None:
    left = payload_of(ann.token)["exp"] - clock.now().timestamp()

    clock.advance(seconds=left - 0.001)
    just_before = await client.get(ME, headers=ann.headers)
    clock.advance(seconds=0.001)
    at_the_end = await client.get(ME, headers=ann.headers)

    assert (just_before.status_code, at_the_end.status_code) == (200, 401)


async def test_our_own_way_of_writing_it_is_what_a_forger_would_have_to_copy(ann: Person) -> None:
    assert signed(HEADER, payload_of(ann.token)) == ann.token


async def test_the_scheme_may_be_written_in_any_case(client: httpx2.AsyncClient, ann: Person) -> None:
    response = await client.get(ME, headers={"Authorization": f"bEaReR {ann.token}"})

    assert response.status_code == 200
