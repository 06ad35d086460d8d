import { describe, expect, it } from 'vitest';
import { untilReady } from '../../../tools/stack/readiness.ts';

const base = {
  server: 'kafka',
  probe: async () => undefined,
  isRunning: async () => true,
  log: async () => 'port in use',
  signal: undefined,
};

describe('waiting for a server', () => {
  it('ends when the probe is answered', async () => {
    let calls = 0;
    const probe = async () => {
      calls++;
      if (calls < 3) throw new Error('not yet');
    };
    await untilReady({ ...base, probe });
    expect(calls).toBe(3);
  });

  it('fails with the end of the log when the server is gone', async () => {
    const isRunning = async () => false;
    await expect(untilReady({ ...base, isRunning })).rejects.toThrow(
      'kafka ended while starting:\nport in use',
    );
  });

  it('does not take the answer of a stranger on the same port for that of a dead server', async () => {
    const isRunning = async () => false;
    let probed = false;
    const probe = async () => {
      probed = true;
    };
    await expect(untilReady({ ...base, isRunning, probe })).rejects.toThrow('ended');
    expect(probed).toBe(false);
  });

  it('ends when it is interrupted', async () => {
    const interrupted = new AbortController();
    const probe = async () => {
      interrupted.abort();
      throw new Error('not yet');
    };
    const waiting = untilReady({ ...base, probe, signal: interrupted.signal });
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });
});
