-- The tables as they are today: read this first.
--
-- It runs on SQLite and on Postgres. `app/*/tables.py` says the same in Python, `app/migrations` gets there step by
-- step, and tests/test_schema.py holds all three to each other on both engines.
-- Times are UTC. Ids are a prefix and a time-sortable random part, made by app/ids.py.

-- Who may sign in. The e-mail address is kept in its normal form, so that UNIQUE means one person.
CREATE TABLE users (
    id                  VARCHAR     NOT NULL PRIMARY KEY,
    email               VARCHAR     NOT NULL UNIQUE,
    name                VARCHAR     NOT NULL,
    password_hash       VARCHAR     NOT NULL,
    role                VARCHAR     NOT NULL CHECK (role IN ('user', 'subscriber', 'admin')),
    -- A sign-in from before this moment is dead, whatever its token says.
    sessions_not_before TIMESTAMPTZ NOT NULL,
    disabled_at         TIMESTAMPTZ,
    created_at          TIMESTAMPTZ NOT NULL,
    updated_at          TIMESTAMPTZ NOT NULL,
    -- Only of who has left: a keyed hash of the address, which had its welcome. The e-mail is the id then, the name empty.
    address_mark        VARCHAR
);
CREATE INDEX ix_users_address_mark ON users (address_mark);

-- One row a sign-in; its id is the `jti` of the token. `ended_at` is set by logout and by a change of password.
CREATE TABLE sign_ins (
    id         VARCHAR     NOT NULL PRIMARY KEY,
    user_id    VARCHAR     NOT NULL REFERENCES users (id),
    agent      VARCHAR     NOT NULL,
    -- A keyed hash of the network address, enough to recognise it and too little to tell it.
    place      VARCHAR     NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    ended_at   TIMESTAMPTZ
);
CREATE INDEX ix_sign_ins_user_id ON sign_ins (user_id, created_at, id);
CREATE INDEX ix_sign_ins_place ON sign_ins (user_id, place);

-- A link to set a new password. Only its hash is kept; it works once and for half an hour.
CREATE TABLE password_resets (
    token_hash VARCHAR     NOT NULL PRIMARY KEY,
    user_id    VARCHAR     NOT NULL REFERENCES users (id),
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at    TIMESTAMPTZ
);
CREATE INDEX ix_password_resets_user_id ON password_resets (user_id);

