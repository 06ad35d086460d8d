import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../src/errors/error.ts';
import { createLog, type LogFields } from '../../src/observability/log.ts';

function recording(level: 'debug' | 'info' = 'debug') {
  const lines: string[] = [];
  const log = createLog(level, { write: (line) => lines.push(line) });
  return {
    log,
    lines,
    parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

describe('the log', () => {
  it('writes one JSON object a line, with the fields that were set once', () => {
    const { log, parsed } = recording();
    log.with({ pipeline: 'shop' }).info('resumed', { position: 'u:1-5', epoch: 2 });
    expect(parsed()).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
        pipeline: 'shop',
        position: 'u:1-5',
        epoch: 2,
        message: 'resumed',
      },
    ]);
  });

  it('keeps quiet below its level', () => {
    const { log, lines } = recording('info');
    log.debug('batch published');
    expect(lines).toEqual([]);
  });

  it.each([
    [new SluiceError('binlog.purged', 'gone'), 'error', 'binlog.purged'],
    [new SluiceError('config.secret-missing', 'no PW'), 'warn', 'config.secret-missing'],
    [AbortSignal.abort().reason as unknown, 'debug', 'internal.cancelled'],
    [new TypeError('x is not a function'), 'error', 'internal.bug'],
  ])('logs the failure %s as %s with its code', (thrown, level, errorCode) => {
    const { log, parsed } = recording();
    log.failure('stream ended', thrown, { pipeline: 'shop' });
    expect(parsed()[0]).toMatchObject({
      level,
      errorCode,
      pipeline: 'shop',
      message: 'stream ended',
    });
  });

  it('repeats neither rows nor secrets, not even when a caller forces them in', () => {
    const { log, lines } = recording();
    log.failure('stream ended', new Error('bad value ana@example.com'));
    log.info('connected', {
      password: 'hunter2',
      options: { password: 'hunter2' },
      after: ['ana@example.com'],
    } as LogFields);
    expect(lines.join()).not.toMatch(/ana@example\.com|hunter2/);
    expect(lines).toHaveLength(2);
  });
});
