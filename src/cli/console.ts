import { createInterface } from 'node:readline/promises';
import { CATALOGUE } from '../errors/catalogue.ts';
import type { FailureVerdict } from '../errors/policy.ts';

/** Where a command reads and writes: results on stdout, everything else on stderr. */
export interface Console {
  readonly json: boolean;
  /** A person sits there and can be asked. */
  readonly interactive: boolean;
  result(text: string): void;
  /** A result in pieces, for one that may be longer than a text can be. */
  results(pieces: Iterable<string>): void;
  note(text: string): void;
  /** One line typed by the person. */
  ask(question: string, signal: AbortSignal): Promise<string>;
}

export function processConsole(json: boolean): Console {
  const { stdin, stdout, stderr } = process;
  return {
    json,
    interactive: stdin.isTTY && stderr.isTTY,
    result: (text) => stdout.write(`${text}\n`),
    results: (pieces) => {
      for (const piece of pieces) stdout.write(piece);
      stdout.write('\n');
    },
    note: (text) => stderr.write(`${text}\n`),
    ask: async (question, signal) => {
      const lines = createInterface({ input: stdin, output: stderr });
      try {
        return await lines.question(question, { signal });
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
