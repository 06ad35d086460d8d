import { resolve } from 'node:path';
import { Option } from 'commander';
import { readPipelineFile } from '../../config/pipeline-file.ts';
import { SluiceError } from '../../errors/error.ts';
import type { QueryPart } from '../../workers/query.ts';
import type { Answer, Console } from '../console.ts';
import { wholeNumber } from '../option-values.ts';
import { ROW_FORMATS, type RowFormat, type WrittenRows, writeRows } from '../rows-output.ts';
import { examples, type Verb } from '../verb.ts';

const FORMATS = [...ROW_FORMATS, 'json'] as const;
type Format = (typeof FORMATS)[number];

interface Options {
  readonly config?: string;
  readonly sink?: string;
  readonly file?: string;
  readonly output?: Format;
  readonly limit?: number;
  readonly timeout: number;
}

/** What a terminal can show; more is a job for a file. */
const DEFAULT_ROWS = 100;
const DEFAULT_TIMEOUT_S = 60;
const MAX_TIMEOUT_S = 3_600;

const VALUES = `
Values: an integer of 64 bits, a decimal and a time are text in JSON, so that no digit is lost; bytes
are \\x and hexadecimal in every format; TIMESTAMP is in UTC. A table shows control characters escaped
and a NULL as NULL. csv is RFC 4180 with a line of names: a NULL is nothing, an empty text is "". jsonl
is an object a line. When a query fails half way, lines that are out stay out, and the exit code is not 0.`;

export const query: Verb = (program, act) => {
  program
    .command('query')
    .argument('<sql>', 'one SELECT')
    .description('Ask a DuckDB warehouse, also while a worker is writing to it.')
    .option('--config <file>', 'pipeline file whose sink is meant')
    .option('--sink <name>', 'which sink, when the file has several')
    .option('--file <path>', 'the database file itself')
    .addOption(
      new Option(
        '--output <format>',
        'table, json (one document, as --json), jsonl or csv; table when left out',
      ).choices(FORMATS),
    )
    .option(
      '--limit <rows>',
      `most rows; when left out, ${DEFAULT_ROWS} for table and json, and all for jsonl and csv`,
      wholeNumber,
    )
    .option(
      '--timeout <seconds>',
      `until the last row is out, 1 to ${MAX_TIMEOUT_S}`,
      wholeNumber,
      DEFAULT_TIMEOUT_S,
    )
    .addHelpText('after', VALUES)
    .addHelpText(
      'after',
      examples(
        [
          'sluice query "select count(*) from shop.orders" --config shop.yaml',
          'rows as of the last complete cut',
        ],
        [
          'sluice query "select * from shop.orders" --file .sluice/shop.duckdb --limit 5',
          'the same, by file',
        ],
        [
          'sluice query "select * from shop.orders" --config shop.yaml --output csv > orders.csv',
          'every row, into a file',
        ],
      ),
    )
    .action(
      act(async ({ console, ports, signal }, sql: string, options: Options) => {
        const { timeout, limit } = options;
        const format = formatOf(console, options.output);
        if (timeout < 1 || timeout > MAX_TIMEOUT_S)
          throw new SluiceError('cli.usage', `--timeout is a number from 1 to ${MAX_TIMEOUT_S}.`);
        const most = limit ?? (isForProgramsAlone(format) ? undefined : DEFAULT_ROWS);
        const request = {
          sql,
          timeoutMs: timeout * 1_000,
          ...(most === undefined ? {} : { limit: most }),
        };
        const parts = ports.streamQuery(await fileOf(options), request, signal);
        if (format === 'json') return await jsonAnswer(parts);
        await sayEnd(console, format, await writeRows(format, parts, console));
        return { result: {}, text: '' };
      }),
    );
};

const isForProgramsAlone = (format: Format): boolean => format === 'jsonl' || format === 'csv';

function formatOf({ json }: Console, output: Format | undefined): Format {
  if (!json || output === undefined || output === 'json')
    return output ?? (json ? 'json' : 'table');
  throw new SluiceError(
    'cli.usage',
    `--json is one document; leave it out for --output ${output}.`,
  );
}

/** A table says it itself; the other formats have no place for it. */
async function sayEnd(
  console: Console,
  format: RowFormat,
  { count, truncated }: WrittenRows,
): Promise<void> {
  const end = truncated ? `the first ${count} rows; --limit shows more` : `${count} rows`;
  if (format === 'table') await console.write(`(${end})\n`);
  else if (truncated) console.note(end);
}

async function fileOf({ config, sink, file }: Options): Promise<string> {
  if (file !== undefined && config === undefined) return resolve(file);
  if (config === undefined || file !== undefined)
    throw new SluiceError('cli.usage', 'Say which warehouse: either --config FILE or --file PATH.');
  const { sinks } = await readPipelineFile(config);
  const names = Object.keys(sinks);
  const chosen = sinks[sink ?? (names.length === 1 ? (names[0] ?? '') : '')];
  if (chosen === undefined)
    throw new SluiceError(
      'cli.usage',
      `Say which sink with --sink: ${config} has ${names.join(', ') || 'none'}.`,
    );
  if (chosen.kind !== 'duckdb')
    throw new SluiceError(
      'cli.usage',
      `sluice query is for DuckDB files. This sink is BigQuery, which has its own: bq query --project_id=${chosen.project} --location=${chosen.location} --use_legacy_sql=false 'SELECT * FROM ${chosen.internalDataset}._cdc_status'.`,
    );
  return chosen.file;
}

/** Of the rows of a document as JSON: whoever parses it holds all of them. */
const MAX_DOCUMENT_CHARS = 256 * 1024 * 1024;

/** The answer as one document, a row a line; it is full when the next row would make it too long. */
async function jsonAnswer(parts: AsyncIterable<QueryPart>): Promise<Answer> {
  let columns: readonly string[] = [];
  let end: { readonly truncated: boolean; readonly isFull?: true } = { truncated: false };
  const rows: string[] = [];
  let chars = 0;
  const hasPlace = (row: string): boolean => {
    chars += row.length;
    if (chars <= MAX_DOCUMENT_CHARS) rows.push(row);
    return chars <= MAX_DOCUMENT_CHARS;
  };
  for await (const part of parts) {
    if ('columns' in part) columns = part.columns;
    else if ('end' in part) end = part.end;
    else if ('rows' in part && !part.rows.every((row) => hasPlace(JSON.stringify(row)))) {
      end = { truncated: true, isFull: true };
      break;
    }
  }
  return {
    result: undefined,
    json: () => documentOf({ columns, ...end }, rows),
    text: '',
  };
}

function* documentOf(
  rest: Readonly<Record<string, unknown>>,
  rows: readonly string[],
): Iterable<string> {
  yield `${JSON.stringify(rest).slice(0, -1)},"rows":[`;
  for (const [index, row] of rows.entries()) yield `${index === 0 ? '' : ','}\n${row}`;
  yield '\n]}';
}