-- How often a door was tried in its present window. Names of doors are keyed hashes.
CREATE TABLE tries (
    door           VARCHAR     NOT NULL PRIMARY KEY,
    count          BIGINT      NOT NULL CHECK (count >= 0),
    window_ends_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX ix_tries_window_ends_at ON tries (window_ends_at);

-- What a request with an Idempotency-Key answered, so that its repetition answers the same and costs nothing.
CREATE TABLE idempotency_keys (
    user_id     VARCHAR     NOT NULL,
    key         VARCHAR     NOT NULL,
    -- SHA-256 over method, path and body: the same key with another request is a mistake.
    fingerprint VARCHAR     NOT NULL,
    -- NULL while the first request runs; then the status, headers and body that it answered.
    status      INTEGER,
    headers     VARCHAR,
    body        VARCHAR,
    -- Set instead of a body when the answer is a stream, which is then rejoined.
    stream_id   VARCHAR,
    claimed_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX ix_idempotency_keys_claimed_at ON idempotency_keys (claimed_at);

-- How many tokens somebody has. A cache of the entries below, which the database refuses to let drift from them.
CREATE TABLE ledger_accounts (
    user_id   VARCHAR NOT NULL PRIMARY KEY REFERENCES users (id),
    balance   BIGINT  NOT NULL,
    -- The part of the balance that running replies may still use.
    held      BIGINT  NOT NULL,
    -- What a refund could not take back because it was spent; the next grant pays it first.
    owed      BIGINT  NOT NULL,
    -- Number and hash of the newest entry; 0 and 64 zeros before the first one.
    sequence  BIGINT  NOT NULL,
    last_hash VARCHAR NOT NULL,
    CHECK (held >= 0),
    CHECK (balance >= held),
    CHECK (owed >= 0),
    CHECK (sequence >= 0)
);
CREATE INDEX ix_ledger_accounts_held ON ledger_accounts (user_id) WHERE held > 0;

-- Every movement of tokens, for ever. `kind` says where they came from or went; with `reference` it names what caused
-- the entry, so that nothing can cause two. `hash` covers the entry and the hash before it: see app/ledger/chain.py.
CREATE TABLE ledger_entries (
    id            VARCHAR     NOT NULL PRIMARY KEY,
    user_id       VARCHAR     NOT NULL REFERENCES ledger_accounts (user_id),
    sequence      BIGINT      NOT NULL,
    kind          VARCHAR     NOT NULL CHECK (kind IN ('welcome', 'purchase', 'subscription', 'usage', 'refund', 'dispute', 'adjustment', 'debt')),
    tokens        BIGINT      NOT NULL CHECK (tokens <> 0),
    balance_after BIGINT      NOT NULL CHECK (balance_after >= 0),
    reference     VARCHAR     NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    hash          VARCHAR     NOT NULL,
    UNIQUE (user_id, sequence),
    UNIQUE (kind, reference)
);
CREATE INDEX ix_ledger_entries_created_at ON ledger_entries (user_id, created_at);

-- What a debit could not take and left owed. Σ of these, less the entries of kind `debt`, is `ledger_accounts.owed`.
CREATE TABLE ledger_debts (
    kind       VARCHAR     NOT NULL,
    reference  VARCHAR     NOT NULL,
    user_id    VARCHAR     NOT NULL REFERENCES ledger_accounts (user_id),
    tokens     BIGINT      NOT NULL CHECK (tokens > 0),
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (kind, reference)
);
CREATE INDEX ix_ledger_debts_user_id ON ledger_debts (user_id);

-- Tokens set aside for one reply, and the terms under which: rates are tokens per 1,000 model tokens.
CREATE TABLE holds (
    id              VARCHAR     NOT NULL PRIMARY KEY,
    user_id         VARCHAR     NOT NULL REFERENCES ledger_accounts (user_id),
    tokens          BIGINT      NOT NULL CHECK (tokens > 0),
    prompt_tokens   BIGINT      NOT NULL CHECK (prompt_tokens >= 0),
    max_tokens      BIGINT      NOT NULL CHECK (max_tokens >= 0),
    input_rate      BIGINT      NOT NULL CHECK (input_rate >= 0),
    output_rate     BIGINT      NOT NULL CHECK (output_rate >= 0),
    model           VARCHAR     NOT NULL,
    conversation_id VARCHAR,
    message_id      VARCHAR,
    created_at      TIMESTAMPTZ NOT NULL,
    -- On the database's clock. After this, anybody may resolve the hold for an owner that died.
    expires_at      TIMESTAMPTZ NOT NULL
);
CREATE INDEX ix_holds_user_id ON holds (user_id, created_at, id);
CREATE INDEX ix_holds_message_id ON holds (message_id);

-- How a hold ended. The primary key is the promise: whoever races, it ends once.
CREATE TABLE hold_resolutions (
    hold_id           VARCHAR     NOT NULL PRIMARY KEY REFERENCES holds (id),
    user_id           VARCHAR     NOT NULL,
    outcome           VARCHAR     NOT NULL CHECK (outcome IN ('settled', 'released', 'expired')),
    prompt_tokens     BIGINT      NOT NULL CHECK (prompt_tokens >= 0),
    completion_tokens BIGINT      NOT NULL CHECK (completion_tokens >= 0),
    counted_by        VARCHAR     NOT NULL,
    charged           BIGINT      NOT NULL CHECK (charged >= 0),
    -- What was used beyond the hold: the house's loss, never the user's.
    surplus           BIGINT      NOT NULL CHECK (surplus >= 0),
    balance_after     BIGINT      NOT NULL,
    created_at        TIMESTAMPTZ NOT NULL,
    -- Who answered when it was not the model asked for, and the rates that were charged; never dearer than the hold's.
    answered_by       VARCHAR,
    input_rate        BIGINT,
    output_rate       BIGINT
);

-- One ask and its reply, by the id of its stream. It holds no words of its own and outlives its conversation, so that
-- what a reply cost the house can be set beside what it earned.
CREATE TABLE turns (
    id              VARCHAR     NOT NULL PRIMARY KEY,
    user_id         VARCHAR     NOT NULL REFERENCES users (id),
    conversation_id VARCHAR     NOT NULL,
    message_id      VARCHAR     NOT NULL,
    hold_id         VARCHAR     NOT NULL REFERENCES holds (id),
    worker          VARCHAR     NOT NULL,
    model           VARCHAR     NOT NULL,
    -- Whoever moves it away from `running` has ended the turn, in the transaction that charged it.
    state           VARCHAR     NOT NULL CHECK (state IN ('running', 'done', 'stopped', 'failed', 'interrupted')),
    -- The data of its events as they were sent (JSON), so that a late reader gets the same bytes: the text is the
    -- message's from `content_from` on, and `lengths` are the characters of each `answer`, with commas between.
    meta            VARCHAR     NOT NULL,
    content_from    BIGINT      NOT NULL CHECK (content_from >= 0),
    lengths         VARCHAR     NOT NULL,
    finish_reason   VARCHAR,
    usage           VARCHAR,
    error           VARCHAR,
    -- Only servers of an older version read it; they may still run while they are replaced.
    end_id          BIGINT,
    -- The ids at which readers were told an ending that its own worker did not see, with commas between: they may have
    -- seen more than was kept, each so far as it got.
    told_ends       VARCHAR,
    -- When somebody last read it in another worker than its own.
    read_at         TIMESTAMPTZ,
    -- When its shortened form was last read, whose ids are other ones.
    collapsed_at    TIMESTAMPTZ,
    cost_micro_usd  BIGINT,
    started_at      TIMESTAMPTZ NOT NULL,
    ended_at        TIMESTAMPTZ,
    -- Asked of another worker than the one that runs it, which looks for it every moment.
    stop_asked_at   TIMESTAMPTZ
);
CREATE UNIQUE INDEX ix_turns_one_per_conversation ON turns (conversation_id) WHERE state = 'running';
CREATE INDEX ix_turns_running ON turns (user_id, started_at, id) WHERE state = 'running';
CREATE INDEX ix_turns_message_id ON turns (message_id);
CREATE INDEX ix_turns_to_stop ON turns (worker) WHERE state = 'running' AND stop_asked_at IS NOT NULL;

-- Server processes that run turns, and when each was last alive on the database's clock.
CREATE TABLE workers (
    id      VARCHAR     NOT NULL PRIMARY KEY,
    seen_at TIMESTAMPTZ NOT NULL
);

-- Who may do a periodic piece of work now, so that of many workers one does it.
CREATE TABLE leases (
    name   VARCHAR     NOT NULL PRIMARY KEY,
    holder VARCHAR     NOT NULL,
    until  TIMESTAMPTZ NOT NULL
);

-- What no program of ours may do, the database refuses, whoever asks: history is only added to, an account begins
-- empty and stays, an entry continues the chain and moves its account, and nothing else moves a balance.
-- [sqlite]
CREATE TRIGGER ledger_entries_no_update BEFORE UPDATE ON ledger_entries
BEGIN SELECT RAISE(ABORT, 'history is only added to'); END;
CREATE TRIGGER ledger_entries_no_delete BEFORE DELETE ON ledger_entries
BEGIN SELECT RAISE(ABORT, 'history is only added to'); END;
CREATE TRIGGER ledger_debts_no_update BEFORE UPDATE ON ledger_debts
BEGIN SELECT RAISE(ABORT, 'history is only added to'); END;
CREATE TRIGGER ledger_debts_no_delete BEFORE DELETE ON ledger_debts
BEGIN SELECT RAISE(ABORT, 'history is only added to'); END;
CREATE TRIGGER holds_no_update BEFORE UPDATE ON holds
BEGIN SELECT RAISE(ABORT, 'history is only added to'); END;
CREATE TRIGGER holds_no_delete BEFORE DELETE ON holds
BEGIN SELECT RAISE(ABORT, 'history is only added to'); END;
CREATE TRIGGER hold_resolutions_no_update BEFORE UPDATE ON hold_resolutions
BEGIN SELECT RAISE(ABORT, 'history is only added to'); END;
CREATE TRIGGER hold_resolutions_no_delete BEFORE DELETE ON hold_resolutions
BEGIN SELECT RAISE(ABORT, 'history is only added to'); END;
CREATE TRIGGER ledger_accounts_no_delete BEFORE DELETE ON ledger_accounts
BEGIN SELECT RAISE(ABORT, 'history is only added to'); END;
CREATE TRIGGER ledger_accounts_begin_empty BEFORE INSERT ON ledger_accounts
WHEN NEW.balance <> 0 OR NEW.held <> 0 OR NEW.owed <> 0 OR NEW.sequence <> 0
BEGIN SELECT RAISE(ABORT, 'an account begins empty'); END;
CREATE TRIGGER ledger_entries_continue_the_chain BEFORE INSERT ON ledger_entries
WHEN NOT EXISTS (
    SELECT 1 FROM ledger_accounts
    WHERE user_id = NEW.user_id AND sequence + 1 = NEW.sequence AND balance + NEW.tokens = NEW.balance_after
)
BEGIN SELECT RAISE(ABORT, 'an entry continues the chain'); END;
CREATE TRIGGER ledger_entries_move_their_account AFTER INSERT ON ledger_entries
BEGIN
    UPDATE ledger_accounts
    SET balance = NEW.balance_after, sequence = NEW.sequence, last_hash = NEW.hash, held = held - COALESCE((
        SELECT tokens FROM holds WHERE NEW.kind = 'usage' AND id = NEW.reference AND user_id = NEW.user_id
    ), 0)
    WHERE user_id = NEW.user_id AND sequence + 1 = NEW.sequence AND balance + NEW.tokens = NEW.balance_after;
END;
CREATE TRIGGER ledger_accounts_move_by_entries BEFORE UPDATE ON ledger_accounts
WHEN (NEW.user_id <> OLD.user_id OR NEW.balance <> OLD.balance OR NEW.sequence <> OLD.sequence OR NEW.last_hash <> OLD.last_hash)
AND NOT EXISTS (
    SELECT 1 FROM ledger_entries
    WHERE user_id = OLD.user_id AND NEW.user_id = OLD.user_id AND sequence = NEW.sequence AND NEW.sequence = OLD.sequence + 1
      AND balance_after = NEW.balance AND tokens = NEW.balance - OLD.balance AND hash = NEW.last_hash
)
BEGIN SELECT RAISE(ABORT, 'a balance moves by its newest entry'); END;
-- [postgres]
-- SQLite's connections bring the same function with them.
CREATE FUNCTION utc_day(moment TIMESTAMPTZ) RETURNS VARCHAR LANGUAGE sql IMMUTABLE
RETURN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD');
CREATE FUNCTION history_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'history is only added to'; END $$;
CREATE TRIGGER ledger_entries_no_update BEFORE UPDATE ON ledger_entries
FOR EACH STATEMENT EXECUTE FUNCTION history_is_only_added_to();
CREATE TRIGGER ledger_entries_no_delete BEFORE DELETE OR TRUNCATE ON ledger_entries
FOR EACH STATEMENT EXECUTE FUNCTION history_is_only_added_to();
CREATE TRIGGER ledger_debts_no_update BEFORE UPDATE ON ledger_debts
FOR EACH STATEMENT EXECUTE FUNCTION history_is_only_added_to();
CREATE TRIGGER ledger_debts_no_delete BEFORE DELETE OR TRUNCATE ON ledger_debts
FOR EACH STATEMENT EXECUTE FUNCTION history_is_only_added_to();
CREATE TRIGGER holds_no_update BEFORE UPDATE ON holds
FOR EACH STATEMENT EXECUTE FUNCTION history_is_only_added_to();
CREATE TRIGGER holds_no_delete BEFORE DELETE OR TRUNCATE ON holds
FOR EACH STATEMENT EXECUTE FUNCTION history_is_only_added_to();
CREATE TRIGGER hold_resolutions_no_update BEFORE UPDATE ON hold_resolutions
FOR EACH STATEMENT EXECUTE FUNCTION history_is_only_added_to();
CREATE TRIGGER hold_resolutions_no_delete BEFORE DELETE OR TRUNCATE ON hold_resolutions
FOR EACH STATEMENT EXECUTE FUNCTION history_is_only_added_to();
CREATE TRIGGER ledger_accounts_no_delete BEFORE DELETE OR TRUNCATE ON ledger_accounts
FOR EACH STATEMENT EXECUTE FUNCTION history_is_only_added_to();
CREATE FUNCTION an_account_begins_empty() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'an account begins empty'; END $$;
CREATE TRIGGER ledger_accounts_begin_empty BEFORE INSERT ON ledger_accounts
FOR EACH ROW WHEN (NEW.balance <> 0 OR NEW.held <> 0 OR NEW.owed <> 0 OR NEW.sequence <> 0)
EXECUTE FUNCTION an_account_begins_empty();
CREATE FUNCTION an_entry_continues_the_chain() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    UPDATE ledger_accounts
    SET balance = NEW.balance_after, sequence = NEW.sequence, last_hash = NEW.hash, held = held - COALESCE((
        SELECT tokens FROM holds WHERE NEW.kind = 'usage' AND id = NEW.reference AND user_id = NEW.user_id
    ), 0)
    WHERE user_id = NEW.user_id AND sequence + 1 = NEW.sequence AND balance + NEW.tokens = NEW.balance_after;
    IF NOT FOUND THEN RAISE EXCEPTION 'an entry continues the chain'; END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_entries_move_their_account AFTER INSERT ON ledger_entries
FOR EACH ROW EXECUTE FUNCTION an_entry_continues_the_chain();
CREATE FUNCTION a_balance_moves_by_its_newest_entry() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM ledger_entries
        WHERE user_id = OLD.user_id AND NEW.user_id = OLD.user_id AND sequence = NEW.sequence AND NEW.sequence = OLD.sequence + 1
          AND balance_after = NEW.balance AND tokens = NEW.balance - OLD.balance AND hash = NEW.last_hash
    ) THEN RAISE EXCEPTION 'a balance moves by its newest entry'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_accounts_move_by_entries BEFORE UPDATE ON ledger_accounts
FOR EACH ROW WHEN (NEW.user_id <> OLD.user_id OR NEW.balance <> OLD.balance OR NEW.sequence <> OLD.sequence OR NEW.last_hash <> OLD.last_hash)
EXECUTE FUNCTION a_balance_moves_by_its_newest_entry();
-- [end]

-- What was said. `titled_by` is who gave the title: the first words, a model (once, over words alone) or the owner.
CREATE TABLE conversations (
    id                 VARCHAR     NOT NULL PRIMARY KEY,
    user_id            VARCHAR     NOT NULL REFERENCES users (id),
    title              VARCHAR     NOT NULL,
    titled_by          VARCHAR     NOT NULL CHECK (titled_by IN ('words', 'model', 'owner')),
    -- The tip: the current branch is this message and its ancestors.
    current_message_id VARCHAR,
    created_at         TIMESTAMPTZ NOT NULL,
    updated_at         TIMESTAMPTZ NOT NULL
);
CREATE INDEX ix_conversations_user_id ON conversations (user_id, updated_at, id);

-- Kept a short while, so that every open tab hears of it.
CREATE TABLE conversation_deletions (
    conversation_id VARCHAR     NOT NULL PRIMARY KEY,
    user_id         VARCHAR     NOT NULL REFERENCES users (id),
    deleted_at      TIMESTAMPTZ NOT NULL
);
CREATE INDEX ix_conversation_deletions_user_id ON conversation_deletions (user_id, deleted_at, conversation_id);

-- A tree: an edit and a second reply are siblings of the first. Content comes last, so that walking a branch skips it.
CREATE TABLE messages (
    id              VARCHAR     NOT NULL PRIMARY KEY,
    conversation_id VARCHAR     NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    parent_id       VARCHAR,
    -- Its place on its branch: 1 for the first, then the parent's plus one. Siblings share it.
    number          INTEGER     NOT NULL CHECK (number >= 1),
    role            VARCHAR     NOT NULL CHECK (role IN ('user', 'assistant')),
    status          VARCHAR     NOT NULL CHECK (status IN ('complete', 'streaming', 'stopped', 'failed', 'interrupted')),
    tokens          BIGINT      NOT NULL CHECK (tokens >= 0),
    -- Which tokenizer counted them.
    encoding        VARCHAR,
    model           VARCHAR,
    finish_reason   VARCHAR,
    -- The reply's `usage` event, as JSON.
    usage           VARCHAR,
    created_at      TIMESTAMPTZ NOT NULL,
    content         VARCHAR     NOT NULL
);
CREATE INDEX ix_messages_conversation_id ON messages (conversation_id, number, id);

-- What can be searched: one row a title and one a message that is whole. `words` are its different words, made by
-- app/conversations/terms.py for both engines alike, and before them `_` and the owner's id, which no word can be.
-- A query is words of an owner, a `*` behind one for any ending: `SELECT rowid FROM search('_usr_1_hello _usr_1_wor*')`.
-- [sqlite]
CREATE TABLE search_entries (
    number          INTEGER NOT NULL PRIMARY KEY,
    source_id       VARCHAR NOT NULL UNIQUE,
    conversation_id VARCHAR NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    words           VARCHAR NOT NULL,
    -- What is indexed: each word with its owner before it, so that nobody's search walks along other people's words.
    owned           VARCHAR GENERATED ALWAYS AS (
        replace(substr(words, instr(words, ' ')), ' ', ' ' || substr(words, 1, instr(words, ' ') - 1) || '_')
    ) VIRTUAL
);
CREATE INDEX ix_search_entries_conversation_id ON search_entries (conversation_id);
CREATE VIRTUAL TABLE search USING fts5 (
    owned, content = 'search_entries', content_rowid = 'number', detail = none, columnsize = 0,
    tokenize = "ascii tokenchars '_'"
);
CREATE TRIGGER search_entries_insert AFTER INSERT ON search_entries
BEGIN INSERT INTO search (rowid, owned) VALUES (NEW.number, NEW.owned); END;
CREATE TRIGGER search_entries_delete AFTER DELETE ON search_entries
BEGIN INSERT INTO search (search, rowid, owned) VALUES ('delete', OLD.number, OLD.owned); END;
CREATE TRIGGER search_entries_update AFTER UPDATE ON search_entries
BEGIN
    INSERT INTO search (search, rowid, owned) VALUES ('delete', OLD.number, OLD.owned);
    INSERT INTO search (rowid, owned) VALUES (NEW.number, NEW.owned);
END;
-- [postgres]
CREATE TABLE search_entries (
    number          BIGINT  GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    source_id       VARCHAR NOT NULL UNIQUE,
    conversation_id VARCHAR NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    words           VARCHAR NOT NULL
);
CREATE INDEX ix_search_entries_conversation_id ON search_entries (conversation_id);
-- Without the list of pending words, which makes Postgres read the whole table rather than the index.
CREATE INDEX ix_search_entries_words ON search_entries
USING gin (array_to_tsvector(string_to_array(words, ' '))) WITH (fastupdate = off);
-- Here owners are words of their own, and the index jumps from one of a list to the next that can be meant.
CREATE FUNCTION search(query VARCHAR) RETURNS TABLE (rowid BIGINT) LANGUAGE sql STABLE AS $$
    SELECT number FROM search_entries
    WHERE array_to_tsvector(string_to_array(words, ' '))
          @@ CAST(replace(replace(regexp_replace(query, '(_[^_ ]+_[^_ ]+)_', '\1 ', 'g'), ' ', ' & '), '*', ':*') AS tsquery)
$$;
-- [end]

-- What can be bought. A price is in the currency's smallest unit. What is retired is sold no more and stays for its
-- orders; without a price at Stripe the session is made from these rows alone.
CREATE TABLE packages (
    id              VARCHAR     NOT NULL PRIMARY KEY,
    name            VARCHAR     NOT NULL,
    description     VARCHAR     NOT NULL,
    tokens          BIGINT      NOT NULL CHECK (tokens > 0),
    price_cents     BIGINT      NOT NULL CHECK (price_cents >= 0),
    currency        VARCHAR     NOT NULL,
    kind            VARCHAR     NOT NULL CHECK (kind IN ('once', 'month')),
    stripe_price_id VARCHAR,
    retired_at      TIMESTAMPTZ,
    created_at      TIMESTAMPTZ NOT NULL,
    updated_at      TIMESTAMPTZ NOT NULL
);

-- Who somebody is at Stripe. The sandbox, a test account and the live one know different people.
CREATE TABLE customers (
    user_id    VARCHAR     NOT NULL REFERENCES users (id),
    mode       VARCHAR     NOT NULL CHECK (mode IN ('sandbox', 'test', 'live')),
    stripe_id  VARCHAR     NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, mode)
);

