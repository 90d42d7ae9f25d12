// The brokers that a bench compares, behind one face: `{ name, bootstrap, pid, topic(), remove(), removeAll(), stop() }`. Each topic is new. It is
// removed with the others of its row, because a disk holds only so much of what a second produces; not at once, because memory that files
// leave behind is dear for whoever writes next (page-cache.mjs).

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOttla } from '../test/conformance/broker.mjs';
import { connectTo, createTopic, deleteTopic, partitionsReady } from './group-members.mjs';
import { setUpKafka, startKafka } from './rivals/kafka/kafka.mjs';

let topics = 0;

/** Ottla over a new directory, with this durability (fsync, os or memory). */
export async function startOttlaFor(durability, settings = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'bench-ottla-'));
  const set = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const broker = await startOttla(join(directory, 'data'), ['--durability', durability, ...set]);
  const stop = async () => {
    await broker.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  return withTopics({ name: 'ottla', bootstrap: broker.bootstrap, pid: broker.pid, stop }, {});
}

/** Kafka with the same promise: with fsync its topics flush after every message. */
export async function startKafkaFor(durability, settings = {}) {
  setUpKafka();
  const broker = await startKafka({ properties: settings });
  const configs = durability === 'fsync' ? { 'flush.messages': 1 } : {};
  return withTopics({ name: 'kafka', bootstrap: broker.bootstrap, pid: broker.pid, stop: broker.stop }, configs);
}

/** A broker that runs already, somewhere; without a pid its CPU time and memory are not known. */
export function runningBroker(bootstrap, pid) {
  return withTopics({ name: bootstrap, bootstrap, pid, stop: async () => {} }, {});
}

function withTopics(broker, configs) {
  const withConnection = async (work) => {
    const connection = await connectTo(broker.bootstrap);
    try {
      return await work(connection);
    } finally {
      connection.close();
    }
  };
  const removed = [];
  return {
    ...broker,
    /** A new topic's name. */
    async topic(partitions, more = {}) {
      const name = `bench-${process.pid}-${topics++}`;
      const all = { 'file.delete.delay.ms': 0, ...configs, ...more };
      await withConnection(async (connection) => {
        await createTopic(connection, name, partitions, all);
        await partitionsReady(connection, name, partitions);
      });
      return name;
    },
    /** At the end of the row. */
    remove(name) {
      removed.push(name);
    },
    async removeAll() {
      const names = removed.splice(0);
      if (names.length === 0) return;
      await withConnection(async (connection) => {
        for (const name of names) await deleteTopic(connection, name);
      });
    },
  };
}
