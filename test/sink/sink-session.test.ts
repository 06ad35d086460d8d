import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TableName } from '../../src/change/table.ts';
import { encodeRow } from '../../src/topic/row-json.ts';
import { MemoryWarehouse } from './memory-warehouse.ts';
import { SCHEMAS, type SimulatedPipeline } from './simulated-pipeline.ts';
import { play, turns } from './sink-scenario.ts';

const NAMES = SCHEMAS.map(({ id }) => `${id.database}.${id.table}` as TableName);

function checkView(warehouse: MemoryWarehouse, pipeline: SimulatedPipeline): void {
  const ordinal = warehouse.cut?.commitOrdinal;
  if (ordinal === undefined) return;
  for (const [index, name] of NAMES.entries()) {
    const expected = [...pipeline.statesByOrdinal.get(ordinal)!.get(name)!.values()];
    const rows = warehouse.live(name).map(({ row }) => row);
    expect(rows.sort()).toEqual(expected.map((row) => encodeRow(SCHEMAS[index]!, row)).sort());
  }
}

describe('runSink', () => {
  it('shows the source as of a commit and stores every change once, whatever the interleaving and wherever it crashes', async () => {
    await fc.assert(
      fc.asyncProperty(turns(12), async (list) => {
        const stored = new MemoryWarehouse((point) => hook(point));
        let hook: ConstructorParameters<typeof MemoryWarehouse>[0] & {} = () => {};
        let caughtUp: SimulatedPipeline | undefined;
        await play(list, {
          connect: async (reach) => {
            hook = reach;
            return stored;
          },
          check: async (pipeline) => {
            checkView(stored, pipeline);
            caughtUp = pipeline;
          },
        });
        for (const name of NAMES) {
          const real = stored
            .changes(name)
            .filter(({ seq }) => caughtUp!.seqs.get(name)!.includes(seq));
          expect(real.map(({ seq }) => seq).sort()).toEqual([...caughtUp!.seqs.get(name)!].sort());
        }
        expect(stored.cut?.commitOrdinal).toBe(Math.max(...caughtUp!.statesByOrdinal.keys()));
      }),
      { numRuns: 300 },
    );
  });
});
