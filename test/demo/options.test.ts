import { describe, expect, it } from 'vitest';
import { type DemoOptions, demoOptions, USAGE } from '../../demo/options.ts';

const ACCEPTED: readonly (readonly [args: string, options: DemoOptions])[] = [
  ['', { kind: 'show', sink: 'duckdb' }],
  ['--check', { kind: 'check', sink: 'duckdb' }],
  ['--sink bigquery', { kind: 'show', sink: 'bigquery' }],
  ['--sink=bigquery --check', { kind: 'check', sink: 'bigquery' }],
  ['--check --sink duckdb', { kind: 'check', sink: 'duckdb' }],
  ['--help --sink bigquery', { kind: 'help' }],
];

const words = (line: string): readonly string[] => line.split(' ').filter((word) => word !== '');

describe('the command line of the demo', () => {
  it.each(ACCEPTED)('"%s" is understood', (line, options) => {
    expect(demoOptions(words(line))).toEqual(options);
  });

  it('names the sinks there are when another one is asked for', () => {
    expect(() => demoOptions(['--sink', 'snowflake'])).toThrow(
      '--sink snowflake: it is one of duckdb, bigquery.',
    );
  });

  it.each(['--sink', '--fast', 'bigquery'])('refuses "%s"', (line) => {
    expect(() => demoOptions(words(line))).toThrow();
  });

  it('shows every option in its help', () => {
    for (const option of ['--check', '--sink duckdb', '--sink bigquery'])
      expect(USAGE).toContain(option);
  });
});
