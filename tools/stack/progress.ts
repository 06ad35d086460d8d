import type { ServerName } from './address.ts';

/** Receives what a server is doing; `detail` changes often and is only worth showing live. */
export type Report = (name: ServerName, stage: string, detail?: string) => void;

export interface Progress {
  readonly report: Report;
  /** Stops refreshing; the last state of each line stays on the screen. */
  close(): void;
}

interface Line {
  readonly stage: string;
  readonly detail: string;
  /** When the server was first heard of. */
  readonly sinceMs: number;
  /** When it was done; the clock on the line stands still from then on. */
  readonly doneAtMs: number | undefined;
}

const DONE: ReadonlySet<string> = new Set(['ready', 'stopped']);

/** One line a server, redrawn in place on a terminal; elsewhere one plain line a stage. */
export function showProgress(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? liveProgress(stream) : plainProgress(stream);
}

export const SILENT: Report = () => undefined;

function plainProgress(stream: NodeJS.WritableStream): Progress {
  const stages = new Map<ServerName, string>();
  return {
    report(name, stage) {
      if (stages.get(name) === stage) return;
      stages.set(name, stage);
      stream.write(`${name.padEnd(8)}  ${stage}\n`);
    },
    close: () => undefined,
  };
}

function liveProgress(stream: NodeJS.WriteStream): Progress {
  const lines = new Map<ServerName, Line>();
  let drawn = 0;
  const draw = () => {
    const up = drawn === 0 ? '' : `\u001b[${drawn}A`;
    const rows = [...lines].map(([name, { stage, detail, sinceMs, doneAtMs }]) => {
      const seconds = Math.round(((doneAtMs ?? Date.now()) - sinceMs) / 1000);
      const text = `${name.padEnd(8)}  ${`${seconds}`.padStart(3)} s  ${stage}  ${detail}`;
      return `\u001b[2K${text.slice(0, Math.max(20, stream.columns - 1)).trimEnd()}\n`;
    });
    stream.write(up + rows.join(''));
    drawn = lines.size;
  };
  const timer = setInterval(draw, 500);
  timer.unref();
  return {
    report(name, stage, detail = '') {
      const line = lines.get(name);
      const doneAtMs = DONE.has(stage) ? Date.now() : undefined;
      lines.set(name, { stage, detail, sinceMs: line?.sinceMs ?? Date.now(), doneAtMs });
      if (line?.stage !== stage) draw();
    },
    close() {
      clearInterval(timer);
      if (drawn > 0) draw();
    },
  };
}
