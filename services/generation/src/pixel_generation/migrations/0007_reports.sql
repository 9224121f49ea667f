SET LOCAL lock_timeout = '2s';

-- Costs of the providers by time, for operators; only transfers that book one are in it.
CREATE INDEX ledger_transfers_of_providers ON ledger_transfers (created_at) INCLUDE (job_id, round)
WHERE kind = 'provider_cost';
