import type { ServerName } from './address.ts';

/** Receives what a server is doing; `detail` changes often and is only worth showing live. */
export type Report = (name: ServerName, stage: string, detail?: string) => void;

export interface Progress {
  readonly report: Report;
  /** Stops refreshing; the last state of each line stays on the screen. */
  close(): void;
}

interface Line {
  stage: string;
  detail: string;
  startedAtMs: number;
}

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
    const rows = [...lines].map(([name, line]) => {
      const seconds = Math.round((Date.now() - line.startedAtMs) / 1000);
      const text = `${name.padEnd(8)}  ${line.stage}  ${seconds} s  ${line.detail}`;
      return `\u001b[2K${text.slice(0, Math.max(20, stream.columns - 1))}\n`;
    });
    stream.write(up + rows.join(''));
    drawn = lines.size;
  };
  const timer = setInterval(draw, 500);
  timer.unref();
  return {
    report(name, stage, detail = '') {
      const line = lines.get(name);
      const startedAtMs = line?.stage === stage ? line.startedAtMs : Date.now();
      lines.set(name, { stage, detail, startedAtMs });
      if (line?.stage !== stage) draw();
    },
    close() {
      clearInterval(timer);
      if (drawn > 0) draw();
    },
  };
}
