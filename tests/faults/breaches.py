"""One violation of each invariant, to inject into the stores of a clean run."""

from __future__ import annotations

from dataclasses import dataclass

JOB = "(SELECT id FROM generation.live_jobs WHERE status = 'completed' ORDER BY id LIMIT 1)"
FAILED = "(SELECT id FROM generation.live_jobs WHERE status = 'failed' ORDER BY id LIMIT 1)"
OUTBOX = "(event_id, topic, key, type, value) VALUES (gen_random_uuid(), 'topic', 'key', 'type', '')"


@dataclass(frozen=True)
class Breach:
    """Statements, and the only check that the checker must report."""

    name: str
    statements: str
    reported: frozenset[tuple[str, str]]


def breach(name: str, statements: str, *reported: str) -> Breach:
    """`reported` are such as `I2 balances`."""
    pairs = frozenset((invariant, check) for invariant, check in (each.split() for each in reported))
    return Breach(name, statements, pairs)


BREACHES = [
    breach(
        "the last event is not what the row says",
        f"UPDATE generation.job_events AS e SET status = 'cancelled' WHERE e.job_id = {JOB}"
        f" AND e.sequence = (SELECT max(m.sequence) FROM generation.job_events AS m WHERE m.job_id = {JOB})",
        "I1 ended_once",
    ),
    breach(
        "a failed job is alive again without its user's retry",
        "UPDATE generation.live_jobs SET status = 'queued', stage = 'waiting', ended_at = NULL,"
        " captured_credits = NULL,"
        f" failure = NULL WHERE id = {FAILED}",
        *("I1 ended_once", "I1 unfinished", "I1 changed_end", "I2 rounds", "I7 open_jobs"),
    ),
    breach(
        "a job that was archived and is still there",
        f"INSERT INTO generation.archived_jobs SELECT * FROM generation.live_jobs WHERE id = {FAILED}",
        *("I1 kept_twice", "I7 job_stats"),
    ),
    breach(
        "a run begins within a run",
        f"UPDATE generation.job_events SET stage = 'starting' WHERE stage = 'generating' AND job_id = {JOB}",
        "I1 illegal_transitions",
    ),
    breach(
        "money out of nothing",
        "UPDATE generation.ledger_entries SET credits = credits + 1 WHERE account = 'promotions'",
        "I2 unbalanced_transfers",
    ),
    breach("a balance that no entry explains", "UPDATE generation.accounts SET available = 7", "I2 balances"),
    breach(
        "a hold that was never released",
        f"UPDATE generation.ledger_transfers SET kind = 'refund' WHERE kind = 'release' AND job_id = {FAILED}",
        "I2 rounds",
    ),
    breach(
        "a picture that was not paid at its price",
        f"UPDATE generation.live_jobs SET cost_credits = cost_credits * 3 WHERE id = {JOB}",
        "I2 paid_pictures",
    ),
    breach(
        "a second charge of a round",
        "ALTER TABLE generation.ledger_transfers DROP CONSTRAINT ledger_transfers_once_per_job;"
        " INSERT INTO generation.ledger_transfers (id, kind, user_id, job_id)"
        f" SELECT gen_random_uuid(), 'capture', user_id, id FROM generation.live_jobs WHERE id = {JOB}",
        "I3 duplicate_money",
    ),
    breach(
        "two keys of one job",
        "INSERT INTO generation.submissions (user_id, route, key, fingerprint, job_id)"
        f" SELECT user_id, route, 'another', fingerprint, job_id FROM generation.submissions WHERE job_id = {JOB}",
        "I3 shared_jobs",
    ),
    breach(
        "a rendition whose object is missing",
        "INSERT INTO media.renditions (asset_id, kind, key, content_type, width, height, size_bytes, sha256)"
        " SELECT asset_id, 'preview', 'images/missing', content_type, 1, 1, 1, sha256 FROM media.renditions LIMIT 1",
        "I4 row_without_object",
    ),
    breach(
        "an object with other bytes than its row says",
        "UPDATE media.renditions SET sha256 = repeat('0', 64)"
        " WHERE asset_id = (SELECT asset_id FROM media.renditions LIMIT 1)",
        "I4 other_bytes",
    ),
    breach(
        "an object that no row knows",
        "DELETE FROM media.renditions WHERE asset_id = (SELECT asset_id FROM media.renditions LIMIT 1)",
        "I4 object_without_row",
    ),
    breach("an event that stays behind", f"INSERT INTO generation.outbox {OUTBOX}", "I5 unrelayed_generation"),
    breach("a social event that stays behind", f"INSERT INTO social.outbox {OUTBOX}", "I5 unrelayed_social"),
    breach("a media event that stays behind", f"INSERT INTO media.outbox {OUTBOX}", "I5 unrelayed_media"),
    breach(
        "a paid picture that is in no set",
        "DELETE FROM social.images WHERE id = (SELECT id FROM social.images LIMIT 1)",
        *("I5 missing_sets", "I6 lost_pictures"),
    ),
    breach(
        "a set without a charge",
        "INSERT INTO social.sets (id, user_id, generation_id, created_at)"
        f" SELECT gen_random_uuid(), user_id, id, now() FROM generation.live_jobs WHERE id = {FAILED}",
        "I5 sets_of_nobody",
    ),
    breach("a completion without its effect", "DELETE FROM social.inbox", "I5 no_effect"),
    breach(
        "an effect of an event that was never announced",
        "INSERT INTO social.inbox (consumer, event_id) VALUES ('social-sets', gen_random_uuid())",
        "I5 effect_of_nothing",
    ),
    breach("a counter of open jobs that drifted", "UPDATE generation.accounts SET open_jobs = 1", "I7 open_jobs"),
    breach("a concurrency slot without a job", "UPDATE generation.accounts SET slots_taken = 1", "I7 open_jobs"),
    breach("statistics that count a job twice", "UPDATE generation.job_statistics SET jobs = jobs + 1", "I7 job_stats"),
    breach(
        "a stored sequence with a gap",
        f"DELETE FROM generation.job_events WHERE job_id = {JOB} AND stage = 'generating'",
        *("I8 gaps", "I5 never_stored"),
    ),
    breach(
        "a secret in the text of an event",
        f"UPDATE generation.job_events SET message = 'key sk-canary' WHERE job_id = {JOB} AND sequence = 1",
        "I10 canary",
    ),
    breach(
        "a secret in the failure of an attempt",
        f"UPDATE generation.attempts SET failure_code = 'sk-canary' WHERE job_id = {JOB}",
        "I10 canary",
    ),
]
