"""Faults in the verbs of the ledger, in how a balance moves, in prices and in the chain."""

from __future__ import annotations

from scripts.mutants.fault import Fault

LEDGER, POSTING = "app/ledger/ledger.py", "app/ledger/posting.py"
RATES, CHAIN = "app/ledger/rates.py", "app/ledger/chain.py"

CREDIT_AND_DEBIT = (
    Fault(
        "a grant ignores its reference",
        LEDGER,
        "    if before:\n        return int(",
        "    if not account:\n        return int(",
    ),
    Fault(
        "a debit ignores its reference",
        LEDGER,
        "    if before:\n        return -sum(",
        "    if not account:\n        return -sum(",
    ),
    Fault(
        "a reference may be used again by somebody else", LEDGER, "!= ({user_id}, tokens)", "!= ({rows[0][0]}, tokens)"
    ),
    Fault("a reference may be used again for another amount", LEDGER, "!= ({user_id}, tokens)", "[:1] != ({user_id},)"),
    Fault(
        "a debit that was all debt happens again",
        LEDGER,
        "-tokens, NULL FROM ledger_debts WHERE",
        "-tokens, NULL FROM ledger_debts WHERE 1 = 0 AND",
    ),
    Fault("a debit says that it took what is owed", LEDGER, ' if row["balance_after"] is not None)', ")"),
    Fault("a grant does not pay debts", LEDGER, '    await pay_debt(session, account, f"{kind}:{reference}")\n', ""),
    Fault(
        "a debt that was lost in a race is owed twice",
        LEDGER,
        "account.at):\n        raise LostRace\n",
        "account.at):\n        pass\n",
        "postgres",
    ),
    Fault(
        "a new debt is not kept",
        LEDGER,
        "        raise LostRace\n    await keep(session, account)\n",
        "        raise LostRace\n",
    ),
    Fault("a debit adds", LEDGER, "account, -taken, kind", "account, taken, kind"),
    Fault("a debit takes what is held", LEDGER, "min(tokens, account.available)", "min(tokens, account.balance)"),
    Fault("what is owed is not counted", LEDGER, "    account.owed += tokens\n", ""),
    Fault("all of a debit is owed", LEDGER, "account, tokens - taken, kind", "account, tokens, kind"),
    Fault("nothing can be granted", LEDGER, "if not 0 < tokens <= AMOUNT_MAX:", "if not 0 <= tokens <= AMOUNT_MAX:"),
    Fault("any amount can be granted", LEDGER, "if not 0 < tokens <= AMOUNT_MAX:", "if not 0 < tokens:"),
)
HOLD = (
    Fault("a hold overlooks other holds", LEDGER, "balance - held >= $2 AND", "balance >= $2 AND"),
    Fault("a hold leaves one token", LEDGER, "balance - held >= $2 AND", "balance - held > $2 AND"),
    Fault("a hold is taken from everybody", LEDGER, "WHERE user_id = $1 AND balance - held", "WHERE balance - held"),
    Fault(
        "a hold is taken twice", LEDGER, " AND NOT EXISTS (SELECT 1 FROM holds WHERE id = $3)", " AND $3 IS NOT NULL"
    ),
    Fault(
        "a hold is counted twice in a race",
        LEDGER,
        "    if not written:\n",
        "    if written is None:\n",
        "postgres",
    ),
    Fault("a hold is over at once", LEDGER, "terms.message_id, at, at + lifetime)", "terms.message_id, at, at)"),
    Fault("a hold repeats with other terms", LEDGER, "if tuple(before) != asked:", "if before == asked:"),
    Fault("a free hold cannot be found", LEDGER, "return max(1, self.rates.cost", "return max(0, self.rates.cost"),
    Fault(
        "a refusal forgets what is held", LEDGER, "affordable(found.available, terms", "affordable(found.balance, terms"
    ),
    Fault("a refusal names another need", LEDGER, "needed=terms.tokens", "needed=terms.max_tokens"),
    Fault(
        "a hold tells nobody", LEDGER, "        raise LostRace\n    session.tell(user_id)\n", "        raise LostRace\n"
    ),
)
RESOLVE = (
    Fault("a charge is not capped", LEDGER, 'charged = min(cost, held["tokens"])', "charged = cost"),
    Fault("a charge is all that was held", LEDGER, 'charged = min(cost, held["tokens"])', 'charged = held["tokens"]'),
    Fault("a hold ends twice", LEDGER, "    if not won:\n", "    if won is None:\n"),
    Fault("ending again is an error", LEDGER, " ON CONFLICT (hold_id) DO NOTHING", ""),
    Fault("what was held is not freed", LEDGER, '    account.held -= held["tokens"]\n', ""),
    Fault("only what was charged is freed", LEDGER, 'account.held -= held["tokens"]', "account.held -= charged"),
    Fault("usage is paid to the user", LEDGER, 'account, -charged, "usage"', 'account, charged, "usage"'),
    Fault("usage is not charged", LEDGER, "if charged else await keep(", "if charged < 0 else await keep("),
    Fault("the house's loss is not counted", LEDGER, "charged, cost - charged),", "charged, 0),"),
    Fault(
        "a receipt shows the old balance",
        LEDGER,
        "*(account.balance - charged, account.at,",
        "*(account.balance, account.at,",
    ),
    Fault(
        "what comes free does not pay debts", LEDGER, '    await pay_debt(session, account, f"hold:{hold_id}")\n', ""
    ),
    Fault("a release is called a settlement", LEDGER, '"released", Used())', '"settled", Used())'),
    Fault("a negative count is believed", LEDGER, "min(max(claimed, 0), TOKENS_MAX)", "min(claimed, TOKENS_MAX)"),
    Fault("an endless count is believed", LEDGER, "min(max(claimed, 0), TOKENS_MAX)", "max(claimed, 0)"),
    Fault("yes is a count", LEDGER, " and not isinstance(claimed, bool)", ""),
    Fault("a resolution says that all was freed", LEDGER, "tokens - charged AS released", "tokens AS released"),
    Fault("a release frees nothing", LEDGER, "else await keep(session, account)\n", "else account.balance\n"),
    Fault("all is said to be freed", LEDGER, 'freed = held["tokens"] - charged', 'freed = held["tokens"]'),
    Fault(
        "what was claimed is answered",
        LEDGER,
        "outcome, prompt, completion, charged, cost - charged, freed",
        "outcome, used.prompt_tokens, completion, charged, cost - charged, freed",
    ),
    Fault(
        "what was claimed is kept",
        LEDGER,
        "outcome, prompt, completion, used.counted_by",
        "outcome, prompt, used.completion_tokens, used.counted_by",
    ),
    Fault("nobody knows who counted", LEDGER, "completion, used.counted_by,", 'completion, "",'),
    Fault("an end tells nobody", LEDGER, "    session.tell(account.user_id)\n", ""),
)
ANOTHER_MODEL = (
    Fault("the dearer price wins", LEDGER, "rates = min(agreed,", "rates = max(agreed,"),
    Fault(
        "whoever answers names the price",
        LEDGER,
        "min(agreed, used.rates or agreed, key=lambda rates: rates.cost(prompt, completion))",
        "used.rates or agreed",
    ),
    Fault("another price is never used", LEDGER, "min(agreed, used.rates or agreed,", "min(agreed, agreed,"),
    Fault(
        "only the reply decides which price is lower",
        LEDGER,
        "key=lambda rates: rates.cost(prompt, completion)",
        "key=lambda rates: rates.cost(0, completion)",
    ),
    Fault(
        "the price that was asked is kept",
        LEDGER,
        "used.answered_by, rates.input, rates.output)",
        "used.answered_by, agreed.input, agreed.output)",
    ),
    Fault("who answered is forgotten", LEDGER, "account.at, used.answered_by,", "account.at, None,"),
    Fault(
        "prices change places",
        LEDGER,
        'Rates(held["input_rate"], held["output_rate"])',
        'Rates(held["output_rate"], held["input_rate"])',
    ),
)
POST = (
    Fault("what is held pays debts", POSTING, "return self.balance - self.held", "return self.balance"),
    Fault("a number is left out", POSTING, "account.sequence + 1", "account.sequence + 2"),
    Fault("a tokens' sign is lost", POSTING, "account.balance + tokens,", "account.balance + abs(tokens),"),
    Fault("a hash begins anew", POSTING, "entry_hash(account.last_hash, link)", "entry_hash(BEGINNING, link)"),
    Fault("a debt is paid beyond what is there", POSTING, "min(account.owed, account.available)", "account.owed"),
    Fault("a debt stays when it is paid", POSTING, "        account.owed -= paid\n", ""),
    Fault("a debt is forgiven", POSTING, '        await post(session, account, -paid, "debt", reference)\n', ""),
    Fault(
        "a paid debt is not kept",
        POSTING,
        '"debt", reference)\n        await keep(session, account)\n',
        '"debt", reference)\n',
    ),
    Fault("all accounts are kept alike", POSTING, "owed = $3 WHERE user_id = $1", "owed = $3 WHERE $1 <> ''"),
    Fault("what is held is not kept", POSTING, "held = $2, owed", "held = held, owed"),
    Fault("what is owed is not kept", POSTING, "owed = $3 WHERE", "owed = owed WHERE"),
    Fault(
        "a cause that was lost in a race happens half",
        POSTING,
        "account.last_hash):\n        raise LostRace\n",
        "account.last_hash):\n        return account.balance\n",
        "postgres",
    ),
    Fault("an account can be opened once only", POSTING, " ON CONFLICT (user_id) DO NOTHING", ""),
    Fault(
        "an account is read without its lock",
        POSTING,
        "WHERE user_id = $1\nFOR NO KEY UPDATE\n",
        "WHERE user_id = $1\n",
        "postgres",
    ),
    Fault("an account of a hold is read without its lock", POSTING, "FOR NO KEY UPDATE OF its\n", "", "postgres"),
    Fault(
        "a hold ends at the prices of another",
        POSTING,
        "tokens, input_rate, output_rate\n",
        "tokens, (SELECT input_rate FROM holds ORDER BY id LIMIT 1) AS input_rate, output_rate\n",
    ),
)
PRICES_AND_CHAIN = (
    Fault("a price is rounded down", RATES, "-(-(prompt_tokens * self.input", "(+(prompt_tokens * self.input"),
    Fault(
        "a prompt has the price of a reply", RATES, "(prompt_tokens * self.input +", "(prompt_tokens * self.output +"
    ),
    Fault("a prompt is free", RATES, "available * PER - prompt_tokens * self.input", "available * PER"),
    Fault("one token too many is affordable", RATES, "left // self.output)", "left // self.output + 1)"),
    Fault("a free reply is not affordable", RATES, "    if left < 0:\n", "    if left <= 0:\n"),
    Fault("a price may be negative", RATES, "(0 <= self.input <= RATE_MAX and", "(self.input <= RATE_MAX and"),
    Fault("a hash is not chained", CHAIN, "lines = (VERSION, before, *", "lines = (VERSION, BEGINNING, *"),
    Fault("a hash leaves out the time", CHAIN, "*link[:-1], as_text(link.created_at))", "*link[:-1])"),
    Fault("a hash leaves out the reference", CHAIN, "*link[:-1], as_text", "*link[:-2], as_text"),
)
FAULTS = (*CREDIT_AND_DEBIT, *HOLD, *RESOLVE, *ANOTHER_MODEL, *POST, *PRICES_AND_CHAIN)
