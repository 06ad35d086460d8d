import { readdir, readFile } from 'node:fs/promises';

/** What the kernel says of one process. */
export interface ProcessUsage {
  readonly pid: number;
  readonly parent: number;
  /** Largest resident size the process ever had. */
  readonly peakKb: number;
  readonly residentKb: number;
  /** User and system time of all its threads, and of children it has waited for. */
  readonly cpuSeconds: number;
}

/** The kernel's unit of CPU times in /proc, the same on every Linux. */
const TICKS_PER_SECOND = 100;

/** A process and everything it started, as far as they live. */
export async function readTree(root: number): Promise<readonly ProcessUsage[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(names.map((name) => textOf(`/proc/${name}/stat`)));
  const parents = new Map(
    stats.flatMap((stat) => {
      const parsed = stat === undefined ? undefined : parseStat(stat);
      return parsed === undefined ? [] : [[parsed.pid, parsed] as const];
    }),
  );
  const members = descendants(root, parents);
  const usages = await Promise.all(
    members.map(async ({ pid, parent, cpuSeconds }) => {
      const status = await textOf(`/proc/${pid}/status`);
      return status === undefined ? undefined : { pid, parent, cpuSeconds, ...parseStatus(status) };
    }),
  );
  return usages.filter((usage) => usage !== undefined);
}

type Stat = Pick<ProcessUsage, 'pid' | 'parent' | 'cpuSeconds'>;

/** The root and whatever descends from it. */
export function descendants<P extends { readonly pid: number; readonly parent: number }>(
  root: number,
  processes: ReadonlyMap<number, P>,
): readonly P[] {
  const children = Map.groupBy(processes.values(), ({ parent }) => parent);
  const found: P[] = [];
  const take = (process: P | undefined): void => {
    if (!process) return;
    found.push(process);
    for (const child of children.get(process.pid) ?? []) take(child);
  };
  take(processes.get(root));
  return found;
}

/**
 * /proc/PID/stat: pid (command) state ppid … Fields 14 to 17 are utime, stime and the same of
 * children. The command may hold spaces and parentheses.
 */
export function parseStat(text: string): Stat | undefined {
  const behindName = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(behindName[number - 3]);
  const ticks = field(14) + field(15) + field(16) + field(17);
  const pid = Number.parseInt(text, 10);
  if (Number.isNaN(pid) || Number.isNaN(ticks)) return undefined;
  return { pid, parent: field(4), cpuSeconds: ticks / TICKS_PER_SECOND };
}

/** Of /proc/PID/status; a process without memory of its own (a zombie) counts as none. */
export function parseStatus(text: string): Pick<ProcessUsage, 'peakKb' | 'residentKb'> {
  const line = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
  return { peakKb: line('VmHWM'), residentKb: line('VmRSS') };
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}
