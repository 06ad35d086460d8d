/**
 * A piece of a statement. `word` is an identifier or keyword without quotes, `upper` the same in
 * upper case; `quoted` an identifier in quotes, `string` a plain string, both without their quotes
 * and escapes; `bits` the digits of a bit literal; `other` a hexadecimal or national literal.
 */
export type Token =
  | { readonly kind: 'word'; readonly text: string; readonly upper: string }
  | { readonly kind: 'quoted' | 'string' | 'number' | 'bits' | 'symbol'; readonly text: string }
  | { readonly kind: 'other' };

export interface ScannerSettings {
  /** Of the session that sent the statement. */
  readonly sqlMode: bigint;
  /** Whether executable comments for servers newer than {@link OLDEST_SERVER} are left out. */
  readonly withoutNewer: boolean;
}

/** See sql/query_options.h and sql/system_variables.h of MySQL: MODE_*. */
export const SQL_MODE = {
  realAsFloat: 1n,
  ansiQuotes: 1n << 2n,
  noBackslashEscapes: 1n << 20n,
  strictTransTables: 1n << 21n,
  strictAllTables: 1n << 22n,
  padCharToFullLength: 1n << 31n,
} as const;

/** Executable comments up to this version are statement text on every server Sluice reads from. */
const OLDEST_SERVER = 80_000;

const CODE = {
  newline: 0x0a,
  space: 0x20,
  doubleQuote: 0x22,
  hash: 0x23,
  dollar: 0x24,
  quote: 0x27,
  star: 0x2a,
  minus: 0x2d,
  dot: 0x2e,
  slash: 0x2f,
  semicolon: 0x3b,
  backslash: 0x5c,
  underscore: 0x5f,
  backtick: 0x60,
} as const;

/** What a backslash and a letter stand for; `\%` and `\_` keep the backslash, others lose it. */
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['0', '\0'],
  ['b', '\b'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['Z', '\x1a'],
  ['%', '\\%'],
  ['_', '\\_'],
]);

/**
 * Reads a statement token by token, as the server's own lexer does: comments vanish, the inside of
 * an executable comment counts as text. Looks at each character a bounded number of times, whatever
 * the statement's size, and keeps none of it.
 *
 * @see sql/sql_lex.cc: lex_one_token, consume_comment, get_text
 */
export class SqlScanner {
  readonly #sql: string;
  readonly #settings: ScannerSettings;
  readonly #escapes: boolean;
  readonly #ansiQuotes: boolean;
  #at = 0;
  /** Inside an executable comment, whose end is still to come. */
  #executing = false;
  #last: Token | undefined;
  /** Whether nothing stands between the last token and the next. */
  #isAdjacent = false;
  /** Some comment's text counts on newer servers only. */
  sawNewer = false;
  /** A string or comment had no end: the statement was not read as the server read it. */
  unended = false;

  constructor(sql: string, settings: ScannerSettings) {
    this.#sql = sql;
    this.#settings = settings;
    this.#escapes = (settings.sqlMode & SQL_MODE.noBackslashEscapes) === 0n;
    this.#ansiQuotes = (settings.sqlMode & SQL_MODE.ansiQuotes) !== 0n;
  }

  /** `undefined` behind the last token, or where a semicolon ends the statement. */
  next(): Token | undefined {
    const end = this.#at;
    this.#skipSpace();
    this.#isAdjacent = this.#at === end;
    if (this.#at >= this.#sql.length || this.#code() === CODE.semicolon) return undefined;
    this.#last = this.#scan();
    return this.#last;
  }

  #code(ahead = 0): number {
    return this.#at + ahead < this.#sql.length ? this.#sql.charCodeAt(this.#at + ahead) : -1;
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#code();
      if (code >= 0 && code <= CODE.space) this.#at += 1;
      else if (code === CODE.hash || (code === CODE.minus && this.#isDashComment()))
        this.#skipLine();
      else if (code === CODE.slash && this.#code(1) === CODE.star) this.#openComment();
      else if (this.#executing && code === CODE.star && this.#code(1) === CODE.slash) {
        this.#executing = false;
        this.#at += 2;
      } else return;
    }
  }

  /** Two dashes are a comment only before a space, a control character or the end. */
  #isDashComment(): boolean {
    return this.#code(1) === CODE.minus && this.#code(2) <= CODE.space;
  }

  #skipLine(): void {
    const end = this.#sql.indexOf('\n', this.#at);
    this.#at = end < 0 ? this.#sql.length : end + 1;
  }

  #openComment(): void {
    const mark = /^\/\*(M?)!(\d{5,6})?/.exec(this.#sql.slice(this.#at, this.#at + 10));
    if (!mark) {
      this.#skipComment(false);
      return;
    }
    const [whole, foreign, version = '0'] = mark;
    const isNewer = foreign === 'M' || Number(version) > OLDEST_SERVER;
    this.sawNewer ||= isNewer;
    if (isNewer && this.#settings.withoutNewer) {
      this.#skipComment(true);
      return;
    }
    this.#executing = true;
    this.#at += whole.length;
  }

