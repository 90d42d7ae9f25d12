// Settings from files and overrides: what they resolve to, and what is wrong with them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { listSettings, parseProperties, resolveSettings, SettingsError, type SettingsSources } from './settings.ts';

const problems = (properties: Record<string, string>, more: SettingsSources = {}): readonly string[] => {
  try {
    resolveSettings({ properties, ...more });
    return [];
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    return error.problems;
  }
};

describe('settings', () => {
  it('have defaults for one machine', () => {
    const settings = resolveSettings();
    assert.equal(settings.nodeId, 1);
    assert.deepEqual(settings.listeners, [
      { name: 'PLAINTEXT', securityProtocol: 'PLAINTEXT', host: '127.0.0.1', port: 9092 },
    ]);
    assert.deepEqual(settings.advertisedListeners, []);
    assert.equal(settings.dataDirectory, './ottla-data');
    assert.equal(settings.durability, 'fsync');
    assert.equal(settings.requestMemoryMaxBytes, 268435456);
    assert.equal(settings.ottla.replicationFactorClamp, false);
    assert.deepEqual(settings.warnings, []);
  });

  it('take Kafka’s own example of a combined broker and controller, with a warning for each key that does nothing', () => {
    const settings = resolveSettings({
      properties: parseProperties(`
        process.roles=broker,controller
        node.id=7
        ottla.allow.unauthenticated.network.access=true
        controller.quorum.bootstrap.servers=localhost:9093
        listeners=PLAINTEXT://:9092,CONTROLLER://:9093
        inter.broker.listener.name=PLAINTEXT
        advertised.listeners=PLAINTEXT://broker.example:9092,CONTROLLER://broker.example:9093
        controller.listener.names=CONTROLLER
        listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL
        num.network.threads=3
        num.io.threads=8
        socket.send.buffer.bytes=102400
        log.dirs=/var/lib/ottla
        num.partitions=3
        offsets.topic.replication.factor=1
        log.retention.hours=168
        log.retention.check.interval.ms=300000
      `),
    });
    assert.equal(settings.nodeId, 7);
    assert.deepEqual(
      settings.listeners.map(({ name, host, port }) => [name, host, port]),
      [['PLAINTEXT', '', 9092]],
    );
    assert.deepEqual(
      settings.advertisedListeners.map(({ host, port }) => [host, port]),
      [['broker.example', 9092]],
    );
    assert.equal(settings.dataDirectory, '/var/lib/ottla');
    assert.equal(settings.broker.numPartitions, 3);
    assert.equal(settings.broker.nodeId, 7);
    assert.equal(settings.staticValues.get('num.partitions'), '3');
    assert.deepEqual(
      settings.warnings.map((warning) => warning.split(' ')[0]),
      ['controller.quorum.bootstrap.servers', 'inter.broker.listener.name', 'controller.listener.names', 'The', 'The'],
    );
  });

  it('give overrides precedence over the file', () => {
    const settings = resolveSettings({
      properties: { 'num.partitions': '2', 'node.id': '4' },
      overrides: new Map([['num.partitions', '5']]),
    });
    assert.equal(settings.broker.numPartitions, 5);
    assert.equal(settings.nodeId, 4);
  });

  it('say what was meant by a key that is nearly one', () => {
    assert.deepEqual(problems({ 'num.partition': '1' }), [
      'There is no setting num.partition; did you mean num.partitions?',
    ]);
    assert.deepEqual(problems({ numPartitions: '1' }), [
      'There is no setting numPartitions; did you mean num.partitions?',
    ]);
    assert.deepEqual(problems({ 'ottla.durabilty': 'os' }), [
      'There is no setting ottla.durabilty; did you mean ottla.durability?',
    ]);
    assert.deepEqual(problems({ 'ottla.something.else': 'os' }), ['There is no setting ottla.something.else.']);
  });

  it('warn about keys of somebody else', () => {
    const { warnings } = resolveSettings({
      properties: { 'confluent.license': 'x', constructor: 'y', 'listener.name.external.something': '1' },
    });
    assert.deepEqual(warnings, [
      'confluent.license is not a setting of Kafka or Ottla and has no effect.',
      'constructor is not a setting of Kafka or Ottla and has no effect.',
      'listener.name.external.something is not a setting of Kafka or Ottla and has no effect.',
    ]);
  });

  it('are silent about a key without meaning at its default, however it is written', () => {
    assert.deepEqual(
      resolveSettings({
        properties: {
          'num.io.threads': ' +8',
          'log.cleaner.enable': 'TRUE',
          'ssl.client.auth': 'none',
          'metadata.log.dir': '',
        },
      }).warnings,
      [],
    );
    assert.match(
      resolveSettings({ properties: { 'num.io.threads': '9' } }).warnings[0] ?? '',
      /^num\.io\.threads has no effect: requests are handled by one event loop/,
    );
    assert.match(
      resolveSettings({ properties: { 'transaction.two.phase.commit.enable': 'true' } }).warnings[0] ?? '',
      /^transaction\.two\.phase\.commit\.enable has no effect yet: two-phase commit is not part/,
    );
  });

  it('list all problems at once, one sentence each', () => {
    const all = problems({
      'num.partitions': '0',
      'auto.create.topics.enable': 'maybe',
      listeners: 'nonsense',
      'log.dirs': '/a,/b',
    });
    assert.deepEqual(all, [
      'Invalid value 0 for configuration num.partitions: Value must be at least 1.',
      'Invalid value maybe for configuration auto.create.topics.enable: Expected value to be either true or false.',
      'log.dirs names 2 directories; Ottla keeps everything in one, so name one.',
      'listeners has "nonsense", which is not name://host:port, for example PLAINTEXT://127.0.0.1:9092.',
    ]);
  });

  it('refuse what would be less safe than it looks', () => {
    assert.match(problems({ listeners: 'SASL_SSL://:9093' })[0] ?? '', /speaks TLS and has no certificate/);
    assert.match(problems({ 'authorizer.class.name': 'x.Y' })[0] ?? '', /StandardAuthorizer alone/);
    assert.match(problems({ listeners: 'SASL_PLAINTEXT://:1' })[0] ?? '', /has GSSAPI; name some of PLAIN/);
    const unread = { listeners: 'SSL://:1', 'ssl.keystore.location': '/k' };
    assert.match(problems(unread)[0] ?? '', /is JKS; only PEM and PKCS12 can be read/);
    assert.match(
      problems({ ...unread, 'ssl.keystore.type': 'PEM', 'ssl.client.auth': 'required' })[0] ?? '',
      /whom to trust/,
    );
    const old = { ...unread, 'ssl.keystore.type': 'PEM', 'ssl.enabled.protocols': 'TLSv1.1,TLSv1.2' };
    assert.match(problems(old)[0] ?? '', /TLSv1\.1; TLSv1\.2 and TLSv1\.3 are spoken/);
    const plain = { listeners: 'SASL_PLAINTEXT://:1', 'sasl.enabled.mechanisms': 'PLAIN' };
    assert.match(problems(plain)[0] ?? '', /offers PLAIN and knows no users/);
    assert.match(problems({ 'ottla.durability': 'fsync' }, { dataDirectory: null })[0] ?? '', /needs a data directory/);
    assert.match(problems({ 'process.roles': 'controller' })[0] ?? '', /names no broker/);
  });

  it('open nothing to the network without a login unless told so in as many words', () => {
    const open = { listeners: 'PLAINTEXT://0.0.0.0:9092' };
    assert.match(
      problems(open)[0] ?? '',
      /nobody has to log in on it.*ottla\.allow\.unauthenticated\.network\.access=true/,
    );
    const { warnings } = resolveSettings({
      properties: { ...open, 'ottla.allow.unauthenticated.network.access': 'true' },
    });
    assert.match(warnings[0] ?? '', /whoever reaches it can read, write and delete everything/);
    const ssl = { listeners: 'SSL://0.0.0.0:1', 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': '/k' };
    const trust = { 'ssl.truststore.type': 'PEM', 'ssl.truststore.location': '/t' };
    assert.match(problems(ssl)[0] ?? '', /nobody has to log in/);
    assert.match(problems({ ...ssl, ...trust, 'ssl.client.auth': 'requested' })[0] ?? '', /nobody has to log in/);
    assert.deepEqual(problems({ ...ssl, ...trust, 'ssl.client.auth': 'required' }), []);
    for (const host of ['127.0.0.1', '[::1]', 'localhost'])
      assert.deepEqual(problems({ listeners: `PLAINTEXT://${host}:1` }), []);
  });

  it('read what belongs to one listener before what belongs to all', () => {
    const { security } = resolveSettings({
      properties: {
        listeners: 'IN://127.0.0.1:1,OUT://127.0.0.1:2',
        'listener.security.protocol.map': 'IN:SASL_PLAINTEXT,OUT:SASL_PLAINTEXT',
        'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
        'listener.name.in.sasl.enabled.mechanisms': 'PLAIN',
        'listener.name.in.plain.sasl.jaas.config':
          'org.apache.kafka.common.security.plain.PlainLoginModule required user_a="b";',
        'connections.max.reauth.ms': '1000',
        'listener.name.out.scram-sha-512.connections.max.reauth.ms': '2000',
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:admin;User:CN=a,O=b',
      },
    });
    const inside = security.listeners.get('IN')?.sasl;
    assert.deepEqual(
      [inside?.mechanisms, inside?.plainUsers, inside?.reauthMs.get('PLAIN')],
      [['PLAIN'], new Map([['a', 'b']]), 1000],
    );
    assert.equal(security.listeners.get('OUT')?.sasl?.reauthMs.get('SCRAM-SHA-512'), 2000);
    assert.deepEqual(
      security.authorizer?.superUsers.map(({ name }) => name),
      ['admin', 'CN=a,O=b'],
    );
  });

  it('check listeners', () => {
    assert.match(problems({ listeners: 'A://:1' })[0] ?? '', /listener\.security\.protocol\.map does not know/);
    assert.match(problems({ listeners: 'PLAINTEXT://:1,PLAINTEXT://:2' })[0] ?? '', /has the listener PLAINTEXT twice/);
    assert.match(problems({ listeners: 'PLAINTEXT://:70000' })[0] ?? '', /not name:\/\/host:port/);
    assert.match(problems({ 'advertised.listeners': 'PLAINTEXT://0.0.0.0:1' })[0] ?? '', /no client can dial/);
    assert.match(
      problems({
        'listener.security.protocol.map': 'A:PLAINTEXT',
        listeners: 'A://:1',
        'advertised.listeners': 'PLAINTEXT://h:1',
      })[0] ?? '',
      /does not know/,
    );
    const { listeners } = resolveSettings({
      properties: {
        listeners: 'in://[::1]:0,out://localhost:1',
        'listener.security.protocol.map': 'IN:PLAINTEXT, OUT:PLAINTEXT',
      },
    });
    assert.deepEqual(
      listeners.map(({ name, host, port }) => `${name} ${host} ${port}`),
      ['IN ::1 0', 'OUT localhost 1'],
    );
  });

  it('keep everything in memory when told so', () => {
    const settings = resolveSettings({ properties: { 'log.dirs': '/a,/b' }, dataDirectory: null });
    assert.equal(settings.dataDirectory, null);
    assert.equal(settings.durability, 'memory');
  });

  it('know the old name of node.id', () => {
    assert.equal(resolveSettings({ properties: { 'broker.id': '9' } }).nodeId, 9);
    assert.match(problems({ 'broker.id': '9', 'node.id': '8' })[0] ?? '', /name the same thing/);
  });

  it('check what keys must fulfil together', () => {
    assert.deepEqual(problems({ 'queued.max.request.bytes': '1000' }), [
      'queued.max.request.bytes must be larger or equal to socket.request.max.bytes.',
    ]);
    assert.deepEqual(problems({ 'log.retention.ms': '0' }), [
      'log.retention.ms must be unlimited (-1) or, greater than or equal to 1.',
    ]);
    assert.equal(
      resolveSettings({ properties: { 'queued.max.request.bytes': '200000000' } }).requestMemoryMaxBytes,
      200000000,
    );
  });

  it('are either resolved or refused, whatever they are', () => {
    const names = listSettings().map(({ name }) => name);
    const text = fc.oneof(fc.string(), fc.integer().map(String), fc.constantFrom('true', '', 'PLAINTEXT://:1', 'a:b'));
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), text), (properties) => {
        for (const problem of problems(properties)) assert.ok(problem.endsWith('.') || problem.endsWith('?'));
      }),
    );
  });

  it('are all listed for the reference page, Ottla’s own first', () => {
    const settings = listSettings();
    assert.equal(settings[0]?.name, 'ottla.durability');
    assert.equal(new Set(settings.map(({ name }) => name)).size, settings.length);
    const of = (name: string) => settings.find((setting) => setting.name === name);
    assert.equal(of('log.retention.ms')?.unit, 'milliseconds');
    assert.equal(of('message.max.bytes')?.unit, 'bytes');
    assert.equal(of('num.partitions')?.unit, null);
  });
});