-- One attempt to buy, with the terms it was begun under: a price that changes later changes nothing here.
-- `pending` waits for a bank, `ended` is a plan that is over. Whoever has a plan, or is about to, cannot begin another.
CREATE TABLE orders (
    id              VARCHAR     NOT NULL PRIMARY KEY,
    user_id         VARCHAR     NOT NULL REFERENCES users (id),
    mode            VARCHAR     NOT NULL CHECK (mode IN ('sandbox', 'test', 'live')),
    package_id      VARCHAR     NOT NULL REFERENCES packages (id),
    kind            VARCHAR     NOT NULL CHECK (kind IN ('once', 'month')),
    name            VARCHAR     NOT NULL,
    tokens          BIGINT      NOT NULL CHECK (tokens > 0),
    price_cents     BIGINT      NOT NULL CHECK (price_cents >= 0),
    currency        VARCHAR     NOT NULL,
    stripe_price_id VARCHAR,
    state           VARCHAR     NOT NULL CHECK (state IN ('open', 'pending', 'paid', 'failed', 'expired', 'ended')),
    session_id      VARCHAR     UNIQUE,
    created_at      TIMESTAMPTZ NOT NULL,
    updated_at      TIMESTAMPTZ NOT NULL,
    paid_at         TIMESTAMPTZ
);
CREATE UNIQUE INDEX ix_orders_one_open ON orders (user_id, mode, package_id) WHERE state = 'open';
CREATE UNIQUE INDEX ix_orders_one_plan ON orders (user_id, mode) WHERE kind = 'month' AND state IN ('open', 'pending', 'paid');
CREATE INDEX ix_orders_user_id ON orders (user_id, created_at, id);
CREATE INDEX ix_orders_unfinished ON orders (mode, created_at) WHERE state IN ('open', 'pending');

