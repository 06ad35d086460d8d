import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { descendants, parseStat, parseStatus, readTree } from '../../bench/process-tree.ts';
import { UsageLog } from '../../bench/usage-log.ts';

it('reads parent and CPU time behind a command with spaces and parentheses', () => {
  const stat = `71 (a (b) c) S 12 71 71 0 -1 4194560 100 0 0 0 150 50 20 5 20 0 8 0 100 1000 200`;
  expect(parseStat(stat)).toEqual({ pid: 71, parent: 12, cpuSeconds: 2.25 });
});

it('what is no stat line is no process', () => {
  expect(parseStat('')).toBeUndefined();
});

it('reads the largest and the present resident size', () => {
  const status = 'Name:\tnode\nVmPeak:\t  999 kB\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n';
  expect(parseStatus(status)).toEqual({ peakKb: 2048, residentKb: 1024 });
});

it('a process without memory counts as none', () => {
  expect(parseStatus('Name:\tnode\nState:\tZ (zombie)\n')).toEqual({ peakKb: 0, residentKb: 0 });
});

it('a tree is the root and all that descends from it', () => {
  const parents = [
    [1, 0],
    [2, 1],
    [3, 2],
    [4, 1],
    [5, 9],
  ] as const;
  const processes = new Map(parents.map(([pid, parent]) => [pid, { pid, parent }]));
  expect(
    descendants(1, processes)
      .map(({ pid }) => pid)
      .sort(),
  ).toEqual([1, 2, 3, 4]);
  expect(descendants(7, processes)).toEqual([]);
});

it('the tree of a shell holds the program it started', async () => {
  const shell = spawn('/bin/sh', ['-c', 'echo up; sleep 60; true'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  try {
    await once(shell.stdout, 'data');
    let tree = await readTree(shell.pid ?? -1);
    while (tree.length < 2) tree = await readTree(shell.pid ?? -1);
    expect(tree).toHaveLength(2);
    expect(tree.every(({ peakKb, residentKb }) => peakKb >= residentKb)).toBe(true);
  } finally {
    process.kill(-(shell.pid ?? 0), 'SIGKILL');
  }
});

const usage = (pid: number, peakKb: number, cpuSeconds: number) => ({
  pid,
  parent: 1,
  peakKb,
  residentKb: peakKb / 2,
  cpuSeconds,
});

it('peaks are summed over processes, also those that have ended', () => {
  const log = new UsageLog();
  log.add(0, [usage(1, 1024, 0), usage(2, 2048, 0)]);
  log.add(10, [usage(1, 3072, 0)]);
  expect(log.peakMb).toBe(5);
  expect(log.samples.map(({ residentMb }) => residentMb)).toEqual([1.5, 1.5]);
});

it('CPU time between two moments lies between the looks around them', () => {
  const log = new UsageLog();
  log.add(1_000, [usage(1, 0, 10)]);
  log.add(2_000, [usage(1, 0, 20)]);
  log.add(3_000, [usage(1, 0, 40)]);
  expect(log.cpuSecondsBetween(1_500, 2_500)).toBe(15);
  expect(log.cpuSecondsBetween(0, 9_000)).toBe(30);
});

it('the CPU time of a process that has ended stays counted', () => {
  const log = new UsageLog();
  log.add(0, [usage(1, 0, 1), usage(2, 0, 5)]);
  log.add(10, [usage(1, 0, 2)]);
  expect(log.cpuSecondsBetween(0, 10)).toBe(1);
});
