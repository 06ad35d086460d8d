import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Meter } from '../observability/meter.ts';

const INTERVAL_MS = 10_000;
const RESOLUTION_MS = 10;
const NS_PER_SECOND = 1e9;

/**
 * Keeps `sluice_event_loop_delay_seconds` for the thread that calls it, which is the one that sends
 * heartbeats: each interval's 99th percentile. The monitor's own timer is part of what it measures.
 */
export function followLoopDelay(meter: Meter): Disposable {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const timer = setInterval(() => {
    const delayNs = Math.max(0, delays.percentile(99) - RESOLUTION_MS * 1e6);
    meter.set('sluice_event_loop_delay_seconds', {}, delayNs / NS_PER_SECOND);
    delays.reset();
  }, INTERVAL_MS);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      delays.disable();
    },
  };
}
