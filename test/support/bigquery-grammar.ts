/**
 * Looks at a statement with the eyes of BigQuery, where emulators are laxer: what it finds would fail
 * there, or read more than it has to. Not a parser: it knows the shapes that the sink writes.
 */
export function grammarProblems(script: string): readonly string[] {
  const tokens = tokensOf(script);
  if (typeof tokens === 'string') return [tokens];
  const problems = [...balance(tokens), ...reservedWords(tokens), ...unknownFunctions(tokens)];
  const statements = split(tokens);
  const inTransaction = statements[0]?.map(({ text }) => text).join(' ') === 'BEGIN TRANSACTION';
  for (const statement of statements) {
    problems.push(...missingAliases(statement), ...mergeProblems(statement));
    problems.push(...qualifyProblems(statement), ...functionProblems(statement));
    problems.push(...unboundedScans(statement));
    if (inTransaction && /^(CREATE|ALTER|DROP)$/.test(word(statement[0])))
      problems.push(`DDL in a transaction: ${textOf(statement).slice(0, 60)}`);
  }
  return problems;
}

interface Token {
  readonly kind: 'name' | 'word' | 'text' | 'number' | 'mark';
  readonly text: string;
}

const LEXICAL =
  /\s+|(`(?:[^`\\]|\\.)+`|@[a-z_]+)|([A-Za-z_][A-Za-z0-9_]*)|('(?:[^'\\\n]|\\.)*')|(\d+(?:\.\d+)?)|(<>|<=|>=|[-+*/=<>(),.;[\]])/gy;
const KINDS = ['name', 'word', 'text', 'number', 'mark'] as const;

function tokensOf(script: string): readonly Token[] | string {
  const tokens: Token[] = [];
  let end = 0;
  for (const match of script.matchAll(LEXICAL)) {
    end = match.index + match[0].length;
    const kind =
      KINDS[match.slice(1).findIndex((group: string | undefined) => group !== undefined)];
    if (kind) tokens.push({ kind, text: match[0] });
  }
  return end === script.length ? tokens : `not GoogleSQL at ${end}: ${script.slice(end, end + 30)}`;
}

const textOf = (tokens: readonly Token[]): string => tokens.map(({ text }) => text).join(' ');
const word = (token: Token | undefined): string =>
  token?.kind === 'word' ? token.text.toUpperCase() : '';
const isMark = (token: Token | undefined, text: string): boolean =>
  token?.kind === 'mark' && token.text === text;

function split(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const statements: Token[][] = [[]];
  for (const token of tokens)
    if (isMark(token, ';')) statements.push([]);
    else statements.at(-1)?.push(token);
  return statements.filter((statement) => statement.length > 0);
}

function balance(tokens: readonly Token[]): readonly string[] {
  let depth = 0;
  for (const token of tokens) {
    if (isMark(token, '(')) depth += 1;
    if (isMark(token, ')')) depth -= 1;
    if (depth < 0) return ['a parenthesis closes that was not opened'];
  }
  return depth === 0 ? [] : ['a parenthesis is not closed'];
}

/** GoogleSQL's reserved keywords, which no bare name may be. */
const RESERVED = new Set(
  (
    'ALL AND ANY ARRAY AS ASC ASSERT_ROWS_MODIFIED AT BETWEEN BY CASE CAST COLLATE CONTAINS CREATE CROSS CUBE CURRENT DEFAULT DEFINE DESC ' +
    'DISTINCT ELSE END ENUM ESCAPE EXCEPT EXCLUDE EXISTS EXTRACT FALSE FETCH FOLLOWING FOR FROM FULL GROUP GROUPING GROUPS HASH HAVING IF ' +
    'IGNORE IN INNER INTERSECT INTERVAL INTO IS JOIN LATERAL LEFT LIKE LIMIT LOOKUP MERGE NATURAL NEW NO NOT NULL NULLS OF ON OR ORDER ' +
    'OUTER OVER PARTITION PRECEDING PROTO QUALIFY RANGE RECURSIVE RESPECT RIGHT ROLLUP ROWS SELECT SET SOME STRUCT TABLESAMPLE THEN TO ' +
    'TREAT TRUE UNBOUNDED UNION UNNEST USING WHEN WHERE WINDOW WITH WITHIN'
  ).split(' '),
);

/** Behind a dot and behind AS stands a name. */
function reservedWords(tokens: readonly Token[]): readonly string[] {
  return tokens.flatMap((token, index) => {
    const before = tokens[index - 1];
    const isName = isMark(before, '.') || (word(before) === 'AS' && !isType(tokens, index));
    return isName && RESERVED.has(word(token)) && word(token) !== 'SELECT'
      ? [`reserved word as a name: ${token.text}`]
      : [];
  });
}

/** `CAST(x AS STRUCT<…>)` and `SELECT AS STRUCT` have no name there. */
function isType(tokens: readonly Token[], index: number): boolean {
  return isMark(tokens[index + 1], '<') || word(tokens[index - 2]) === 'SELECT';
}

const FUNCTIONS = new Set(
  (
    'ARRAY COALESCE CAST COUNT COUNTIF CURRENT_TIMESTAMP DATE DIV ERROR IF JSON_QUERY_ARRAY JSON_VALUE LEAD MAX MIN ROW_NUMBER STARTS_WITH STRUCT SUM TIMESTAMP_DIFF TIMESTAMP_MICROS TO_JSON_STRING ' +
    'UNIX_MILLIS UNNEST'
  ).split(' '),
);
/** Words before a parenthesis that call nothing. */
const BEFORE_PARENTHESIS = new Set(
  'AND AS EXISTS FROM IN INSERT JOIN KEY NOT ON OPTIONS OR OVER SELECT USING VALUES WHERE WHEN THEN SET'.split(
    ' ',
  ),
);

function unknownFunctions(tokens: readonly Token[]): readonly string[] {
  return tokens.flatMap((token, index) =>
    token.kind === 'word' &&
    isMark(tokens[index + 1], '(') &&
    !FUNCTIONS.has(word(token)) &&
    !BEFORE_PARENTHESIS.has(word(token))
      ? [`no function of BigQuery that is known here: ${token.text}`]
      : [],
  );
}

/** A column called like its table would else be the whole row; so every relation has an alias. */
function missingAliases(statement: readonly Token[]): readonly string[] {
  const isDefinition = /^(CREATE|ALTER)$/.test(word(statement[0])) && !hasWord(statement, 'SELECT');
  if (isDefinition) return [];
  return statement.flatMap((token, index) => {
    if (!/^(FROM|JOIN|UPDATE|INTO)$/.test(word(token))) return [];
    if (word(token) === 'INTO' && word(statement[index - 1]) === 'INSERT') return [];
    if (word(token) === 'UPDATE' && word(statement[index + 1]) === 'SET') return [];
    const end = endOfRelation(statement, index + 1);
    return word(statement[end]) === 'AS'
      ? []
      : [`no alias: ${textOf(statement.slice(index, end))}`];
  });
}

function endOfRelation(statement: readonly Token[], start: number): number {
  const first = statement[start];
  const opened = isMark(first, '(') ? start : isMark(statement[start + 1], '(') ? start + 1 : -1;
  if (opened >= 0) return closing(statement, opened) + 1;
  let end = start + 1;
  while (isMark(statement[end], '.')) end += 2;
  return isMark(statement[end], '(') ? closing(statement, end) + 1 : end;
}

function closing(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at += 1) {
    if (isMark(tokens[at], '(')) depth += 1;
    if (isMark(tokens[at], ')')) depth -= 1;
    if (depth === 0) return at;
  }
  return tokens.length;
}

const hasWord = (tokens: readonly Token[], wanted: string): boolean =>
  tokens.some((token) => word(token) === wanted);

/** Words of the nesting level that starts at an index. */
function level(tokens: readonly Token[], start: number): readonly string[] {
  const words: string[] = [];
  for (let at = start; at < tokens.length; at += 1) {
    if (isMark(tokens[at], ')')) break;
    if (isMark(tokens[at], '(')) at = closing(tokens, at);
    else words.push(word(tokens[at]));
  }
  return words;
}

/** Only literals in ON let the target be pruned; NOT MATCHED BY SOURCE would read all of it. */
function mergeProblems(statement: readonly Token[]): readonly string[] {
  if (word(statement[0]) !== 'MERGE') return [];
  const using = statement.findIndex((token) => word(token) === 'USING');
  const source = isMark(statement[using + 1], '(') ? closing(statement, using + 1) : using;
  const on = statement.findIndex((token, index) => index > source && word(token) === 'ON');
  const when = statement.findIndex((token, index) => index > on && word(token) === 'WHEN');
  const clauses = textOf(statement.slice(when)).toUpperCase();
  return [
    ...(hasWord(statement.slice(on, when), 'SELECT') ? ['sub-query in the ON of a MERGE'] : []),
    ...(clauses.includes('BY SOURCE') ? ['MERGE reads all of its target'] : []),
    ...(/WHEN MATCHED THEN .* WHEN MATCHED AND/.test(clauses)
      ? ['a clause of MERGE that is never reached']
      : []),
  ];
}

/** QUALIFY wants a WHERE, GROUP BY or HAVING beside it, and a window function. */
function qualifyProblems(statement: readonly Token[]): readonly string[] {
  return statement.flatMap((token, index) => {
    if (word(token) !== 'SELECT') return [];
    const words = level(statement, index);
    const end = words.findIndex((w, at) => at > 0 && (w === 'UNION' || w === 'SELECT'));
    const own = end < 0 ? words : words.slice(0, end);
    if (!own.includes('QUALIFY')) return [];
    return own.includes('WHERE') && own.includes('OVER') ? [] : ['QUALIFY without WHERE or OVER'];
  });
}

function functionProblems(statement: readonly Token[]): readonly string[] {
  const head = textOf(statement);
  if (!head.startsWith('CREATE OR REPLACE TABLE FUNCTION')) return [];
  return /^CREATE OR REPLACE TABLE FUNCTION [^(]+\( `\w+` [A-Z0-9]+ \) AS \( .* \)$/.test(head)
    ? []
    : ['table function without typed parameter or parentheses'];
}

/** The changelog refuses a query that does not say which days it needs. */
function unboundedScans(statement: readonly Token[]): readonly string[] {
  return statement.flatMap((token, index) => {
    const isScan =
      token.text.endsWith('__changes`') &&
      word(statement[index + 1]) === 'AS' &&
      isMark(statement[index - 1], '.');
    if (!isScan || (word(statement[0]) === 'CREATE' && !hasWord(statement.slice(0, index), 'FROM')))
      return [];
    const alias = statement[index + 2]?.text ?? '';
    const rest = textOf(statement.slice(index));
    return new RegExp(`^.*?\\b${alias} \\. _cdc_committed_at (?:>=|<) TIMESTAMP '`).test(rest)
      ? []
      : [`no bound on the days of ${token.text}`];
  });
}