-- A subscription as Stripe had it when we last looked, at `read_at`; its id is Stripe's. What has ended stays ended.
CREATE TABLE plans (
    id             VARCHAR     NOT NULL PRIMARY KEY,
    order_id       VARCHAR     NOT NULL REFERENCES orders (id),
    user_id        VARCHAR     NOT NULL REFERENCES users (id),
    status         VARCHAR     NOT NULL,
    period_ends_at TIMESTAMPTZ,
    cancels_at     TIMESTAMPTZ,
    ended_at       TIMESTAMPTZ,
    read_at        TIMESTAMPTZ NOT NULL,
    created_at     TIMESTAMPTZ NOT NULL
);
CREATE INDEX ix_plans_user_id ON plans (user_id, created_at, id);

-- Tokens that came in for a session (`cs_…`) or an invoice (`in_…`), which is the reference of the ledger's entry, too.
CREATE TABLE order_grants (
    reference       VARCHAR     NOT NULL PRIMARY KEY,
    kind            VARCHAR     NOT NULL CHECK (kind IN ('purchase', 'subscription')),
    order_id        VARCHAR     NOT NULL REFERENCES orders (id),
    user_id         VARCHAR     NOT NULL REFERENCES users (id),
    tokens          BIGINT      NOT NULL CHECK (tokens > 0),
    paid_cents      BIGINT      NOT NULL CHECK (paid_cents >= 0),
    currency        VARCHAR     NOT NULL,
    payment_intent  VARCHAR,
    -- What its returns below add up to: a refund and a dispute together never take back more than came.
    tokens_returned BIGINT      NOT NULL CHECK (tokens_returned >= 0 AND tokens_returned <= tokens),
    cents_returned  BIGINT      NOT NULL CHECK (cents_returned >= 0 AND cents_returned <= paid_cents),
    created_at      TIMESTAMPTZ NOT NULL
);
CREATE INDEX ix_order_grants_order_id ON order_grants (order_id, created_at, reference);
CREATE INDEX ix_order_grants_user_id ON order_grants (user_id);
CREATE INDEX ix_order_grants_payment_intent ON order_grants (payment_intent);

