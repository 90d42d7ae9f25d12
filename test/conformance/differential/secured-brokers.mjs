// A real Kafka and an Ottla with the same locks: a listener without a login (everybody is ANONYMOUS there), one with PLAIN and SCRAM,
// an access control that knows one super user, and delegation tokens. Users are `admin` and u0, u1, … with their names as passwords.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts, startKafka } from '../../../bench/rivals/kafka/kafka.mjs';
import { startOttla } from '../broker.mjs';

const MODULE = 'org.apache.kafka.common.security.plain.PlainLoginModule';

/** `[{ name, plainPort, port, stop() }]`, Kafka first. */
export async function startSecured(directory, userCount, settings = {}) {
  const users = ['admin', ...Array.from({ length: userCount }, (_, index) => `u${index}`)];
  const jaas = `${MODULE} required username="admin" password="admin" ${users.map((user) => `user_${user}="${user}"`).join(' ')};`;
  const [kafkaPort, ottlaPort] = await freePorts(2);
  const shared = {
    'node.id': '1',
    'auto.create.topics.enable': 'false',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256',
    'listener.name.sasl_plaintext.plain.sasl.jaas.config': jaas,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:admin',
    'delegation.token.secret.key': 'secret',
    ...settings,
  };
  const kafka = await startKafka({
    properties: ({ port, controllerPort }) => ({
      ...shared,
      'offsets.topic.num.partitions': '1',
      'transaction.state.log.num.partitions': '1',
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT',
      listeners: `PLAINTEXT://127.0.0.1:${port},SASL_PLAINTEXT://127.0.0.1:${kafkaPort},CONTROLLER://127.0.0.1:${controllerPort}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},SASL_PLAINTEXT://127.0.0.1:${kafkaPort}`,
      'inter.broker.listener.name': 'SASL_PLAINTEXT',
      'sasl.mechanism.inter.broker.protocol': 'PLAIN',
      'sasl.mechanism.controller.protocol': 'PLAIN',
      'listener.name.controller.sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.controller.plain.sasl.jaas.config': jaas,
      'listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config':
        'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    }),
  });
  try {
    const [plainPort] = await freePorts(1);
    const listeners = `PLAINTEXT://127.0.0.1:${plainPort},SASL_PLAINTEXT://127.0.0.1:${ottlaPort}`;
    const all = {
      ...shared,
      listeners,
      'offsets.topic.num.partitions': '1',
      'transaction.state.log.num.partitions': '1',
      'group.initial.rebalance.delay.ms': '0',
    };
    const config = join(directory, 'server.properties');
    writeFileSync(
      config,
      Object.entries(all)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
    const ottla = await startOttla(join(directory, 'data'), ['--config', config]);
    return [
      { name: 'kafka', plainPort: Number(kafka.bootstrap.split(':')[1]), port: kafkaPort, stop: kafka.stop },
      { name: 'ottla', plainPort, port: ottlaPort, stop: ottla.stop },
    ];
  } catch (error) {
    await kafka.stop();
    throw error;
  }
}
