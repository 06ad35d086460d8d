/** What a look at a server came to, one line of `sluice check`. */
export interface Finding {
  /** Short name of what was looked at: `binlog_format`, `sinks.warehouse.project`. */
  readonly check: string;
  /** `fatal`: the pipeline cannot run, or would stop or lose changes later. */
  readonly severity: 'ok' | 'warning' | 'fatal';
  readonly message: string;
  /** Statements that cure it, ready to paste. Absent where only a restart or another table list does. */
  readonly fixSql?: string;
  /** A command of the shell that cures it, ready to paste; beside `fixSql`, the other way to cure it. */
  readonly fixCommand?: string;
}

export function ok(check: string, message: string): Finding {
  return { check, severity: 'ok', message };
}
