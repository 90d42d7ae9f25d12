// A history of keyed records, deletions, transactions, config changes and time that goes by, drawn from one seed: plain steps
// that two brokers are taken through side by side. Record times are part of the history, so that both roll their segments at the
// same offsets; they lie ahead of the wall clock, by which the brokers stamp the ends of transactions (or, in some histories, all records). The first third is for a topic
// that is not compacted yet.

const KEYS = 40;
const CODECS = [0, 0, 1, 2, 3, 4];
const AHEAD_MS = 3_600_000;
export const SEGMENT_MS = 60_000;
/** Where the brokers stamp the records, segments roll by the time that really goes by. */
export const APPEND_SEGMENT_MS = 500;

export function historyOf(seed, count, nowMs, isStampedByBroker) {
  const below = dice(seed);
  let timeMs = Math.floor(nowMs) + AHEAD_MS;
  const open = new Set();
  const before = [];
  const after = [];
  let steps = before;
  const records = () =>
    Array.from({ length: 1 + below(below(5) === 0 ? 40 : 4) }, () => {
      timeMs += below(400);
      return {
        key: `key ${below(KEYS)}`,
        value: below(4) === 0 ? null : `${before.length + after.length}:${'v'.repeat(below(60))}`,
        timestampMs: timeMs,
        header: below(3) === 0,
      };
    });
  for (let i = 0; i < count; i++) {
    if (steps === before && i >= count / 3) {
      steps = after;
      steps.push({ kind: 'config', values: { 'cleanup.policy': 'compact' } });
    }
    const choice = below(20);
    const producer = below(3);
    if (choice < 8) steps.push({ kind: 'produce', records: records(), codec: CODECS[below(CODECS.length)] });
    else if (choice < 13) {
      open.add(producer);
      steps.push({ kind: 'transactional', producer, records: records(), codec: CODECS[below(CODECS.length)] });
    } else if (choice < 16) {
      if (open.delete(producer)) steps.push({ kind: 'end', producer, commits: below(2) === 0 });
    } else if (choice < 18 && isStampedByBroker) steps.push({ kind: 'wait', ms: APPEND_SEGMENT_MS + below(300) });
    else if (choice < 18) timeMs += SEGMENT_MS + below(30_000);
    else if (choice === 18) steps.push({ kind: 'config', values: configOf(below, steps === after) });
    else steps.push({ kind: 'wait', ms: below(600) });
  }
  for (const producer of open) steps.push({ kind: 'end', producer, commits: producer !== 1 });
  steps.push({
    kind: 'config',
    values: { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0', 'min.compaction.lag.ms': '0' },
  });
  // Deletion markers and ends of transactions go when they are met a second time: rounds that both go through alike.
  for (let round = 0; round < 4; round++) {
    timeMs += 2 * SEGMENT_MS;
    steps.push({
      kind: 'produce',
      records: [{ key: 'last', value: `round ${round}`, timestampMs: timeMs, header: false }],
      codec: 0,
    });
    steps.push({ kind: 'wait', ms: 1_500 });
  }
  return { before, after };
}

function configOf(below, isCompacted) {
  switch (below(4)) {
    case 0:
      return { 'min.cleanable.dirty.ratio': ['0', '0.3', '0.9'][below(3)] };
    case 1:
      return {
        'cleanup.policy': (isCompacted ? ['compact', 'compact', 'delete', ''] : ['delete', ''])[
          below(isCompacted ? 4 : 2)
        ],
      };
    case 2:
      return { 'min.compaction.lag.ms': ['0', '0', '1000'][below(3)] };
    default:
      return { 'max.compaction.lag.ms': ['9223372036854775807', '120000'][below(2)] };
  }
}

function dice(seed) {
  let state = (seed * 2654435761 + 1) >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
