import { describe, expect, it } from 'vitest';
import { parseMembers } from '../../src/mysql/member-list.ts';

describe('the members of an ENUM or SET type', () => {
  it.each([
    ["enum('a','b')", ['a', 'b']],
    ["set('only')", ['only']],
    ["enum('')", ['']],
    ["enum('a,b','c)','(')", ['a,b', 'c)', '(']],
    ["enum('it''s','''')", ["it's", "'"]],
    [
      String.raw`enum('back\\slash','line\nend','nul\0','cr\r')`,
      ['back\\slash', 'line\nend', 'nul\0', 'cr\r'],
    ],
    ["enum('ü','漢')", ['ü', '漢']],
  ])('of %s', (columnType, members) => {
    expect(parseMembers(columnType)).toEqual(members);
  });

  it('are not guessed when the text breaks off', () => {
    expect(() => parseMembers("enum('a','b")).toThrow('without its end');
  });
});
