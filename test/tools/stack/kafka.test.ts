import { describe, expect, it } from 'vitest';
import { newClusterId } from '../../../tools/stack/kafka.ts';

describe('the id of a Kafka cluster', () => {
  it('never begins with a dash, which the storage tool would take for an option', () => {
    const draws = [Buffer.alloc(16, 0xff), Buffer.alloc(16, 0xf8), Buffer.alloc(16, 0x01)];
    expect(draws.map((bytes) => bytes.toString('base64url')[0])).toEqual(['_', '-', 'A']);
    const [, dashed = Buffer.alloc(0), plain = Buffer.alloc(0)] = draws;
    const dice = [dashed, dashed, plain].values();
    expect(newClusterId(() => dice.next().value ?? plain)).toBe(plain.toString('base64url'));
  });
});
