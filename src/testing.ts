// The public face for tests: a broker that starts in milliseconds, whose time, faults and past a test has in its hand.
//
//   import { startTestBroker } from 'ottla/testing';
//   const broker = await startTestBroker();
//   … any Kafka client, bootstrap servers broker.bootstrapServers …
//   await broker.expectTopic('orders').toHaveReceived({ key: '1' });
//   await broker.close();
/// <reference lib="esnext.disposable" preserve="true" />
import { nodeRuntime } from './runtime/node/node-runtime.ts';
import { refuseUnknownOptions, type TestBrokerOptions } from './testing/options.ts';
import { TestBroker } from './testing/test-broker.ts';

export type { BrokerGroups, BrokerTransactions } from './administration.ts';
export { SettingsError } from './settings.ts';
export type { Duration } from './testing/duration.ts';
export type { ExactlyOnceOptions, Finding, RecordId, Verdict } from './testing/exactly-once.ts';
export type {
  CrashAction,
  DelayAction,
  DropAction,
  ErrorAction,
  ErrorName,
  Fault,
  FaultAction,
  LoadAction,
  Moment,
  MoveAction,
  RequestPattern,
  SplitAction,
} from './testing/fault.ts';
export type { Faults, PlannedFault } from './testing/faults.ts';
export type { CaughtUpOptions, GroupView } from './testing/group-view.ts';
export type { Journal, JournalEntry, JournalFilter } from './testing/journal.ts';
export type { PlaceOfRecord } from './testing/journal-places.ts';
export type { TestBrokerOptions } from './testing/options.ts';
export type { Expected, RecordPattern } from './testing/record-pattern.ts';
export type { CrashOptions, IdleOptions, Snapshot, TestBroker } from './testing/test-broker.ts';
export {
  type KafkaMatchers,
  kafkaMatchers,
  type ReceivedOptions,
  type TopicExpectation,
} from './testing/topic-expectation.ts';
export type { RecordsOptions, TopicRecord, TopicView } from './testing/topic-view.ts';
export type { TestClock } from './testing/virtual-clock.ts';
export { type WaitOptions, WaitTimeout } from './testing/watchers.ts';

/**
 * Starts a broker for one test, in memory, on a free port of this machine. Nothing is shared with other brokers: start one for each test,
 * or fork one that was prepared. Rejects with TypeError or SettingsError for options that make no sense.
 */
export async function startTestBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  refuseUnknownOptions(options);
  return TestBroker.start(nodeRuntime({ writeLogLine: options.writeLogLine ?? (() => {}) }), options);
}
