/** Runs what it is given under a name, with its time on stderr. */
export type Stage = <Result>(
  name: string,
  work: (say: (what: string) => void) => Promise<Result>,
) => Promise<Result>;

/** Stages one after another; each says what it is doing and how long it took. */
export function stages(stream: NodeJS.WritableStream): Stage {
  const startedAtMs = Date.now();
  const seconds = (sinceMs: number): string => `${((Date.now() - sinceMs) / 1_000).toFixed(1)} s`;
  return async (name, work) => {
    const sinceMs = Date.now();
    stream.write(`${seconds(startedAtMs).padStart(8)}  ${name}\n`);
    try {
      const result = await work((what) => stream.write(`${''.padStart(10)}  ${what}\n`));
      stream.write(`${''.padStart(10)}  done in ${seconds(sinceMs)}\n`);
      return result;
    } catch (error) {
      stream.write(`${''.padStart(10)}  failed after ${seconds(sinceMs)}\n`);
      throw error;
    }
  };
}
