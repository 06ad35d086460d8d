import { describe, expect, it } from 'vitest';
import { Standstill } from '../../src/kafka/standstill.ts';

const WAITING = [{ topic: 'shop.shop.orders', partition: 2 }];

function watched() {
  const clock = { nowMs: 0 };
  const standstill = new Standstill(() => clock.nowMs);
  const read = (gotOn: boolean, afterMs: number): void => {
    clock.nowMs += afterMs;
    standstill.afterRead(gotOn, WAITING);
  };
  return { read };
}

describe('reading to an end behind an open transaction', () => {
  it('waits for as long as a transaction may be open', () => {
    const { read } = watched();
    for (let waited = 0; waited < 55_000; waited += 500) read(false, 500);
    read(true, 500);
    for (let waited = 0; waited < 55_000; waited += 500) read(false, 500);
  });

  it('fails when nothing moves for longer, and names the partitions', () => {
    const { read } = watched();
    const waitLong = (): void => {
      for (let waited = 0; waited <= 60_000; waited += 500) read(false, 500);
    };
    expect(waitLong).toThrow(
      expect.objectContaining({
        code: 'kafka.transaction-hanging',
        message: expect.stringContaining('open in shop.shop.orders-2 for 60 s') as string,
      }),
    );
  });

  it('does not take a machine that slept for a broker that does not move', () => {
    const { read } = watched();
    read(false, 500);
    read(false, 8 * 3_600_000);
    read(false, 500);
    read(true, 500);
  });
});
