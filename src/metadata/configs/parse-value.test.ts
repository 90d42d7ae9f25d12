// Text to config value and back.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { resourceKey } from './define.ts';
import type { ConfigType, ConfigValue, Definition } from './definition.ts';
import { ConfigError, canonicalText, parseConfig, splitList } from './parse-value.ts';
import {
  atLeast,
  between,
  gzipLevel,
  listOf,
  oneOf,
  oneOfIgnoringCase,
  type Rule,
  shareOffsetReset,
  throttledReplicas,
} from './rule.ts';

const key = (type: ConfigType, rule: Rule | null = null, defaultValue: string | null = ''): Definition =>
  resourceKey(type, defaultValue, rule, 'A key.');

const parse = (type: ConfigType, text: string | null, rule: Rule | null = null): ConfigValue =>
  parseConfig('some.key', key(type, rule), text);

const refused = (type: ConfigType, text: string | null, sentence: string, rule: Rule | null = null): void => {
  assert.throws(
    () => parse(type, text, rule),
    (error) => error instanceof ConfigError && error.message === sentence,
    `${text}`,
  );
};

describe('a config value', () => {
  it('is a boolean in any case, and nothing else', () => {
    assert.equal(parse('BOOLEAN', ' True '), true);
    assert.equal(parse('BOOLEAN', 'FALSE'), false);
    refused(
      'BOOLEAN',
      'yes',
      'Invalid value yes for configuration some.key: Expected value to be either true or false',
    );
  });

  it('is an integer within its type', () => {
    assert.equal(parse('INT', ' +17 '), 17);
    assert.equal(parse('INT', '-2147483648'), -2147483648);
    assert.equal(parse('SHORT', '32767'), 32767);
    assert.equal(parse('LONG', '9007199254740991'), Number.MAX_SAFE_INTEGER);
    refused('INT', '2147483648', 'Invalid value 2147483648 for configuration some.key: Not a number of type INT');
    refused('SHORT', '32768', 'Invalid value 32768 for configuration some.key: Not a number of type SHORT');
    refused(
      'LONG',
      '9223372036854775808',
      'Invalid value 9223372036854775808 for configuration some.key: Not a number of type LONG',
    );
    for (const text of ['', '1.5', '1e3', '0x10', 'ten', '1 0', '--1']) {
      refused('INT', text, `Invalid value ${text} for configuration some.key: Not a number of type INT`);
    }
  });

  it('cuts a LONG to the safe integers, and keeps it exact in text', () => {
    assert.equal(parse('LONG', '9223372036854775807'), Number.MAX_SAFE_INTEGER);
    assert.equal(parse('LONG', '-9223372036854775808'), Number.MIN_SAFE_INTEGER);
    assert.equal(canonicalText('LONG', ' +9223372036854775807'), '9223372036854775807');
  });

  it('is a double, shown as Java shows it', () => {
    assert.equal(parse('DOUBLE', '.5'), 0.5);
    assert.equal(parse('DOUBLE', '1.7976931348623157E308'), Number.MAX_VALUE);
    refused('DOUBLE', 'half', 'Invalid value half for configuration some.key: Not a number of type DOUBLE');
    const shown = {
      '1': '1.0',
      '0.5': '0.5',
      '1e10': '1.0E10',
      '1.7976931348623157E308': '1.7976931348623157E308',
      '0.0001': '1.0E-4',
      '-0': '0.0',
    };
    for (const [text, expected] of Object.entries(shown)) assert.equal(canonicalText('DOUBLE', text), expected);
  });

  it('is a list split at commas, blank text being the empty list', () => {
    assert.deepEqual(parse('LIST', ' a , b,c '), ['a', 'b', 'c']);
    assert.deepEqual(parse('LIST', '  '), []);
    assert.deepEqual(parse('LIST', 'a,,b'), ['a', '', 'b']);
    assert.equal(canonicalText('LIST', ' a , b'), 'a,b');
  });

  it('may be missing only where the default is missing', () => {
    assert.equal(parseConfig('k', key('INT', null, null), null), null);
    refused('INT', null, 'Invalid value null for configuration some.key: Value must be non-null');
  });

  it('never shows a password', () => {
    const never: Rule = { text: '', check: () => 'no' };
    refused('PASSWORD', 'secret', 'Invalid value [hidden] for configuration some.key: no', never);
  });

  it('is held to its rule with Kafka’s words', () => {
    refused('LONG', '-2', 'Invalid value -2 for configuration some.key: Value must be at least -1', atLeast(-1));
    refused('INT', '18', 'Invalid value 18 for configuration some.key: Value must be no more than 17', between(1, 17));
    refused('INT', '0', 'Invalid value 0 for configuration some.key: Value must be at least 1', between(1, 17));
    refused('STRING', 'x', 'Invalid value x for configuration some.key: String must be one of: a, b', oneOf('a', 'b'));
    assert.equal(parse('STRING', 'UPGRADE', oneOfIgnoringCase('upgrade')), 'UPGRADE');
    refused(
      'INT',
      '0',
      'Invalid value 0 for configuration some.key: Value must be between 1 and 9 or equal to -1',
      gzipLevel,
    );
    assert.equal(parse('INT', '-1', gzipLevel), -1);
    const policy = listOf(['compact', 'delete']);
    refused(
      'LIST',
      'delete,keep',
      'Invalid value keep for configuration some.key: String must be one of: compact, delete',
      policy,
    );
    refused('LIST', 'delete,', "Configuration 'some.key' values must not be empty.", policy);
    refused('LIST', ',', "Configuration 'some.key' values must not be empty.", policy);
    assert.deepEqual(parse('LIST', 'delete, compact,delete', policy), ['delete', 'compact']);
    assert.deepEqual(parse('LIST', '0:1,0:1'), ['0:1', '0:1']);
    assert.equal(canonicalText('LIST', 'delete, delete', policy), 'delete');
    assert.equal(canonicalText('LIST', '0:1, 0:1'), '0:1,0:1');
    assert.deepEqual(parse('LIST', '', policy), []);
  });

  it('knows throttled replicas and the reset of share groups', () => {
    for (const text of ['*', '0:1', '0:1,12:3', '']) parse('LIST', text, throttledReplicas);
    for (const text of ['*,0:1', '0', 'a:b', '0:1:2'])
      assert.throws(() => parse('LIST', text, throttledReplicas), ConfigError);
    for (const text of ['latest', 'earliest', 'by_duration:PT1H', 'by_duration:P2DT0.5S'])
      parse('STRING', text, shareOffsetReset);
    for (const text of ['', 'none', 'by_duration:', 'by_duration:P', 'by_duration:-PT1S', 'by_duration:PT']) {
      assert.throws(() => parse('STRING', text, shareOffsetReset), ConfigError, text);
    }
  });

  it('is either parsed or refused in one sentence, whatever the text', () => {
    const types: ConfigType[] = ['BOOLEAN', 'STRING', 'INT', 'SHORT', 'LONG', 'DOUBLE', 'LIST', 'CLASS', 'PASSWORD'];
    const digits = fc.stringMatching(/^[-+ ]?[0-9eE.]{0,40}$/);
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.oneof(fc.string(), digits), (type, text) => {
        try {
          parse(type, text);
        } catch (error) {
          assert.ok(error instanceof ConfigError);
          return;
        }
        assert.deepEqual(parse(type, canonicalText(type, text)), parse(type, text));
      }),
    );
  });

  it('splits lists as it joins them', () => {
    const element = fc.stringMatching(/^[a-z:*]{1,5}$/);
    fc.assert(fc.property(fc.array(element), (list) => assert.deepEqual(splitList(list.join(' , ')), list)));
  });
});