  /** A comment that is left out for its version may hold others, which hold none. */
  #skipComment(mayHoldOthers: boolean): void {
    this.#at += 2;
    let end = this.#sql.indexOf('*/', this.#at);
    while (mayHoldOthers && end >= 0) {
      const inner = this.#sql.indexOf('/*', this.#at);
      if (inner < 0 || inner > end) break;
      this.#at = end + 2;
      end = this.#sql.indexOf('*/', this.#at);
    }
    this.unended ||= end < 0;
    this.#at = end < 0 ? this.#sql.length : end + 2;
  }

  #scan(): Token {
    const code = this.#code();
    if (code === CODE.backtick) return { kind: 'quoted', text: this.#quoted(code, false) };
    if (code === CODE.quote) return { kind: 'string', text: this.#quoted(code, this.#escapes) };
    if (code === CODE.doubleQuote)
      return this.#ansiQuotes
        ? { kind: 'quoted', text: this.#quoted(code, false) }
        : { kind: 'string', text: this.#quoted(code, this.#escapes) };
    const isName = this.#last?.kind === 'symbol' && this.#last.text === '.';
    if (isDigit(code) && !isName) return this.#number();
    if (code === CODE.dot && isDigit(this.#code(1)) && !this.#isBehindName()) return this.#number();
    if (isWordCode(code)) return this.#word();
    this.#at += 1;
    return { kind: 'symbol', text: this.#sql.charAt(this.#at - 1) };
  }

  /** Where a dot is a separator, and no decimal point. */
  #isBehindName(): boolean {
    return this.#isAdjacent && (this.#last?.kind === 'word' || this.#last?.kind === 'quoted');
  }

  #word(): Token {
    const from = this.#at;
    while (isWordCode(this.#code())) this.#at += 1;
    const text = this.#sql.slice(from, this.#at);
    if (this.#code() === CODE.quote && /^[NXB]$/i.test(text)) return this.#markedLiteral(text);
    return { kind: 'word', text, upper: text.toUpperCase() };
  }

  #markedLiteral(mark: string): Token {
    const text = this.#quoted(CODE.quote, this.#escapes && /n/i.test(mark));
    return /b/i.test(mark) ? { kind: 'bits', text } : { kind: 'other' };
  }

  /** Digits that go on as a name are one: `2fa`. */
  #number(): Token {
    const from = this.#at;
    while (isWordCode(this.#code())) this.#at += 1;
    const run = this.#sql.slice(from, this.#at);
    if (/^0x[0-9a-f]+$/i.test(run)) return { kind: 'other' };
    if (/^0b[01]+$/.test(run)) return { kind: 'bits', text: run.slice(2) };
    if (/^\d*$/.test(run) && this.#code() === CODE.dot) {
      this.#at += 1;
      while (isDigit(this.#code())) this.#at += 1;
      this.#exponent();
    } else if (/^\d+e$/i.test(run)) {
      this.#at -= 1;
      if (!this.#exponent()) this.#at += 1;
    } else if (!/^\d+(?:e\d+)?$/i.test(run))
      return { kind: 'word', text: run, upper: run.toUpperCase() };
    return { kind: 'number', text: this.#sql.slice(from, this.#at) };
  }

  #exponent(): boolean {
    const digits = /^e[+-]?\d+/i.exec(this.#sql.slice(this.#at, this.#at + 24));
    if (digits) this.#at += digits[0].length;
    return digits !== null;
  }

  /** From quote to quote; a doubled quote stands for one. */
  #quoted(quote: number, escapes: boolean): string {
    const from = this.#at + 1;
    let isPlain = true;
    for (this.#at = from; ; this.#at += 1) {
      const code = this.#code();
      if (code < 0) {
        this.unended = true;
        break;
      }
      if (escapes && code === CODE.backslash) {
        isPlain = false;
        this.#at += 1;
      } else if (code === quote) {
        if (this.#code(1) !== quote) break;
        isPlain = false;
        this.#at += 1;
      }
    }
    const inside = this.#sql.slice(from, this.#at);
    this.#at += 1;
    return isPlain ? inside : unescaped(inside, String.fromCharCode(quote), escapes);
  }
}

function unescaped(text: string, quote: string, escapes: boolean): string {
  const pieces: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character !== quote && !(escapes && character === '\\')) continue;
    const next = text.charAt(at + 1);
    pieces.push(text.slice(from, at), character === quote ? quote : (ESCAPES.get(next) ?? next));
    at += 1;
    from = at + 1;
  }
  return pieces.join('') + text.slice(from);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Letters, digits, `_`, `$`, and whatever is not ASCII. */
function isWordCode(code: number): boolean {
  return (
    isDigit(code) ||
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    code === CODE.underscore ||
    code === CODE.dollar ||
    code >= 0x80
  );
}
