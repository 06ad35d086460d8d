import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { CATALOGUE } from '../errors/catalogue.ts';
import type { FailureVerdict } from '../errors/policy.ts';
import { visibleLines } from './visible-text.ts';

/**
 * Where a command reads and writes: results on stdout, everything else on stderr. Whatever the text
 * comes from, a row, a name or a server's message, it means nothing to the terminal it is shown on.
 */
export interface Console {
  readonly json: boolean;
  /** A person sits there and can be asked. */
  readonly interactive: boolean;
  result(text: string): void;
  /** A result in pieces, for one that may be longer than a text can be. */
  results(pieces: Iterable<string>): void;
  /** A result in place of the one before, where that can be. */
  redraw(text: string): void;
  /** Whole lines as they come, for a program: as they are, unless a terminal shows them. */
  write(lines: string): Promise<void>;
  note(text: string): void;
  /** One line typed by the person. */
  ask(question: string, signal: AbortSignal): Promise<string>;
}

/** Cursor home, and everything below it erased. */
const CLEAR_SCREEN = '\u001b[H\u001b[J';

export function processConsole(json: boolean): Console {
  const { stdin, stdout, stderr } = process;
  const interactive = stdin.isTTY && stderr.isTTY;
  return {
    json,
    interactive,
    result: (text) => stdout.write(`${visibleLines(text)}\n`),
    results: (pieces) => {
      for (const piece of pieces) stdout.write(visibleLines(piece));
      stdout.write('\n');
    },
    redraw: (text) => stdout.write(`${interactive ? CLEAR_SCREEN : ''}${visibleLines(text)}\n`),
    write: async (lines) => {
      const written = stdout.isTTY ? visibleLines(lines.replaceAll('\r\n', '\n')) : lines;
      if (!stdout.write(written)) await once(stdout, 'drain');
    },
    note: (text) => stderr.write(`${visibleLines(text)}\n`),
    ask: async (question, signal) => {
      const lines = createInterface({ input: stdin, output: stderr });
      try {
        return await lines.question(visibleLines(question), { signal });
      } finally {
        lines.close();
      }
    },
  };
}

/** What a verb has to say: the same for programs and for people. */
export interface Answer {
  /** JSON-plain. */
  readonly result: unknown;
  /** The JSON of `result` in pieces, where it may be long. */
  readonly json?: () => Iterable<string>;
  /** For people; empty when everything was said on the way. Made only when it is shown. */
  readonly text: string | (() => Iterable<string>);
  /** False when the work was done and its outcome is bad, as a check that finds something fatal. */
  readonly ok?: boolean;
}

export function printAnswer(
  console: Console,
  command: string,
  { result, json, text, ok = true }: Answer,
): void {
  if (console.json) {
    if (json) console.results(wrapped(command, ok, json()));
    else console.result(JSON.stringify({ command, ok, result }, null, 2));
    return;
  }
  if (typeof text !== 'string') console.results(text());
  else if (text !== '') console.result(text);
}

function* wrapped(command: string, ok: boolean, result: Iterable<string>): Iterable<string> {
  yield `{"command":${JSON.stringify(command)},"ok":${ok},"result":`;
  yield* result;
  yield '}';
}

export function printFailure(console: Console, command: string, verdict: FailureVerdict): void {
  const { code, message, facts } = verdict;
  const { action } = CATALOGUE[code];
  if (console.json)
    console.result(
      JSON.stringify({ command, ok: false, error: { code, message, action, facts } }, null, 2),
    );
  else console.note(`${message}\n${action}\n(${code})`);
}
