import { describe, expect, it } from 'vitest';
import type { TableSchema } from '../../src/change/table.ts';
import { ChunkBytes } from '../../src/mysql/chunk-bytes.ts';
import { TextRowWriter } from '../../src/mysql/text-row-writer.ts';
import { rowText, rowTexts } from '../support/chunk-rows.ts';

const NOTES: TableSchema = {
  id: { database: 'shop', table: 'notes' },
  columns: [
    { name: 'note', type: { kind: 'text', charset: 'utf8mb4' }, nullable: true },
    {
      name: 'id',
      type: { kind: 'integer', bytes: 4, unsigned: false },
      nullable: false,
    },
  ],
  key: [1],
};
const writer = new TextRowWriter(NOTES);

const text = (id: number, note: string) => ({
  key: `{"id":${id}}`,
  row: `{"note":"${note}","id":${id}}`,
});

function fill(chunk: ChunkBytes, notes: readonly string[]): void {
  chunk.clear(notes.length);
  notes.forEach((note, id) => {
    chunk.add([Buffer.from(note), Buffer.from(String(id))], writer);
  });
}

describe('the bytes of a chunk', () => {
  it('hold every row and its key, in any order, while the buffer grows under them', () => {
    const chunk = new ChunkBytes();
    const notes = Array.from({ length: 500 }, (_, id) => 'n'.repeat((id * 37) % 3000));
    fill(chunk, notes);
    const expected = notes.map((note, id) => text(id, note));
    expect(rowTexts(chunk)).toEqual(expected);
    expect(rowText(chunk.at(7))).toEqual(expected[7]);
    expect(rowText(chunk.at(499))).toEqual(expected[499]);
    expect(chunk.bytes).toBe(
      expected.reduce((sum, { key, row }) => sum + key.length + row.length, 0),
    );
  });

  it('hold the rows of the next chunk alone once it has begun', () => {
    const chunk = new ChunkBytes();
    fill(chunk, ['a', 'b', 'c']);
    fill(chunk, ['x']);
    expect(rowTexts(chunk)).toEqual([text(0, 'x')]);
    chunk.clear(10);
    expect([chunk.length, chunk.bytes]).toEqual([0, 0]);
  });

  it('count what is noted of texts that are none, which has its place in memory, too', () => {
    const chunk = new ChunkBytes();
    const replacing = new TextRowWriter(NOTES, 'replace');
    chunk.clear(2);
    chunk.add([Buffer.from('fine'), Buffer.from('1')], replacing);
    const before = chunk.bytes;
    chunk.add([Buffer.alloc(1000, 0xff), Buffer.from('2')], replacing);
    const { start, keyEnd } = chunk.at(1).after!;
    expect(chunk.bytes - before).toBe(keyEnd - start + '0x'.length + 2000);
    chunk.clear(1);
    expect(chunk.bytes).toBe(0);
  });

  it('stay in one buffer from chunk to chunk, unless a chunk was larger than any should be', () => {
    const chunk = new ChunkBytes();
    fill(chunk, ['n'.repeat(9_000_000)]);
    const usual = chunk.at(0).bytes;
    fill(chunk, ['n'.repeat(20_000_000)]);
    expect(usual.length).toBeLessThan(chunk.at(0).bytes.length);
    fill(chunk, ['small']);
    expect(chunk.at(0).bytes.length).toBeLessThan(usual.length);
    fill(chunk, ['n'.repeat(1_000_000)]);
    const kept = chunk.at(0).bytes;
    fill(chunk, ['small']);
    expect(chunk.at(0).bytes).toBe(kept);
  });
});
