import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listTopics } from '../../demo/read-topics.ts';
import type { ShopPipeline } from '../../demo/shop-pipeline.ts';
import { freePort } from '../../tools/stack/port.ts';
import {
  accountOf,
  expectSaid,
  fileWith,
  sluice,
  WRONG_PASSWORD,
} from '../support/command-line.ts';
import { givenServers, openShop, ownServers, STACK_TEST_MS } from '../support/shop-harness.ts';

const given = givenServers();

describe.skipIf(given === undefined)('what a new user gets wrong', () => {
  const scope = new AsyncDisposableStack();
  let shop: ShopPipeline;

  // Settings of the source are wrong for a while, so it is the test's own.
  beforeAll(async () => {
    if (given === undefined) return;
    const { mysql } = scope.use(await ownServers(['mysql'])).addresses;
    if (mysql === undefined) throw new Error('there is no MySQL');
    ({ shop } = scope.use(await openShop({ scale: 0.01, servers: { ...given, mysql } })));
  }, STACK_TEST_MS);

  afterAll(() => scope.disposeAsync(), STACK_TEST_MS);

  const fileWithText = async (wrong: string, right: RegExp): Promise<string> => {
    const text = await readFile(shop.file, 'utf8');
    const file = join(shop.folder, 'wrong.yaml');
    await writeFile(file, text.replace(right, wrong));
    return file;
  };

  /** Neither topics nor a pipeline nor a warehouse. */
  const expectNothingMade = async (): Promise<void> => {
    expect(await listTopics(shop.servers.kafka.brokers, `${shop.name}.`)).toEqual([]);
    await expect(access(shop.warehouse)).rejects.toMatchObject({ code: 'ENOENT' });
  };

  describe('sluice check, before anything runs', () => {
    it('finds nothing in the way of a source that is set up', async () => {
      expectSaid(await sluice(shop.place, ['check', shop.file]), {
        exitCode: 0,
        said: ['Nothing stands in the way.'],
      });
    });

    it.each([
      ['binlog_row_metadata', 'MINIMAL', 'FULL', 'SET PERSIST binlog_row_metadata = FULL'],
      ['binlog_row_image', 'MINIMAL', 'FULL', 'SET PERSIST binlog_row_image = FULL'],
      ['binlog_format', 'STATEMENT', 'ROW', 'SET PERSIST binlog_format = ROW'],
      ['gtid_mode', 'ON_PERMISSIVE', 'ON', 'SET PERSIST gtid_mode = ON'],
      ['server_id', '0', '1', 'SET PERSIST server_id = 1'],
      ['binlog_row_value_options', 'PARTIAL_JSON', '', "SET PERSIST binlog_row_value_options = ''"],
    ])(
      'names %s when it is %s, and the statement that cures it',
      async (name, wrong, right, fix) => {
        await shop.run(`SET GLOBAL ${name} = '${wrong}'`.replace(/'(\d+)'/, '$1'));
        try {
          expectSaid(await sluice(shop.place, ['check', shop.file]), {
            exitCode: 1,
            said: [`fatal    ${name}: ${name} is ${wrong}`, fix, '1 of these must be cured'],
          });
        } finally {
          await shop.run(`SET GLOBAL ${name} = '${right}'`.replace(/'(\d+)'/, '$1'));
        }
      },
    );

    it.each([
      ['REPLICATION SLAVE', '*.*', 'The account lacks REPLICATION SLAVE,'],
      ['REPLICATION CLIENT', '*.*', 'The account lacks REPLICATION CLIENT,'],
      ['SELECT', 'DATABASE', 'No table matches source.include'],
    ])('names the missing privilege %s, and the GRANT', async (privilege, on, said) => {
      const account = await accountOf(shop);
      const place = on === 'DATABASE' ? `\`${shop.name}\`.*` : on;
      await shop.run(`REVOKE ${privilege} ON ${place} FROM ${account}`);
      try {
        expectSaid(await sluice(shop.place, ['check', shop.file]), {
          exitCode: 1,
          said: [said, `GRANT ${privilege} ON *.* TO ${account}`],
        });
      } finally {
        await shop.run(`GRANT ${privilege} ON ${place} TO ${account}`);
      }
    });

    it('names a table it may see but not read, and the GRANT', async () => {
      const account = await accountOf(shop);
      await shop.run(
        `REVOKE SELECT ON \`${shop.name}\`.* FROM ${account}`,
        `GRANT INSERT ON \`${shop.name}\`.orders TO ${account}`,
      );
      try {
        expectSaid(await sluice(shop.place, ['check', shop.file]), {
          exitCode: 0,
          said: [
            `may not SELECT from ${shop.name}.orders`,
            `GRANT SELECT ON \`${shop.name}\`.\`orders\` TO ${account}`,
          ],
        });
      } finally {
        await shop.run(
          `REVOKE INSERT ON \`${shop.name}\`.orders FROM ${account}`,
          `GRANT SELECT ON \`${shop.name}\`.* TO ${account}`,
        );
      }
    });

    it('names the account that a wrong password was given for, and never the password', async () => {
      const password = { env: 'SLUICE_TEST_WRONG_PASSWORD' };
      const outcome = await sluice(shop.place, [
        'check',
        await fileWith(shop, 'password', { source: { password } }),
      ]);
      expectSaid(outcome, {
        exitCode: 1,
        said: ['mysql.access-denied', 'Access denied for user'],
      });
      expect(JSON.stringify(outcome)).not.toContain(WRONG_PASSWORD.SLUICE_TEST_WRONG_PASSWORD);
    });

    it('names the environment variable that a password was to come from', async () => {
      const password = { env: 'SLUICE_TEST_UNSET' };
      expectSaid(
        await sluice(shop.place, [
          'check',
          await fileWith(shop, 'unset', { source: { password } }),
        ]),
        {
          exitCode: 2,
          said: ['config.secret-missing', 'SLUICE_TEST_UNSET'],
        },
      );
    });

    it('names include patterns that match nothing', async () => {
      const include = ['nowhere.*'];
      expectSaid(
        await sluice(shop.place, [
          'check',
          await fileWith(shop, 'include', { source: { include } }),
        ]),
        {
          exitCode: 1,
          said: ['No table matches source.include (nowhere.*)'],
        },
      );
    });

    it('names a table without a primary key, and the statement that gives it one', async () => {
      await shop.run('CREATE TABLE keyless (note TEXT)');
      try {
        expectSaid(await sluice(shop.place, ['check', shop.file]), {
          exitCode: 0,
          said: [
            `Table ${shop.name}.keyless has no primary key.`,
            `ALTER TABLE \`${shop.name}\`.\`keyless\` ADD COLUMN row_id`,
          ],
        });
      } finally {
        await shop.run('DROP TABLE keyless');
      }
    });

    it('names a MySQL server that does not answer', async () => {
      const port = await freePort();
      expectSaid(
        await sluice(shop.place, ['check', await fileWith(shop, 'mysql', { source: { port } })]),
        {
          exitCode: 3,
          said: ['mysql.unreachable', `127.0.0.1:${port}`],
        },
      );
    });

    it('names a broker that does not answer', async () => {
      const broker = `127.0.0.1:${await freePort()}`;
      const file = await fileWith(shop, 'broker', { kafka: { brokers: [broker] } });
      expectSaid(await sluice(shop.place, ['check', file]), {
        exitCode: 3,
        said: ['kafka.unreachable', broker],
      });
    });

    it('changes nothing at all', () => expectNothingMade());
  });

  describe('a wrong pipeline file', () => {
    it.each([
      ['an unknown key', 'kafak:', /^kafka:/m, 'kafak: is not a known key (did you mean kafka?)'],
      ['a value of the wrong type', 'partitions: many', /partitions: 3/, 'kafka.partitions: '],
    ])('with %s is refused with line and column', async (_, wrong, right, said) => {
      const file = await fileWithText(wrong, right);
      const lines = (await readFile(file, 'utf8')).split('\n');
      const line = 1 + lines.findIndex((text) => text.includes(wrong));
      for (const verb of ['check', 'apply'])
        expectSaid(await sluice(shop.place, [verb, file]), {
          exitCode: 2,
          said: ['config.invalid', `${file}:${line}:`, said],
        });
      expect((await sluice(shop.place, ['status'])).stdout).toContain('No pipelines.');
      await expectNothingMade();
    });
  });

  describe('a Temporal server that does not answer', () => {
    it.each(['apply', 'status', 'worker'])('ends sluice %s with its address', async (verb) => {
      const place = { ...shop.place, address: `127.0.0.1:${await freePort()}` };
      expectSaid(await sluice(place, verb === 'apply' ? [verb, shop.file] : [verb]), {
        exitCode: 3,
        said: ['temporal.unreachable', place.address],
      });
    });
  });
});
