import { createHash } from 'node:crypto';

/** Upper byte of a derived replica server id: `S`. Ids people choose by hand are rarely this large. */
const RESERVED_RANGE = 0x53000000;

/**
 * The replica server id a pipeline has unless its file says another one: always the same for the
 * same name, so that a restart replaces its own connection on the server and no other's.
 */
export function derivedServerId(pipeline: string): number {
  return RESERVED_RANGE + createHash('sha256').update(pipeline).digest().readUIntBE(0, 3);
}
