import { expect, it } from 'vitest';
import { startHttpServer } from '../../src/observability/http-server.ts';
import { Meter } from '../../src/observability/meter.ts';

const refresh = (): Promise<void> => Promise.resolve();

it('serves metrics in the text format, each with help and type', async () => {
  const meter = new Meter();
  meter.observe('sluice_batch_rows', { pipeline: 'shop' }, 7);
  await using server = await startHttpServer({
    meter,
    health: () => ({ ok: true, parts: {} }),
    refresh,
    port: 0,
  });
  const response = await fetch(`${server.url}/metrics`);
  const text = await response.text();
  expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
  expect(text).toContain('# TYPE sluice_lag_seconds gauge');
  expect(text).toContain('sluice_batch_rows_bucket{le="10",pipeline="shop"} 1');
});

it('answers 503 with the parts when something is wrong, 200 when all is well', async () => {
  let ok = false;
  const health = () => ({ ok, parts: { temporal: ok ? 'connected' : 'unreachable' } });
  await using server = await startHttpServer({ meter: new Meter(), health, refresh, port: 0 });
  const ill = await fetch(`${server.url}/healthz`);
  expect([ill.status, await ill.json()]).toEqual([
    503,
    { ok: false, parts: { temporal: 'unreachable' } },
  ]);
  ok = true;
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
});

it('listens on loopback unless told otherwise, refuses other verbs and unknown paths', async () => {
  await using server = await startHttpServer({
    meter: new Meter(),
    health: () => ({ ok: true, parts: {} }),
    refresh,
    port: 0,
  });
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect((await fetch(`${server.url}/metrics`, { method: 'POST' })).status).toBe(405);
  expect((await fetch(`${server.url}/`)).status).toBe(404);
});

it('rejects when the port is taken', async () => {
  const options = { meter: new Meter(), refresh, health: () => ({ ok: true, parts: {} }) };
  await using first = await startHttpServer({ ...options, port: 0 });
  await expect(
    startHttpServer({ ...options, port: Number(new URL(first.url).port) }),
  ).rejects.toThrow('EADDRINUSE');
});
