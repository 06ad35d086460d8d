import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lacksForDebianPackages, throughLoader, unpackPackages } from './debian-packages.ts';
import type { Command } from './detached-process.ts';
import type { PackagedServer, Site } from './packaged-server.ts';
import { run } from './run.ts';

/** The server's own scripts that make the system tables, in the order its installer runs them. */
const SYSTEM_SCRIPTS = [
  'mariadb_system_tables.sql',
  'mariadb_performance_tables.sql',
  'mariadb_system_tables_data.sql',
  'maria_add_gis_sp_bootstrap.sql',
  'mariadb_sys_schema.sql',
];

/** The server reads its bootstrap input a statement a line. */
const SCRIPT_HEAD = 'CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;';

/** MariaDB from Debian's packages, with the binlog settings Sluice asks of a source. */
export const MARIADB: PackagedServer = {
  cacheEntry: 'mariadb-sid',
  buildStage: 'downloading MariaDB (18 MB)',
  lacks: lacksForDebianPackages,
  build: (folder, context) =>
    unpackPackages(['mariadb-server-core', 'mariadb-client-core'], folder, context),

  configure: async () => undefined,
  async initialise(site, context) {
    await mkdir(join(site.folder, 'data'));
    const scripts = await Promise.all(
      SYSTEM_SCRIPTS.map((name) => readFile(join(share(site), name), 'utf8')),
    );
    const input = [SCRIPT_HEAD, ...scripts, rootAccount(site.record.password)].join('\n');
    const { program, args } = mariadbd(site, ['--bootstrap', '--skip-log-bin']);
    await run(program, args, {
      label: 'mariadbd --bootstrap',
      cwd: site.folder,
      findable: true,
      ...context,
      input,
    });
  },

  command: (site) =>
    mariadbd(site, [
      `--port=${site.record.port}`,
      '--bind-address=127.0.0.1',
      '--skip-name-resolve',
      '--server-id=1',
      '--log-bin=binlog',
      '--binlog-format=ROW',
      '--binlog-row-metadata=FULL',
      '--gtid-strict-mode=ON',
      '--sync-binlog=1',
      '--max-allowed-packet=64M',
      '--innodb-buffer-pool-size=256M',
    ]),
};

function share(site: Site): string {
  return join(site.home, 'usr/share/mariadb');
}

function mariadbd(site: Site, args: readonly string[]): Command {
  const all = [
    '--no-defaults',
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    `--basedir=${join(site.home, 'usr')}`,
    `--lc-messages-dir=${share(site)}`,
    `--character-sets-dir=${join(share(site), 'charsets')}`,
    `--datadir=${join(site.folder, 'data')}`,
    // Relative to the data folder: the path of a Unix socket may have 107 bytes only.
    '--socket=mariadb.sock',
    '--secure-file-priv=',
    ...args,
  ];
  return throughLoader(site.home, 'usr/sbin/mariadbd', all);
}

/** Names are not resolved, so root of the loopback address is an account of its own. */
function rootAccount(password: string): string {
  return [
    'FLUSH PRIVILEGES;',
    `CREATE OR REPLACE USER 'root'@'127.0.0.1' IDENTIFIED BY '${password}';`,
    `GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;`,
    '',
  ].join('\n');
}
