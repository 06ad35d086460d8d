import { expect, it } from 'vitest';
import { Meter } from '../../src/observability/meter.ts';
import { FailingMetric } from '../../src/workers/failing-metric.ts';
import { HeldWork } from '../../src/workers/held-work.ts';

it('the series of failing work grows from scrape to scrape, is zero once it works, and ends with it', async () => {
  const held = new HeldWork();
  const meter = new Meter();
  let nowMs = 1_000_000;
  const metric = new FailingMetric(held, meter, () => nowMs);
  const shown = async (): Promise<string[]> => {
    metric.refresh();
    return (await meter.text()).body
      .split('\n')
      .filter((line) => line.startsWith('sluice_failing_seconds'));
  };
  const stream = held.hold({ pipeline: 'shop', taskQueue: 'stream' });
  const sink = held.hold({ pipeline: 'shop', sink: 'lake', taskQueue: 'sink' });
  expect(await shown()).toEqual([
    'sluice_failing_seconds{pipeline="shop",part="stream"} 0',
    'sluice_failing_seconds{pipeline="shop",part="lake"} 0',
  ]);
  sink.failingSince(nowMs - 90_000);
  expect(await shown()).toContain('sluice_failing_seconds{pipeline="shop",part="lake"} 90');
  nowMs += 60_000;
  expect(await shown()).toContain('sluice_failing_seconds{pipeline="shop",part="lake"} 150');
  sink.failingSince(undefined);
  expect(await shown()).toContain('sluice_failing_seconds{pipeline="shop",part="lake"} 0');
  stream[Symbol.dispose]();
  sink[Symbol.dispose]();
  expect(await shown()).toEqual([]);
});
