import { resolve } from 'node:path';
import { readPipelineFile } from '../../config/pipeline-file.ts';
import { SluiceError } from '../../errors/error.ts';
import type { QueryAnswer } from '../../workers/query.ts';
import { wholeNumber } from '../option-values.ts';
import { tableLines } from '../table.ts';
import { examples, unlessInterrupted, type Verb } from '../verb.ts';

interface Options {
  readonly config?: string;
  readonly sink?: string;
  readonly file?: string;
  readonly limit: number;
}

/** What a terminal can show; more is a job for a file. */
const DEFAULT_ROWS = 100;

export const query: Verb = (program, act) => {
  program
    .command('query')
    .argument('<sql>', 'one SELECT')
    .description('Ask a DuckDB warehouse, also while a worker is writing to it.')
    .option('--config <file>', 'pipeline file whose sink is meant')
    .option('--sink <name>', 'which sink, when the file has several')
    .option('--file <path>', 'the database file itself')
    .option('--limit <rows>', 'most rows shown', wholeNumber, DEFAULT_ROWS)
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
      ),
    )
    .action(
      act(async ({ ports, signal }, sql: string, options: Options) => {
        const file = await fileOf(options);
        const found = await unlessInterrupted(
          ports.queryWarehouse(file, { sql, limit: options.limit }),
          signal,
        );
        return { result: found, json: () => resultJson(found), text: () => resultText(found) };
      }),
    );
};

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

/** A row a line. */
function* resultJson({ rows, ...rest }: QueryAnswer): Iterable<string> {
  const members = JSON.stringify(rest);
  yield `${members.slice(0, -1)},"rows":[`;
  for (const [index, row] of rows.entries())
    yield `${index === 0 ? '' : ','}\n${JSON.stringify(row)}`;
  yield '\n]}';
}

function* resultText({ columns, rows, truncated, isFull }: QueryAnswer): Iterable<string> {
  const cells = rows.map((row) => row.map(cellText));
  for (const line of tableLines(columns.map(shown), cells)) yield `${line}\n`;
  yield `(${endText(rows.length, truncated, isFull)})`;
}

function endText(count: number, truncated: boolean, isFull: true | undefined): string {
  if (isFull)
    return `the first ${count} rows: an answer holds 256 MB at most; ask for fewer columns`;
  return truncated ? `the first ${count} rows; --limit shows more` : `${count} rows`;
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  return shown(typeof value === 'string' ? value : JSON.stringify(value));
}

/** Of a cell: more is for a program, which asks with --json. */
const MAX_SHOWN_CHARS = 1_000;

/** A text as a terminal can show it: not endless, and without characters that mean something to it. */
function shown(text: string): string {
  const head =
    text.length <= MAX_SHOWN_CHARS
      ? text
      : `${text.slice(0, MAX_SHOWN_CHARS)}… (${text.length} characters; --json has all)`;
  return head.replaceAll(/\p{Cc}/gu, (control) => NAMED.get(control) ?? escaped(control));
}

const NAMED: ReadonlyMap<string, string> = new Map([
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\r', '\\r'],
]);

const escaped = (control: string): string =>
  `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
