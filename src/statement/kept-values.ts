import type { SqlType, TypeName } from './column-definition.ts';
import { INTEGER_BITS } from './constant-default.ts';

/** Character types by the bytes they hold. */
const TEXT_BYTES: ReadonlyMap<TypeName, number> = new Map([
  ['tinytext', 0xff],
  ['text', 0xffff],
  ['mediumtext', 0xff_ffff],
  ['longtext', 0xffff_ffff],
]);

const BLOB_BYTES: ReadonlyMap<TypeName, number> = new Map([
  ['tinyblob', 0xff],
  ['blob', 0xffff],
  ['mediumblob', 0xff_ffff],
  ['longblob', 0xffff_ffff],
]);

/** Of the widest charset. */
const BYTES_PER_CHARACTER = 4;

type Holds = (from: SqlType, to: SqlType, padsChar: boolean) => boolean;

/** For types that also others hold than their exact equals. */
const HOLDS: ReadonlyMap<TypeName, Holds> = new Map<TypeName, Holds>([
  ['decimal', holdsDecimals],
  ['time', (from, to) => to.name === 'time' && digitsOf(from) <= digitsOf(to)],
  ['datetime', holdsInstants],
  ...(['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext'] as const).map(
    (name) => [name, holdsText] as const,
  ),
  ...(['varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'] as const).map(
    (name) => [name, holdsBytes] as const,
  ),
  ['bit', sameLength],
  ['binary', sameLength],
  ['enum', holdsMembers],
  ['set', holdsMembers],
  ['year', (_, to) => to.name === 'year'],
]);

/**
 * Whether every value a column of type `from` may hold is the same value in type `to`, and looks
 * the same in a row image. False when in doubt. Both with their charsets, as far as they are known.
 *
 * @param padsChar  the statement ran with PAD_CHAR_TO_FULL_LENGTH
 */
export function keepsValues(from: SqlType, to: SqlType, padsChar: boolean): boolean {
  const bits = INTEGER_BITS.get(from.name);
  if (bits !== undefined)
    return holdsIntegers(bits, from.unsigned, INTEGER_BITS.get(to.name), to.unsigned);
  if (to.unsigned && !from.unsigned) return false;
  const holds = HOLDS.get(from.name);
  if (holds) return holds(from, to, padsChar);
  return from.name === to.name && from.sizes.join() === to.sizes.join();
}

function sameLength(from: SqlType, to: SqlType): boolean {
  return from.name === to.name && (from.sizes[0] ?? 1) === (to.sizes[0] ?? 1);
}

/** Values count milliseconds up to three digits, microseconds above. */
function holdsInstants(from: SqlType, to: SqlType): boolean {
  const isSameUnit = digitsOf(to) <= 3 || digitsOf(from) > 3;
  return to.name === 'datetime' && digitsOf(from) <= digitsOf(to) && isSameUnit;
}

function holdsIntegers(
  from: bigint,
  fromUnsigned: boolean,
  to: bigint | undefined,
  toUnsigned: boolean,
): boolean {
  if (to === undefined) return false;
  if (fromUnsigned === toUnsigned) return to >= from;
  return fromUnsigned && to > from;
}

function holdsDecimals(from: SqlType, to: SqlType): boolean {
  const [fromPrecision = 10, fromScale = 0] = from.sizes;
  const [toPrecision = 10, toScale = 0] = to.sizes;
  return to.name === 'decimal' && fromScale === toScale && toPrecision >= fromPrecision;
}

function digitsOf({ sizes }: SqlType): number {
  return sizes[0] ?? 0;
}

/** A CHAR loses its padding when it is read; a VARCHAR keeps spaces that a CHAR would lose. */
function holdsText(from: SqlType, to: SqlType, padsChar: boolean): boolean {
  if (from.charset === undefined || from.charset !== to.charset) return false;
  if (from.name === 'char' ? padsChar && to.name !== 'char' : to.name === 'char') return false;
  const length = from.sizes[0] ?? 1;
  const room = TEXT_BYTES.get(to.name);
  if (room !== undefined)
    return (
      to.sizes.length === 0 && (TEXT_BYTES.get(from.name) ?? length * BYTES_PER_CHARACTER) <= room
    );
  const isShort = !TEXT_BYTES.has(from.name) && (to.name === 'char' || to.name === 'varchar');
  return isShort && length <= (to.sizes[0] ?? 1);
}

function holdsBytes(from: SqlType, to: SqlType): boolean {
  const length = BLOB_BYTES.get(from.name) ?? from.sizes[0];
  const room = BLOB_BYTES.get(to.name) ?? (to.name === 'varbinary' ? to.sizes[0] : undefined);
  const isSized = BLOB_BYTES.has(to.name) && to.sizes.length > 0;
  return length !== undefined && room !== undefined && length <= room && !isSized;
}

/** Members may be added behind the last one. Values are texts, of ASCII whatever the charset. */
function holdsMembers(from: SqlType, to: SqlType): boolean {
  const isAscii = from.members.every((member) => /^[ -~]*$/.test(member));
  return (
    from.name === to.name &&
    (isAscii || (from.charset !== undefined && from.charset === to.charset)) &&
    from.members.every((member, index) => member === to.members[index])
  );
}
