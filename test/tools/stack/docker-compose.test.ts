import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { MARIADB } from '../../../tools/stack/mariadb.ts';
import { MYSQL } from '../../../tools/stack/mysql.ts';
import { TEMPORAL } from '../../../tools/stack/temporal.ts';

const REPOSITORY = join(import.meta.dirname, '../../..');

interface Service {
  readonly command: readonly string[] | string;
  readonly ports?: readonly string[];
}

const { services } = parse(readFileSync(join(REPOSITORY, 'docker-compose.yml'), 'utf8')) as {
  readonly services: Readonly<Record<string, Service>>;
};

const site = {
  folder: '/run',
  home: '/home',
  record: { kind: 'process', port: 1, sidePort: 2, password: '', dynamicConfig: [] },
} as const;

describe('docker-compose.yml', () => {
  it.each([
    ['mysql', MYSQL],
    ['mariadb', MARIADB],
  ])('starts %s with options that its packages get, too', (name, packaged) => {
    const packagedArgs = packaged.command(site).args;
    expect(services[name]?.command).not.toEqual([]);
    const options = [services[name]?.command ?? []].flat().flatMap((each) => each.split(' '));
    const fixed = options.filter((option) => !option.startsWith('${'));
    for (const option of fixed) expect(packagedArgs).toContain(option);
  });

  it("gives Temporal the search attributes that its package's server has", () => {
    const packagedArgs = TEMPORAL.command(site).args;
    const wanted = packagedArgs.filter((_, i) => packagedArgs[i - 1] === '--search-attribute');
    expect(wanted.length).toBeGreaterThan(0);
    for (const attribute of wanted) {
      expect(services['temporal']?.command).toContain(`--search-attribute=${attribute}`);
    }
  });

  it('publishes ports on the loopback interface only', () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(0);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });
});
