/** Tells a person what is being done. */
export type Say = (what: string) => void;

/** One line a step with the time since the start. */
export function progress(stream: NodeJS.WritableStream): Say {
  const startedAtMs = Date.now();
  return (what) => {
    const seconds = ((Date.now() - startedAtMs) / 1_000).toFixed(1);
    stream.write(`${seconds.padStart(7)} s  ${what}\n`);
  };
}
