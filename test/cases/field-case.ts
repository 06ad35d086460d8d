import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import type { KafkaSpec, TableSettings } from '../../src/control/pipeline-spec.ts';

/** Something that happens to the source or to the pipeline, in the order of the case's file. */
export type Step =
  /** Statements of one session, which all the steps of a case share. */
  | { readonly kind: 'sql'; readonly text: string }
  | { readonly kind: 'start' }
  /** Waits until the warehouse shows everything so far and no table is being copied. */
  | { readonly kind: 'sync' }
  /** Stops the pipeline; at its next start, which follows at once, it leaves these tables out. */
  | { readonly kind: 'exclude'; readonly patterns: readonly string[] }
  /** The same with other settings of tables. */
  | { readonly kind: 'configure'; readonly tables: readonly TableSettings[] }
  | { readonly kind: 'stop' }
  | { readonly kind: 'restart server' };

/**
 * A case as its file tells it: SQL, and lines such as `-- sync` between the statements. Before the
 * first statement may stand what differs from the defaults.
 */
export interface FieldCase {
  readonly name: string;
  /** The database it begins in. Every database of the case begins with this name. */
  readonly database: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly chunkRows: number;
  readonly compression: KafkaSpec['compression'];
  /** `source.tables` at its start, as in a pipeline file. */
  readonly tables: readonly TableSettings[];
  /** Rows of a view of its database, or of the columns, op and inexact of a changelog, as texts. */
  readonly stated: ReadonlyMap<string, readonly (readonly (string | null)[])[]>;
  /** Account of the source that the pipeline uses; the case makes it, with {@link CASE_PASSWORD}. */
  readonly user: string | undefined;
  /** Texts and bytes are so large that their digests are compared. */
  readonly byHash: boolean;
  /** It would disturb the other cases, or they it, or it needs other options. */
  readonly ownServer: undefined | { readonly mysqlOptions: readonly string[] };
  readonly steps: readonly Step[];
}

export const CASE_PASSWORD = 'cases';

const DEFAULT_CHUNK_ROWS = 1_000;
const DIRECTIVE =
  /^-- (include|exclude|chunk rows|compression|tables|user|own server|by hash|start|sync|stop|configure|restart server|shows [\w]+)(?::(.*))?$/;

export function readCases(): readonly FieldCase[] {
  return globSync(join(import.meta.dirname, '*.sql'))
    .toSorted()
    .map((file) => parseCase(basename(file, '.sql'), readFileSync(file, 'utf8')));
}

const isComment = (line: string): boolean => line.trim() === '' || line.startsWith('--');

function parseCase(name: string, text: string): FieldCase {
  const database = name.replaceAll('-', '_');
  const steps: Step[] = [];
  const settings = new Map<string, string>();
  const stated = new Map<string, readonly (readonly (string | null)[])[]>();
  let sql: string[] = [];
  const endSql = (): void => {
    if (!sql.every(isComment)) steps.push({ kind: 'sql', text: sql.join('\n') });
    sql = [];
  };
  for (const line of text.split('\n')) {
    const [, word, argument = ''] = DIRECTIVE.exec(line) ?? [];
    if (word === undefined) sql.push(line);
    else if (word.startsWith('shows '))
      stated.set(word.slice('shows '.length), statedRows(argument));
    else if (steps.length === 0 && sql.every(isComment)) settings.set(word, argument.trim());
    else {
      endSql();
      steps.push(stepOf(word, argument));
    }
  }
  endSql();
  const own = settings.get('own server');
  return {
    name,
    database,
    include: words(settings.get('include') ?? `${database}.*`),
    exclude: words(settings.get('exclude') ?? ''),
    chunkRows: Number(settings.get('chunk rows') ?? DEFAULT_CHUNK_ROWS),
    compression: settings.get('compression') === 'none' ? 'none' : 'zstd',
    tables: tableSettings(settings.get('tables') ?? '{}'),
    stated,
    user: settings.get('user'),
    byHash: settings.has('by hash'),
    ownServer: own === undefined ? undefined : { mysqlOptions: words(own) },
    steps,
  };
}

function stepOf(word: string, argument: string): Step {
  switch (word) {
    case 'start':
    case 'sync':
    case 'stop':
    case 'restart server':
      return { kind: word };
    case 'exclude':
      return { kind: word, patterns: words(argument) };
    case 'configure':
      return { kind: word, tables: tableSettings(argument) };
    default:
      throw new Error(`"-- ${word}" stands only before the start`);
  }
}

/** Rows as JSON; numbers stand for their texts. */
function statedRows(json: string): readonly (readonly (string | null)[])[] {
  const rows = JSON.parse(json) as readonly (readonly (string | number | null)[])[];
  return rows.map((row) => row.map((value) => (value === null ? null : String(value))));
}

function tableSettings(yaml: string): readonly TableSettings[] {
  const tables = parseYaml(yaml) as Readonly<Record<string, Omit<TableSettings, 'pattern'>>>;
  return Object.entries(tables).map(([pattern, settings]) => ({ pattern, ...settings }));
}

const words = (text: string): readonly string[] => text.split(' ').filter((part) => part !== '');
