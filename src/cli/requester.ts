import { hostname, userInfo } from 'node:os';
import type { Operator } from '../temporal/pipeline-client.ts';

/** `ana@laptop`, or the host alone where the user has no name. */
export function requester(reason: string | undefined): Operator {
  return { by: `${userName()}@${hostname()}`, ...(reason === undefined ? {} : { reason }) };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}
