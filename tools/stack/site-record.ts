import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from './port.ts';

/** What a run remembers of a server of its own; written once its data folder is complete. */
export interface SiteRecord {
  readonly kind: 'process' | 'container';
  readonly port: number;
  /** Kafka: the controller's port. Temporal: the Web UI's. Others: unused. */
  readonly sidePort: number;
  /** Of root; only SQL servers use it. */
  readonly password: string;
  /** `key=value` each: Temporal's dynamic configuration, or options of mysqld. */
  readonly dynamicConfig: readonly string[];
}

const FILE = 'site.json';

/** A record with free ports and a new password. */
export async function newRecord(
  kind: SiteRecord['kind'],
  dynamicConfig: readonly string[],
): Promise<SiteRecord> {
  const port = await freePort();
  const sidePort = await freePort([port]);
  return { kind, port, sidePort, password: randomBytes(18).toString('base64url'), dynamicConfig };
}

/** The record of the server in this folder, or undefined when it was never made ready. */
export async function readRecord(folder: string): Promise<SiteRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, FILE), 'utf8')) as SiteRecord;
  } catch {
    return undefined;
  }
}

/** Replaces the record in one step; only its owner may read it, since it holds a password. */
export async function writeRecord(folder: string, record: SiteRecord): Promise<void> {
  const unfinished = join(folder, `${FILE}.new`);
  await writeFile(unfinished, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  await rename(unfinished, join(folder, FILE));
}
