import { resolve } from 'node:path';
import { readPipelineFile } from '../../config/pipeline-file.ts';
import { SluiceError } from '../../errors/error.ts';
import type { QueryAnswer } from '../../workers/query.ts';
import { wholeNumber } from '../option-values.ts';
import { table } from '../table.ts';
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
        return { result: found, text: resultText(found) };
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

function resultText({ columns, rows, truncated }: QueryAnswer): string {
  const cells = rows.map((row) => row.map(cellText));
  const end = truncated
    ? `(the first ${rows.length} rows; --limit shows more)`
    : `(${rows.length} rows)`;
  return `${table(columns, cells)}\n${end}`;
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
