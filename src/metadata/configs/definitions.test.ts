// The tables of keys, next to Kafka 4.3's own.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { repositoryPath } from '../../../test/repository.ts';
import { brokerDefinitions } from './broker-definitions.ts';
import type { Definitions } from './definition.ts';
import { clientMetricsDefinitions, groupDefinitions } from './group-definitions.ts';
import { ottlaDefinitions } from './ottla-definitions.ts';
import { parseConfig } from './parse-value.ts';
import { topicBrokerSynonyms, topicDefinitions } from './topic-definitions.ts';

const tables: Record<string, Definitions> = {
  topic: topicDefinitions,
  broker: brokerDefinitions,
  group: groupDefinitions,
  'client-metrics': clientMetricsDefinitions,
  ottla: ottlaDefinitions,
};

describe('the tables of configs', () => {
  it('have a default that is allowed for every key', () => {
    for (const table of Object.values(tables)) {
      for (const [name, definition] of Object.entries(table)) parseConfig(name, definition, definition.defaultValue);
    }
  });

  it('say about every key what it does, in one sentence or two', () => {
    for (const table of Object.values(tables)) {
      for (const [name, { documentation }] of Object.entries(table))
        assert.match(documentation, /^[A-Z].{8,}\.$/, name);
    }
  });

  it('name broker keys of the same type behind every topic config', () => {
    for (const [name, synonyms] of Object.entries(topicBrokerSynonyms)) {
      for (const synonym of synonyms) {
        const broker = brokerDefinitions[synonym.name];
        assert.ok(broker, synonym.name);
        const topic = (topicDefinitions as Definitions)[name];
        if (synonym.factor === 1) assert.equal(broker.type, topic?.type, name);
      }
    }
  });

  it('hold every key of Kafka 4.3, with its type, default, rule, importance and way of changing', () => {
    for (const kind of ['broker', 'topic', 'group'] as const) {
      const table = tables[kind] as Definitions;
      const lines = goldenLines(`${kind}-configs.txt.gz`);
      for (const line of lines) {
        const [name, type, defaultValue, rule, importance, update, internal] = line.split('|') as [string, ...string[]];
        const definition = table[name];
        assert.ok(definition, name);
        assert.equal(definition.type, type, name);
        assert.equal(String(definition.defaultValue), OWN_DEFAULTS[name] ?? defaultValue, name);
        assert.equal(definition.importance, importance, name);
        assert.equal(String(definition.internal), internal, name);
        if (kind === 'broker') assert.equal(definition.update, READ_ONLY_HERE.has(name) ? 'read-only' : update, name);
        if (!/non-(null|empty) (string|list)/.test(rule ?? '')) assert.equal(definition.rule?.text ?? '', rule, name);
      }
      assert.equal(Object.keys(table).length, lines.length);
    }
  });
});

const OWN_DEFAULTS: Readonly<Record<string, string>> = {
  'node.id': '1',
  listeners: 'PLAINTEXT://127.0.0.1:9092',
  'log.dir': './ottla-data',
};
const READ_ONLY_HERE = new Set([
  'listeners',
  'listener.security.protocol.map',
  'sasl.enabled.mechanisms',
  'sasl.jaas.config',
  'ssl.cipher.suites',
  'ssl.client.auth',
  'ssl.enabled.protocols',
  'ssl.key.password',
  'ssl.keystore.certificate.chain',
  'ssl.keystore.key',
  'ssl.keystore.location',
  'ssl.keystore.password',
  'ssl.keystore.type',
  'ssl.truststore.certificates',
  'ssl.truststore.location',
  'ssl.truststore.password',
  'ssl.truststore.type',
]);

/** name|type|default|rule|importance|update mode|internal */
function goldenLines(file: string): string[] {
  return gunzipSync(readFileSync(repositoryPath('test', 'golden', 'configs', file)))
    .toString()
    .trim()
    .split('\n');
}
