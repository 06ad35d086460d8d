import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { redact } from '../../src/config/redact.ts';
import { resolveSecret } from '../../src/config/secret.ts';

describe('resolveSecret', () => {
  it('reads the environment variable that is named', async () => {
    await expect(resolveSecret({ env: 'PW' }, { PW: 's3cret' })).resolves.toBe('s3cret');
  });

  it.each([
    ['s3cret\n', 's3cret'],
    ['s3cret\r\n', 's3cret'],
    ['s3cret', 's3cret'],
    [' s3cret \n\n', ' s3cret \n'],
  ])('takes one line end off a file that holds %j', async (content, secret) => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-secret-'));
    try {
      await writeFile(join(folder, 'pw'), content);
      await expect(resolveSecret({ file: join(folder, 'pw') })).resolves.toBe(secret);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.each([
    [{ env: 'PW' }, {}],
    [{ env: 'PW' }, { PW: '' }],
    [{ file: '/no/such/secret' }, {}],
  ])('refuses %j when nothing is there, and says where it looked', async (ref, env) => {
    await expect(resolveSecret(ref, env)).rejects.toMatchObject({
      code: 'config.secret-missing',
      message: expect.stringMatching(/PW|\/no\/such\/secret/) as string,
    });
  });
});

describe('redact', () => {
  it('hides every occurrence, the longer secret first, and ignores empty ones', () => {
    expect(redact('mysql://cdc:pass-long@h and pass', ['pass', '', 'pass-long'])).toBe(
      'mysql://cdc:[redacted]@h and [redacted]',
    );
  });
});
