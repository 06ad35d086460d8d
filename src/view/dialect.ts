import type { Sequence } from '../change/sequence.ts';

/**
 * What differs between the warehouses in the SQL of src/view. Everything else, QUALIFY and
 * correlated NOT EXISTS among it, is written the same in both.
 */
export interface Dialect {
  /** Quotes one name, whatever is in it. */
  readonly identifier: (name: string) => string;
  readonly text: (value: string) => string;
  /** A literal that compares with a stored sequence. */
  readonly sequence: (seq: Sequence) => string;
  /** A stored sequence as its text. */
  readonly sequenceText: (expression: string) => string;
  /** The text of a member of a JSON object; NULL when it is not there. */
  readonly jsonMember: (object: string, member: string) => string;
  readonly asText: (expression: string) => string;
  readonly asTimestamp: (expression: string) => string;
  readonly struct: (fields: readonly (readonly [name: string, expression: string])[]) => string;
  readonly createTableFunction: (name: string, parameter: string, body: string) => string;
}
