import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { connectClient, connectionSettings } from '../../src/temporal/connection.ts';

const PLACE = { address: 'temporal.example:7233', namespace: 'default' };

describe('the connection to Temporal', () => {
  it('is plain unless the environment asks for more', async () => {
    expect(await connectionSettings(PLACE, {})).toEqual({ address: PLACE.address });
  });

  it('uses TLS for an API key, for any TLS setting, and when told to', async () => {
    expect(await connectionSettings(PLACE, { TEMPORAL_API_KEY: 'key' })).toEqual({
      address: PLACE.address,
      tls: {},
      apiKey: 'key',
    });
    expect(await connectionSettings(PLACE, { TEMPORAL_TLS_SERVER_NAME: 'inner' })).toMatchObject({
      tls: { serverNameOverride: 'inner' },
    });
    expect(await connectionSettings(PLACE, { TEMPORAL_TLS: 'true' })).toMatchObject({ tls: {} });
  });

  it('never sends an API key in the clear because TLS was set to something unknown', async () => {
    expect(
      await connectionSettings(PLACE, { TEMPORAL_API_KEY: 'key', TEMPORAL_TLS: 'yes' }),
    ).toHaveProperty('tls');
  });

  it('names a TLS file that cannot be read', async () => {
    await expect(
      connectionSettings(PLACE, { TEMPORAL_TLS_SERVER_CA_CERT_PATH: '/no/such.pem' }),
    ).rejects.toMatchObject({ code: 'config.unreadable', message: /\/no\/such\.pem/ });
  });

  it('fails with temporal.unreachable where nothing listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    await expect(
      connectClient({ address: `127.0.0.1:${port}`, namespace: 'default' }),
    ).rejects.toMatchObject({
      code: 'temporal.unreachable',
      facts: { address: `127.0.0.1:${port}` },
    });
  });
});