describe('a properties file', () => {
  it('is read as Java reads it', () => {
    const text = [
      '# a comment',
      '! another',
      '',
      '  a=1',
      'b : 2',
      'c 3',
      'd\t=\t4  ',
      'e=5=6',
      'f',
      'g=',
      'h\\ i=x',
      'j\\=k\\:l=y',
      'long=one,\\',
      '     two,\\',
      '\ttwo and \\u00e9\\t\\\\',
      'path=C:\\\\x',
      'odd=\\q',
      '\\#x=1',
      'a=7',
      'last=end\\',
    ].join('\n');
    assert.deepEqual(
      [...parseProperties(text)],
      [
        ['a', '7'],
        ['b', '2'],
        ['c', '3'],
        ['d', '4  '],
        ['e', '5=6'],
        ['f', ''],
        ['g', ''],
        ['h i', 'x'],
        ['j=k:l', 'y'],
        ['long', 'one,two,two and é\t\\'],
        ['path', 'C:\\x'],
        ['odd', 'q'],
        ['#x', '1'],
        ['last', 'end'],
      ],
    );
  });

  it('may end lines in any way and begin with a byte order mark', () => {
    assert.deepEqual(
      [...parseProperties('\uFEFFa=1\r\nb=2\rc=3')],
      [
        ['a', '1'],
        ['b', '2'],
        ['c', '3'],
      ],
    );
  });

  it('gives back every key and value that was escaped into it', () => {
    const escaped = (text: string) =>
      text.replace(
        /[\\=: \t\n\r\f#!]/g,
        (each) => ({ '\n': '\\n', '\r': '\\r', '\t': '\\t', '\f': '\\f' })[each] ?? `\\${each}`,
      );
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), (key, value) => {
        fc.pre(!key.startsWith('\uFEFF'));
        assert.deepEqual([...parseProperties(`${escaped(key)}=${escaped(value)}`)], [[key, value]]);
      }),
    );
  });
});
