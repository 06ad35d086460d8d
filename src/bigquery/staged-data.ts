import { createHash } from 'node:crypto';
import { DAY_US, identifier, text, timestamp } from './bigquery-dialect.ts';
import type { BigQueryContext } from './context.ts';
import type { JobId } from './job.ts';
import type { BigQueryLayout } from './names.ts';
import { runRepeatable, runStatement } from './run-script.ts';
import { MAX_DATA_BYTES, type Statement } from './statement.ts';

/** Data that no commit can be repeated with after so long: its topics have lost the records. */
const KEPT_DAYS = 60;

const GONE = 'sluice: the data of the commit is not there any more';

/** One text of a statement's data, in parts that a request holds each. */
interface StagedText {
  readonly digest: string;
  readonly parts: readonly string[];
}

/**
 * The statement with data that requests hold. Where it has more, the largest texts are written into
 * a table first, by jobs of their own, under the digest of what they say: whoever repeats the
 * statement finds them there, and who says something else does not.
 *
 * @param id  of the statement's own job
 * @param limit  bytes that a request takes
 */
export async function withStagedData(
  context: BigQueryContext,
  id: JobId,
  statement: Statement,
  limit = MAX_DATA_BYTES,
): Promise<Statement> {
  const { layout, clock } = context;
  const large = largeTexts(statement.data ?? {}, limit);
  if (large.length === 0) return statement;
  const atUs = clock.nowMs() * 1000;
  const before = timestamp(atUs - KEPT_DAYS * DAY_US);
  const table = stagingTable(layout);
  for (const sql of [
    `CREATE TABLE IF NOT EXISTS ${table} (digest STRING, part INT64, content STRING, staged_at TIMESTAMP)`,
    `DELETE FROM ${table} AS s WHERE s.staged_at < ${before}`,
  ])
    await runRepeatable(context, { sql }, 'making room for the data of a commit');
  const { data = {} } = statement;
  let { sql } = statement;
  for (const name of large) {
    const staged = textOf(data[name] ?? '', limit);
    await stage(context, id, staged, atUs);
    sql = sql.replaceAll(new RegExp(`@${name}\\b`, 'g'), () => stagedQuery(table, staged));
  }
  const rest = Object.entries(data).filter(([name]) => !large.includes(name));
  return { sql, data: Object.fromEntries(rest) };
}

/** Bytes in a request, where a text is one in JSON. */
const bytesOf = (content: string): number => Buffer.byteLength(JSON.stringify(content));

/** Names of texts without which the others are few enough, the largest first. */
function largeTexts(data: Readonly<Record<string, string>>, limit: number): readonly string[] {
  const sizes = Object.entries(data).map(([name, content]) => ({ name, bytes: bytesOf(content) }));
  let total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  const large: string[] = [];
  for (const { name, bytes } of sizes.sort((a, b) => b.bytes - a.bytes)) {
    if (total <= limit) break;
    large.push(name);
    total -= bytes;
  }
  return large;
}

/** A code unit takes six bytes at most, as an escape; two that make one character stay together. */
function textOf(content: string, limit: number): StagedText {
  const length = Math.floor(limit / 6);
  const parts: string[] = [];
  for (let start = 0; start < content.length; ) {
    const end = start + length;
    const isHalf = /[\ud800-\udbff]/.test(content.charAt(end - 1));
    parts.push(content.slice(start, isHalf ? end - 1 : end));
    start += parts.at(-1)?.length ?? length;
  }
  return { digest: createHash('sha256').update(content).digest('hex'), parts };
}

async function stage(
  context: BigQueryContext,
  id: JobId,
  { digest, parts }: StagedText,
  atUs: number,
): Promise<void> {
  const table = stagingTable(context.layout);
  for (const [part, content] of parts.entries()) {
    const values = `${text(digest)}, ${part}, @content, ${timestamp(atUs)}`;
    const sql = `INSERT INTO ${table} (digest, part, content, staged_at) VALUES (${values})`;
    const job = `${id}-${digest.slice(0, 20)}-${part}`;
    await runStatement(context, job, { sql, data: { content } }, 'writing the data of a commit');
  }
}

const stagedQuery = (table: string, { digest, parts }: StagedText): string =>
  `(SELECT IF(COUNT(*) = ${parts.length}, STRING_AGG(s.content, '' ORDER BY s.part), ERROR(${text(GONE)}))` +
  ` FROM ${table} AS s WHERE s.digest = ${text(digest)})`;

const stagingTable = ({ project, internal }: BigQueryLayout): string =>
  [project, internal, '_cdc_staged'].map(identifier).join('.');
