import { type Alias, type Document, type LineCounter, visit, type YAMLError } from 'yaml';
import type { ConfigProblem } from './problem.ts';

export interface SyntaxFindings {
  readonly problems: readonly ConfigProblem[];
  /** The tree is what the writer meant, so that the rest of the checks make sense. */
  readonly readable: boolean;
}

/**
 * What is wrong with the YAML itself. Behind broken syntax the tree is guesswork; behind a key that
 * stands twice it is not.
 */
export function syntaxProblems(document: Document.Parsed, lines: LineCounter): SyntaxFindings {
  const aliases = looseAliases(document);
  const found = [
    ...[...document.errors, ...document.warnings].map((error) => ({
      offset: error.pos[0],
      message: wordsOf(error),
    })),
    ...aliases.map((alias) => ({
      offset: alias.range?.[0] ?? 0,
      message: 'no anchor of this name stands before this alias',
    })),
  ];
  return {
    problems: found.map(({ offset, message }) => {
      const { line, col } = lines.linePos(offset);
      return { line, column: col, key: '', message };
    }),
    readable: aliases.length === 0 && document.errors.every(({ code }) => code === 'DUPLICATE_KEY'),
  };
}

function looseAliases(document: Document.Parsed): readonly Alias[] {
  const loose: Alias[] = [];
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) === undefined) loose.push(alias);
    },
  });
  return loose;
}

const OWN_WORDS: Partial<Record<YAMLError['code'], string>> = {
  DUPLICATE_KEY: 'this key stands here twice',
  TAG_RESOLVE_FAILED:
    'tags (! before a value) have no meaning here; quote a text that begins with !',
};

/** The parser's message without what it quotes: a secret that begins like YAML would stand there. */
function wordsOf({ code, message }: YAMLError): string {
  const safe = code === 'MISSING_CHAR' ? message : message.replace(/: .*/s, '');
  return OWN_WORDS[code] ?? safe;
}
