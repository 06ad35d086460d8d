import { SluiceError } from '../errors/error.ts';
import { interruptSignal } from './interrupt.ts';
import type { CliPorts } from './ports.ts';
import { runCli } from './program.ts';

const missing = (verb: string): SluiceError =>
  new SluiceError('cli.usage', `${verb} is not part of this build.`);

const ports: CliPorts = {
  runWorker: () => Promise.reject(missing('worker')),
  checkPipeline: () => Promise.reject(missing('check')),
  tailTopic: () => {
    throw missing('tail');
  },
  queryWarehouse: () => Promise.reject(missing('query')),
  connect: () => Promise.reject(missing('This verb')),
};

const signal = interruptSignal();
const exitCode = await runCli(process.argv.slice(2), { ports, signal, env: process.env });
// After Ctrl-C a server that does not answer must not keep the process waiting.
if (signal.aborted) process.exit(exitCode);
process.exitCode = exitCode;