-- Money that went back, and the tokens with it. `asked` is a refund of ours that Stripe has not answered for yet,
-- `flagged` a dispute that has not taken any money, `put_back` one that was lost again. One self-service refund a grant.
CREATE TABLE order_returns (
    id              VARCHAR     NOT NULL PRIMARY KEY,
    grant_reference VARCHAR     NOT NULL REFERENCES order_grants (reference),
    kind            VARCHAR     NOT NULL CHECK (kind IN ('refund', 'dispute')),
    asked_by        VARCHAR     NOT NULL CHECK (asked_by IN ('user', 'operator', 'stripe')),
    stripe_id       VARCHAR     UNIQUE,
    cents           BIGINT      NOT NULL CHECK (cents >= 0),
    tokens          BIGINT      NOT NULL CHECK (tokens >= 0),
    state           VARCHAR     NOT NULL CHECK (state IN ('flagged', 'asked', 'taken', 'put_back')),
    created_at      TIMESTAMPTZ NOT NULL,
    updated_at      TIMESTAMPTZ NOT NULL
);
CREATE INDEX ix_order_returns_grant_reference ON order_returns (grant_reference, created_at, id);
CREATE UNIQUE INDEX ix_order_returns_once ON order_returns (grant_reference) WHERE asked_by = 'user' AND state <> 'put_back';
CREATE INDEX ix_order_returns_asked ON order_returns (created_at) WHERE state = 'asked';

-- Stripe's webhooks as they came. An event is stored before it is handled, and tried again until it is.
CREATE TABLE stripe_events (
    id          VARCHAR     NOT NULL PRIMARY KEY,
    type        VARCHAR     NOT NULL,
    api_version VARCHAR     NOT NULL,
    payload     VARCHAR     NOT NULL,
    state       VARCHAR     NOT NULL CHECK (state IN ('new', 'done', 'ignored', 'unmatched', 'given_up')),
    tries       BIGINT      NOT NULL CHECK (tries >= 0),
    received_at TIMESTAMPTZ NOT NULL,
    next_try_at TIMESTAMPTZ NOT NULL,
    handled_at  TIMESTAMPTZ
);
CREATE INDEX ix_stripe_events_waiting ON stripe_events (next_try_at) WHERE state = 'new';
CREATE INDEX ix_stripe_events_received_at ON stripe_events (received_at);
