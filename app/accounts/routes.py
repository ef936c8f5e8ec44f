"""Register, sign in, see who I am, sign out; a new name or password, one forgotten, and where I am signed in."""

from __future__ import annotations

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from app.accounts import accounts, doors, leavers, resets, sessions
from app.accounts.accounts import EmailTaken, normal_email
from app.accounts.confirming import WrongPassword
from app.accounts.doors import TooManyAttempts
from app.accounts.identity import clear_cookie, identity, set_cookie
from app.accounts.passwords import Busy, require_good
from app.accounts.resets import ResetLinkInvalid
from app.accounts.shapes import (
    Credentials,
    Forgotten,
    Me,
    PasswordChange,
    Registration,
    Renaming,
    Reset,
    Sent,
    SessionOut,
    SessionsOut,
    SignedIn,
    UserOut,
)
from app.accounts.tables import SignIn, User
from app.accounts.tokens import Claims
from app.db import Session
from app.edge import paging
from app.edge.endpoints import delete, get, patch, post, reply
from app.edge.origin import CrossSite
from app.edge.paging import Page
from app.errors import AppError, NotFound
from app.ledger import ledger
from app.mail import MailOff
from app.services import Services, services


class WrongCredentials(AppError):
    status, code, message = 401, "wrong_credentials", "The e-mail address or the password is not right."

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": 'Bearer realm="prome"'})


class AccountDisabled(AppError):
    status, code, message = (
        403,
        "account_disabled",
        "This account is closed. Please write to whoever runs this service.",
    )


async def register(request: Request, body: Registration) -> Response:
    """Opens an account and signs in."""
    its, email = services(request), normal_email(body.email)
    require_good(body.password, email=email)
    async with its.db.begin() as session:
        await doors.knock(session, its.doors.registration(its.doors.place(request)), its.clock.now())
    password_hash = await its.passwords.hash(body.password)
    async with its.db.begin() as session:
        user = await accounts.create(session, email, password_hash, its.clock.now())
        await _welcome(its, session, user)
        return await _signed_in(request, session, user, status=201)


async def login(request: Request, body: Credentials) -> Response:
    """Signs in: a token for scripts, and the same as a cookie for browsers."""
    its, email, place = services(request), normal_email(body.email), services(request).doors.place(request)
    its.passwords.require_room()
    async with its.db.begin() as session:
        user_id, password_hash = await accounts.key_of(session, email)
        at_home = await sessions.has_been_here(session, user_id, place)
        knocked = its.doors.sign_in(email, place, at_home=at_home)
        await doors.knock(session, knocked, its.clock.now())
    right = await its.passwords.matches(body.password, password_hash)
    its.metrics.sign_ins.labels("right" if right else "wrong").inc()
    if not right:
        raise WrongCredentials
    async with its.db.begin() as session:
        if not (user := await accounts.confirm(session, user_id, password_hash)):
            raise WrongCredentials
        await doors.welcome(session, knocked)
        return await _signed_in(request, session, user)


async def logout(request: Request) -> Response:
    """Ends this session: its token and its cookie are dead at once."""
    its, me = services(request), identity(request)
    async with its.db.begin() as session:
        await sessions.end(session, me.user_id, me.sign_in_id, its.clock.now())
    response = reply(None)
    clear_cookie(request, response)
    return response


async def me(request: Request) -> Me:
    """Who I am."""
    its = services(request)
    async with its.db.read() as session:
        return Me(user=await _user_out(session, await accounts.by_id(session, identity(request).user_id)))


async def rename(request: Request, body: Renaming) -> Me:
    """What I am called."""
    its, me = services(request), identity(request)
    async with its.db.begin() as session:
        await accounts.rename(session, me.user_id, body.name, its.clock.now())
        return Me(user=await _user_out(session, await accounts.by_id(session, me.user_id)))


async def change_password(request: Request, body: PasswordChange) -> None:
    """Sets a new password; every other session ends."""
    its, me = services(request), identity(request)
    require_good(body.new_password, email=me.email, field="newPassword")
    user = await its.confirming.require(me.user_id, body.current_password)
    password_hash = await its.passwords.hash(body.new_password)
    async with its.db.begin() as session:
        if not await accounts.confirm(session, user.id, user.password_hash):
            raise WrongPassword
        await accounts.set_password(session, me.user_id, password_hash, its.clock.now())
        await sessions.end_all(session, me.user_id, its.clock.now(), but=me.sign_in_id)


async def forgot_password(request: Request, body: Forgotten) -> Response:
    """Sends a link to set a new password, if there is such an account; the answer does not tell."""
    its, email = services(request), normal_email(body.email)
    its.post.require()
    async with its.db.begin() as session:
        await doors.knock(session, its.doors.reset(email, its.doors.place(request)), its.clock.now())
    # Looked up only after the answer is out, so that its time does not tell either.
    response = reply(Sent(), 202)
    response.background = BackgroundTask(_send_link, its, email)
    return response


