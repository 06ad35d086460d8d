import { parseArgs } from 'node:util';

const SINK_KINDS = ['duckdb', 'bigquery'] as const;

export type SinkKind = (typeof SINK_KINDS)[number];

export type DemoOptions =
  | { readonly kind: 'help' }
  | { readonly kind: 'show' | 'check'; readonly sink: SinkKind };

export const USAGE = `A shop in MySQL, captured into Kafka and a warehouse, on servers of its own.

  npm run demo              writes all the time and shows what happens, until Ctrl-C
  npm run demo -- --check   kills the worker three times, purges the binlogs under it, then compares
                            every value of every table with warehouse and topics; exit 0 if all are equal

  --sink duckdb             the warehouse is a DuckDB file, by default
  --sink bigquery           an emulator of BigQuery, with a tenth of the rows: it is slow
`;

/** @throws {Error} for arguments that mean nothing */
export function demoOptions(args: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      check: { type: 'boolean', default: false },
      sink: { type: 'string', default: 'duckdb' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { kind: 'help' };
  const sink = SINK_KINDS.find((known) => known === values.sink);
  if (sink === undefined)
    throw new Error(`--sink ${values.sink}: it is one of ${SINK_KINDS.join(', ')}.`);
  return { kind: values.check ? 'check' : 'show', sink };
}
