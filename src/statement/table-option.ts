import type { TokenCursor } from './token-cursor.ts';

/** Options with one value that no stored row shows. */
const OPTIONS: ReadonlySet<string> = new Set([
  'ALGORITHM',
  'AUTOEXTEND_SIZE',
  'AUTO_INCREMENT',
  'AVG_ROW_LENGTH',
  'CHARSET',
  'CHECKSUM',
  'COLLATE',
  'COMMENT',
  'COMPRESSION',
  'DELAY_KEY_WRITE',
  'ENCRYPTION',
  'ENGINE_ATTRIBUTE',
  'INSERT_METHOD',
  'KEY_BLOCK_SIZE',
  'LOCK',
  'MAX_ROWS',
  'MIN_ROWS',
  'PACK_KEYS',
  'PASSWORD',
  'ROW_FORMAT',
  'SECONDARY_ENGINE',
  'SECONDARY_ENGINE_ATTRIBUTE',
  'STATS_AUTO_RECALC',
  'STATS_PERSISTENT',
  'STATS_SAMPLE_PAGES',
  'STORAGE',
  'TABLESPACE',
  'TABLE_CHECKSUM',
]);

/** Engines that give back every value they are given. Others store none, or as text, or elsewhere. */
const FAITHFUL_ENGINES: ReadonlySet<string> = new Set([
  'INNODB',
  'MYISAM',
  'MEMORY',
  'HEAP',
  'ROCKSDB',
  'TOKUDB',
]);

/**
 * Takes one option of a table; false when it is none that leaves stored rows alone. UNION and
 * CONNECTION are none: they change what the table is a view of.
 */
function takeOption(cursor: TokenCursor): boolean {
  cursor.takeWords('DEFAULT');
  const name = cursor.takeWord();
  switch (name) {
    case 'ENGINE': {
      const engine = valueOf(cursor);
      return engine !== undefined && FAITHFUL_ENGINES.has(engine.toUpperCase());
    }
    case 'CHARACTER':
    case 'CHAR':
      return cursor.takeWords('SET') && valueOf(cursor) !== undefined;
    case 'DATA':
    case 'INDEX':
      return cursor.takeWords('DIRECTORY') && valueOf(cursor) !== undefined;
    case 'START':
      return cursor.takeWords('TRANSACTION');
    default:
      return OPTIONS.has(name) && valueOf(cursor) !== undefined;
  }
}

function valueOf(cursor: TokenCursor): string | undefined {
  cursor.takeSymbol('=');
  const token = cursor.take();
  return token === undefined || token.kind === 'other' || token.kind === 'symbol'
    ? undefined
    : token.text;
}

/** Takes the options at a cursor up to the table's partitioning, which keeps all rows. */
export function takeOptions(cursor: TokenCursor): boolean {
  while (!cursor.atEnd() && !isPartitioning(cursor)) if (!takeOption(cursor)) return false;
  return true;
}

/** Everything up to the table's partitioning, which follows the last action without a comma. */
export function skipOptions(cursor: TokenCursor): TokenCursor {
  return cursor.takeUntil(isPartitioning);
}

function isPartitioning(cursor: TokenCursor): boolean {
  return (
    (cursor.word() === 'PARTITION' && cursor.word(1) === 'BY') ||
    (cursor.word() === 'REMOVE' && cursor.word(1) === 'PARTITIONING')
  );
}
