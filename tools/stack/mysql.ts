import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lacksForDebianPackages, throughLoader, unpackPackages } from './debian-packages.ts';
import type { Command } from './detached-process.ts';
import type { PackagedServer, Site } from './packaged-server.ts';
import { run } from './run.ts';

/** Relative to the data folder, since the path of a Unix socket may have 107 bytes only. */
const SOCKET = 'mysql.sock';

/** MySQL from Debian's packages, with the binlog settings Sluice asks of a source. */
export const MYSQL: PackagedServer = {
  cacheEntry: 'mysql-sid',
  buildStage: 'downloading MySQL (66 MB)',
  lacks: lacksForDebianPackages,
  build: (folder, context) =>
    unpackPackages(['mysql-server-core', 'mysql-client-core'], folder, context),

  /**
   * A killed server leaves a lock beside its socket that holds its pid. MySQL refuses to start while
   * a process of that number exists, be it a zombie or a stranger; that none serves this folder is
   * known before.
   */
  configure: (site) => rm(join(site.folder, 'data', `${SOCKET}.lock`), { force: true }),
  async initialise(site, context) {
    const accounts = join(site.folder, 'accounts.sql');
    await writeFile(accounts, rootAccounts(site.record.password), { mode: 0o600 });
    const { program, args } = mysqld(site, [
      '--initialize-insecure',
      '--skip-log-bin',
      ...chosenOptions(site),
      `--init-file=${accounts}`,
    ]);
    await run(program, args, {
      label: 'mysqld --initialize-insecure',
      cwd: site.folder,
      findable: true,
      ...context,
    });
    await rm(accounts);
  },

  command: (site) =>
    mysqld(site, [
      `--port=${site.record.port}`,
      '--bind-address=127.0.0.1',
      '--skip-name-resolve',
      '--server-id=1',
      '--log-bin=binlog',
      '--gtid-mode=ON',
      '--enforce-gtid-consistency=ON',
      '--binlog-row-metadata=FULL',
      '--max-allowed-packet=64M',
      '--innodb-buffer-pool-size=256M',
      ...chosenOptions(site),
    ]),
};

/** Some, such as `lower_case_table_names`, are for the whole life of the data. */
const chosenOptions = ({ record }: Site): readonly string[] =>
  record.dynamicConfig.map((option) => `--${option}`);

function mysqld(site: Site, args: readonly string[]): Command {
  const share = join(site.home, 'usr/share/mysql');
  const all = [
    '--no-defaults',
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    `--basedir=${join(site.home, 'usr')}`,
    `--lc-messages-dir=${share}`,
    `--character-sets-dir=${join(share, 'charsets')}`,
    `--datadir=${join(site.folder, 'data')}`,
    `--socket=${SOCKET}`,
    '--secure-file-priv=',
    '--mysqlx=OFF',
    ...args,
  ];
  return throughLoader(site.home, 'usr/sbin/mysqld', all, ['usr/lib/mysql/private']);
}

/** Names are not resolved, so root of the loopback address is an account of its own. */
function rootAccounts(password: string): string {
  return [
    `ALTER USER 'root'@'localhost' IDENTIFIED BY '${password}';`,
    `CREATE USER 'root'@'127.0.0.1' IDENTIFIED BY '${password}';`,
    `GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;`,
    '',
  ].join('\n');
}
