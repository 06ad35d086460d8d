import { parentPort, workerData } from 'node:worker_threads';
import { claimSocket } from '../../src/duckdb/owner-socket.ts';
import { SluiceError } from '../../src/errors/error.ts';

/** A thread that claims the file it is given, says whether it has it, and keeps it until it ends. */
const claimed = await claimSocket(String(workerData)).then(
  () => 'claimed',
  (error: unknown) => (error instanceof SluiceError ? error.code : String(error)),
);
parentPort?.postMessage(claimed);
setInterval(() => undefined, 1_000);
