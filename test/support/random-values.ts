import type { Random } from '../../demo/random.ts';

/** A column of a random table: its type as a definition writes it, and a literal of it by chance. */
export interface ColumnKind {
  readonly type: string;
  readonly literal: (random: Random) => string;
  /** A constant that a definition may give as its DEFAULT. */
  readonly constant: string | undefined;
}

const WORDS = ['', 'a', 'Ö', "it''s", '"q"', 'b\\\\c', 'ümlaut 🎈', '42', '小林'] as const;
const YEAR_S = 31_536_000;

const wholeNumber = (random: Random): string => String(random.below(2_000) - 1_000);
const quarters = (random: Random): string => String((random.below(8_000) - 4_000) / 4);
const word = (random: Random): string => `'${random.pick(WORDS)}${random.below(50)}'`;
const moment = (random: Random): string =>
  `TIMESTAMP'2025-01-01 00:00:00' + INTERVAL ${random.below(YEAR_S)} SECOND + INTERVAL ${random.below(1_000_000)} MICROSECOND`;

/** Types that columns change between: every value of them has one text in every warehouse. */
export const CHANGEABLE = {
  int: { type: 'INT', literal: wholeNumber, constant: '7' },
  bigint: { type: 'BIGINT', literal: wholeNumber, constant: '-3' },
  decimal: { type: 'DECIMAL(14,2)', literal: quarters, constant: '1.25' },
  varchar: { type: 'VARCHAR(60)', literal: word, constant: "'new'" },
  text: { type: 'TEXT', literal: word, constant: undefined },
  varbinary: { type: 'VARBINARY(80)', literal: word, constant: "'bin'" },
} as const satisfies Readonly<Record<string, ColumnKind>>;

/** Types that a column is made with and keeps. */
const LASTING = {
  double: { type: 'DOUBLE', literal: quarters, constant: '0.5' },
  datetime: { type: 'DATETIME(6)', literal: moment, constant: "'2026-01-01 00:00:00.5'" },
  date: { type: 'DATE', literal: (random) => `DATE(${moment(random)})`, constant: undefined },
  enum: {
    type: "ENUM('red','green','blue')",
    literal: (random) => `${1 + random.below(3)}`,
    constant: "'green'",
  },
  json: {
    type: 'JSON',
    literal: (random) => `JSON_OBJECT('n', ${random.below(100)}, 'w', ${word(random)})`,
    constant: undefined,
  },
} as const satisfies Readonly<Record<string, ColumnKind>>;

const KINDS: Readonly<Record<string, ColumnKind>> = { ...CHANGEABLE, ...LASTING };

const FIRST = CHANGEABLE.int;

export function kindByChance(random: Random, kinds: Readonly<Record<string, ColumnKind>> = KINDS) {
  return random.pick([FIRST, ...Object.values(kinds)]);
}

/** The kind of a column as the source describes its type. */
export const kindOf = (dataType: string): ColumnKind => KINDS[dataType] ?? FIRST;
