import { SluiceError } from '../errors/error.ts';
import type { Console } from './console.ts';

export interface Plan {
  /** What will happen, a line each. */
  readonly steps: readonly string[];
  /** What has to be typed. */
  readonly name: string;
  /** `--yes`: a script has decided. */
  readonly yes: boolean;
}

/**
 * Shows the plan and returns when it is confirmed.
 * @throws {SluiceError} `cli.not-confirmed`
 */
export async function confirm(
  console: Console,
  { steps, name, yes }: Plan,
  signal: AbortSignal,
): Promise<void> {
  console.note(steps.map((step) => `- ${step}`).join('\n'));
  if (yes) return;
  if (!console.interactive)
    throw new SluiceError(
      'cli.not-confirmed',
      'Nothing was changed: there is no terminal to confirm on.',
    );
  const typed = await console.ask(`Type ${name} to go on: `, signal);
  if (typed.trim() !== name)
    throw new SluiceError('cli.not-confirmed', `Nothing was changed: that was not ${name}.`);
}
