// Transactions.
import { brokerKey, later } from '../define.ts';
import { atLeast } from '../rule.ts';

export const transactionDefinitions = {
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': brokerKey(
    'INT',
    '10000',
    atLeast(1),
    'LOW',
    'read-only',
    'How often transactions that ran out of time are looked for.',
  ),
  'transaction.max.timeout.ms': brokerKey(
    'INT',
    '900000',
    atLeast(1),
    'HIGH',
    'read-only',
    'The longest timeout a transactional producer may ask for.',
  ),
  'transaction.partition.verification.enable': brokerKey(
    'BOOLEAN',
    'true',
    null,
    'LOW',
    'cluster-wide',
    'Whether a transactional batch is checked against the partitions its transaction has announced.',
  ),
  'transaction.remove.expired.transaction.cleanup.interval.ms': brokerKey(
    'INT',
    '3600000',
    atLeast(1),
    'LOW',
    'read-only',
    'How often transactional ids that nobody used for long are looked for.',
  ),
  ...later('two-phase commit', {
    'transaction.two.phase.commit.enable': brokerKey(
      'BOOLEAN',
      'false',
      null,
      'LOW',
      'read-only',
      'Whether an external coordinator may hold transactions open without a timeout.',
    ),
  } as const),
  'transactional.id.expiration.ms': brokerKey(
    'INT',
    '604800000',
    atLeast(1),
    'HIGH',
    'read-only',
    'How long a transactional id that nobody uses is remembered.',
  ),
} as const;
