import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openOrCreate, openWarehouse, tempFolder } from './warehouse.ts';

const PROGRAM = join(import.meta.dirname, 'apply-until-killed-process.ts');

/** The last commit ordinal that the process was told is on disk. */
function runUntilKilled(path: string, point: string, times: number): number {
  const { signal, stdout, stderr } = spawnSync(
    process.execPath,
    [PROGRAM, path, point, String(times)],
    { encoding: 'utf8' },
  );
  expect({ signal, stderr }).toEqual({ signal: 'SIGKILL', stderr: '' });
  return Number(stdout.trim().split('\n').at(-1) ?? 0);
}

describe('a DuckDB warehouse whose process is killed', () => {
  it.each([
    ['sinkMidTransaction', 3],
    ['sinkBeforeCommit', 3],
    ['sinkCompacting', 3],
  ])(
    'at %s holds every acknowledged batch whole, and nothing of the one that was not',
    async (point, times) => {
      using folder = tempFolder();
      const path = join(folder.path, 'shop.duckdb');
      runUntilKilled(path, point, times);
      const acknowledged = runUntilKilled(path, point, times);
      await using warehouse = await openWarehouse(path);
      const { cut, offsets } = await openOrCreate(warehouse.destination);
      expect(cut?.commitOrdinal).toBe(acknowledged);
      expect(offsets.map(({ offset }) => offset)).toEqual([acknowledged * 501]);
      const changes = '_sluice."shop.orders__changes"';
      expect(
        await warehouse.query(
          `SELECT count(*)::INTEGER, count(DISTINCT _cdc_seq)::INTEGER, max(note) FROM ${changes} WHERE note = 'commit ${acknowledged}'`,
        ),
      ).toEqual([[500, 500, `commit ${acknowledged}`]]);
      expect(
        await warehouse.query(
          `SELECT count(*)::INTEGER, count(DISTINCT _cdc_seq)::INTEGER FROM ${changes}`,
        ),
      ).toEqual([[acknowledged * 500, acknowledged * 500]]);
      expect(
        await warehouse.query('SELECT note, count(*)::INTEGER FROM shop.orders GROUP BY note'),
      ).toEqual([[`commit ${acknowledged}`, 500]]);
    },
  );
});
