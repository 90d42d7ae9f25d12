// The transcript runner itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command, durationText, retell } from './transcript.ts';

test('a command has a verb, words and pairs with lists, numbers and times', () => {
  const command = new Command('join alice protocols=range,sticky session=30s generation=-1 reason="just because"');
  assert.equal(command.verb, 'join');
  assert.equal(command.subject, 'alice');
  assert.deepEqual(command.list('protocols'), ['range', 'sticky']);
  assert.equal(command.duration('session', 0), 30_000);
  assert.equal(command.number('generation', 0), -1);
  assert.equal(command.string('reason'), 'just because');
  assert.equal(command.string('absent'), undefined);
  assert.equal(command.string('absent', 'given'), 'given');
  assert.throws(() => new Command('join').subject, /names nobody/);
  assert.deepEqual([250, 3000, 300_000, 0].map(durationText), ['250ms', '3s', '5m', '0ms']);
});

test('a transcript is told again: commands and comments stay, narratives are what happens now', () => {
  const before = '# Title\n\nsay hello\nsay there\n----\nold\nlines\n\n# Note.\nbe silent\n----\n';
  const after = retell(before, (command) => (command.verb === 'say' ? [`said ${command.subject}`] : []));
  assert.equal(
    after,
    '# Title\n\nsay hello\nsay there\n----\n> say hello\nsaid hello\n> say there\nsaid there\n\n# Note.\nbe silent\n----\n(nothing)\n',
  );
  assert.equal(
    retell(after, (command) => (command.verb === 'say' ? [`said ${command.subject}`] : [])),
    after,
  );
});
