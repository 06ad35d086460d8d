import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { redact } from '../../src/config/redact.ts';
import {
  DEFAULT_SECRETS,
  OWN_SECRETS,
  readNamedFile,
  resolveSecret,
  type SecretScope,
} from '../../src/config/secret.ts';

const variables = (...names: readonly string[]): SecretScope => ({ variables: names, folders: [] });
const folders = (...names: readonly string[]): SecretScope => ({ variables: [], folders: names });

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-secret-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('a secret in a variable', () => {
  it.each([
    ['SLUICE_SHOP_PASSWORD', DEFAULT_SECRETS],
    ['SHOP_PASSWORD', variables('OTHER', 'SHOP_*')],
    ['SHOP_MYSQL_PASSWORD', variables('*_PASSWORD')],
    ['SHOP_MYSQL_PASSWORD', variables('SHOP_*_PASSWORD')],
    ['PW', OWN_SECRETS],
  ])('is opened when it is %s and the scope %j', async (name, scope) => {
    await expect(resolveSecret({ env: name }, scope, { [name]: 's3cret' })).resolves.toBe('s3cret');
  });

  it.each([
    ['AWS_SECRET_ACCESS_KEY', DEFAULT_SECRETS],
    ['MY_SLUICE_PASSWORD', DEFAULT_SECRETS],
    ['SLUICE', DEFAULT_SECRETS],
    ['SHOP_PASSWORD_OLD', variables('SHOP_PASSWORD')],
    ['OLD_SHOP_PASSWORD', variables('SHOP_PASSWORD')],
    ['SHOP_PASSWORD', folders('/')],
  ])('is not opened when it is %s and the scope %j', async (name, scope) => {
    await expect(resolveSecret({ env: name }, scope, { [name]: 's3cret' })).rejects.toMatchObject({
      code: 'config.secret-refused',
      message: expect.stringContaining(`--secret-env ${name}`) as string,
    });
  });
});

describe('a secret in a file', () => {
  it.each([
    ['s3cret\n', 's3cret'],
    ['s3cret\r\n', 's3cret'],
    ['s3cret', 's3cret'],
    [' s3cret \n\n', ' s3cret \n'],
  ])('has one line end less than the file that holds %j', async (content, secret) => {
    await writeFile(join(folder, 'pw'), content);
    await expect(resolveSecret({ file: join(folder, 'pw') }, folders(folder))).resolves.toBe(
      secret,
    );
  });

  it('is opened through links that stay in the folder, as Kubernetes mounts them', async () => {
    await mkdir(join(folder, '..2026'));
    await writeFile(join(folder, '..2026', 'pw'), 's3cret');
    await symlink('..2026', join(folder, '..data'));
    await symlink('..data/pw', join(folder, 'pw'));
    const scope = folders(folder);
    await expect(resolveSecret({ file: join(folder, 'pw') }, scope)).resolves.toBe('s3cret');
    const link = `${folder}-link`;
    await symlink(folder, link);
    await expect(resolveSecret({ file: join(link, 'pw') }, scope)).resolves.toBe('s3cret');
    await expect(resolveSecret({ file: join(folder, 'pw') }, folders(link))).resolves.toBe(
      's3cret',
    );
    await rm(link);
  });

  it('is not opened by default, nor outside the folders, nor where a link or dots lead out', async () => {
    const inside = join(folder, 'inside');
    await mkdir(inside);
    await writeFile(join(folder, 'token'), 'other');
    await writeFile(`${inside}-token`, 'other');
    await symlink('../token', join(inside, 'pw'));
    const refused = { code: 'config.secret-refused' };
    for (const file of [
      join(folder, 'token'),
      `${inside}-token`,
      join(inside, 'pw'),
      `${inside}/../token`,
      inside,
      '/no/such/secret',
    ]) {
      await expect(resolveSecret({ file }, folders(inside))).rejects.toMatchObject(refused);
      await expect(readNamedFile(file, DEFAULT_SECRETS)).rejects.toMatchObject(refused);
    }
    const real = await realpath(join(folder, 'token'));
    await expect(readNamedFile(real, OWN_SECRETS)).resolves.toBe('other');
  });
});

describe('a secret that is not there', () => {
  it.each([
    [{ env: 'PW' }, {}],
    [{ env: 'PW' }, { PW: '' }],
    [{ file: '/no/such/secret' }, {}],
  ])('is told of %j with the place that was looked at', async (ref, env) => {
    await expect(resolveSecret(ref, OWN_SECRETS, env)).rejects.toMatchObject({
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
