import type { Sequence } from '../change/sequence.ts';

/**
 * What differs between the warehouses in the SQL of src/view. Everything else, QUALIFY and
 * correlated NOT EXISTS among it, is written the same in both.
 */
export interface Dialect {
  /** Quotes one name, whatever is in it. */
  identifier(name: string): string;
  text(value: string): string;
  /** A literal that compares with a stored sequence. */
  sequence(seq: Sequence): string;
  /** A stored sequence as its text. */
  sequenceText(expression: string): string;
  /** The text of a member of a JSON object; NULL when it is not there. */
  jsonMember(object: string, member: string): string;
  asText(expression: string): string;
  asTimestamp(expression: string): string;
  struct(fields: readonly (readonly [name: string, expression: string])[]): string;
  createTableFunction(name: string, parameter: string, body: string): string;
}
