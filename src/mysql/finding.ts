/** What a look at the source came to, one line of `sluice check`. */
export interface Finding {
  /** Short name of what was looked at: `binlog_format`. */
  readonly check: string;
  /** `fatal`: capture cannot start, or would stop or lose changes later. */
  readonly severity: 'ok' | 'warning' | 'fatal';
  readonly message: string;
  /** Statements that cure it, ready to paste. Absent where only a restart or another table list does. */
  readonly fixSql?: string;
}

export function ok(check: string, message: string): Finding {
  return { check, severity: 'ok', message };
}
