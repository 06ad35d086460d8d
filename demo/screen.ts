import { duration } from '../src/cli/status-text.ts';
import type { PipelineView } from '../src/temporal/pipeline-client.ts';

/** All that the screen shows. */
export interface Scene {
  /** Absent until the pipeline has been asked about once. */
  readonly status?: PipelineView;
  readonly workerPid: number;
  readonly upMs: number;
  /** Transactions the demo has written. */
  readonly written: number;
  readonly webUi: string;
  readonly commands: readonly (readonly [command: string, meaning: string])[];
}

const LABEL_WIDTH = 11;
const BAR_CELLS = 24;
const CONTINUATION = ' \\';
const CLEAR_LINE = '\u001b[K';
const HOME = '\u001b[H';
const CLEAR_BELOW = '\u001b[J';
const BOLD = '\u001b[1m';
const DIM = '\u001b[2m';
const PLAIN = '\u001b[0m';

const count = (value: number): string => Math.round(value).toLocaleString('en-US');

/** The scene as lines of plain text; commands are broken so that they can be copied whole. */
export function sceneLines(scene: Scene, columns = Number.POSITIVE_INFINITY): readonly string[] {
  const { status, workerPid, upMs, written, webUi, commands } = scene;
  const progress = status?.progress;
  const checkpoint = progress?.checkpoint;
  const line = (label: string, text: string): string => `${label.padEnd(LABEL_WIDTH)}${text}`;
  return [
    line(
      'state',
      `${status?.state ?? 'starting'}${status ? `, ${duration(Date.now() - status.sinceMs)}` : ''}`,
    ),
    line('snapshot', snapshotText(status)),
    line(
      'stream',
      progress ? `${count(progress.rowsPerSecond)} rows/s, lag ${duration(progress.lagMs)}` : '-',
    ),
    line(
      'position',
      checkpoint
        ? `${checkpoint.file}:${checkpoint.pos}, commit ${count(checkpoint.commitOrdinal)}, epoch ${checkpoint.epoch}`
        : '-',
    ),
    line('', checkpoint?.gtidSet ?? ''),
    ...(status?.sinks ?? []).map(({ name, state, progress: sink }) =>
      line(
        name,
        sink
          ? `${count(sink.rows)} rows, ${duration(sink.lagMs)} behind, complete up to commit ${count(sink.cutOrdinal)}`
          : state,
      ),
    ),
    line('written', `${count(written)} transactions by the demo in ${duration(upMs)}`),
    line('worker', `process ${workerPid}`),
    line('Web UI', webUi),
    ...(status?.incident ? ['', `${status.incident.id}: ${status.incident.message}`] : []),
    '',
    'Try in another terminal:',
    ...commands.flatMap(([command, meaning]) => [
      ...commandLines(command, columns),
      `      ${meaning}`,
    ]),
    '',
    'Ctrl-C ends everything.',
  ];
}

/** Goes on in the next line as a shell reads it, never within quotes. */
function commandLines(command: string, columns: number): readonly string[] {
  const lines = [' '];
  for (const word of command.match(/'[^']*'|"[^"]*"|\S+/g) ?? []) {
    const line = `${lines.at(-1)} ${word}`;
    if (line.length + CONTINUATION.length < columns) lines[lines.length - 1] = line;
    else lines.push(`    ${word}`);
  }
  return lines.map((line, index) => (index < lines.length - 1 ? `${line}${CONTINUATION}` : line));
}

function snapshotText(status: PipelineView | undefined): string {
  const snapshot = status?.progress?.snapshot;
  if (snapshot === undefined) return status?.progress ? 'none is running' : '-';
  const { table, rows, estimatedRows, rowsPerSecond, etaSeconds, tablesDone, tablesTotal } =
    snapshot;
  const part = estimatedRows > 0 ? Math.min(1, rows / estimatedRows) : 1;
  const filled = Math.round(part * BAR_CELLS);
  const left = etaSeconds === undefined ? '' : `, ${duration(etaSeconds * 1_000)} left`;
  const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_CELLS - filled)}`;
  return `${bar} ${tablesDone}/${tablesTotal} ${table}, ${count(rowsPerSecond)} rows/s${left}`;
}

/** Draws scenes over one another on a terminal; elsewhere writes a line now and then. */
export function openScreen(stream: NodeJS.WriteStream): {
  draw(scene: Scene): void;
  close(): void;
} {
  if (!stream.isTTY) return plainScreen(stream);
  stream.write(`\u001b[?1049h\u001b[?25l${HOME}${CLEAR_BELOW}`);
  return {
    draw(scene) {
      const lines = [
        'Sluice demo: a shop in MySQL, its topics, its warehouse',
        '',
        ...sceneLines(scene, stream.columns),
      ];
      const shown = lines.slice(0, stream.rows - 1).map((text, index) => {
        const cut = text.slice(0, stream.columns - 1);
        const [before, after] =
          index === 0 ? [BOLD, PLAIN] : text.startsWith('      ') ? [DIM, PLAIN] : ['', ''];
        return `${before}${cut}${after}${CLEAR_LINE}`;
      });
      stream.write(`${HOME}${shown.join('\r\n')}${CLEAR_BELOW}`);
    },
    close: () => stream.write('\u001b[?25h\u001b[?1049l'),
  };
}

const PLAIN_EVERY_MS = 5_000;

function plainScreen(stream: NodeJS.WriteStream): { draw(scene: Scene): void; close(): void } {
  let nextAtMs = 0;
  return {
    draw(scene) {
      if (Date.now() < nextAtMs) return;
      const first = nextAtMs === 0;
      nextAtMs = Date.now() + PLAIN_EVERY_MS;
      const lines = sceneLines(scene);
      stream.write(
        first ? `${lines.join('\n')}\n` : `${lines.slice(0, lines.indexOf('')).join(' | ')}\n`,
      );
    },
    close: () => undefined,
  };
}
