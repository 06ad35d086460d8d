import type {
  CaptureStanding,
  SinkStanding,
  TableStanding,
  TableStandings,
} from '../workers/table-standings.ts';
import { count } from './amounts.ts';
import { table } from './table.ts';

const NOT_THERE = '-';

/** One line a table, a column for each sink that has answered; what could not be asked stands below. */
export function tablesText(
  { tables, unanswered }: TableStandings,
  sinks: readonly string[],
): string {
  const asked = sinks.filter((name) => !unanswered.some(({ sink }) => sink === name));
  const lines =
    tables.length === 0
      ? 'No table is on record yet.'
      : table(
          ['TABLE', 'CAPTURE', ...asked.map((name) => name.toUpperCase())],
          tables.map((one) => [
            one.table,
            captureText(one.capture),
            ...asked.map((name) => sinkText(one.sinks[name])),
          ]),
        );
  const silent = unanswered.map(({ sink, reason }) => `Sink ${sink} could not be asked: ${reason}`);
  return [lines, ...(silent.length === 0 ? [] : ['', ...silent])].join('\n');
}

/** Whether nobody has to do anything about a table. */
export const isTableWell = ({ capture, sinks }: TableStanding): boolean =>
  capture?.state !== 'stopped' &&
  capture?.state !== 'invisible' &&
  Object.values(sinks).every(({ status }) => status !== 'stopped' && status !== 'gap');

function captureText(capture: CaptureStanding | undefined): string {
  if (!capture) return NOT_THERE;
  const { state, code, copy } = capture;
  if (code !== undefined) return `${state} (${code})`;
  return copy ? `${state}, ${copyText(copy)}` : state;
}

/** The server's estimate may be far off, and is none of a table it has no statistics of. */
function copyText({ rows, estimatedRows }: NonNullable<CaptureStanding['copy']>): string {
  if (rows === 0) return 'copy due';
  const percent = Math.min(99, Math.floor((100 * rows) / Math.max(rows, estimatedRows)));
  return estimatedRows > 0
    ? `copied ${percent} % of about ${count(estimatedRows)} rows`
    : `copied ${count(rows)} rows`;
}

function sinkText(standing: SinkStanding | undefined): string {
  if (!standing) return NOT_THERE;
  const { status, code, since } = standing;
  const why = code === undefined ? '' : ` (${code})`;
  return `${status}${why}${since === undefined ? '' : ` since ${since}`}`;
}
