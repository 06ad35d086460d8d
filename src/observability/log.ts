import { type DestinationStream, destination, type Logger, pino } from 'pino';
import { type FailureVerdict, judgeFailure } from '../errors/policy.ts';

/** The fields a log line may have besides its message; one meaning each, everywhere. */
export interface LogFields {
  readonly pipeline?: string;
  readonly sink?: string;
  readonly table?: string;
  /** GTID set or `file:pos`. */
  readonly position?: string;
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: number;
  readonly epoch?: number;
  readonly commitOrdinal?: number;
  readonly rows?: number;
  readonly durationMs?: number;
  readonly reason?: string;
  readonly address?: string;
}

/** One line per decision, never per row: `info` says what was decided, `warn` what heals, `error` what a person must see. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Says what is done about a failure: bugs as errors with their stack, cancellations at debug. */
  failure(message: string, thrown: unknown, fields?: LogFields): void;
  /** The same log with fields that every line repeats. */
  with(fields: LogFields): Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Keys that could hold a secret or a row if a caller went around {@link LogFields}. */
const NEVER_LOGGED = [
  'password',
  'token',
  'secret',
  'authorization',
  'before',
  'after',
  'row',
  'value',
  'values',
  'sql',
];

const STDERR = 2;

/** JSON lines on stderr: stdout belongs to results. Written at once, so that a crash loses no line. */
export function createLog(
  level: LogLevel = 'info',
  stream: DestinationStream = destination({ dest: STDERR, sync: true }),
): Log {
  const paths = NEVER_LOGGED.flatMap((key) => [key, `*.${key}`]);
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths, censor: '[redacted]' },
      messageKey: 'message',
    },
    stream,
  );
  return wrap(logger);
}

function wrap(logger: Logger): Log {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    failure: (message, thrown, fields) => {
      const { code, message: cause, facts, ...verdict } = judgeFailure(thrown);
      const line = { ...fields, errorCode: code, outcome: verdict.outcome, cause, facts };
      logger[levelOf({ code, outcome: verdict.outcome })](line, message);
    },
    with: (fields) => wrap(logger.child(fields)),
  };
}

function levelOf({
  code,
  outcome,
}: Pick<FailureVerdict, 'code' | 'outcome'>): 'debug' | 'warn' | 'error' {
  if (code === 'internal.bug') return 'error';
  switch (outcome) {
    case 'end':
      return 'debug';
    case 'retry':
      return 'warn';
    case 'gap':
    case 'blocked':
    case 'refuse':
      return 'error';
  }
}
