import type { TableId } from '../change/table.ts';
import type { SqlScanner, Token } from './sql-scanner.ts';

/** How names in a statement become names of the server. */
export interface NameRules {
  /** Default database of the session. */
  readonly database: string;
  /** Whether the server keeps names of databases and tables in lower case, however they are typed. */
  readonly lowerCaseNames: boolean;
}

/** A place in the tokens of a statement, which are scanned as far as somebody looks. */
export class TokenCursor {
  readonly #tokens: Token[];
  readonly #rules: NameRules;
  #scanner: SqlScanner | undefined;
  #at = 0;

  constructor(source: SqlScanner | readonly Token[], rules: NameRules) {
    this.#rules = rules;
    if (Array.isArray(source)) this.#tokens = source as Token[];
    else {
      this.#tokens = [];
      this.#scanner = source as SqlScanner;
    }
  }

  /** The token `ahead` tokens on. */
  peek(ahead = 0): Token | undefined {
    while (this.#scanner && this.#tokens.length <= this.#at + ahead) {
      const token = this.#scanner.next();
      if (token) this.#tokens.push(token);
      else this.#scanner = undefined;
    }
    return this.#tokens[this.#at + ahead];
  }

  atEnd(): boolean {
    return this.peek() === undefined;
  }

  /** The word `ahead` tokens on, in upper case. */
  word(ahead = 0): string {
    const token = this.peek(ahead);
    return token?.kind === 'word' ? token.upper : '';
  }

  isSymbol(symbol: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token?.kind === 'symbol' && token.text === symbol;
  }

  take(): Token | undefined {
    const token = this.peek();
    if (token) this.#at += 1;
    return token;
  }

  takeWord(): string {
    const word = this.word();
    this.take();
    return word;
  }

  /** Takes the words when they all stand here, in this order. */
  takeWords(...words: readonly string[]): boolean {
    if (!words.every((word, ahead) => this.word(ahead) === word)) return false;
    this.#at += words.length;
    return true;
  }

  takeSymbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false;
    this.#at += 1;
    return true;
  }

  /** A cursor of its own over the same tokens, at their beginning. */
  fromStart(): TokenCursor {
    return new TokenCursor([...this.#tokens], this.#rules);
  }

  /** Lets go of the tokens before here: a statement may have millions. */
  forget(): void {
    this.#tokens.splice(0, this.#at);
    this.#at = 0;
  }

  /** Skips any of the words, in whatever order and number. */
  skipWords(...words: readonly string[]): void {
    while (words.includes(this.word())) this.#at += 1;
  }

  /** Skips a list in parentheses, if one begins here. */
  skipGroup(): boolean {
    if (!this.isSymbol('(')) return false;
    let depth = 0;
    do {
      if (this.isSymbol('(')) depth += 1;
      if (this.isSymbol(')')) depth -= 1;
      this.take();
    } while (depth > 0 && !this.atEnd());
    return true;
  }

  /** The tokens of a list in parentheses, which begins here. */
  takeGroup(): TokenCursor {
    const from = this.#at;
    this.skipGroup();
    return new TokenCursor(this.#tokens.slice(from + 1, this.#at - 1), this.#rules);
  }

  /** The tokens from here to where `ends` holds outside parentheses, or to the end. */
  takeUntil(ends: (cursor: TokenCursor) => boolean): TokenCursor {
    const from = this.#at;
    while (!this.atEnd() && !ends(this)) if (!this.skipGroup()) this.take();
    return new TokenCursor(this.#tokens.slice(from, this.#at), this.#rules);
  }

  /** Whether any of the words stands here or behind. */
  mentions(...words: readonly string[]): boolean {
    for (let ahead = 0; this.peek(ahead); ahead += 1)
      if (words.includes(this.word(ahead))) return true;
    return false;
  }

  identifier(): string | undefined {
    const token = this.peek();
    if (token?.kind !== 'word' && token?.kind !== 'quoted') return undefined;
    this.#at += 1;
    return token.text;
  }

  database(): string | undefined {
    const name = this.identifier();
    return name === undefined ? undefined : this.#name(name);
  }

  table(): TableId | undefined {
    const first = this.database();
    if (first === undefined) return undefined;
    if (!this.isSymbol('.')) return { database: this.#name(this.#rules.database), table: first };
    const second = this.peek(1);
    if (second?.kind !== 'word' && second?.kind !== 'quoted')
      return { database: this.#name(this.#rules.database), table: first };
    this.#at += 2;
    return { database: first, table: this.#name(second.text) };
  }

  /** Everything from here on, cut at commas outside parentheses. */
  pieces(): readonly TokenCursor[] {
    const pieces: Token[][] = [[]];
    let depth = 0;
    for (let token = this.take(); token; token = this.take()) {
      const symbol = token.kind === 'symbol' ? token.text : '';
      if (symbol === '(') depth += 1;
      if (symbol === ')') depth -= 1;
      if (symbol === ',' && depth === 0) pieces.push([]);
      else pieces.at(-1)?.push(token);
    }
    return pieces.map((tokens) => new TokenCursor(tokens, this.#rules));
  }

  #name(text: string): string {
    return this.#rules.lowerCaseNames ? text.toLowerCase() : text;
  }
}
