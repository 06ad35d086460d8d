/** A name as it is in a statement: in backticks by parts, or bare. */
const NAME = '((?:`(?:[^`\\\\]|\\\\.)+`|[\\w-]+)(?:\\.(?:`(?:[^`\\\\]|\\\\.)+`|[\\w-]+))*)';

const TOKEN = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|--[^\n]*|;|[^'"`;-]+|-/gs;

/** The statements of a script, without comments. */
export function statementsOf(script: string): readonly string[] {
  const statements: string[] = [''];
  for (const [token] of script.matchAll(TOKEN))
    if (token === ';') statements.push('');
    else if (!token.startsWith('--')) statements.push(`${statements.pop() ?? ''}${token}`);
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== '');
}

/** A statement without what is quoted as data. */
export const bare = (statement: string): string =>
  statement.replaceAll(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/gs, "''");

/** The parts of a name, without what quotes them. */
export const partsOf = (name: string): readonly string[] =>
  [...name.matchAll(/`((?:[^`\\]|\\.)+)`|[\w-]+/gs)].map(([text, quoted]) =>
    (quoted ?? text).replaceAll(/\\(.)/gs, '$1'),
  );

/** `project.dataset.table` */
const keyOf = (name: string): string => partsOf(name).join('.');

type DmlKind = 'INSERT' | 'UPDATE' | 'DELETE' | 'MERGE' | 'TRUNCATE';

export interface Dml {
  readonly kind: DmlKind;
  readonly table: string;
}

const DML = new RegExp(
  `^(?:(INSERT)(?: INTO)?|(UPDATE)|(DELETE)(?: FROM)?|(MERGE)(?: INTO)?|(TRUNCATE) TABLE) ${NAME}`,
  'i',
);

/** What a statement does to the rows of which table. */
export function dmlOf(statement: string): Dml | undefined {
  const match = DML.exec(statement);
  if (!match) return undefined;
  const kind = match.slice(1, 6).find((word: string | undefined) => word !== undefined) ?? '';
  return { kind: kind.toUpperCase() as DmlKind, table: keyOf(match[6] ?? '') };
}

export interface Ddl {
  readonly verb: 'CREATE' | 'ALTER' | 'DROP';
  readonly object: 'TABLE' | 'VIEW' | 'TABLE FUNCTION';
  readonly name: readonly string[];
  readonly replaces: boolean;
  /** What stands behind the name. */
  readonly rest: string;
}

const DDL = new RegExp(
  `^(CREATE|ALTER|DROP)( OR REPLACE)? (TABLE FUNCTION|TABLE|VIEW)(?: IF (?:NOT )?EXISTS)? ${NAME}`,
  'i',
);

/** What a statement does to a table, view or table function. */
export function ddlOf(statement: string): Ddl | undefined {
  const match = DDL.exec(statement);
  if (!match) return undefined;
  const [text, verb = '', replaces, object = '', name = ''] = match;
  return {
    verb: verb.toUpperCase() as Ddl['verb'],
    object: object.toUpperCase() as Ddl['object'],
    name: partsOf(name),
    replaces: replaces !== undefined,
    rest: statement.slice(text.length).trim(),
  };
}

/** The parts of a text between commas that are in no quotes and no brackets. */
export function listed(text: string): readonly string[] {
  const parts: string[] = [''];
  let depth = 0;
  for (const [token] of text.matchAll(
    /'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[()<>,]|[^'`()<>,]+/gs,
  )) {
    if (token === '(' || token === '<') depth += 1;
    if (token === ')' || token === '>') depth -= 1;
    if (depth < 0) break;
    if (token === ',' && depth === 0) parts.push('');
    else parts.push(`${parts.pop() ?? ''}${token}`);
  }
  return parts.map((part) => part.trim());
}
