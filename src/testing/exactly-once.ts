// Was it exactly once? Judges an application that reads topics, in a group, and writes others: what a reader of committed records finds in
// both, against the journal of what the application asked. Pure: the test broker gathers what it looks at. Invariant: every finding
// names records by partition and offset, and the journal's numbers of the requests in which it happened, as far as the journal goes back.
import type { JournalEntry } from './journal.ts';
import { covers, fetched, type PlaceOfRecord, requestsAt } from './journal-places.ts';
import type { BatchSummary } from './plain.ts';
import type { TopicRecord } from './topic-view.ts';

/** Which part of a record says what it stands for, or a function that says it. `undefined`: the record does not count. */
export type RecordId =
  | 'key'
  | 'value'
  | `header:${string}`
  | `json:${string}`
  | ((record: TopicRecord) => string | undefined);

export interface ExactlyOnceOptions {
  readonly input: string | readonly string[];
  readonly output: string | readonly string[];
  /** The consumer group of the application. Absent: it commits no offsets to Kafka. */
  readonly group?: string;
  /** Only requests of this client id are the application's. Default: all. */
  readonly clientId?: string;
  /** What an input and its output have in common. Default: the key, or the value when there is none. */
  readonly inputId?: RecordId;
  readonly outputId?: RecordId;
  /** How many outputs each input has. Default: 1. */
  readonly outputsPerInput?: number;
  /** `false`: inputs behind the group's committed offsets may be without outputs yet. Default: true. */
  readonly complete?: boolean;
}

export interface Finding {
  /**
   * `lost`: an input has too few outputs; `duplicated`: too many; `reordered`: outputs of one partition stand in another order than their
   * inputs; `uncommitted`: the application was given records that were not committed; `invented`: an output of no committed input;
   * `skipped`: the group committed beyond records that no request of the application had fetched.
   */
  readonly kind: 'lost' | 'duplicated' | 'reordered' | 'uncommitted' | 'invented' | 'skipped';
  readonly message: string;
  readonly inputs: readonly PlaceOfRecord[];
  readonly outputs: readonly PlaceOfRecord[];
  /** Numbers of journal entries: where it happened. */
  readonly requests: readonly number[];
}

export interface Verdict {
  readonly exactlyOnce: boolean;
  readonly findings: readonly Finding[];
  readonly inputs: number;
  readonly outputs: number;
  /** The journal no longer has the oldest requests: what happened in them cannot be named, nor be found where only they show it. */
  readonly journalIsCut: boolean;
  /** All of it as text, for a failing test. */
  toString(): string;
}

export interface Evidence {
  /** As readers of committed records see them. */
  readonly inputs: readonly TopicRecord[];
  readonly outputs: readonly TopicRecord[];
  /** In the inputs' topics, but hidden from readers of committed records: aborted, or of an open transaction. */
  readonly hiddenInputs: readonly TopicRecord[];
  /** Committed offsets of the group, by `topic-partition`; undefined without a group. */
  readonly committed: ReadonlyMap<string, number> | undefined;
  readonly journal: readonly JournalEntry[];
  readonly journalIsCut: boolean;
}

export function judge(evidence: Evidence, options: ExactlyOnceOptions): Verdict {
  const own = evidence.journal.filter(
    ({ clientId }) => options.clientId === undefined || clientId === options.clientId,
  );
  const looked = { ...evidence, journal: own };
  const findings = [
    ...countedFindings(looked, options),
    ...orderFindings(looked, options),
    ...uncommittedFindings(looked),
    ...skippedFindings(looked, options),
  ];
  const { inputs, outputs, journalIsCut } = evidence;
  return {
    exactlyOnce: findings.length === 0,
    findings,
    inputs: inputs.length,
    outputs: outputs.length,
    journalIsCut,
    toString: () => textOf(findings, inputs.length, outputs.length, journalIsCut),
  };
}

export function idOf(record: TopicRecord, id: RecordId | undefined): string | undefined {
  if (id === undefined) return record.key ?? record.value ?? undefined;
  if (typeof id === 'function') return id(record);
  if (id === 'key' || id === 'value') return record[id] ?? undefined;
  const at = id.indexOf(':');
  const name = id.slice(at + 1);
  if (id.startsWith('header:')) return record.headers[name] ?? undefined;
  if (!id.startsWith('json:'))
    throw new TypeError(`${id} is no part of a record; say key, value, header:NAME or json:FIELD.`);
  const field = (record.json as Record<string, unknown> | null | undefined)?.[name];
  return field === undefined || field === null ? undefined : typeof field === 'string' ? field : JSON.stringify(field);
}

