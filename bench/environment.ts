import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import type { Contender } from './contender.ts';
import type { Size } from './options.ts';
import type { Source } from './source.ts';

/** On what and with what the numbers were made. */
export interface BenchEnvironment {
  /** ISO date of the run. */
  readonly date: string;
  readonly size: Size;
  readonly commit: string;
  readonly cores: number;
  readonly processor: string;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly contenders: readonly Pick<Contender, 'name' | 'description' | 'settings'>[];
}

const BYTES_PER_GB = 1 << 30;

export async function environmentOf(
  source: Source,
  contenders: readonly Contender[],
  { size }: { readonly size: Size },
): Promise<BenchEnvironment> {
  const [processor] = cpus();
  return {
    date: new Date().toISOString(),
    size,
    commit: firstLine('git', ['describe', '--always', '--dirty']),
    cores: cpus().length,
    processor: processor?.model ?? 'unknown',
    memoryGb: Math.round(totalmem() / BYTES_PER_GB),
    kernel: release(),
    versions: {
      node: process.versions.node,
      mysql: await source.version(),
      kafka: '4.3.0',
      java: firstLine('java', ['--version']),
    },
    contenders: contenders.map(({ name, description, settings }) => ({
      name,
      description,
      settings,
    })),
  };
}

function firstLine(program: string, args: readonly string[]): string {
  try {
    const text = execFileSync(program, args, { encoding: 'utf8', cwd: import.meta.dirname });
    return text.split('\n')[0] ?? '';
  } catch {
    return 'unknown';
  }
}
