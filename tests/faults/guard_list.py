"""The guards: the line of each, what removes it and the test that must fail without it."""

from __future__ import annotations

from dataclasses import dataclass

GENERATION = "services/generation/src/pixel_generation"
CHANGES, DUTIES, JOBS, SUBMISSIONS = (
    f"{GENERATION}/sql/{name}.sql" for name in ("changes", "duties", "jobs", "submissions")
)
OUTBOX = "libs/events/src/pixel_events/sql/outbox.sql"
LEADERSHIP = "libs/postgres/src/pixel_postgres/sql/leadership.sql"
RUN_JOB = f"{GENERATION}/application/execution/run.py"
JOBS_ADAPTER = f"{GENERATION}/adapters/outbound/postgres/jobs.py"
BATCHING = "libs/runtime/src/pixel_runtime/batching.py"
GATEWAY = "services/gateway/src/pixel_gateway"
JOB_TESTS = "tests/contract/generation/test_jobs.py"
SUBMISSION_TESTS = "tests/contract/generation/test_submissions.py"
RELAY_TESTS = "tests/integration/events/test_outbox_relay.py"
GROUP_TESTS = "tests/integration/generation/test_group_commit.py"
LIMIT_TESTS = "tests/integration/generation/test_admission.py"
FALLBACK_TESTS = "tests/integration/generation/test_fallback_budgets.py"
HEALTH_TESTS = "tests/unit/generation/test_provider_health.py"
WORK_TESTS = "tests/unit/generation/test_work.py"
SCHEMA_TESTS = "tests/faults/test_schema_guards.py"


@dataclass(frozen=True)
class Guard:
    """A guard: its text in its file, what replaces it (everywhere in the file) and the test that must fail."""

    name: str
    file: str
    text: str
    instead: str
    test: str


