import type { ErrorCode } from '../errors/catalogue.ts';

/** What a script can branch on. */
export const EXIT = {
  done: 0,
  failed: 1,
  /** The command line or a file is wrong; trying again changes nothing. */
  badInput: 2,
  /** A server did not answer; trying again may help. */
  unreachable: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export function exitCodeOf(code: ErrorCode): ExitCode {
  if (code === 'cli.wait-ended') return EXIT.failed;
  if (code.startsWith('cli.') || code.startsWith('config.')) return EXIT.badInput;
  return code.endsWith('.unreachable') || code.endsWith('.no-worker')
    ? EXIT.unreachable
    : EXIT.failed;
}