async def _send_link(its: Services, email: str) -> None:
    async with its.db.begin() as session:
        user = await accounts.by_email(session, email)
        if user is None or user.disabled_at:
            return
        token = await resets.begin(session, user.id, its.clock.now())
    link = f"{its.settings.public_url}/reset#token={token}"
    its.post.send(email, resets.SUBJECT, resets.TEXT.format(email=email, link=link))


async def reset_password(request: Request, body: Reset) -> None:
    """Sets a new password by the link from the mail; every session ends."""
    its, now = services(request), services(request).clock.now()
    async with its.db.read() as session:
        user = await accounts.by_id(session, await resets.owner(session, body.token, now))
    require_good(body.new_password, email=user.email, field="newPassword")
    password_hash = await its.passwords.hash(body.new_password)
    async with its.db.begin() as session:
        await resets.use(session, body.token, now)
        await accounts.set_password(session, user.id, password_hash, now)
        # Whoever holds the link is at home here, so that guessers elsewhere cannot keep them out.
        await _open_session(request, session, user)
        await sessions.end_all(session, user.id, now)


async def list_sessions(request: Request, page: Page) -> SessionsOut:
    """Where I am signed in, newest first."""
    its, me = services(request), identity(request)
    async with its.db.read() as session:
        found = await sessions.open_ones(session, me.user_id, page, its.clock.now())
    shown, next_cursor = paging.cut(found, page, lambda one: (one.created_at, one.id))
    return SessionsOut(sessions=[_session_out(one, me.sign_in_id) for one in shown], next_cursor=next_cursor)


async def end_session(request: Request) -> None:
    """Signs another device out."""
    its, me = services(request), identity(request)
    async with its.db.begin() as session:
        if not await sessions.end(session, me.user_id, request.path_params["session_id"], its.clock.now()):
            raise NotFound


async def _open_session(request: Request, session: Session, user: User) -> SignIn:
    its = services(request)
    if user.disabled_at:
        raise AccountDisabled
    agent, place = request.headers.get("user-agent", ""), its.doors.place(request)
    now, lifetime = its.clock.now(), its.tokens.lifetime
    return await sessions.open_session(session, user.id, agent=agent, place=place, now=now, lifetime=lifetime)


async def _welcome(its: Services, session: Session, user: User) -> None:
    """Once for each address: leaving and coming back is no way to tokens."""
    await ledger.open_account(session, user.id)
    tokens = its.settings.welcome_tokens
    if tokens and not await leavers.was_here(session, leavers.mark_of(its.settings, user.email)):
        await ledger.credit(session, user.id, tokens, kind="welcome", reference=user.id)


async def _signed_in(request: Request, session: Session, user: User, status: int = 200) -> Response:
    """Rendered inside the unit and sent after it: nobody gets a token for a session that was not kept."""
    sign_in, tokens = await _open_session(request, session, user), services(request).tokens
    token = tokens.issue(Claims(user.id, sign_in.id, sign_in.created_at))
    response = reply(SignedIn(user=await _user_out(session, user), token=token), status)
    set_cookie(request, response, token, int(tokens.lifetime.total_seconds()))
    return response


async def _user_out(session: Session, user: User) -> UserOut:
    has = await ledger.balance(session, user.id)
    return UserOut.model_validate({**user.model_dump(), "balance": has.balance})


def _session_out(one: SignIn, current_id: str) -> SessionOut:
    return SessionOut.model_validate({**one.model_dump(), "current": one.id == current_id})


THROTTLED = [TooManyAttempts, Busy]

routes = [
    post("/api/auth/register", register, body=Registration, returns=SignedIn, status=201, public=True,
         raises=[EmailTaken, *THROTTLED]),
    post("/api/auth/login", login, body=Credentials, returns=SignedIn, public=True,
         raises=[WrongCredentials, AccountDisabled, *THROTTLED]),
    post("/api/auth/logout", logout, status=204, raises=[CrossSite]),
    get("/api/auth/me", me, returns=Me),
    patch("/api/auth/me", rename, body=Renaming, returns=Me, raises=[CrossSite]),
    post("/api/auth/password", change_password, body=PasswordChange, status=204,
         raises=[WrongPassword, CrossSite, *THROTTLED]),
    post("/api/auth/password/forgot", forgot_password, body=Forgotten, returns=Sent, status=202, public=True,
         raises=[MailOff, TooManyAttempts]),
    post("/api/auth/password/reset", reset_password, body=Reset, status=204, public=True,
         raises=[ResetLinkInvalid, AccountDisabled, Busy]),
    get("/api/auth/sessions", list_sessions, query=Page, returns=SessionsOut),
    delete("/api/auth/sessions/{session_id}", end_session, status=204, raises=[NotFound, CrossSite]),
]  # fmt: skip
