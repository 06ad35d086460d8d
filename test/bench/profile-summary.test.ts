import { expect, it } from 'vitest';
import { profileSummary } from '../../bench/profile-summary.ts';

const node = (id: number, functionName: string, url: string) => ({
  id,
  callFrame: { functionName, url },
});

it('own time is summed by folder, package and builtin, and waiting is no time', () => {
  const profile = {
    nodes: [
      node(1, '(idle)', ''),
      node(2, 'decode', 'file:///x/src/binlog/rows.ts'),
      node(3, 'read', 'file:///x/src/binlog/values/text.ts'),
      node(4, 'send', 'file:///x/node_modules/@platformatic/kafka/dist/a.js'),
      node(5, 'write', 'node:internal/stream'),
      node(6, 'crc32c', ''),
      node(7, '(garbage collector)', ''),
    ],
    samples: [1, 2, 3, 4, 5, 6, 7, 2],
    timeDeltas: [9_000, 1_000, 2_000, 1_000, 500, 500, 2_000, 1_000],
  };
  expect(profileSummary(profile)).toEqual([
    { place: 'src/binlog', ms: 4, part: 0.5 },
    { place: '(garbage collector)', ms: 2, part: 0.25 },
    { place: '@platformatic/kafka', ms: 1, part: 0.125 },
    { place: 'node:internal', ms: 0.5, part: 0.0625 },
    { place: 'native code', ms: 0.5, part: 0.0625 },
  ]);
});