function countedFindings(evidence: Evidence, options: ExactlyOnceOptions): Finding[] {
  const { outputsPerInput = 1, complete = true, inputId, outputId } = options;
  const inputs = grouped(evidence.inputs, inputId);
  const outputs = grouped(evidence.outputs, outputId);
  const hidden = grouped(evidence.hiddenInputs, inputId);
  const findings: Finding[] = [];
  for (const [id, of] of inputs) {
    const made = outputs.get(id) ?? [];
    const wanted = of.length * outputsPerInput;
    // Of equal inputs the first are those that were processed.
    const due = complete ? wanted : of.filter((input) => isCommitted(evidence, input)).length * outputsPerInput;
    if (made.length < due) {
      const open = of.slice(Math.floor(made.length / outputsPerInput));
      findings.push({
        kind: 'lost',
        message: `${JSON.stringify(id)}: ${of.length} inputs have ${made.length} outputs instead of ${due}`,
        inputs: open.map(placeOf),
        outputs: made.map(placeOf),
        requests: open.flatMap((input) =>
          requestsAt(evidence, placeOf(input), ['Fetch', 'OffsetCommit', 'TxnOffsetCommit']),
        ),
      });
    } else if (made.length > wanted) {
      findings.push({
        kind: 'duplicated',
        message: `${JSON.stringify(id)}: ${of.length} inputs have ${made.length} outputs instead of ${wanted}`,
        inputs: of.map(placeOf),
        outputs: made.map(placeOf),
        requests: made.flatMap((output) => requestsAt(evidence, placeOf(output), ['Produce'])),
      });
    }
  }
  for (const [id, made] of outputs) {
    if (inputs.has(id)) continue;
    const from = hidden.get(id) ?? [];
    findings.push({
      kind: from.length > 0 ? 'uncommitted' : 'invented',
      message:
        from.length > 0
          ? `${JSON.stringify(id)}: made of an input that was not committed`
          : `${JSON.stringify(id)}: there is no such input`,
      inputs: from.map(placeOf),
      outputs: made.map(placeOf),
      requests: [
        ...from.flatMap((input) => requestsAt(evidence, placeOf(input), ['Fetch'])),
        ...made.flatMap((output) => requestsAt(evidence, placeOf(output), ['Produce'])),
      ],
    });
  }
  return findings;
}

/** Outputs in one partition keep the order of inputs of one partition. */
function orderFindings(evidence: Evidence, { inputId, outputId }: ExactlyOnceOptions): Finding[] {
  const inputs = grouped(evidence.inputs, inputId);
  const outputs = grouped(evidence.outputs, outputId);
  const chains = new Map<string, { input: TopicRecord; output: TopicRecord }[]>();
  for (const [id, made] of outputs) {
    const of = inputs.get(id) ?? [];
    // Duplicates are told already; equal inputs cannot be told apart.
    if (of.length !== 1 || made.length === 0) continue;
    const [input, output] = [of[0]!, made[0]!];
    const chain = `${input.topic}-${input.partition} ${output.topic}-${output.partition}`;
    chains.set(chain, [...(chains.get(chain) ?? []), { input, output }]);
  }
  const findings: Finding[] = [];
  for (const chain of chains.values()) {
    chain.sort((a, b) => a.output.offset - b.output.offset);
    let newest = chain[0]!;
    for (const pair of chain) {
      if (pair.input.offset >= newest.input.offset) {
        newest = pair;
        continue;
      }
      const outputs = [newest.output, pair.output].map(placeOf);
      findings.push({
        kind: 'reordered',
        message: `the output of ${text(placeOf(pair.input))} stands behind that of ${text(placeOf(newest.input))}`,
        inputs: [newest.input, pair.input].map(placeOf),
        outputs,
        requests: outputs.flatMap((place) => requestsAt(evidence, place, ['Produce'])),
      });
    }
  }
  return findings;
}