GUARDS = [
    Guard(
        "fencing by attempt and sequence",
        CHANGES,
        " AND j.attempt = c.attempt AND j.sequence = c.sequence - 1\n",
        "\n",
        f"{JOB_TESTS}::test_the_first_worker_is_fenced_once_another_runs_the_job[postgres]",
    ),
    Guard(
        "lease check",
        CHANGES,
        "WHEN 'worker' THEN j.lease_until > now()",
        "WHEN 'worker' THEN true",
        f"{JOB_TESTS}::test_a_worker_whose_lease_is_over_writes_nothing[postgres]",
    ),
    Guard(
        "writer clause",
        CHANGES,
        "WHEN 'reclaimer' THEN j.lease_until <= now()",
        "WHEN 'reclaimer' THEN true",
        f"{JOB_TESTS}::test_a_reclaimer_takes_over_only_when_the_lease_is_over[postgres]",
    ),
    Guard(
        "settled once",
        CHANGES,
        "WHERE j.status = c.from_status AND j.attempt = c.attempt AND j.sequence = c.sequence - 1\n",
        "WHERE true\n",
        f"{JOB_TESTS}::test_a_job_is_settled_once_however_often_it_is_tried[postgres]",
    ),
    Guard(
        "claim skips locked jobs",
        JOBS,
        "        LIMIT 1000\n        FOR NO KEY UPDATE SKIP LOCKED\n",
        "        LIMIT 1000\n",
        f"{GROUP_TESTS}::test_a_claim_skips_locked_jobs",
    ),
    Guard(
        "dead lease",
        JOBS,
        "WHERE j.attempt = r.attempt AND j.status = 'processing' AND j.lease_until > now()\n",
        "WHERE j.attempt = r.attempt AND j.status = 'processing'\n",
        f"{JOB_TESTS}::test_an_expired_lease_cannot_be_renewed[postgres]",
    ),
    Guard(
        "deadline",
        DUTIES,
        "j.status IN ('queued', 'processing') AND j.deadline_at <= now()",
        "j.status IN ('queued', 'processing') AND false",
        f"{JOB_TESTS}::test_a_job_past_its_deadline_is_found_and_ended_by_anyone[postgres]",
    ),
    Guard(
        "inbox",
        "libs/events/src/pixel_events/inbox.py",
        '"event_id": event_id}) == 1',
        '"event_id": event_id}) >= 0',
        "tests/integration/events/test_inbox.py::test_an_event_is_new_once_per_consumer",
    ),
    Guard(
        "unique money of a round",
        f"{GENERATION}/migrations/0004_engine.sql",
        "ADD CONSTRAINT ledger_transfers_once_per_job UNIQUE (job_id, round, kind)",
        "ADD CONSTRAINT ledger_transfers_once_per_job CHECK (true)",
        f"{SCHEMA_TESTS}::test_a_round_has_one_transfer_of_each_kind",
    ),
    Guard(
        "append-only ledger",
        f"{GENERATION}/migrations/0002_ledger.sql",
        "RAISE EXCEPTION 'the ledger is append-only",
        "RETURN NULL; RAISE EXCEPTION 'the ledger is append-only",
        f"{SCHEMA_TESTS}::test_ledger_entries_cannot_be_changed",
    ),
    Guard(
        "outbox horizon",
        OUTBOX,
        "o.xid < pg_snapshot_xmin(pg_current_snapshot())\n    AND ",
        "",
        f"{RELAY_TESTS}::test_an_event_behind_an_open_transaction_is_published_soon_after_its_end",
    ),
    Guard(
        "one relay leads",
        LEADERSHIP,
        "SELECT pg_try_advisory_lock(hashtext(%(name)s::text), hashtext(current_schema())) AS leads",
        "SELECT %(name)s::text <> '' AS leads",
        f"{RELAY_TESTS}::test_one_of_two_relays_leads_and_the_other_takes_over",
    ),
    Guard(
        "mark of the outbox",
        "libs/events/src/pixel_events/outbox_mark.py",
        "if self._oldest_xid >= self._next_xid:",
        "if True:",
        "tests/unit/events/test_outbox_mark.py::test_no_unrelayed_row_is_below_the_mark",
    ),
    Guard(
        "idempotency key",
        SUBMISSIONS,
        "f.is_fitting AND (f.key = '' OR f.job_id IN (SELECT k.job_id FROM keyed AS k))",
        "f.is_fitting",
        f"{SUBMISSION_TESTS}::test_one_key_submitted_by_many_processes_at_once_makes_one_job[postgres]",
    ),
    Guard(
        "account lock",
        SUBMISSIONS,
        "ORDER BY c.user_id\n    FOR NO KEY UPDATE\n",
        "ORDER BY c.user_id\n",
        f"{LIMIT_TESTS}::test_a_submission_waits_for_a_concurrent_change_of_its_account_and_reads_the_new_balance",
    ),
    Guard(
        "no blind second call",
        f"{GENERATION}/domain/jobs/recovery.py",
        "job.stage is not Stage.STARTING and not repeatable",
        "False",
        "tests/unit/generation/test_job.py::test_a_run_lost_during_its_call_is_repeated_only_if_that_is_free",
    ),
    Guard(
        "attempt written before the call",
        f"{GENERATION}/domain/jobs/job.py",
        "(GENERATING, Transition.DELIVER): UPLOADING,",
        "(GENERATING, Transition.DELIVER): UPLOADING, (STARTING, Transition.DELIVER): UPLOADING,",
        f"{SCHEMA_TESTS}::test_a_job_cannot_deliver_before_its_provider_call_is_recorded",
    ),
    Guard(
        "sequence fence",
        CHANGES,
        " AND j.sequence = c.sequence - 1\n",
        "\n",
        "tests/integration/generation/test_cancel_races.py::test_a_cancel_race_has_one_winner_and_the_charge_matches_it",
    ),
    Guard(
        "order of claims",
        JOBS,
        "ORDER BY j.priority, j.virtual_start, j.id\n        LIMIT 1000",
        "ORDER BY j.id DESC\n        LIMIT 1000",
        f"{JOB_TESTS}::test_the_queue_position_follows_the_order_of_claims[postgres]",
    ),
    Guard(
        "event published with its change",
        CHANGES,
        "    ORDER BY e.place, o.turn\n",
        "    WHERE false\n    ORDER BY e.place, o.turn\n",
        "tests/faults/test_checker.py::test_a_run_without_breaches_passes_all_ten_checks",
    ),
    Guard(
        "claim's event published with the next change",
        JOBS_ADAPTER,
        "events.insert(0, status_changed(before, now))",
        "pass",
        f"{GROUP_TESTS}::test_the_event_of_a_claim_is_written_with_the_next_change_and_before_its_event",
    ),
    Guard(
        "job once in a statement",
        BATCHING,
        "if waiting.key is not None and waiting.key in self._in_flight:",
        "if False:",
        f"{JOB_TESTS}::test_a_job_is_settled_once_however_often_it_is_tried[postgres]",
    ),
    Guard(
        "a failing change fails alone",
        BATCHING,
        "if len(batch) == 1 or self._apart is Apart.NEVER or not self._may_repeat(error):",
        "if True:",
        f"{GROUP_TESTS}::test_a_change_that_breaks_a_rule_fails_alone",
    ),
    Guard(
        "cancelled caller waits for its change",
        BATCHING,
        "                await asyncio.wait([waiting.answer])\n",
        "                pass\n",
        f"{GROUP_TESTS}::test_a_cancelled_caller_waits_for_a_change_being_written_and_withdraws_a_queued_one",
    ),
    Guard(
        "a freed concurrency slot goes to the user's next job",
        CHANGES,
        "least(u.freed, a.max_running - a.slots_taken + u.freed)",
        "least(1, a.max_running - a.slots_taken + u.freed)",
        f"{GROUP_TESTS}::test_changes_in_one_statement_have_the_same_effect_as_one_by_one[0]",
    ),
    Guard(
        "a run writing its end has not lost its lease",
        f"{GENERATION}/application/execution/worker.py",
        " and not held.run.is_letting_go]",
        "]",
        f"{WORK_TESTS}::test_a_run_waiting_for_the_answer_to_its_last_write_is_not_lost",
    ),
    Guard(
        "call recorded before it is made",
        RUN_JOB,
        "        await self._write(self.job.calling())\n",
        "",
        f"{WORK_TESTS}::test_a_stopped_worker_does_not_repeat_a_paid_call",
    ),
    Guard(
        "unknown outcome is not sent again",
        f"{GENERATION}/domain/jobs/recovery.py",
        "if not repeatable and error.outcome is Outcome.UNKNOWN:",
        "if False:",
        f"{WORK_TESTS}::test_a_call_with_unknown_outcome_is_never_made_twice",
    ),
    Guard(
        "outputs are stored again after an outage of media",
        f"{GENERATION}/application/execution/store_output.py",
        "STORE_TRIES = 20",
        "STORE_TRIES = 3",
        f"{WORK_TESTS}::test_an_unavailable_store_is_retried_without_a_second_provider_call",
    ),
    Guard(
        "budget of a batch",
        SUBMISSIONS,
        "        AND NOT EXISTS (SELECT 1 FROM over AS o WHERE o.place = j.place) AS is_fitting",
        "        AS is_fitting",
        f"{LIMIT_TESTS}::test_five_hundred_concurrent_submissions_on_a_budget_of_seven_accept_seven[user]",
    ),
    Guard(
        "budget lock",
        SUBMISSIONS,
        "    ORDER BY b.id\n    FOR NO KEY UPDATE OF b\n",
        "    ORDER BY b.id\n",
        f"{LIMIT_TESTS}::test_a_submission_waits_for_a_concurrent_change_of_its_budget_and_reads_the_new_use",
    ),
    Guard(
        "budget of a fallback",
        f"{GENERATION}/sql/budgets.sql",
        " OR w.amount > w.reserved AND w.used + w.amount - w.reserved > w.limit_amount",
        "",
        f"{FALLBACK_TESTS}::test_a_fallback_over_the_budget_of_its_provider_changes_nothing",
    ),
    Guard(
        "budget lock of a fallback",
        f"{GENERATION}/sql/budgets.sql",
        "    ORDER BY b.id\n    FOR NO KEY UPDATE OF b\n",
        "    ORDER BY b.id\n",
        f"{FALLBACK_TESTS}::test_concurrent_fallbacks_never_exceed_the_budget",
    ),
    Guard(
        "id of an adjustment",
        f"{GENERATION}/application/billing/correct_credits.py",
        "if outcome.was_other:",
        "if False:",
        "tests/contract/generation/test_billing.py::test_an_adjustment_id_cannot_be_used_for_another_adjustment[postgres]",
    ),
    Guard(
        "key cannot lift its budget",
        f"{GATEWAY}/application/accounts/key_budgets.py",
        "if api_key_id and await budgets.of(_SCOPE, api_key_id):",
        "if False:",
        "tests/unit/gateway/test_credit_endpoints.py::test_a_key_with_a_budget_cannot_change_it",
    ),
    Guard(
        "a retry that lost a race reads again",
        f"{GENERATION}/application/submission/retry.py",
        "if current is None or current.sequence == job.sequence:",
        "if True:",
        "tests/integration/generation/test_retry_races.py::test_concurrent_retries_start_one_round",
    ),
    Guard(
        "open jobs limit of a user",
        SUBMISSIONS,
        "        AND row_number() OVER mine <= j.open_jobs_left\n",
        "",
        f"{LIMIT_TESTS}::test_open_jobs_are_bounded_by_the_plan_at_any_concurrency",
    ),
    Guard(
        "no balance below 0",
        f"{GENERATION}/migrations/0002_ledger.sql",
        "CONSTRAINT credit_accounts_never_overdrawn CHECK (available >= 0)",
        "CONSTRAINT credit_accounts_never_overdrawn CHECK (true)",
        f"{SCHEMA_TESTS}::test_a_balance_is_never_below_zero",
    ),
    Guard(
        "breaker",
        f"{GENERATION}/application/execution/provider_health.py",
        "ProviderHealth()).state is BreakerState.CLOSED:",
        "ProviderHealth()).state is not None:",
        f"{HEALTH_TESTS}::test_a_provider_that_only_fails_is_not_called_after_twenty_calls",
    ),
    Guard(
        "retry budget",
        f"{GENERATION}/domain/providers/breaker.py",
        "if len(self.repetitions) >= max(at_least, share * len(self.calls)):",
        "if False:",
        f"{HEALTH_TESTS}::test_retries_are_at_most_a_tenth_of_the_calls_in_a_window",
    ),
    Guard(
        "admission",
        f"{GATEWAY}/application/load/admission.py",
        "if self._in_flight >= self._bound(load_class):",
        "if False:",
        "tests/unit/gateway/test_admission.py::test_submissions_are_refused_first_then_reads_then_status_and_billing_last",
    ),
    Guard(
        "slow reader is disconnected",
        f"{GATEWAY}/adapters/inbound/http/live/connection_monitor.py",
        "if now - self._sending_since > STALLED_S:",
        "if False:",
        "tests/integration/gateway/test_slow_readers.py::test_slow_readers_are_disconnected_and_the_others_miss_nothing[sse]",
    ),
    Guard(
        "gaps are filled",
        f"{GATEWAY}/application/live/hub.py",
        "is_whole = not events or events[-1].sequence == self.last + len(events)",
        "is_whole = True",
        "tests/unit/gateway/test_live.py::test_a_gap_is_filled_from_the_store",
    ),
    Guard(
        "horizon of the user channel",
        f"{GENERATION}/sql/generations.sql",
        "AND e.xid < h.xid\n",
        "\n",
        "tests/integration/generation/test_reads.py"
        "::test_an_event_that_commits_late_is_never_before_an_issued_position",
    ),
    Guard(
        "the database's time",
        f"{GENERATION}/adapters/outbound/postgres/clock.py",
        'self._told, self._told_at_s = row["now"], (asked_s + answered_s) / 2',
        "pass",
        "tests/integration/generation/test_clock.py::test_the_database_time_replaces_a_wrong_system_clock",
    ),
]
