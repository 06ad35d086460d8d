import type { MysqlSession } from './connection.ts';
import { readGrants } from './preflight-grants.ts';

/**
 * Whether the account can read every table of a database, by its grants: a table there that it does
 * not see is none. Grants by pattern count for the database of exactly that name alone.
 */
export async function databasesReadAsAWhole(
  session: MysqlSession,
): Promise<(database: string) => boolean> {
  const grants = (await readGrants(session)).map(parseGrant);
  const granted = grants.filter((grant) => grant?.verb === 'GRANT');
  const revoked = new Set(
    grants.flatMap((grant) => (grant?.verb === 'REVOKE' ? [grant.database] : [])),
  );
  const databases = new Set(granted.map((grant) => grant?.database));
  return (database) => !revoked.has(database) && (databases.has(EVERY) || databases.has(database));
}

const EVERY = '*';

interface Grant {
  readonly verb: 'GRANT' | 'REVOKE';
  readonly database: string;
}

/** `GRANT SELECT, … ON *.* TO …`, `GRANT ALL PRIVILEGES ON `shop`.* TO …`, `REVOKE SELECT ON …`; others say nothing of whole databases. */
const GRANT = /^(GRANT|REVOKE) (.+?) ON (?:(\*)|`((?:[^`]|``)*)`)\.\* (?:TO|FROM) /;

function parseGrant(text: string): Grant | undefined {
  const [, verb, privileges = '', every, quoted = ''] = GRANT.exec(text) ?? [];
  if (verb === undefined || !/\b(SELECT|ALL PRIVILEGES)\b/.test(privileges)) return undefined;
  const database = every ?? quoted.replaceAll('``', '`').replace(/\\([_%])/g, '$1');
  return { verb: verb === 'GRANT' ? 'GRANT' : 'REVOKE', database };
}