/** Fetches that did not ask for committed records only, and were given others. */
function uncommittedFindings(evidence: Evidence): Finding[] {
  const hidden = new Map<string, PlaceOfRecord[]>();
  for (const record of evidence.hiddenInputs) {
    const key = `${record.topic}-${record.partition}`;
    hidden.set(key, [...(hidden.get(key) ?? []), placeOf(record)]);
  }
  const topics = new Set([...evidence.inputs, ...evidence.hiddenInputs].map(({ topic }) => topic));
  const findings: Finding[] = [];
  for (const entry of evidence.journal) {
    if (entry.api !== 'Fetch' || (entry.request as { isolationLevel?: number }).isolationLevel === 1) continue;
    for (const { topic, partition, batches, lastStableOffset } of fetched(entry)) {
      if (!topics.has(topic)) continue;
      const data = batches.filter(({ control }) => !control);
      const open = data.filter(
        ({ transactional, lastOffset }) => transactional && lastStableOffset >= 0 && lastOffset >= lastStableOffset,
      );
      const aborted = (hidden.get(`${topic}-${partition}`) ?? []).filter(({ offset }) =>
        data.some((batch) => covers(batch, offset)),
      );
      if (open.length === 0 && aborted.length === 0) continue;
      const places = [...aborted, ...open.map(({ baseOffset }) => ({ topic, partition, offset: baseOffset }))];
      findings.push({
        kind: 'uncommitted',
        message: `a fetch that reads uncommitted records was given ${open.length > 0 ? 'records of an open transaction' : 'aborted records'} of ${topic}-${partition}`,
        inputs: [...new Map(places.map((place) => [place.offset, place])).values()],
        outputs: [],
        requests: [entry.number],
      });
    }
  }
  return findings;
}

/** Offsets that were committed beyond what was fetched. Says nothing when the journal's beginning is gone. */
function skippedFindings(evidence: Evidence, { group }: ExactlyOnceOptions): Finding[] {
  if (group === undefined || evidence.journalIsCut) return [];
  const given = new Map<string, BatchSummary[]>();
  for (const entry of evidence.journal) {
    for (const { topic, partition, batches } of fetched(entry)) {
      const key = `${topic}-${partition}`;
      given.set(key, [...(given.get(key) ?? []), ...batches]);
    }
  }
  const skipped = new Map<string, TopicRecord[]>();
  for (const input of evidence.inputs) {
    const key = `${input.topic}-${input.partition}`;
    if (!isCommitted(evidence, input) || given.get(key)?.some((batch) => covers(batch, input.offset))) continue;
    skipped.set(key, [...(skipped.get(key) ?? []), input]);
  }
  return [...skipped].map(([key, records]) => ({
    kind: 'skipped' as const,
    message: `the group ${group} committed beyond ${records.length} records of ${key} that were never fetched`,
    inputs: records.map(placeOf),
    outputs: [],
    requests: requestsAt(evidence, placeOf(records[0]!), ['OffsetCommit', 'TxnOffsetCommit']),
  }));
}

function isCommitted({ committed }: Evidence, { topic, partition, offset }: PlaceOfRecord): boolean {
  return committed !== undefined && offset < (committed.get(`${topic}-${partition}`) ?? 0);
}

function grouped(records: readonly TopicRecord[], id: RecordId | undefined): Map<string, TopicRecord[]> {
  const groups = new Map<string, TopicRecord[]>();
  for (const record of records) {
    const found = idOf(record, id);
    if (found === undefined) continue;
    const group = groups.get(found);
    if (group === undefined) groups.set(found, [record]);
    else group.push(record);
  }
  return groups;
}

function placeOf({ topic, partition, offset }: PlaceOfRecord): PlaceOfRecord {
  return { topic, partition, offset };
}

function text({ topic, partition, offset }: PlaceOfRecord): string {
  return `${topic}-${partition}@${offset}`;
}

function textOf(findings: readonly Finding[], inputs: number, outputs: number, journalIsCut: boolean): string {
  const head =
    findings.length === 0
      ? `exactly once: ${inputs} inputs, ${outputs} outputs`
      : `not exactly once (${inputs} inputs, ${outputs} outputs):`;
  const lines = findings.map(({ kind, message, inputs: from, outputs: to, requests }) => {
    const places = [...from.map((place) => `input ${text(place)}`), ...to.map((place) => `output ${text(place)}`)];
    const where = requests.length > 0 ? `; requests ${requests.map((number) => `#${number}`).join(' ')}` : '';
    return `  ${kind}: ${message} (${places.join(', ')}${where})`;
  });
  const cut = journalIsCut ? ['  the journal no longer has the oldest requests'] : [];
  return [head, ...lines, ...cut].join('\n');
}
