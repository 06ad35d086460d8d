import { parseTablePattern, splitPatterns, twoReadings } from '../change/table-pattern.ts';

export { CASCADES_SELECTOR } from '../change/table-pattern.ts';

/**
 * Rules for texts inside the pipeline file. Each answers with the problem and its cure, or with
 * `undefined` when the text is fine. None repeats a text that might hold a secret.
 */

/** Topic names end at 249 characters; database and table names take up to 64 each, with two dots. */
const MAX_PREFIX_LENGTH = 100;

const SYSTEM_DATABASES = ['mysql', 'sys', 'information_schema', 'performance_schema'];

export function patternProblem(text: string): string | undefined {
  const pattern = parseTablePattern(text);
  const plain = text.replace(/`(?:[^`]|``)*`/g, '');
  if (/^["']/.test(text)) return `pattern ${text}: leave the quotes out`;
  if (/\\|\||^\^/.test(plain))
    return `pattern ${text} looks like a regular expression; only * has a meaning, as in shop.* or shop.order_*`;
  if (plain.includes('%')) return `pattern ${text}: % has no meaning here, write *`;
  if (!plain.includes('.'))
    return `pattern ${text} names no table: write database.table, or ${text || 'shop'}.* for all tables`;
  if (!pattern)
    return `pattern ${text}: backticks enclose one side of the dot completely, as in \`example.com\`.*`;
  if (pattern.database.text === '' || pattern.table.text === '')
    return `pattern ${text}: a side of the dot is empty, write database.table`;
  if (SYSTEM_DATABASES.includes(pattern.database.text.toLowerCase()))
    return `pattern ${text}: tables of ${pattern.database.text} belong to the server and are never captured`;
  if (text.trim() !== text) return `pattern ${text.trim()} has a space at an end`;
  return twoMeanings(text);
}

function twoMeanings(text: string): string | undefined {
  const [dotInDatabase, dotInTable] = twoReadings(text) ?? [];
  return dotInDatabase === undefined || dotInTable === undefined
    ? undefined
    : `pattern ${text} can mean two things: write "${dotInDatabase}" where the database has the dot in its name, "${dotInTable}" where the tables have it`;
}

/**
 * The patterns of a list with commas, for a command. `selectors` are texts that stand for tables
 * otherwise.
 */
export function patternList(
  text: string,
  selectors: readonly string[] = [],
): { readonly patterns: readonly string[] } | { readonly problem: string } {
  const patterns = splitPatterns(text);
  const problems = patterns
    .filter((pattern) => !selectors.includes(pattern))
    .flatMap((pattern) => patternProblem(pattern) ?? []);
  const [problem = patterns.length === 0 ? 'no table is named' : undefined] = problems;
  return problem === undefined ? { patterns } : { problem };
}

/** @see https://kafka.apache.org/documentation — legal topic characters are ASCII letters, digits, `.`, `_`, `-` */
export function prefixProblem(text: string): string | undefined {
  if (text === '') return 'a prefix has at least one character';
  const illegal = [...new Set(text.replace(/[A-Za-z0-9._-]/g, ''))];
  if (illegal.length > 0)
    return `a topic name may not hold ${illegal.map((char) => JSON.stringify(char)).join(' ')}: use letters, digits, dot, dash and underscore`;
  if (text.length > MAX_PREFIX_LENGTH)
    return `a prefix has at most ${MAX_PREFIX_LENGTH} characters, so that topic names fit into Kafka’s 249`;
  if (/^\.|\.$|\.\./.test(text))
    return 'a prefix neither starts nor ends with a dot nor holds two in a row';
  if (text.split('.').includes('__sluice')) return '__sluice is the name of the internal topics';
  return undefined;
}

export function brokerProblem(text: string): string | undefined {
  if (text.includes('@')) return 'a broker is host:port; user and password belong into kafka.sasl';
  if (text.includes('://')) return 'a broker is host:port without a scheme';
  const port = Number(
    /^(?:[^\s:/[\]]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/.exec(text)?.[1] ?? Number.NaN,
  );
  return port >= 1 && port <= 65_535
    ? undefined
    : 'a broker is host:port, for example 127.0.0.1:9092';
}

const CRON_FIELDS = [
  { name: 'minute', from: 0, to: 59, words: /^$/ },
  { name: 'hour', from: 0, to: 23, words: /^$/ },
  { name: 'day of month', from: 1, to: 31, words: /^$/ },
  { name: 'month', from: 1, to: 12, words: /^(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)$/i },
  { name: 'day of week', from: 0, to: 7, words: /^(sun|mon|tue|wed|thu|fri|sat)$/i },
] as const;

/** Accepts what a Temporal Schedule's cron string accepts, without its optional seconds and year. */
export function cronProblem(text: string): string | undefined {
  if (/^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$/.test(text)) return undefined;
  const fields = text.trim().split(/\s+/);
  if (fields.length !== CRON_FIELDS.length)
    return 'a cron text has five fields: minute hour day-of-month month day-of-week, for example 0 3 * * 0';
  const wrong = CRON_FIELDS.find((rule, index) => !isCronField(fields[index] ?? '', rule));
  return (
    wrong &&
    `the ${wrong.name} field of a cron text is a number from ${wrong.from} to ${wrong.to}, *, a range, a list or a step`
  );
}

function isCronField(field: string, rule: (typeof CRON_FIELDS)[number]): boolean {
  const isValue = (text: string): boolean =>
    rule.words.test(text) ||
    (/^\d{1,2}$/.test(text) && Number(text) >= rule.from && Number(text) <= rule.to);
  return field.split(',').every((item) => {
    const [range = '', step, ...more] = item.split('/');
    if (more.length > 0 || (step !== undefined && !/^[1-9]\d?$/.test(step))) return false;
    if (range === '*' || range === '?') return true;
    const ends = range.split('-');
    return ends.length <= 2 && ends.every((end) => end !== '' && isValue(end));
  });
}
